"""Details on the Hub: a dataset for each model, so that `load_dataset(repo, task, split="latest")` works."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from leaderboard import FileStore
from leaderboard.errors import NotFound, Unreadable
from leaderboard.hub.cards import CARD
from leaderboard.hub.errors import DatasetMissing
from leaderboard.records import PodiumBlock, model_file_name
from leaderboard.results.details_card import TABLE_PATH, config_name, known_columns, merged
from leaderboard.results.details_store import DetailsTaken, parts, task_file, task_of
from leaderboard.results.result_files import read_block
from leaderboard.stores.edit import EditedFiles, edit
from leaderboard.stores.hub import HubStore

MAX_NAME = 96
"""The Hub's limit of characters in a repository's name."""
OPEN_STORES = 256


class HubDetails:
    """Datasets `{owner}/{org}__{model}-details`. Safe for threads.

    In each: `{benchmark}/{time}/{task}.parquet`, `{benchmark}/results_{time}.json`, and the card. A run is one commit.
    """

    def __init__(
        self,
        owner: str,
        opened: Callable[[str, Path], HubStore],
        cache: Path,
        gated: Callable[[str], bool] = lambda benchmark: False,
        private: bool = False,
    ) -> None:
        """`opened` makes a store of a dataset and a cache folder; `gated` tells which benchmarks' details are gated."""
        self._owner = owner
        self._opened = opened
        self._cache = cache
        self._gated = gated
        self._private = private
        self._lock = threading.Lock()
        self._stores: OrderedDict[str, HubStore] = OrderedDict()
        self._made: set[tuple[str, bool]] = set()

    def repo_id(self, model: str) -> str:
        """The dataset of a model's details."""
        name = model_file_name(model)
        if len(name) + len("-details") > MAX_NAME:
            name = f"{name[:70].rstrip('-.')}_{hashlib.sha256(model.encode()).hexdigest()[:12]}"
        return f"{self._owner}/{name}-details"

    def put(self, block: PodiumBlock, result: str, content: bytes, details: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """One commit with the tables, the result and the card. Raises DetailsTaken, HubUnavailable.

        Doing it again makes no commit. Without details there is no dataset.
        """
        if not details:
            return {}
        benchmark, model, stamp = parts(result)
        store = self._store(model)
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
        benchmark, model, stamp = parts(result)
        if self._gated(benchmark):
            return []
        try:
            return sorted(task_of(path) for path in self._store(model).list(f"{benchmark}/{stamp}/"))
        except DatasetMissing:
            return []

    def read(self, result: str, task: str) -> bytes:
        """The details of one task. Raises NotFound, HubUnavailable."""
        benchmark, model, stamp = parts(result)
        store = self._store(model)
        if self._gated(benchmark):
            raise NotFound(f"Whoever reads details of {benchmark} says who they are: see the dataset {store.repo_id}.")
        try:
            return store.read(f"{benchmark}/{stamp}/{task_file(task)}")[0]
        except DatasetMissing:
            raise NotFound(f"There is no dataset {store.repo_id}.") from None

    def apart(self, model: str) -> FileStore | None:
        """The dataset of its details; None where there is none. Raises HubUnavailable."""
        store = self._store(model)
        try:
            store.list()
        except DatasetMissing:
            return None
        return store

    def made_apart(self, model: str, benchmarks: Iterable[str]) -> FileStore:
        """The dataset, made if it is missing. Raises HubUnavailable."""
        store = self._store(model)
        self._make(store, any(map(self._gated, benchmarks)))
        return store

    def _make(self, store: HubStore, gated: bool) -> None:
        """Make the dataset, once in this process."""
        if (store.repo_id, gated) not in self._made:
            store.create(self._private, gated)
            self._made.add((store.repo_id, gated))

    def _store(self, model: str) -> HubStore:
        repo_id = self.repo_id(model)
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
