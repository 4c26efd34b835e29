"""Says what Python files define and import, without running them: `python -I outline.py` with JSON on standard input.

A process of its own: a file can make the parser run out of stack, memory or time. Input: {file: source, as Latin-1}.
Output: a JSON object a line for each file, in order; a file without one could not be parsed within the limits.
Standard library only.
"""

from __future__ import annotations

import ast
import json
import resource
import sys
import warnings
from collections.abc import Iterator
from typing import Any

MEMORY_BYTES = 1 << 30
SECONDS = 20
"""Of processor time, for all files together."""
UNLIMITED = 1 << 20
"""Stands for any number of parameters."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def outline(source: bytes) -> dict[str, Any]:
    """What a file defines at its top level, and what it imports anywhere; `error` when it is no Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return {"error": [error.lineno or 1, str(error.msg)]}
    except MemoryError:
        return {"error": [1, "it is too large or nested too deeply"]}
    except (ValueError, RecursionError) as error:
        return {"error": [1, str(error)]}
    functions, classes = {}, {}
    others: list[str] = []
    for statement in _statements(tree.body):
        if isinstance(statement, Function):
            functions[statement.name] = [statement.lineno, *_parameters(statement.args, method=False)]
        elif isinstance(statement, ast.ClassDef):
            methods = {
                inner.name: [inner.lineno, *_parameters(inner.args, method=not _is_static(inner))]
                for inner in statement.body
                if isinstance(inner, Function)
            }
            classes[statement.name] = {
                "line": statement.lineno, "methods": methods,
                "closed": not (statement.bases or statement.keywords or statement.decorator_list),
            }  # fmt: skip
        else:
            others += _bound(statement)
    return {"functions": functions, "classes": classes, "others": others, "imports": list(_imports(tree))}


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a file's top level, those in `if`, `try` and `with` among them."""
    for statement in body:
        yield statement
        for part in ("body", "orelse", "finalbody"):
            if isinstance(statement, ast.If | ast.Try | ast.With):
                yield from _statements(getattr(statement, part, []))
        for handler in getattr(statement, "handlers", []):
            yield from _statements(handler.body)


def _parameters(arguments: ast.arguments, method: bool) -> tuple[int, int]:
    """Fewest and most arguments that can be given by position; more than can be given when others are required."""
    given = len(arguments.posonlyargs) + len(arguments.args) - method
    fewest = max(0, given - len(arguments.defaults))
    if any(default is None for default in arguments.kw_defaults):
        return UNLIMITED, 0
    return fewest, UNLIMITED if arguments.vararg else given


def _is_static(function: Function) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in function.decorator_list)


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement binds in another way than by defining them; `*` for names that nobody can know."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            yield (alias.asname or alias.name).partition(".")[0]
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and first part of the name of each imported module, but for those whose absence the code allows for."""
    allowed = {
        id(inner)
        for block in ast.walk(tree)
        if isinstance(block, ast.Try)
        for statement in block.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in allowed:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.lineno, node.module.partition(".")[0]


def main() -> None:
    """Print an outline for each file of the input."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    for source in json.load(sys.stdin).values():
        print(json.dumps(outline(source.encode("latin-1"))), flush=True)


if __name__ == "__main__":
    main()
