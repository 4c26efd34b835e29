"""The harness's tasks for a benchmark, found without reading all of the harness's 14,000 definitions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path

import datasets
import lm_eval.tasks
from datasets import packaged_modules
from lm_eval.tasks import TaskManager

from backend.evaluators.data_root import DataRoot, Need
from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.harness_tasks import Definition, definitions
from leaderboard.errors import BadBenchmark

REPOSITORY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)?")
"""A dataset on the Hub; the oldest have no owner in their name."""
BUILT_IN = Path(lm_eval.tasks.__file__).parent


def task_manager(benchmark: Benchmark) -> TaskManager:
    """A TaskManager that knows what the benchmark runs, and little else. Raises BadBenchmark for unknown names."""
    own = benchmark.include_path
    folders = harness_folders(benchmark.id, own, [name for column in benchmark.columns for name in column.run])
    return TaskManager(include_path=[str(folder) for folder in folders], include_defaults=False)


def local_data(
    manager: TaskManager, names: Iterable[str], data_root: Path | None, mirror_dir: Path | None = None
) -> AbstractContextManager[object]:
    """Within it `manager.load(names)` reads local files, if there is a data root. Raises Infrastructure on entering.

    Mirrors are kept in `mirror_dir`, by default beside the `datasets` library's own cache.
    """
    if data_root is None:
        return nullcontext()
    place = mirror_dir or Path(datasets.config.HF_DATASETS_CACHE) / "podium-data-root"
    return DataRoot(data_root, place).inside(needs(manager, names))


def needs(manager: TaskManager, names: Iterable[str]) -> list[Need]:
    """Which Hub datasets the tasks behind `names` read."""
    read_by: dict[str, Need] = {}
    todo, seen = list(names), set()
    while todo:
        name = todo.pop()
        entry = manager.task_index.get(name)
        if entry is None or name in seen:
            continue
        seen.add(name)
        config = entry.cfg or {}
        members = entry.tags if entry.yaml_path is None else config.get("task")
        if isinstance(members, list | set):
            todo += [member if isinstance(member, str) else member.get("task", "") for member in members]
        elif _is_repository(dataset := str(config.get("dataset_path") or "")) and not config.get("custom_dataset"):
            revision = str((config.get("dataset_kwargs") or {}).get("revision") or "")
            read_by[name] = Need(name, dataset, str(config.get("dataset_name") or "default"), revision)
    return [read_by[name] for name in sorted(read_by)]


def _is_repository(dataset: str) -> bool:
    """Whether a task's `dataset_path` is a dataset on the Hub: no file format, and no folder of this machine."""
    return bool(REPOSITORY.fullmatch(dataset)) and dataset not in packaged_modules._PACKAGED_DATASETS_MODULES


def harness_folders(benchmark: str, own: Path | None, names: Iterable[str]) -> list[Path]:
    """Folders whose definitions are enough for `names`: the harness's, then the benchmark's own, which come first.

    The harness does not put a tag together from several folders, so one that is spread takes the folder of them all.
    Raises BadBenchmark for names that neither of them defines.
    """
    known = _definitions(own) if own else {}
    folders: set[Path] = set()
    unknown: set[str] = set()
    level, seen = set(names), set[str]()
    while level:
        seen |= level
        built_in = {name: _near(name) for name in level - known.keys()}
        built_in |= _everywhere({name for name, definition in built_in.items() if definition is None or definition.tag})
        unknown |= {name for name, definition in built_in.items() if definition is None}
        for definition in filter(None, built_in.values()):
            parents = {path.parent for path in definition.paths}
            folders |= parents if len(parents) == 1 else {BUILT_IN}
        members = [definition.members for definition in built_in.values() if definition]
        members += [known[name].members for name in level & known.keys()]
        level = {name for names in members for name in names} - seen
    if unknown:
        raise BadBenchmark([f"{benchmark}.yaml: The harness has no task {name!r}." for name in sorted(unknown)])
    return [*([BUILT_IN] if BUILT_IN in folders else sorted(folders)), *([own] if own else [])]


@cache
def _definitions(folder: Path) -> dict[str, Definition]:
    return definitions(folder)


def _near(name: str) -> Definition | None:
    """The harness's definition of a name in the folder that its first words name."""
    words = name.split("_")
    for length in range(len(words), 0, -1):
        folder = BUILT_IN / "_".join(words[:length])
        if folder.is_dir() and (definition := _definitions(folder).get(name)):
            return definition
    return None


def _everywhere(names: set[str]) -> dict[str, Definition | None]:
    """The harness's definitions of names, wherever they are; a tag may have tasks in several folders."""
    if not names:
        return {}
    words = "|".join(re.escape(name) for name in sorted(names))
    mention = re.compile(rf"(?<![\w.-])(?:{words})(?![\w.-])".encode())
    folders: dict[Path, set[str]] = {}
    for path in BUILT_IN.rglob("*.yaml"):
        mentioned = {word.decode() for word in mention.findall(path.read_bytes())}
        if mentioned:
            folders.setdefault(BUILT_IN / path.relative_to(BUILT_IN).parts[0], set()).update(mentioned)
    merged: dict[str, Definition | None] = dict.fromkeys(names)
    for folder, mentioned in sorted(folders.items()):
        for name in mentioned & _definitions(folder).keys():
            definition, first = _definitions(folder)[name], merged[name]
            if first is None:
                merged[name] = definition
            elif first.tag and definition.tag:
                merged[name] = Definition(first.paths + definition.paths, first.members + definition.members, tag=True)
    return merged
