"""Names of the harness's tasks, read from task definition files without loading the harness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_INCLUDES = 10
"""Longest chain of `include` that is followed."""


class _FieldsLoader(LOADER):  # type: ignore[misc, valid-type]
    """Reads task definitions; what has a tag of its own, such as `!function`, is read as nothing."""


_FieldsLoader.add_multi_constructor("!", lambda loader, suffix, node: None)


class Definition(NamedTuple):
    """What a name means to the harness."""

    paths: list[Path]
    """Files that define it: one for a task or group; for a tag, those of its tasks."""
    members: list[str]
    """Of a group or tag; a task has none."""
    tag: bool = False
    """Whether it is a tag, to which definitions elsewhere may add tasks."""


def definitions(folder: Path) -> dict[str, Definition]:
    """Every task, group and tag defined in `folder` and below; of two files that define a name the first one counts.

    A file that is not YAML is passed over: the harness will say what is wrong with it.
    """
    definitions_by_name: dict[str, Definition] = {}
    for path in sorted(folder.rglob("*.yaml"), key=Path.as_posix):
        try:
            node = yaml.compose(path.read_text(encoding="utf-8"), Loader=LOADER)
        except (yaml.YAMLError, OSError, UnicodeDecodeError):
            continue
        fields = dict(_fields(node))
        if "group" in fields:
            for group in _texts(fields["group"]):
                definitions_by_name.setdefault(group, Definition([path], list(_texts(fields.get("task")))))
            continue
        for task in _texts(fields.get("task")):
            definitions_by_name.setdefault(task, Definition([path], []))
            for tag in _texts(fields.get("tag")):
                tagged = definitions_by_name.setdefault(tag, Definition([], [], tag=True))
                tagged.paths.append(path)
                tagged.members.append(task)
    return definitions_by_name


def task_names(folder: Path) -> dict[str, list[str]]:
    """Every task, group and tag defined in `folder` and below -> its members; a task has none."""
    return {name: definition.members for name, definition in definitions(folder).items()}


def definition_files(path: Path, includes: int = MOST_INCLUDES) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The files that make up a definition, each with its own fields: those that it includes first, itself last.

    Of what cannot be read there are no fields.
    """
    try:
        fields = yaml.load(path.read_text(encoding="utf-8"), Loader=_FieldsLoader)
    except (yaml.YAMLError, OSError, ValueError):
        return
    if not isinstance(fields, dict):
        return
    included = fields.get("include") or []
    for name in included if isinstance(included, list) else [included]:
        if includes > 0 and isinstance(name, str):
            yield from definition_files(path.parent / name, includes - 1)
    yield path, fields


def task_fields(path: Path) -> dict[str, Any]:
    """A definition's fields over those of the files that it includes; of what cannot be read nothing."""
    merged: dict[str, Any] = {}
    for _, fields in definition_files(path):
        merged |= fields
    return merged


def written_in(path: Path, field: str) -> Path:
    """The file in which a field of the definition `path` is written: itself, unless the field is included."""
    return next((file for file, fields in reversed([*definition_files(path)]) if field in fields), path)


def lower_is_better(folder: Path) -> dict[str, set[str]]:
    """Task defined in `folder` or below -> its metrics in which lower is better, by their definitions."""
    metrics_of: dict[str, set[str]] = {}
    for task, definition in definitions(folder).items():
        if definition.members or not definition.paths:
            continue
        metrics = task_fields(definition.paths[0]).get("metric_list")
        for metric in metrics if isinstance(metrics, list) else []:
            if isinstance(metric, dict) and metric.get("higher_is_better") is False:
                metrics_of.setdefault(task, set()).add(str(metric.get("metric")))
    return metrics_of


def leaves(names: dict[str, list[str]], roots: Iterable[str]) -> tuple[set[str], set[str]]:
    """The tasks that `roots` expand to, and the names among them that `names` does not know."""
    made: set[str] = set()
    unknown: set[str] = set()
    seen: set[str] = set()
    queue = list(roots)
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in names:
            unknown.add(name)
        elif names[name]:
            queue += names[name]
        else:
            made.add(name)
    return made, unknown


def _fields(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), value) for key, value in node.value)


def _texts(node: yaml.Node | None) -> Iterator[str]:
    """The names in a field: one, a list of them, or a list with mappings that name a task or group inside."""
    if isinstance(node, yaml.ScalarNode):
        yield str(node.value)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _texts(child)
    elif isinstance(node, yaml.MappingNode):
        fields = dict(_fields(node))
        yield from _texts(fields.get("group") or fields.get("task"))
