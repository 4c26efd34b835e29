"""The contents tables: kept up to date by reading only what changed, and always the same as built from all files.

`contents/{benchmark}.parquet` of the results store is a copy: a reader that starts takes the rows whose result files
have the versions that it names, and reads the others. For other consumers it has the Open LLM Leaderboard's `Type`
("🟢 pretrained").
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark
from leaderboard.board.measured_rows import MeasuredRows
from leaderboard.board.rows import (
    DESCRIBED,
    KnownFacts,
    cells,
    columns,
    frame,
    in_columns,
    latest,
    measured,
    measured_dtypes,
    request_info,
)
from leaderboard.columns import KIND, RESULT_PATH, RESULT_VERSION
from leaderboard.community.flags import LIST_PATH, Flags, Upheld
from leaderboard.competitions.standings import Standing, Standings
from leaderboard.errors import Conflict, NotFound, Unreadable
from leaderboard.models.facts import FACTS_PATH, FactsOfAll, KnownModels
from leaderboard.records import KINDS, AnyRequest, PodiumBlock, Request, plain_type
from leaderboard.results.blocks import ResultBlocks
from leaderboard.results.details_store import RESULT_PATH as RESULT_FILE
from leaderboard.submissions.policy import Policies, Rules, policy_path

LAYOUT_KEY = b"podium.layout"
"""Schema metadata: hash of the benchmark's columns and of this format; another one's rows are not used."""
LAYOUT = 1
DECIDED_KEY = b"podium.decided"
"""Schema metadata: hash of what people decided and the Hub renamed, as far as the table shows it."""
SAVE_TRIES = 3
NULLABLE = {pa.float64(): pd.Float64Dtype(), pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
"""What columns of the saved table are read as, so that no whole number becomes a float."""


class RequestList(Protocol):
    """A view of the queue, as far as it is needed here."""

    @property
    def by_id(self) -> Mapping[str, AnyRequest]: ...


class Requests(Protocol):
    """The queue, as far as it is needed here."""

    def view(self) -> RequestList: ...


class _Inputs(NamedTuple):
    """What a table was made from, for telling quickly that nothing has changed."""

    looks: int
    """Number of looks at the store that found something new."""
    requests: Mapping[str, AnyRequest]
    """By id."""

    def same_as(self, other: _Inputs) -> bool:
        """Whether nothing has changed; the queue keeps the mapping as long as no request changes."""
        return self.looks == other.looks and self.requests is other.requests


class _Table(NamedTuple):
    version: str
    frame: pd.DataFrame
    made_from: _Inputs
    decided: str
    """As `Contents._decisions` says."""


class _Saved(NamedTuple):
    """The contents table that is in the store."""

    table: pa.Table
    version: str
    """Of its file."""

    def frame(self, dtypes: Mapping[str, str]) -> pd.DataFrame:
        """These columns of it."""
        selected: pd.DataFrame = self.table.select(list(dtypes)).to_pandas(types_mapper=NULLABLE.get)
        return selected.astype(dtypes)


def contents_path(benchmark_id: str) -> str:
    """Path of a benchmark's contents table in the results store."""
    return f"contents/{benchmark_id}.parquet"


def rebuild(
    results: Iterable[tuple[str, str, PodiumBlock]],
    requests: Iterable[Request],
    known: KnownFacts,
    benchmark: Benchmark,
) -> pd.DataFrame:
    """The contents table from scratch; `results` are path, version and block. Runs with a limit are left out."""
    rows = [measured(block, path, version, benchmark) for path, version, block in results if block.limit is None]
    known = known._replace(requests={request.id: request for request in requests})
    return frame(latest(in_columns(rows, benchmark)), known, benchmark)


class Contents:
    """The current contents of every benchmark. Safe for threads."""

    def __init__(
        self,
        store: FileStore,
        queue: Requests,
        benchmarks: Mapping[str, Benchmark],
        models: KnownModels | None = None,
        blocks: ResultBlocks | None = None,
    ) -> None:
        """`models` and `blocks` are the readers of `store` that others use too; it makes its own without."""
        self._store = store
        self._models = models or KnownModels(store)
        self._blocks = blocks or ResultBlocks(store)
        self._queue = queue
        self._benchmarks = benchmarks
        self._flags = Flags(store)
        self._flagged: Sequence[Upheld] = ()
        self._policies = Policies(store, benchmarks)
        self._official: dict[str, set[str]] = {}
        self._standings = Standings(store)
        self._decided: dict[str, Mapping[str, Standing]] = defaultdict(dict)
        self._lock = threading.RLock()
        self._seen: str | None = None
        self._looks = 0
        self._rows = {name: MeasuredRows(benchmark) for name, benchmark in benchmarks.items()}
        self._hub = FactsOfAll()
        self._unreadable: dict[str, Unreadable] = {}
        self._stated: dict[str, tuple[AnyRequest, str]] = {}
        self._tables: dict[str, _Table] = {}

    def frame(self, benchmark_id: str) -> pd.DataFrame:
        """The contents table as of now; columns as `leaderboard.board.rows.columns` says. Not to be changed.

        Raises NotFound for a benchmark that is not served.
        """
        return self._table(benchmark_id).frame

    def version(self, benchmark_id: str) -> str:
        """A text that changes whenever the table does. Raises NotFound."""
        return self._table(benchmark_id).version

    def published(self, benchmark_id: str) -> tuple[pd.DataFrame, str] | None:
        """The table as it was last written to the store, and that file's version; no other file is looked at.

        None where there is none that can be used. Raises NotFound for a benchmark that is not served.
        """
        benchmark = self._benchmark(benchmark_id)
        saved = self._saved(benchmark)
        if saved is None:
            return None
        table = saved.frame(columns(benchmark))
        return table.assign(Type=table["Type"].map(plain_type).astype(table["Type"].dtype)), saved.version

    @property
    def unreadable(self) -> list[Unreadable]:
        """Files of the results store that had to be left out, as of the last look."""
        with self._lock:
            problems = {**self._unreadable, **self._hub.unreadable}
            return [problems[path] for path in sorted(problems)]

    def changes(self, block: PodiumBlock, path: str, version: str) -> dict[str, bytes | None]:
        """What publishing `block` as `path` with `version` adds to its commit: the table as it will be then."""
        with self._lock:
            if block.limit is not None or block.benchmark not in self._benchmarks:
                return {}
            benchmark = self._benchmarks[block.benchmark]
            self._blocks.keep(path, version, block)
            self._refresh()
            row = measured(block, path, version, benchmark)
            rows = latest(self._rows[block.benchmark].with_row(path, row))
            known = self._known(self._inputs(), benchmark)
            table, decided = frame(rows, known, benchmark), self._decisions(rows, known)
            return {contents_path(block.benchmark): _parquet(table, benchmark, decided)}

    def save(self, benchmark_id: str) -> bool:
        """Write the table to the store if it differs from what is there; say whether it did."""
        path = contents_path(benchmark_id)
        for _ in range(SAVE_TRIES):
            table = self._table(benchmark_id)
            content = _parquet(table.frame, self._benchmarks[benchmark_id], table.decided)
            try:
                current, version = self._store.read(path)
            except NotFound:
                current, version = b"", None
            if current == content:
                return False
            with suppress(Conflict):  # somebody else wrote a table
                self._store.commit({path: content}, f"Contents of {benchmark_id}", {path: version})
                return True
        return False

    def publish_decisions(self, benchmark_id: str) -> bool:
        """Write the table to the store if the one there lacks what was decided since; say whether it did.

        Decisions are flags, removals, reviews, baselines, official providers, corrections and renames. Raises NotFound
        and what the store raises.
        """
        table = self._table(benchmark_id)
        try:
            content, _ = self._store.read(contents_path(benchmark_id))
            decided = (pq.read_schema(pa.BufferReader(content)).metadata or {}).get(DECIDED_KEY)
        except NotFound:
            return not table.frame.empty and self.save(benchmark_id)
        except (pa.ArrowException, OSError):
            decided = None
        return decided != table.decided.encode() and self.save(benchmark_id)

    # --- what the files say

    def _benchmark(self, benchmark_id: str) -> Benchmark:
        if benchmark_id not in self._benchmarks:
            known = ", ".join(self._benchmarks)
            raise NotFound(f"There is no benchmark {benchmark_id!r} here. There are: {known}.")
        return self._benchmarks[benchmark_id]

    def _table(self, benchmark_id: str) -> _Table:
        with self._lock:
            benchmark = self._benchmark(benchmark_id)
            self._refresh()
            table = self._tables.get(benchmark_id)
            made_from = self._inputs()
            if table is not None and table.made_from.same_as(made_from):
                return table
            rows = latest(self._rows[benchmark_id].table())
            known = self._known(made_from, benchmark)
            version = self._fingerprint(rows, known)
            if table is not None and table.version == version:
                table = table._replace(made_from=made_from)
            else:
                table = _Table(version, frame(rows, known, benchmark), made_from, self._decisions(rows, known))
            self._tables[benchmark_id] = table
            return table

    def _inputs(self) -> _Inputs:
        return _Inputs(self._looks, self._queue.view().by_id)

    def _known(self, inputs: _Inputs, benchmark: Benchmark) -> KnownFacts:
        decided = self._decided[benchmark.id]
        return KnownFacts(inputs.requests, self._hub.facts, self._flagged, self._official[benchmark.id], decided)

    def _fingerprint(self, rows: pd.DataFrame, known: KnownFacts) -> str:
        """A hash of everything that the table is made from."""
        digest = hashlib.sha256()
        for path, version, request_id in cells(rows, RESULT_PATH, RESULT_VERSION, "request_id"):
            stated = self._request_cells(known.requests.get(request_id))
            digest.update(repr((path, version, stated)).encode())
        beside = (self._hub.versions.items(), known.flagged, known.official, known.standings.items())
        digest.update(repr([sorted(each) for each in beside]).encode())
        return digest.hexdigest()[:20]

    def _decisions(self, rows: pd.DataFrame, known: KnownFacts) -> str:
        """A hash of what people decided and the Hub renamed; not of what changes all the time, such as likes."""
        requests = [known.requests.get(request_id) for (request_id,) in cells(rows, "request_id")]
        corrected = [(each.id, self._request_cells(each)) for each in requests if each and each.corrected]
        renamed = [(facts.model, facts.since, *sorted(facts.aliases.items())) for facts in known.facts.values()]
        renamed = [names for names in renamed if any(names[1:])]
        decided = (known.flagged, known.official, known.standings.items(), corrected, renamed)
        return hashlib.sha256(repr([sorted(each) for each in decided]).encode()).hexdigest()[:20]

    def _request_cells(self, request: AnyRequest | None) -> str:
        """A hash of the cells that a request alone makes; remembered as long as the queue keeps the object."""
        if request is None:
            return ""
        known = self._stated.get(request.id)
        if known is None or known[0] is not request:
            info = request_info(request.model, request, None)
            cells = repr([column.from_model(info) for column in DESCRIBED if column.from_model])
            known = self._stated[request.id] = (request, hashlib.sha256(cells.encode()).hexdigest()[:16])
        return known[1]

    def _refresh(self) -> None:
        changes = self._store.changes_since(self._seen)
        taken: set[str] = set()
        if changes.complete:
            self._forget_all()
            for name in self._benchmarks:
                if contents_path(name) in changes.paths:
                    taken |= self._take_saved(name, changes.paths)
        for name in self._benchmarks:
            if changes.complete or policy_path(name) in changes.paths:
                self._take_official(name, changes.paths.get(policy_path(name)))
            if not changes.paths.keys().isdisjoint(self._standings.paths(name)):
                self._take_standings(name)
        if LIST_PATH in changes.paths:
            self._take_flags()
        if changes.complete or any(FACTS_PATH.fullmatch(path) for path in changes.paths):
            self._hub = self._models.all()
        for path, version in changes.paths.items():
            if path not in taken and (match := RESULT_FILE.fullmatch(path)) and match["benchmark"] in self._rows:
                self._take_result(path, match["benchmark"], version)
        self._seen = changes.version
        self._looks += bool(changes.paths or changes.complete)

    def _forget_all(self) -> None:
        for name, benchmark in self._benchmarks.items():
            self._rows[name].restart(in_columns([], benchmark))
        self._flagged = ()
        self._decided.clear()
        self._unreadable.clear()

    def _take_saved(self, benchmark_id: str, listing: Mapping[str, str | None]) -> set[str]:
        """Take the rows of the saved table whose result files have not changed since; the paths of these."""
        benchmark = self._benchmarks[benchmark_id]
        saved = self._saved(benchmark)
        if saved is None:
            return set()
        table = saved.frame(measured_dtypes(benchmark))
        found = enumerate(cells(table, RESULT_PATH, RESULT_VERSION, KIND))
        same = [at for at, (path, version, kind) in found if kind in KINDS and version == listing.get(path, "")]
        rows = table.take(same).reset_index(drop=True)
        self._rows[benchmark_id].restart(rows)
        return set(rows[RESULT_PATH])

    def _saved(self, benchmark: Benchmark) -> _Saved | None:
        """The table in the store; None where there is none of the present layout."""
        try:
            content, version = self._store.read(contents_path(benchmark.id))
            table = pq.read_table(pa.BufferReader(content))
        except (NotFound, pa.ArrowException, OSError):
            return None
        is_present = (table.schema.metadata or {}).get(LAYOUT_KEY) == _layout(benchmark)
        return _Saved(table, version) if is_present else None

    def _take_result(self, path: str, benchmark_id: str, version: str | None) -> None:
        rows = self._rows[benchmark_id]
        rows.put(path, None)
        self._unreadable.pop(path, None)
        if version is None:
            return
        try:
            block, version = self._blocks.read(path, version)
        except NotFound:
            return
        except Unreadable as problem:
            self._unreadable[path] = problem
            return
        if block.limit is None:
            rows.put(path, measured(block, path, version, self._benchmarks[benchmark_id]))

    def _take_flags(self) -> None:
        self._unreadable.pop(LIST_PATH, None)
        try:
            self._flagged = self._flags.upheld()
        except Unreadable as problem:
            self._unreadable[LIST_PATH] = problem

    def _take_official(self, benchmark_id: str, version: str | None) -> None:
        path = policy_path(benchmark_id)
        self._unreadable.pop(path, None)
        try:
            rules = self._policies.rules(benchmark_id) if version else Rules(self._benchmarks[benchmark_id], {})
            self._official[benchmark_id] = rules.official()
        except Unreadable as problem:
            self._unreadable[path] = problem
            self._official.setdefault(benchmark_id, set())

    def _take_standings(self, benchmark_id: str) -> None:
        for path in self._standings.paths(benchmark_id):
            self._unreadable.pop(path, None)
        try:
            self._decided[benchmark_id] = self._standings.of(benchmark_id)
        except Unreadable as problem:
            self._unreadable[problem.path] = problem


def _layout(benchmark: Benchmark) -> bytes:
    """Changes whenever saved rows must not be used any more."""
    titles = [(column.key, column.title) for column in benchmark.columns]
    described = json.dumps([LAYOUT, benchmark.version, titles, list(columns(benchmark).items())])
    return hashlib.sha256(described.encode()).hexdigest().encode()


def _parquet(table: pd.DataFrame, benchmark: Benchmark, decided: str) -> bytes:
    shown = table.assign(Type=table["T"] + " " + table["Type"])
    metadata = {LAYOUT_KEY: _layout(benchmark), DECIDED_KEY: decided.encode()}
    arrow = pa.Table.from_pandas(shown, preserve_index=False).replace_schema_metadata(metadata)
    sink = io.BytesIO()
    pq.write_table(arrow, sink, compression="zstd")
    return sink.getvalue()
