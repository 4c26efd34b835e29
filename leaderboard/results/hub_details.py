"""Details on the Hub: a dataset for each model, so that `load_dataset(repo, task, split="latest")` works."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from leaderboard import FileStore
from leaderboard.errors import NotFound, Unreadable
from leaderboard.hub.cards import CARD
from leaderboard.hub.errors import DatasetMissing
from leaderboard.records import PodiumBlock, model_file_name
from leaderboard.results.details_card import TABLE_PATH, config_name, known_columns, merged
from leaderboard.results.details_store import DetailsTaken, parts, place_since, started, task_file, task_of
from leaderboard.results.result_files import read_block
from leaderboard.stores.edit import EditedFiles, edit
from leaderboard.stores.hub import HubStore

MAX_NAME = 96
"""The Hub's limit of characters in a repository's name."""
OPEN_STORES = 256


class HubDetails:
    """Datasets `{owner}/{org}__{model}-details`. Safe for threads.

    A repository that took a name from another one has a dataset of its own, with the time from which on it has the
    name: `{owner}/{org}__{model}-{time}-details`. In each: `{benchmark}/{time}/{task}.parquet`,
    `{benchmark}/results_{time}.json`, and the card. A run is one commit.
    """

    def __init__(
        self,
        owner: str,
        opened: Callable[[str, Path], HubStore],
        cache: Path,
        gated: Callable[[str], bool] = lambda benchmark: False,
        private: bool = False,
        since: Callable[[str, str], str] = lambda model, time: "",
    ) -> None:
        """`opened` makes a store of a dataset and a cache folder; `gated` tells which benchmarks' details are gated.

        `since` tells from when on the repository that was called so at a time had the name, where it was another's
        before.
        """
        self._owner = owner
        self._opened = opened
        self._cache = cache
        self._gated = gated
        self._private = private
        self._since = since
        self._lock = threading.Lock()
        self._stores: OrderedDict[str, HubStore] = OrderedDict()
        self._made: set[tuple[str, bool]] = set()

    def place(self, result: str) -> str:
        """The model, and the time from which on it has its name where another repository had it before."""
        _, model, stamp = parts(result)
        since = self._since(model, started(stamp))
        return place_since(model, since) if since else model

    def repo_id(self, place: str) -> str:
        """The dataset of the details of one place."""
        name = model_file_name(place)
        if len(name) + len("-details") > MAX_NAME:
            name = f"{name[:70].rstrip('-.')}_{hashlib.sha256(place.encode()).hexdigest()[:12]}"
        return f"{self._owner}/{name}-details"

    def put(self, block: PodiumBlock, result: str, content: bytes, details: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """One commit with the tables, the result and the card. Raises DetailsTaken, HubUnavailable.

        Doing it again makes no commit. Without details there is no dataset.
        """
        if not details:
            return {}
        benchmark, _, stamp = parts(result)
        store = self._store(self.place(result))
        self._make(store, self._gated(benchmark))
        tables = {f"{benchmark}/{stamp}/{task_file(task)}": table for task, table in details.items()}
        copy = f"{benchmark}/results_{stamp}.json"

        def decide(edited: EditedFiles) -> None:
            card = (edited.find(CARD) or b"").decode("utf-8", "replace")
            present = store.list()
            there = edited.find(copy)
            if there is not None and not _is_of(result, there, block):
                raise DetailsTaken([copy])
            columns = _columns(store, present, card, tables)
            text = merged(card, store.repo_id, {*present, *tables}, columns, block, stamp)
            for path, new_content in {CARD: text.encode(), copy: content, **tables}.items():
                edited.write(path, new_content)

        edit(store, decide, f"{block.benchmark} at {block.revision[:12]}, {block.time}")
        return {}

    def tasks(self, result: str) -> list[str]:
        """Tasks whose details anybody may read. Raises HubUnavailable."""
        benchmark, _, stamp = parts(result)
        if self._gated(benchmark):
            return []
        for place in self._places(result):
            with suppress(DatasetMissing):
                if paths := self._store(place).list(f"{benchmark}/{stamp}/"):
                    return sorted(map(task_of, paths))
        return []

    def read(self, result: str, task: str) -> bytes:
        """The details of one task. Raises NotFound, HubUnavailable."""
        benchmark, _, stamp = parts(result)
        first, *others = map(self._store, self._places(result))
        if self._gated(benchmark):
            raise NotFound(f"Whoever reads details of {benchmark} says who they are: see the dataset {first.repo_id}.")
        missing: list[NotFound] = []
        for store in (first, *others):
            try:
                return store.read(f"{benchmark}/{stamp}/{task_file(task)}")[0]
            except DatasetMissing:
                missing.append(NotFound(f"There is no dataset {store.repo_id}."))
            except NotFound as error:
                missing.append(error)
        raise missing[0]

    def _places(self, result: str) -> list[str]:
        """Where details may lie: in their place, or under the name alone as older versions wrote them."""
        return list(dict.fromkeys((self.place(result), parts(result)[1])))

    def apart(self, place: str) -> FileStore | None:
        """The dataset; None where there is none. Raises HubUnavailable."""
        store = self._store(place)
        try:
            store.list()
        except DatasetMissing:
            return None
        return store

    def made_apart(self, place: str, benchmarks: Iterable[str]) -> FileStore:
        """The dataset, made if it is missing. Raises HubUnavailable."""
        store = self._store(place)
        self._make(store, any(map(self._gated, benchmarks)))
        return store

    def _make(self, store: HubStore, gated: bool) -> None:
        """Make the dataset, once in this process."""
        if (store.repo_id, gated) not in self._made:
            store.create(self._private, gated)
            self._made.add((store.repo_id, gated))

    def _store(self, place: str) -> HubStore:
        repo_id = self.repo_id(place)
        with self._lock:
            if repo_id not in self._stores:
                self._stores[repo_id] = self._opened(repo_id, self._cache / repo_id)
                if len(self._stores) > OPEN_STORES:
                    self._stores.popitem(last=False)
            self._stores.move_to_end(repo_id)
            return self._stores[repo_id]


def _is_of(path: str, content: bytes, block: PodiumBlock) -> bool:
    """Whether the result file that belongs at `path` is of the same run as the block."""
    try:
        other = read_block(path, content)
    except Unreadable:
        return False
    return (other.request_id, other.attempt) == (block.request_id, block.attempt)


def _columns(store: HubStore, present: Iterable[str], card: str, new: Mapping[str, bytes]) -> dict[str, dict[str, str]]:
    """Config -> columns over all of its runs: those of the card, of files that it does not tell of, and new ones."""
    columns = known_columns(card)
    forgotten = [path for path in present if TABLE_PATH.fullmatch(path) and config_name(task_of(path)) not in columns]
    for path, content in [*((path, content) for path, content, _ in store.read_many(forgotten)), *new.items()]:
        columns.setdefault(config_name(task_of(path)), {}).update(_types(content))
    return columns


def _types(table: bytes) -> dict[str, str]:
    """Columns of a Parquet file and their types, as `datasets` names them."""
    names = {pa.string(): "string", pa.int64(): "int64", pa.float64(): "float64"}
    try:
        schema = pq.read_schema(pa.BufferReader(table))
    except pa.ArrowException:
        return {}
    return {field.name: names.get(field.type, str(field.type)) for field in schema}
