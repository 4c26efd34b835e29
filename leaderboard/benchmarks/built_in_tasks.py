"""The installed harness's own task definitions, found by name without loading it or reading all 14,000 of them."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from leaderboard.benchmarks.harness_tasks import Definition, definitions, task_fields


@cache
def harness_folder() -> Path | None:
    """The folder of its definitions; None where no harness is installed."""
    spec = importlib.util.find_spec("lm_eval")
    return Path(spec.origin).parent / "tasks" if spec is not None and spec.origin is not None else None


@cache
def cached_definitions(folder: Path) -> dict[str, Definition]:
    """The definitions of a folder, read once in the life of this process."""
    return definitions(folder)


def near(name: str) -> Definition | None:
    """The definition of a name in the folder that its first words name."""
    root = harness_folder()
    words = name.split("_") if root is not None else []
    for length in range(len(words), 0, -1):
        assert root is not None
        folder = root / "_".join(words[:length])
        if folder.is_dir() and (definition := cached_definitions(folder).get(name)):
            return definition
    return None


@cache
def built_in_fields(task: str) -> dict[str, Any] | None:
    """The fields of the harness's definition of a task, in the folder that its first words name; None without one."""
    definition = near(task)
    return task_fields(definition.paths[0]) if definition and definition.paths and not definition.members else None


def everywhere(names: Iterable[str]) -> dict[str, Definition | None]:
    """The definitions of names, wherever they are; a tag may have tasks in several folders."""
    merged: dict[str, Definition | None] = dict.fromkeys(names)
    root = harness_folder()
    if not merged or root is None:
        return merged
    words = "|".join(re.escape(name) for name in sorted(merged))
    mention = re.compile(rf"(?<![\w.-])(?:{words})(?![\w.-])".encode())
    folders: dict[Path, set[str]] = {}
    for path in root.rglob("*.yaml"):
        mentioned = {word.decode() for word in mention.findall(path.read_bytes())}
        if mentioned:
            folders.setdefault(root / path.relative_to(root).parts[0], set()).update(mentioned)
    for folder, mentioned in sorted(folders.items()):
        for name in mentioned & cached_definitions(folder).keys():
            definition, first = cached_definitions(folder)[name], merged[name]
            if first is None:
                merged[name] = definition
            elif first.tag and definition.tag:
                merged[name] = Definition(first.paths + definition.paths, first.members + definition.members, tag=True)
    return merged


def built_in(names: Iterable[str]) -> dict[str, Definition | None]:
    """What names mean to the harness, looked for near and then everywhere; None for those that it lacks."""
    near_by = {name: near(name) for name in names}
    elsewhere = {name for name, definition in near_by.items() if definition is None or definition.tag}
    return near_by | everywhere(elsewhere)
