"""YAML files read into pydantic models, every problem of the file said at once and with its line."""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Place = tuple[str | int, ...]
"""Where a value stands: mapping keys and list positions from the top of the file."""
Line = tuple[int, str]
"""A line number, from 1, and a sentence about it."""
M = TypeVar("M", bound=BaseModel)

MAX_VALUES = 100_000
"""Values in one file, aliases counted as often as they are used, so that a small file cannot fill the memory."""
FIXES = {
    "string_type": "Write it as text, in quotes.",
    "missing": "Add it.",
}


class Document:
    """A YAML file's content as plain values, the line of each of them, and what is wrong with its YAML."""

    def __init__(self, text: str) -> None:
        self.problems: list[Line] = []
        self.lines: dict[Place, int] = {(): 1}
        self.value: Any = None
        self._left = MAX_VALUES
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            self.value = self._plain(loader, node, ()) if node is not None else None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            reason = " ".join(part for part in (error.problem, error.context) if part)
            self.problems.append((mark.line + 1 if mark else 1, f"This is not YAML: {reason}."))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            self.problems.append((1, f"This is not YAML that can be used: {error}."))
        finally:
            loader.dispose()

    def line(self, position: Place) -> int:
        """Line of the value at `place`, or of the nearest thing around it that is in the file."""
        while position not in self.lines:
            position = position[:-1]
        return self.lines[position]

    def _plain(self, loader: yaml.SafeLoader, node: yaml.Node, position: Place) -> Any:
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"it has more than {MAX_VALUES} values")
        self.lines.setdefault(position, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(loader, node, position)
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(loader, child, (*position, index)) for index, child in enumerate(node.value)]
        try:
            return loader.construct_object(node)
        except ValueError:
            if node.tag == "tag:yaml.org,2002:timestamp":
                return node.value  # a leap second, or no time at all: whoever reads the field decides
            raise

    def _mapping(self, loader: yaml.SafeLoader, node: yaml.MappingNode, position: Place) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in mapping:
                first = self.lines[(*position, key)]
                self.problems.append((line, f"`{key}` is written twice, first in line {first}. Keep one of them."))
                continue
            self.lines[(*position, key)] = line
            mapping[key] = self._plain(loader, value_node, (*position, key))
        return mapping


def read_model(path: Path, model: type[M]) -> tuple[M | None, Document, list[Line]]:
    """The model that a file holds (None when it does not), its document, and every problem with its line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return None, Document(""), [(1, f"The file cannot be read: {error}.")]
    document = Document(text)
    if document.problems and document.value is None:
        return None, document, document.problems
    try:
        return model.model_validate(document.value), document, document.problems
    except ValidationError as error:
        problems = [(document.line(_in_file(each["loc"])), _sentence(each, model)) for each in error.errors()]
        return None, document, sorted({*document.problems, *problems})


def place_text(position: Sequence[str | int]) -> str:
    """A place as people write it: `columns[2].parts[0].metrics`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in position)
    return text.removeprefix(".")


def _in_file(position: Place) -> Place:
    """Pydantic's place without its own marker for a bad mapping key."""
    return position[:-1] if position and position[-1] == "[key]" else position


def _sentence(error: ErrorDetails, model: type[BaseModel]) -> str:
    position = _in_file(error["loc"])
    name = place_text(position) or "the file"
    if error["type"] == "extra_forbidden":
        owner = _model_at(model, position[:-1])
        allowed = f" Allowed here: {', '.join(sorted(owner.model_fields))}." if owner else ""
        return f"`{name}` is not a known field.{allowed}"
    if error["type"] == "missing":
        return f"`{name}` is missing. {FIXES['missing']}"
    message = error["msg"].removeprefix("Value error, ").rstrip(".")
    got = repr(error["input"])
    fix = FIXES.get(error["type"], "")
    return f"`{name}`: {message} (got {got if len(got) <= 60 else got[:57] + '...'}). {fix}".rstrip()


def _model_at(model: Any, position: Place) -> type[BaseModel] | None:
    """The model class that stands at `place`, None when it is something else."""
    kind = model
    for step in position:
        owner = _model_in(kind)
        if owner is not None and isinstance(step, str) and step in owner.model_fields:
            kind = owner.model_fields[step].annotation
        else:
            arguments = typing.get_args(kind)
            kind = arguments[-1] if arguments else None
    return _model_in(kind)


def _model_in(kind: Any) -> type[BaseModel] | None:
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return next((inner for argument in typing.get_args(kind) if (inner := _model_in(argument))), None)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
