"""Local files in the place of the tasks' Hub datasets, for runs without a Hub.

The harness's definitions stay as they are: `datasets.load_dataset("SaylorTwift/bbh", "navigate")` takes a folder of
that name under the current directory before it asks the Hub. So a mirror of such folders is built from the files of the
data root, and the process stands in it while tasks are built.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import nltk
import nltk.pathsec
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict

from backend.sandbox import entered
from leaderboard.benchmarks.yaml_lines import read_model
from leaderboard.errors import Infrastructure

KNOWN = Path(__file__).with_suffix(".yaml")
ANY = "*"


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _source(value: object) -> object:
    return {"file": value} if isinstance(value, str | list) else value


class DatasetSource(BaseModel):
    """Where a split's rows come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Annotated[list[str], BeforeValidator(_listed)]
    """JSONL files, relative to the data root; the first that is there counts."""
    where: str = ""
    """Only the rows whose value in this column is the config's name."""


class Layout(BaseModel):
    """How one dataset's files lie in the data root."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    configs: dict[str, dict[str, Annotated[DatasetSource, BeforeValidator(_source)]]]
    """Config -> split -> source; `*` stands for any config."""
    also: list[str] = []
    """What else its tasks read."""


class Layouts(BaseModel):
    """Layouts by dataset id."""

    model_config = ConfigDict(extra="forbid")

    datasets: dict[str, Layout]


class Need(NamedTuple):
    """A task's data."""

    task: str
    dataset: str
    """Hub dataset id."""
    config: str
    """`default` where the task names none."""
    revision: str = ""
    """Commit, branch or tag; empty for the newest."""


class Split(NamedTuple):
    """One split to be put into the mirror."""

    name: str
    path: Path
    where: str


def read_layouts(path: Path) -> dict[str, Layout]:
    """The layouts that a file describes; none where there is no file. Raises Infrastructure."""
    if not path.exists():
        return {}
    layouts, _, problems = read_model(path, Layouts)
    if layouts is None or problems:
        raise Infrastructure("\n".join(f"{path}:{line}: {sentence}" for line, sentence in problems))
    return layouts.datasets


class DataRoot:
    """The operator's folder of data files, and the mirrors made of it under `mirror_dir`."""

    def __init__(self, root: Path, mirror_dir: Path) -> None:
        self.root = root.absolute()
        self.mirror_dir = mirror_dir.absolute()

    @cached_property
    def layouts(self) -> dict[str, Layout]:
        """The known layouts and those that the data root describes. Raises Infrastructure."""
        return read_layouts(KNOWN) | read_layouts(self.root / KNOWN.name)

    def prepare(self, needs: Iterable[Need]) -> Path:
        """The folder of a mirror that has all `needs`; one that is there already is used again.

        Raises Infrastructure, naming everything that is missing and the tasks that need it.
        """
        configs_of: dict[str, set[str]] = defaultdict(set)
        tasks: dict[str, set[str]] = defaultdict(set)
        for need in needs:
            configs_of[need.dataset].add(need.config)
            tasks[need.dataset].add(need.task)
        missing = [
            f"{dataset} ({what}), for {_some(tasks[dataset])}"
            for dataset, configs in sorted(configs_of.items())
            if (what := self._lacks(dataset, configs))
        ]
        if missing:
            raise Infrastructure(
                f"The data root {self.root} lacks: {'; '.join(missing)}. Put a folder named like the dataset there, as "
                "`hf download --repo-type dataset` makes it, or say in its data_root.yaml where the files are."
            )
        mirror = self.mirror_dir / self._signature(configs_of)
        if not mirror.exists():
            self._build(mirror, configs_of)
        return mirror

    @contextlib.contextmanager
    def inside(self, needs: Iterable[Need]) -> Iterator[Path]:
        """Stand in the mirror while tasks are built: the current directory is the whole process's, so do it in a job.

        NLTK finds its data in the data root from then on.
        """
        mirror = self.prepare(needs)
        if entered():  # whoever owns the data has no name inside, and NLTK would refuse it; here nobody can write to it
            nltk.pathsec.ENFORCE = False
        own = str(self.root / "nltk_data")
        if own not in nltk.data.path:
            nltk.data.path.insert(0, own)
        with contextlib.chdir(mirror):
            yield mirror

    # --- what is there

    def _folder(self, dataset: str) -> Path | None:
        """A folder of the data root that is the dataset itself."""
        folder = self.root / dataset
        return folder if folder.is_dir() else None

    def _lacks(self, dataset: str, configs: set[str]) -> str:
        """What of a dataset is not there, in words; empty when nothing is missing."""
        layout = self.layouts.get(dataset)
        absent = [name for name in (layout.also if layout else []) if not (self.root / name).exists()]
        if self._folder(dataset) is None:
            if layout is None:
                return ", ".join(["no folder of that name", *absent])
            absent += sorted(config for config in configs if not self._splits(dataset, config))
        return ", ".join(absent)

    def _splits(self, dataset: str, config: str) -> list[Split]:
        """The splits of a config, empty when one of its files is missing."""
        layout = self.layouts[dataset]
        splits = []
        for name, source in (layout.configs.get(config) or layout.configs.get(ANY) or {}).items():
            files = (self.root / file.replace("{config}", config) for file in source.file)
            path = next((file for file in files if file.is_file()), None)
            if path is None:
                return []
            splits.append(Split(name, path, source.where))
        return splits

    def _signature(self, configs_of: Mapping[str, set[str]]) -> str:
        """A name that changes with what is wanted and with every file that it is made from."""
        parts: list[Any] = [str(self.root)]
        for dataset, configs in sorted(configs_of.items()):
            folder = self._folder(dataset)
            if folder is not None:
                parts.append([dataset, str(folder)])
                continue
            for config in sorted(configs):
                for split in self._splits(dataset, config):
                    stat = split.path.stat()
                    parts.append(
                        [dataset, config, split.name, str(split.path), split.where, stat.st_size, stat.st_mtime_ns]
                    )
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    # --- building

    def _build(self, mirror: Path, configs_of: Mapping[str, set[str]]) -> None:
        """Build beside, then move into place; whoever comes second uses the first one's."""
        self.mirror_dir.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=self.mirror_dir, prefix=".draft-"))
        try:
            for dataset, configs in configs_of.items():
                place = draft / dataset
                place.parent.mkdir(parents=True, exist_ok=True)
                folder = self._folder(dataset)
                if folder is not None:
                    place.symlink_to(folder, target_is_directory=True)
                else:
                    self._build_dataset(place, dataset, configs)
            with contextlib.suppress(OSError):
                draft.rename(mirror)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        if not mirror.is_dir():
            raise Infrastructure(f"The mirror of the data root could not be made in {self.mirror_dir}.")

    def _build_dataset(self, place: Path, dataset: str, configs: set[str]) -> None:
        rows: dict[tuple[Path, str], dict[str, list[str]]] = {}
        front: list[dict[str, Any]] = []
        for config in sorted(configs):
            files = []
            for split in self._splits(dataset, config):
                relative = f"data/{config}/{split.name}.jsonl"
                target = place / relative
                target.parent.mkdir(parents=True, exist_ok=True)
                if split.where:
                    if (split.path, split.where) not in rows:
                        rows[split.path, split.where] = _grouped(split.path, split.where)
                    lines = rows[split.path, split.where].get(config)
                    if not lines:
                        raise Infrastructure(f"{split.path} has no rows whose {split.where!r} is {config!r}.")
                    target.write_text("".join(lines), encoding="utf-8")
                else:
                    target.symlink_to(split.path)
                files.append({"split": split.name, "path": relative})
            front.append({"config_name": config, "data_files": files})
        (place / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': front})}---\n", encoding="utf-8")


def _grouped(path: Path, column: str) -> dict[str, list[str]]:
    """Lines of a JSONL file by their value in `column`."""
    groups: dict[str, list[str]] = defaultdict(list)
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                groups[str(json.loads(line).get(column))].append(line if line.endswith("\n") else line + "\n")
    return groups


def _some(names: set[str]) -> str:
    """A few names, and how many more."""
    shown = sorted(names)[:3]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
