"""Names of the harness's tasks, read from task definition files without loading the harness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml


def task_names(folder: Path) -> dict[str, list[str]]:
    """Every task, group and tag defined in `folder` and below -> its members; a task has none.

    A file that is not YAML is passed over: the harness will say what is wrong with it.
    """
    names: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.yaml")):
        try:
            node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except (yaml.YAMLError, OSError, UnicodeDecodeError):
            continue
        fields = dict(_fields(node))
        if "group" in fields:
            for group in _texts(fields["group"]):
                names[group] = list(_texts(fields.get("task")))
            continue
        for task in _texts(fields.get("task")):
            names[task] = []
            for tag in _texts(fields.get("tag")):
                names.setdefault(tag, []).append(task)
    return names


def leaves(names: dict[str, list[str]], roots: Iterable[str]) -> tuple[set[str], set[str]]:
    """The tasks that `roots` expand to, and the names among them that `names` does not know."""
    found: set[str] = set()
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
            found.add(name)
    return found, unknown


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
