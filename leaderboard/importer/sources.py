"""Where an old board's files are: a folder, or a dataset on the Hub. Nothing is ever written there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Protocol

from leaderboard.errors import NotFound, Unreadable
from leaderboard.hub.dataset_repo import HubRepo
from leaderboard.hub.trees import TreeEntry, files
from leaderboard.records import is_dataset_id
from leaderboard.settings import Settings

MAX_BYTES = 64 << 20
"""No request or result file is larger; larger ones are reported, not read."""
TOO_LARGE = f"it has more than {MAX_BYTES >> 20} MB"
DOWNLOADS = 8

Content = bytes | Unreadable


class OldBoard(Protocol):
    """An old board's files."""

    @property
    def name(self) -> str:
        """How it is called in what was imported from it."""
        ...

    def paths(self) -> list[str]:
        """Every file, relative."""
        ...

    def contents(self, paths: Iterable[str]) -> Iterator[tuple[str, Content]]:
        """Each path with its content, or why it cannot be read."""
        ...

    def file(self, path: str) -> Path:
        """The file on this machine, to be read in pieces. Raises Unreadable."""
        ...


class BoardFolder:
    """A folder on this machine: a clone of a board's repository, or its parent."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self.name = self._root.name

    def paths(self) -> list[str]:
        """Every file that is not hidden and not a link."""
        files_below = (path.relative_to(self._root) for path in self._root.rglob("*") if path.is_file())
        return sorted(path.as_posix() for path in files_below if not any(part.startswith(".") for part in path.parts))

    def contents(self, paths: Iterable[str]) -> Iterator[tuple[str, Content]]:
        """Each path with its content, or why it cannot be read."""
        for path in paths:
            yield path, self._content(path)

    def file(self, path: str) -> Path:
        """The file. Raises Unreadable."""
        file = self._root / path
        if not file.resolve().is_relative_to(self._root):
            raise Unreadable(path, "it is a link that leads out of the folder")
        return file

    def _content(self, path: str) -> Content:
        try:
            file = self.file(path)
            if file.stat().st_size > MAX_BYTES:
                return Unreadable(path, TOO_LARGE)
            return file.read_bytes()
        except OSError as error:
            return Unreadable(path, f"the machine does not read it ({error.strerror})")
        except Unreadable as problem:
            return problem


class BoardDataset:
    """A dataset repository on the Hub, at the commit at which it was first looked at.

    What was downloaded is kept in a temporary folder until the process ends: an import reads results twice.
    """

    def __init__(self, repo: HubRepo) -> None:
        self._repo = repo
        self.name = repo.repo_id
        self._commit, _ = repo.top()
        self._files: dict[str, TreeEntry] = files(repo.below(self._commit, ""))
        self._folder = TemporaryDirectory(prefix="podium-import-")

    def paths(self) -> list[str]:
        """Every file."""
        return sorted(self._files)

    def contents(self, paths: Iterable[str]) -> Iterator[tuple[str, Content]]:
        """Each path with its content; several downloads at a time, few in memory. Raises HubUnavailable."""
        wanted_paths = list(paths)
        with ThreadPoolExecutor(DOWNLOADS, thread_name_prefix="import") as pool:
            for at in range(0, len(wanted_paths), 4 * DOWNLOADS):
                some = wanted_paths[at : at + 4 * DOWNLOADS]
                yield from zip(some, pool.map(self._content, some), strict=True)

    def file(self, path: str) -> Path:
        """The downloaded file. Raises Unreadable, HubUnavailable."""
        entry = self._files[path]
        if (entry.size or 0) > MAX_BYTES:
            raise Unreadable(path, TOO_LARGE)
        place = Path(self._folder.name) / entry.oid
        if not place.exists():
            content = self._repo.content(self._commit, path, entry)
            with NamedTemporaryFile(dir=self._folder.name, delete=False) as draft:
                draft.write(content)
            Path(draft.name).replace(place)
        return place

    def _content(self, path: str) -> Content:
        try:
            return self.file(path).read_bytes()
        except Unreadable as problem:
            return problem


def open_source(text: str, settings: Settings) -> OldBoard:
    """The folder, or the dataset on the Hub, that `text` names. Raises NotFound, HubUnavailable."""
    if Path(text).is_dir():
        return BoardFolder(Path(text))
    if not is_dataset_id(text):
        raise NotFound(f"{text} is neither a folder here nor the id of a dataset on the Hub (organisation/name).")
    return BoardDataset(HubRepo(text, settings.hub_endpoint, settings.token, settings.hub_timeout_s))
