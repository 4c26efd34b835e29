"""Where details lie: beside the results, or wherever else something with these methods brings them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol
from urllib.parse import quote, unquote

from leaderboard import FileStore
from leaderboard.errors import Conflict, NotFound
from leaderboard.records import PodiumBlock, model_file_name, model_in

RESULT_PATH = re.compile(r"(?P<benchmark>[^/]+)/(?P<model>[^/]+/[^/]+)/results_(?P<stamp>[^/]+)\.json")
SINCE = r"-\d{8}T\d{6}Z"
"""What `place_since` puts behind a model's name."""


class DetailsTaken(Conflict):
    """Details of another run lie where these should go."""


class DetailsStore(Protocol):
    """Where the details of a results store lie. `result` is always the path of the result file they belong to."""

    def put(self, block: PodiumBlock, result: str, content: bytes, details: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Bring `details` (task -> Parquet) of the result with `content` where they belong.

        Returns what the result's own commit has to write for that. Doing it again changes nothing. Raises DetailsTaken.
        """
        ...

    def tasks(self, result: str) -> list[str]:
        """Tasks whose details anybody may read."""
        ...

    def read(self, result: str, task: str) -> bytes:
        """The details of one task. Raises NotFound, also for details that not everybody may read."""
        ...

    def place(self, result: str) -> str:
        """Name of the place where the details of a result lie: of its model, where no other repository had the name."""
        ...

    def apart(self, place: str) -> FileStore | None:
        """The store that holds the details of one place and nothing else; None where there is none."""
        ...

    def made_apart(self, place: str, benchmarks: Iterable[str]) -> FileStore:
        """That store, made if it is missing, for details of these benchmarks. Raises NotFound, HubUnavailable."""
        ...


class DetailsBesideResults:
    """`details/{benchmark}/{org}__{model}/{time}/{task}.parquet` of the results store, in the result's own commit."""

    def __init__(self, store: FileStore, hidden: Callable[[str], bool] = lambda benchmark: False) -> None:
        """`hidden` tells of which benchmarks nobody may read details here."""
        self._store = store
        self._hidden = hidden

    def put(self, block: PodiumBlock, result: str, content: bytes, details: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """The files, for the result's commit."""
        return {details_path(result, task): table for task, table in details.items()}

    def tasks(self, result: str) -> list[str]:
        """Tasks whose details anybody may read."""
        folder = details_folder(result)
        if self._hidden(parts(result)[0]):
            return []
        return sorted(task_of(path) for path in self._store.list(folder))

    def read(self, result: str, task: str) -> bytes:
        """The details of one task. Raises NotFound."""
        if self._hidden(parts(result)[0]):
            raise NotFound("The organisers of this benchmark do not show details here.")
        return self._store.read(details_path(result, task))[0]

    def place(self, result: str) -> str:
        """That of its model: each run has a folder of its own."""
        return parts(result)[1]

    def apart(self, place: str) -> FileStore | None:
        """They lie beside the results."""
        return None

    def made_apart(self, place: str, benchmarks: Iterable[str]) -> FileStore:
        """There is none. Raises NotFound."""
        raise NotFound(f"The details of {place} lie beside its results here.")


def parts(result: str) -> tuple[str, str, str]:
    """Benchmark, model and stamp of a result file's path. Raises NotFound for any other path."""
    match = RESULT_PATH.fullmatch(result)
    if match is None:
        raise NotFound(f"{result} is not the path of a result file.")
    return match["benchmark"], model_in(match["model"]), match["stamp"]


def place_since(model: str, since: str) -> str:
    """The place of the details of a model that took its name from another repository at a time (UTC)."""
    return f"{model}-{re.sub('[-:]', '', since)}"


def started(stamp: str) -> str:
    """When the run with that stamp started (UTC), without fractions of a second."""
    return f"{stamp[:10]}{stamp[10:19].replace('-', ':')}Z"


def details_folder(result: str) -> str:
    """Folder of the details that belong to the result file at `result`."""
    benchmark, model, stamp = parts(result)
    return f"details/{benchmark}/{model_file_name(model)}/{stamp}/"


def details_path(result: str, task: str) -> str:
    """Path of one task's details that belong to the result file at `result`."""
    return details_folder(result) + task_file(task)


def task_file(task: str) -> str:
    """Name of a task's details file; any task name is fit for it."""
    return f"{re.sub(r'^[.]', '%2E', quote(task, safe=''))}.parquet"


def task_of(path: str) -> str:
    """The task whose details lie at `path`."""
    return unquote(path.rpartition("/")[2].removesuffix(".parquet"))
