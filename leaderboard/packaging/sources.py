"""The Python files of a package, read without being run: do they parse, and do they define what will be called?"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.packaging import outline
from leaderboard.packaging.problems import PACKAGE
from leaderboard.records import Problem

MOST_FILE_BYTES = 1_000_000
MOST_BYTES = 5_000_000
"""Of all Python files together."""
PARSE_S = 60
MOST_SHOWN = 20
"""Problems of a sort."""
Outline = Mapping[str, Any]


def source_problems(folder: Path, files: Sequence[str], rules: CodeRules) -> list[Problem]:
    """Every problem of the Python files among `files`, which lie in `folder`; the entry file is among them."""
    sources = [file for file in files if file.endswith(".py")]
    sizes = {file: (folder / file).stat().st_size for file in sources}
    large = [file for file in sources if sizes[file] > MOST_FILE_BYTES]
    problems = [
        PACKAGE.problem("code_source_too_large", file=file, bytes=sizes[file], limit=MOST_FILE_BYTES)
        for file in large[:MOST_SHOWN]
    ]
    small = [file for file in sources if sizes[file] <= MOST_FILE_BYTES]
    if (total := sum(sizes[file] for file in small)) > MOST_BYTES:
        problems.append(PACKAGE.problem("code_source_too_large", file="all .py files", bytes=total, limit=MOST_BYTES))
        return problems
    outlines = outlines_of({file: (folder / file).read_bytes() for file in small})
    parsed = {file: found for file, found in outlines.items() if found is not None and "error" not in found}
    problems += list(_unparsed(outlines))[:MOST_SHOWN]
    problems += _interface(parsed, rules)
    return problems + list(_unknown_imports(parsed, files, rules))[:MOST_SHOWN]


def outlines_of(sources: Mapping[str, bytes]) -> dict[str, Outline | None]:
    """What each file defines and imports; None for the first that could not be parsed within the limits."""
    text = json.dumps({file: source.decode("latin-1") for file, source in sources.items()})
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", outline.__file__],
            input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, timeout=PARSE_S,
            check=False,
        )  # fmt: skip
        printed = done.stdout
    except subprocess.TimeoutExpired as error:
        printed = error.stdout or b""
    lines = [json.loads(line) for line in printed.splitlines() if line.endswith(b"}")]
    files = list(sources)
    outlines: dict[str, Outline | None] = dict(zip(files, lines, strict=False))
    if len(lines) < len(files):
        outlines[files[len(lines)]] = None
    return outlines


def _unparsed(outlines: Mapping[str, Outline | None]) -> Iterator[Problem]:
    for file, found in outlines.items():
        if found is None:
            yield PACKAGE.problem("code_unparsable", file=file, seconds=outline.SECONDS)
        elif "error" in found:
            line, message = found["error"]
            yield PACKAGE.problem("code_syntax", file=file, line=line, reason=message)


def _interface(parsed: Mapping[str, Outline], rules: CodeRules) -> list[Problem]:
    """What will be called and is not there, or takes other arguments."""
    if rules.interface == "item":
        return list(_class_problems(parsed, rules))
    wanted = {rules.entry: {"train": 1, "predict": 3}, rules.labelling_entry: {"score_pairs": 3}}
    return [
        problem
        for file, functions in wanted.items()
        if file in parsed
        for name, count in functions.items()
        for problem in _function_problems(file, name, count, parsed[file])
    ]


def _class_problems(parsed: Mapping[str, Outline], rules: CodeRules) -> Iterator[Problem]:
    file, name = rules.entry, rules.class_name
    found = parsed.get(file)
    if found is None:
        return
    if name not in found["classes"]:
        if not _bound(found, name):
            yield PACKAGE.problem("code_missing", file=file, what=f"class {name}")
        return
    described = found["classes"][name]
    methods = described["methods"]
    if "predict" not in methods and described["closed"]:
        yield PACKAGE.problem("code_missing", file=file, what=f"method predict in class {name}")
    for method, count in (("__init__", 0), ("setup", 1), ("predict", 1)):
        if method in methods:
            yield from _count_problem(file, f"{name}.{method}", count, methods[method])


def _function_problems(file: str, name: str, count: int, found: Outline) -> Iterator[Problem]:
    if name in found["functions"]:
        yield from _count_problem(file, name, count, found["functions"][name])
    elif not _bound(found, name):
        yield PACKAGE.problem("code_missing", file=file, what=f"function {name}")


def _count_problem(file: str, name: str, count: int, described: Sequence[int]) -> Iterator[Problem]:
    line, fewest, most = described
    if not fewest <= count <= most:
        yield PACKAGE.problem("code_parameters", file=file, line=line, what=name, count=count)


def _bound(found: Outline, name: str) -> bool:
    """Whether a name is bound in a way that only running the file would tell."""
    return name in found["others"] or "*" in found["others"] or name in found["classes"]


def _unknown_imports(parsed: Mapping[str, Outline], files: Sequence[str], rules: CodeRules) -> Iterator[Problem]:
    own = {file.partition("/")[0].removesuffix(".py") for file in files if file.endswith(".py")}
    known = own | sys.stdlib_module_names | (set(rules.modules) if rules.modules is not None else _installed())
    for file, found in parsed.items():
        for line, module in found["imports"]:
            if module not in known:
                yield PACKAGE.problem("code_import_unknown", file=file, line=line, module=module)


@cache
def _installed() -> frozenset[str]:
    """Modules of the packages that this environment has."""
    return frozenset(importlib.metadata.packages_distributions())
