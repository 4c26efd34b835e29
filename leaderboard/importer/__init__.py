"""Bring an old board: its request and result files, read from anywhere, written as ours. docs/import.md says how.

Every place and id is made from what is imported, so importing again changes only what changed there. What was changed
here since is left alone, and what cannot be read is told with its reason. However many files there are, few are in
memory at a time: results are read once for what they are of, and again, one model after the other, to be written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark
from leaderboard.errors import Unreadable
from leaderboard.importer.converting import Found, Made, ResultConverter, SamplesConverter, read_result
from leaderboard.importer.known import is_table, joined, of_request, read_table
from leaderboard.importer.known_requests import KnownRequests
from leaderboard.importer.report import Counts, Progress, RefusedFile, Report
from leaderboard.importer.requests import convert_request, is_request
from leaderboard.importer.samples import SamplesOf, is_samples, samples_of
from leaderboard.importer.sources import OldBoard
from leaderboard.importer.writing import Writer
from leaderboard.models.facts import facts_file, facts_path
from leaderboard.queue.queue import Queue
from leaderboard.records import ModelFacts
from leaderboard.results.details_store import DetailsBesideResults, DetailsStore
from leaderboard.results.results import Results

__all__ = ["Counts", "Importer", "RefusedFile", "Report"]


def quiet(what: str, done: int, total: int) -> None:
    """Tell nobody how far the import is."""


class Importer:
    """Imports into one benchmark of a board."""

    def __init__(
        self,
        queue: Queue,
        results: Results,
        results_store: FileStore,
        benchmark: Benchmark,
        write: bool = True,
        details: DetailsStore | None = None,
        progress: Progress = quiet,
    ) -> None:
        """Without `write`, nothing is changed and the report tells what would be. `details`: beside the results."""
        self._queue = queue
        self._results = results
        self._results_store = results_store
        self._details = details or DetailsBesideResults(results_store)
        self._benchmark = benchmark
        self._write = write
        self._progress = progress
        self._requests = KnownRequests(queue, benchmark.id)
        self._taken: dict[str, str] = {}
        """Path of a request here -> path of the file that it was made from."""
        self._samples: dict[int, SamplesOf] = {}
        self._revisions: dict[str, str] = {}
        """Model -> the commit of its last result."""
        self._known: dict[str, ModelFacts] = {}
        """Model -> what the old board's table says of it."""
        self._report = Report(benchmark=benchmark.id)

    def run(self, sources: Sequence[OldBoard]) -> Report:
        """Import the requests of all sources, then the results, then what is known of their models.

        Raises Conflict when somebody else writes meanwhile, and HubUnavailable; importing again goes on.
        """
        results: list[Found] = []
        for source in sources:
            paths = source.paths()
            self._import_requests(source, [path for path in paths if is_request(path)])
            others = [path for path in paths if not is_request(path) and not is_samples(path)]
            self._read_tables(source, [path for path in others if is_table(path)])
            results += self._find_results(source, [path for path in others if path.endswith(".json")])
            self._find_samples(source, paths)
        self._import_results(results)
        self._note_facts()
        return self._report

    def _refuse(self, source: OldBoard, path: str, reason: str) -> None:
        self._report.refused.append(RefusedFile(source=source.name, file=path, reason=reason))

    # --- what there is

    def _find_results(self, source: OldBoard, paths: Sequence[str]) -> list[Found]:
        """The results among these files; all others are refused."""
        results = []
        for done, (path, content) in enumerate(source.contents(paths)):
            self._progress("reading results", done, len(paths))
            try:
                origin = read_result(path, content, self._benchmark)
                results.append(Found(origin.model, origin.time, source, path))
            except Unreadable as problem:
                self._refuse(source, path, problem.reason)
            except RecursionError:
                self._refuse(source, path, "its values are nested too deeply")
        return results

    def _find_samples(self, source: OldBoard, paths: Sequence[str]) -> None:
        """Note which samples belong to which results; count what the import has no use for."""
        there = set(paths)
        by_result = samples_of(paths)
        samples = self._samples[id(source)] = {path: of for path, of in by_result.items() if path in there}
        used = {sample for of in samples.values() for sample in of.values()}
        unused = (path for path in paths if not path.endswith(".json") or is_samples(path))
        self._report.passed_over += sum(path not in used and not is_table(path) for path in unused)

    def _read_tables(self, source: OldBoard, paths: Sequence[str]) -> None:
        for path in paths:
            try:
                for facts in read_table(path, source.file(path)):
                    self._known[facts.model] = facts
            except Unreadable:
                self._report.passed_over += 1

    # --- requests

    def _import_requests(self, source: OldBoard, paths: Sequence[str]) -> None:
        writer = Writer(self._queue.store, f"Import requests of {source.name}", self._write)
        for done, (path, content) in enumerate(source.contents(paths)):
            self._progress("requests", done, len(paths))
            try:
                if isinstance(content, Unreadable):
                    raise content
                made = convert_request(path, content, self._benchmark.id, source.name)
            except Unreadable as problem:
                self._refuse(source, path, problem.reason)
                continue
            if made.path in self._taken:
                self._refuse(source, path, f"it asks for the same checkpoint as {self._taken[made.path]}")
                continue
            self._taken[made.path] = path
            self._requests.add(made)
            writer.add(made.path, made.content, self._report.requests, _is_ours)
        writer.close()

    # --- results

    def _import_results(self, results: Sequence[Found]) -> None:
        writer = Writer(self._results_store, "Import results", self._write)
        samples = SamplesConverter(self._benchmark, self._samples)
        converter = ResultConverter(self._results, self._benchmark, self._requests)
        for done, (found, made) in enumerate(converter.convert(results)):
            self._progress("results", done, len(results))
            if isinstance(made, Unreadable):
                self._refuse(found.source, found.path, made.reason)
                self._report.passed_over += len(samples.of(found))
                continue
            self._revisions[made.block.model] = made.block.revision
            self._report.limited += made.block.limit is not None
            writer.add_all(self._convert_samples(samples, found, made), self._report.details)
            writer.add(made.path, made.content, self._report.results)
        writer.close()

    def _convert_samples(self, samples: SamplesConverter, found: Found, made: Made) -> dict[str, bytes]:
        """Details to be written beside the result; in datasets of their own they are put here."""
        details = {}
        for task, table in samples.convert(found, made):
            if isinstance(table, Unreadable):
                self._refuse(found.source, table.path, table.reason)
            else:
                details[task] = table
        if not self._write or not details:
            self._report.details.new += len(details)
            return {}
        beside = self._details.put(made.block, made.path, made.content, details)
        self._report.details.new += 0 if beside else len(details)
        return dict(beside)

    # --- what is known of the models

    def _note_facts(self) -> None:
        """Keep what the old board knew of each model with a result, until the Hub was asked."""
        writer = Writer(self._results_store, "Facts of imported models", self._write)
        for request in self._requests:
            model = request.model
            if model in self._revisions:
                said = of_request(json.loads(request.content), model, request.revision)
                self._known[model] = joined(self._known[model], said) if model in self._known else said
        for done, (model, revision) in enumerate(self._revisions.items()):
            self._progress("facts of models", done, len(self._revisions))
            known = self._known.get(model, ModelFacts(model=model, revision=revision, imported=True))
            facts = known.model_copy(update={"revision": revision, "imported": True})
            writer.add(facts_path(model), facts_file(facts), self._report.facts, _is_learned)
        writer.close()


def _is_learned(content: bytes) -> bool:
    """Whether a facts file is not just what an import left."""
    return b'"imported": true' not in content


def _is_ours(content: bytes) -> bool:
    """Whether a request file is not just as it was imported: written or changed by a Podium."""
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return True
    return not isinstance(fields, dict) or "imported" not in fields or bool(fields.get("schema_version"))
