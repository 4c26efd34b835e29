"""Results of an old board, one model after the other: scored, and written with their details."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from pydantic import ValidationError

from leaderboard.benchmarks import Benchmark
from leaderboard.errors import Unreadable
from leaderboard.hub.trees import blob_version
from leaderboard.importer.every_eval_ever import is_document, read_document
from leaderboard.importer.known_requests import KnownRequests, answered
from leaderboard.importer.results import Origin, in_harness_words, is_result, read_origin
from leaderboard.importer.samples import SamplesOf, may_be_shown, read_samples
from leaderboard.importer.sources import Content, OldBoard
from leaderboard.records import PodiumBlock, Provenance, Request, Score, model_folder
from leaderboard.results.result_files import read_json
from leaderboard.results.results import Results, result_file
from leaderboard.statistics.scores import score


class Found(NamedTuple):
    """A file with a result: where it is, and of what. Of each file no more is held in memory."""

    model: str
    time: str
    source: OldBoard
    path: str


class Made(NamedTuple):
    """A result of ours."""

    path: str
    block: PodiumBlock
    content: bytes
    aggregated: Mapping[str, Any]


class Measured(NamedTuple):
    """What the runs of one checkpoint have measured so far, in the harness's words."""

    results: Mapping[str, Any]
    sizes: Mapping[str, Any]
    scores: Mapping[str, Score]


def read_result(path: str, content: Content, benchmark: Benchmark) -> Origin:
    """The result in the file at `path`, whichever layout it has. Raises Unreadable."""
    if isinstance(content, Unreadable):
        raise content
    parsed = read_json(path, content)
    if is_document(parsed):
        return read_document(path, parsed, benchmark)
    if is_result(path):
        return read_origin(path, parsed)
    raise Unreadable(
        path, "its name is neither that of a request nor that of a result file, nor is it in the Every Eval Ever schema"
    )


class ResultConverter:
    """Makes results of ours of those that were found."""

    def __init__(self, results: Results, benchmark: Benchmark, requests: KnownRequests) -> None:
        self._results = results
        self._benchmark = benchmark
        self._requests = requests

    def convert(self, results: Sequence[Found]) -> Iterator[tuple[Found, Made | Unreadable]]:
        """Each result as ours, or why it cannot be, by model and time."""
        ordered = sorted(results, key=lambda found: (found.model, found.time, found.source.name, found.path))
        for model, of_model in groupby(ordered, key=lambda found: found.model):
            yield from _OfModel(self._results, self._benchmark, model, self._requests.of(model)).convert(of_model)


class _OfModel:
    """The results of one model, oldest first: a later run completes and corrects those before it."""

    def __init__(self, results: Results, benchmark: Benchmark, model: str, requests: list[Request]) -> None:
        self._benchmark = benchmark
        self._requests = requests
        self._known = dict(results.of_model(benchmark.id, model))
        """Path -> result that is here, or will be."""
        self._before: dict[tuple[Any, ...], Measured] = {}
        """By checkpoint."""

    def convert(self, results: Iterator[Found]) -> Iterator[tuple[Found, Made | Unreadable]]:
        for found in results:
            try:
                [(_, content)] = found.source.contents([found.path])
                yield found, self._made(found, read_result(found.path, content, self._benchmark))
            except Unreadable as problem:
                yield found, problem
            except RecursionError:
                yield found, Unreadable(found.path, "its values are nested too deeply")

    def _made(self, found: Found, origin: Origin) -> Made:
        measured = _joined(
            self._before.get(origin.checkpoint), in_harness_words(origin.aggregated, self._benchmark), origin
        )
        path, block = self._block(found, origin, measured)
        content = result_file(origin.aggregated, block)
        self._before[origin.checkpoint], self._known[path] = measured, block
        return Made(path, block, content, origin.aggregated)

    def _block(self, found: Found, origin: Origin, measured: Measured) -> tuple[str, PodiumBlock]:
        """Where the result belongs, and its block. Raises Unreadable."""
        harness = {**origin.aggregated, "results": measured.results, "n-samples": measured.sizes}
        scores, average = _scored(self._benchmark, harness, measured.scores)
        if all(value.raw is None for value in scores.values()):
            tasks = ", ".join(str(task)[:60] for task in list(measured.results)[:3]) or "none"
            raise Unreadable(origin.path, f"it measures no task of {self._benchmark.id} whole (it has: {tasks})")
        imported = {"from": found.source.name, "path": origin.path}
        request = answered(origin, self._requests)
        checkpoint = json.dumps([self._benchmark.id, *origin.checkpoint]).encode()
        request_id = request.id if request else blob_version(checkpoint)[:16]
        path, same = self._place(origin, request_id, imported)
        attempts = [result.attempt for result in self._known.values() if result.request_id == request_id]
        block = PodiumBlock(
            request_id=request_id,
            attempt=same.attempt if same else max(attempts, default=0) + 1,
            benchmark=self._benchmark.id,
            benchmark_version=self._benchmark.version,
            model=origin.model,
            revision=request.revision if request and not origin.says_revision else origin.revision,
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

    def _place(self, origin: Origin, request_id: str, imported: dict[str, str]) -> tuple[str, PodiumBlock | None]:
        """The result's path, and what was imported there from the same file before."""
        stamp = origin.time.replace(":", "-")
        path = ""
        for name in (stamp, f"{stamp}_{request_id}", f"{stamp}_{blob_version(origin.path.encode())[:16]}"):
            path = f"{self._benchmark.id}/{model_folder(origin.model)}/results_{name}.json"
            block = self._known.get(path)
            if block is None or (block.provenance.model_extra or {}).get("imported") == imported:
                return path, block
        raise Unreadable(origin.path, f"other results are at every place for it, such as {path}")


class SamplesConverter:
    """Makes details of ours of the samples that lie beside results."""

    def __init__(self, benchmark: Benchmark, samples: Mapping[int, SamplesOf]) -> None:
        """`samples`: by the `id` of their source."""
        self._benchmark = benchmark
        self._samples = samples

    def of(self, found: Found) -> Mapping[str, str]:
        """Task -> path of the samples of a result."""
        return self._samples.get(id(found.source), {}).get(found.path, {})

    def convert(self, found: Found, made: Made) -> Iterator[tuple[str, bytes | Unreadable]]:
        """Task -> its details, or why there are none; tasks that are not shown here are left out."""
        for task, path in self.of(found).items():
            if may_be_shown(self._benchmark, task, made.aggregated):
                try:
                    yield task, read_samples(path, found.source.file(path))
                except Unreadable as problem:
                    yield task, problem


def _joined(before: Measured | None, own: Mapping[str, Any], origin: Origin) -> Measured:
    """What is measured now, with what only earlier runs of the checkpoint measured: old boards ran a few at a time."""
    measured = Measured(_table(own.get("results")), _table(own.get("n-samples")), origin.scores)
    if before is None:
        return measured
    return Measured(*({**earlier, **now} for earlier, now in zip(before, measured, strict=True)))


def _scored(
    benchmark: Benchmark, harness: Mapping[str, Any], stated: Mapping[str, Score]
) -> tuple[dict[str, Score], float | None]:
    """The scores that follow from the tasks, and of columns whose tasks are not there those that the file states."""
    scores, average = score(benchmark, harness)
    missing = {key: value for key, value in stated.items() if scores[key].raw is None}
    if not missing:
        return scores, average
    scores |= missing
    points = [scores[column.key].normalised for column in benchmark.columns if column.in_average]
    known = [value for value in points if value is not None]
    return scores, sum(known) / len(known) if known and len(known) == len(points) else None


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


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
