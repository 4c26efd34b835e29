"""Bring an old board: its request and result files, read from anywhere, written as ours. docs/import.md says how.

Every place and id is made from what is imported, so importing again changes only what changed there. What was changed
here since is left alone, and what cannot be read is told with its reason.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark
from leaderboard.errors import NotFound, Unreadable
from leaderboard.hub.trees import blob_version
from leaderboard.importer.requests import Imported, convert_request, is_request
from leaderboard.importer.results import Origin, in_harness_words, is_result, read_origin
from leaderboard.importer.sources import OldBoard
from leaderboard.queue.queue import Queue
from leaderboard.queue.request_files import read_request
from leaderboard.records import AnyRequest, PodiumBlock, Provenance, Request, model_folder
from leaderboard.results.results import Results, result_file
from leaderboard.statistics.scores import score

BATCH = 500
"""Files in one commit."""


class Counts(BaseModel):
    """What became of the files of one kind."""

    new: int = 0
    updated: int = 0
    """Imported before, and different there since."""
    unchanged: int = 0
    kept: int = 0
    """Left alone, because ours is newer: it was changed here, or submitted here first."""


class RefusedFile(BaseModel):
    """A file that was not imported."""

    source: str
    file: str
    reason: str


class Report(BaseModel):
    """What an import did."""

    benchmark: str
    requests: Counts = Field(default_factory=Counts)
    results: Counts = Field(default_factory=Counts)
    passed_over: int = 0
    """Files that are no JSON, and the harness's samples."""
    refused: list[RefusedFile] = Field(default_factory=list)
    """Every file that could not be read or used."""


class Importer:
    """Imports into one benchmark of a board."""

    def __init__(
        self, queue: Queue, results: Results, results_store: FileStore, benchmark: Benchmark, write: bool = True
    ) -> None:
        """Without `write`, nothing is changed and the report tells what would be."""
        self._queue = queue
        self._results = results
        self._results_store = results_store
        self._benchmark = benchmark
        self._write = write
        self._view = queue.view()
        self._requests: dict[str, dict[str, AnyRequest]] = defaultdict(dict)
        """Model -> id -> request."""
        self._taken: dict[str, str] = {}
        self._report = Report(benchmark=benchmark.id)

    def run(self, sources: Sequence[OldBoard]) -> Report:
        """Import the requests of all sources, then the results. Raises Conflict when somebody else writes meanwhile."""
        for request in self._view:
            if request.benchmark == self._benchmark.id:
                self._requests[request.model][request.id] = request
        results_of: list[tuple[OldBoard, list[str]]] = []
        for source in sources:
            paths = source.paths()
            self._import_requests(source, [path for path in paths if is_request(path)])
            results_of.append((source, [path for path in paths if is_result(path)]))
            self._pass_over(source, [path for path in paths if not is_request(path) and not is_result(path)])
        self._import_results(results_of)
        return self._report

    def _pass_over(self, source: OldBoard, paths: Iterable[str]) -> None:
        for path in paths:
            name = path.rpartition("/")[2]
            if name.endswith(".json") and not name.startswith("samples_"):
                self._refuse(source, path, "its name is neither that of a request nor that of a result file")
            else:
                self._report.passed_over += 1

    def _refuse(self, source: OldBoard, path: str, reason: str) -> None:
        self._report.refused.append(RefusedFile(source=source.name, file=path, reason=reason))

    # --- requests

    def _import_requests(self, source: OldBoard, paths: Sequence[str]) -> None:
        planned: dict[str, Imported] = {}
        for path, content in source.contents(paths):
            try:
                made = convert_request(path, _whole(content), self._benchmark.id, source.name)
            except Unreadable as problem:
                self._refuse(source, path, problem.reason)
                continue
            if made.path in self._taken:
                self._refuse(source, path, f"it asks for the same checkpoint as {self._taken[made.path]}")
                continue
            self._taken[made.path], planned[made.path] = path, made
            request = read_request(made.path, made.content)
            self._requests[request.model].setdefault(request.id, request)
        changes = {path: made.content for path, made in planned.items()}
        self._commit(self._queue.store, changes, self._report.requests, f"Import requests of {source.name}", _is_ours)

    # --- results

    def _import_results(self, results_of: Iterable[tuple[OldBoard, Sequence[str]]]) -> None:
        origins: list[tuple[OldBoard, Origin]] = []
        for source, paths in results_of:
            for path, content in source.contents(paths):
                try:
                    origins.append((source, read_origin(path, _whole(content))))
                except Unreadable as problem:
                    self._refuse(source, path, problem.reason)
        origins.sort(key=lambda pair: (pair[1].time, pair[0].name, pair[1].path))
        changes: dict[str, bytes] = {}
        earlier: dict[tuple[Any, ...], dict[str, Any]] = {}
        blocks: dict[str, dict[str, PodiumBlock]] = {}
        for source, origin in origins:
            merged = _merged(earlier.get(origin.checkpoint), in_harness_words(origin.aggregated, self._benchmark))
            known = blocks.setdefault(origin.model, dict(self._results.of_model(self._benchmark.id, origin.model)))
            try:
                path, block = self._block(source, origin, merged, known)
                changes[path] = result_file(origin.aggregated, block)
            except Unreadable as problem:
                self._refuse(source, origin.path, problem.reason)
                continue
            except RecursionError:
                self._refuse(source, origin.path, "its values are nested too deeply")
                continue
            earlier[origin.checkpoint], known[path] = merged, block
        self._commit(self._results_store, changes, self._report.results, "Import results", lambda content: False)

    def _block(
        self, source: OldBoard, origin: Origin, merged: Mapping[str, Any], known: Mapping[str, PodiumBlock]
    ) -> tuple[str, PodiumBlock]:
        """Where the result belongs, and its block. `known` are the model's results here, by path. Raises Unreadable."""
        scores, average = score(self._benchmark, merged)
        if all(measured.raw is None for measured in scores.values()):
            tasks = ", ".join(str(task)[:60] for task in list(merged["results"])[:3]) or "none"
            raise Unreadable(origin.path, f"it measures no task of {self._benchmark.id} whole (it has: {tasks})")
        imported = {"from": source.name, "path": origin.path}
        request = self._request_of(origin)
        checkpoint = json.dumps([self._benchmark.id, *origin.checkpoint]).encode()
        request_id = request.id if request else blob_version(checkpoint)[:16]
        path, same = self._place(origin, request_id, imported, known)
        attempts = [result.attempt for result in known.values() if result.request_id == request_id]
        block = PodiumBlock(
            request_id=request_id,
            attempt=same.attempt if same else max(attempts, default=0) + 1,
            benchmark=self._benchmark.id,
            benchmark_version=self._benchmark.version,
            model=origin.model,
            revision=origin.revision,
            base_model=request.base_model if request else "",
            precision=request.precision if request and origin.precision == "?" else origin.precision,
            weight_type=request.weight_type if request else origin.weight_type,
            use_chat_template=origin.use_chat_template or bool(request and request.use_chat_template),
            time=origin.time,
            scores=scores,
            average=average,
            limit=origin.limit,
            provenance=_provenance(origin, imported),
        )
        return path, block

    def _place(
        self, origin: Origin, request_id: str, imported: dict[str, str], known: Mapping[str, PodiumBlock]
    ) -> tuple[str, PodiumBlock | None]:
        """The result's path, and what was imported there from the same file before."""
        stamp = origin.time.replace(":", "-")
        path = ""
        for name in (stamp, f"{stamp}_{request_id}", f"{stamp}_{blob_version(origin.path.encode())[:16]}"):
            path = f"{self._benchmark.id}/{model_folder(origin.model)}/results_{name}.json"
            block = known.get(path)
            if block is None or (block.provenance.model_extra or {}).get("imported") == imported:
                return path, block
        raise Unreadable(origin.path, f"other results are at every place for it, such as {path}")

    def _request_of(self, origin: Origin) -> Request | None:
        """The request that it answers: of the same model, precision and revision; else the only one that can be."""
        of_model = self._view.in_full(self._requests[origin.model].values())
        of_precision = [request for request in of_model if origin.precision in ("?", request.precision)]
        of_revision = [request for request in of_precision if request.revision == origin.revision]
        of_template = [request for request in of_revision if request.use_chat_template == origin.use_chat_template]
        candidates = (
            of_template
            or of_revision
            or (of_precision if len(of_precision) == 1 and len(of_precision[0].revision) != 40 else [])
        )
        return candidates[0] if candidates else None

    # --- writing

    def _commit(self, store: FileStore, changes: Mapping[str, bytes], counts: Counts, message: str, ours: Any) -> None:
        """Write what is new or different, in few commits; files of which `ours` says so are left alone."""
        writes: dict[str, tuple[bytes, str | None]] = {}
        for path, content in changes.items():
            try:
                present, version = store.read(path)
            except NotFound:
                counts.new += 1
                writes[path] = content, None
                continue
            if present == content:
                counts.unchanged += 1
            elif ours(present):
                counts.kept += 1
            else:
                counts.updated += 1
                writes[path] = content, version
        files = list(writes.items()) if self._write else []
        for batch in (files[at : at + BATCH] for at in range(0, len(files), BATCH)):
            store.commit(
                {path: content for path, (content, _) in batch},
                message,
                {path: version for path, (_, version) in batch},
            )


def _whole(content: bytes | Unreadable) -> bytes:
    if isinstance(content, Unreadable):
        raise content
    return content


def _is_ours(content: bytes) -> bool:
    """Whether a request file is not just as it was imported: written or changed by a Podium."""
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return True
    return not isinstance(fields, dict) or "imported" not in fields or bool(fields.get("schema_version"))


def _merged(earlier: Mapping[str, Any] | None, own: dict[str, Any]) -> dict[str, Any]:
    """`own`, with the tasks that only earlier runs of the same checkpoint measured: old boards ran a few at a time."""
    if earlier is None:
        return own
    joined = {key: {**(earlier.get(key) or {}), **(own.get(key) or {})} for key in ("results", "n-samples")}
    return {**own, **joined}


def _provenance(origin: Origin, imported: dict[str, str]) -> Provenance:
    """What the file says of how it was made, as far as it can be used."""
    aggregated = origin.aggregated
    config = aggregated.get("config_general") if isinstance(aggregated.get("config_general"), dict) else {}
    seconds = aggregated.get("total_evaluation_time_seconds", (config or {}).get("total_evaluation_time_secondes"))
    hashes = aggregated.get("task_hashes")
    versions = {"lm_eval": aggregated.get("lm_eval_version"), "transformers": aggregated.get("transformers_version")}
    fields: dict[str, Any] = {
        "packages": {name: version for name, version in versions.items() if isinstance(version, str)},
        "task_hashes": hashes if isinstance(hashes, dict) else {},
        "chat_template_sha": aggregated.get("chat_template_sha"),
        "wall_seconds": seconds,
    }
    try:
        return Provenance.model_validate(fields | {"imported": imported})
    except ValidationError as error:
        unusable = {problem["loc"][0] for problem in error.errors()}
        usable = {name: value for name, value in fields.items() if name not in unusable}
        return Provenance.model_validate(usable | {"imported": imported})
