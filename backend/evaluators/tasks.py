"""The harness's tasks for a benchmark, found without reading all of the harness's 14,000 definitions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import datasets
import lm_eval.tasks
from datasets import packaged_modules
from lm_eval.tasks import TaskManager
from lm_eval.tasks._factory import TaskFactory
from lm_eval.tasks._index import Entry

from backend.evaluators.data_root import DataRoot, Need
from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.built_in_tasks import built_in, cached_definitions
from leaderboard.benchmarks.harness_tasks import written_in
from leaderboard.benchmarks.task_data import FORMATS, located
from leaderboard.errors import BadBenchmark

REPOSITORY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)?")
"""A dataset on the Hub; the oldest have no owner in their name."""
BUILT_IN = Path(lm_eval.tasks.__file__).parent


def task_manager(benchmark: Benchmark) -> TaskManager:
    """A TaskManager that knows what the benchmark runs, and little else. Raises BadBenchmark for unknown names."""
    own = benchmark.include_path
    folders = harness_folders(benchmark.id, own, [name for column in benchmark.columns for name in column.run])
    manager = TaskManager(include_path=[str(folder) for folder in folders], include_defaults=False)
    manager._factory = LocatingFactory(meta=manager.metadata)  # the harness offers no other way to this
    return manager


class LocatingFactory(TaskFactory):  # type: ignore[misc]  # the harness has no types
    """Makes the harness's tasks; relative data files are those beside the file that names them."""

    def _load_full_config(self, entry: Entry, overrides: dict[str, Any] | None = None) -> dict[str, Any]:
        config: dict[str, Any] = super()._load_full_config(entry, overrides)
        if entry.yaml_path is None or config.get("dataset_path") not in FORMATS:
            return config
        return located(config, written_in(Path(entry.yaml_path), "dataset_kwargs").parent)


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
    known = cached_definitions(own) if own else {}
    folders: set[Path] = set()
    unknown: set[str] = set()
    level, seen = set(names), set[str]()
    while level:
        seen |= level
        harness = built_in(level - known.keys())
        unknown |= {name for name, definition in harness.items() if definition is None}
        for definition in filter(None, harness.values()):
            parents = {path.parent for path in definition.paths}
            folders |= parents if len(parents) == 1 else {BUILT_IN}
        members = [definition.members for definition in harness.values() if definition]
        members += [known[name].members for name in level & known.keys()]
        level = {name for names in members for name in names} - seen
    if unknown:
        raise BadBenchmark([f"{benchmark}.yaml: The harness has no task {name!r}." for name in sorted(unknown)])
    return [*([BUILT_IN] if BUILT_IN in folders else sorted(folders)), *([own] if own else [])]
