"""The interface `item`: a class that is set up once in each process, and asked about one item at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backend.evaluators.code_run.answers import Answer, checked, failed
from backend.evaluators.code_run.data import Item
from backend.evaluators.code_run.failures import CallFailed, FailureKind
from backend.evaluators.code_run.inside.messages import Most
from backend.evaluators.code_run.output import Output
from backend.evaluators.code_run.process import Confinement, SubmittedProcess
from backend.failures import JobFailed
from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.results.log_parts import say

MOST_FAILURES_SHOWN = 10
DOCUMENT_BYTES = 1 << 20
"""Of an answer beside its arrays; a list of numbers may be as long as that."""


@dataclass
class Calls:
    """What came of the calls."""

    answers: list[Answer] = field(default_factory=list)
    """One for each item, in their order; what stands in for it where the call failed."""
    answered: list[Answer] = field(default_factory=list)
    """Those that are the package's own."""
    failures: Counter[tuple[FailureKind, str]] = field(default_factory=Counter)
    """How often calls failed, by kind and place."""
    seconds: list[float] = field(default_factory=list)
    """Of each call."""

    @property
    def failed(self) -> int:
        """Number of calls that failed."""
        return self.failures.total()

    def by_kind(self) -> dict[str, int]:
        """Number of failed calls by kind."""
        kinds = Counter[str]()
        for (kind, _), calls in self.failures.items():
            kinds[kind.value] += calls
        return dict(kinds)

    def worst(self) -> list[str]:
        """The most frequent failures in words."""
        most = self.failures.most_common(MOST_FAILURES_SHOWN)
        return [f"{calls} of the calls: {text}" if calls > 1 else f"one call: {text}" for (_, text), calls in most]


class ItemRun:
    """Asks a package about every item; a process that has ended is started again for the next one."""

    def __init__(self, rules: CodeRules, confinement: Confinement, context: Mapping[str, Any], output: Output) -> None:
        """`context` is what `setup` gets."""
        self._rules = rules
        self._confinement = confinement
        self._context = dict(context)
        self._output = output
        self._process: SubmittedProcess | None = None

    def run(self, items: Sequence[Item], progress: Callable[[int], None]) -> Calls:
        """Every call's answer. `progress` is told how many are done. Raises JobFailed, OutOfTime."""
        calls = Calls()
        try:
            self._started()
            for item in items:
                self._ask(item, calls)
                progress(len(calls.answers))
        finally:
            if self._process is not None:
                self._process.close()
        return calls

    def _ask(self, item: Item, calls: Calls) -> None:
        process, value = self._started(), item.read()
        begin = time.monotonic()
        try:
            answer = process.ask("call", "predict", value, seconds=self._rules.call_seconds, most=_most(item.label))
            answer = checked(answer, item.label, self._rules.prediction_range)
            calls.answered.append(answer)
        except CallFailed as failure:
            answer = failed(item.label, self._rules.failed)
            process.show_printed()
            self._note(failure, calls, len(calls.answers) + 1)
        calls.seconds.append(time.monotonic() - begin)
        calls.answers.append(answer)

    def _note(self, failure: CallFailed, calls: Calls, number: int) -> None:
        """Count a failure, show the first of its sort. Raises JobFailed when there are too many."""
        sort = (failure.kind, failure.place(self._rules.show_output))
        if sort not in calls.failures and len(calls.failures) < MOST_FAILURES_SHOWN:
            say(f"Call {number} failed: {failure.sentence(self._rules.show_output)}.")
        calls.failures[sort] += 1
        if calls.failed > self._rules.max_failures:
            raise JobFailed(
                "code_calls",
                f"The run was ended after {number} calls, of which {calls.failed} failed; the benchmark allows "
                f"{self._rules.max_failures}. {'; '.join(calls.worst()[:3])}. Fix `predict` and submit the package "
                "again.",
            )

    def _started(self) -> SubmittedProcess:
        """A process that is set up. Raises JobFailed."""
        if self._process is None or not self._process.alive:
            self._process = SubmittedProcess(self._confinement, self._output)
            set_up(self._process, self._rules, self._context)
        return self._process


def set_up(process: SubmittedProcess, rules: CodeRules, context: Mapping[str, Any]) -> None:
    """Import the entry file, make an instance and set it up, all in the time for a start. Raises JobFailed."""
    end = time.monotonic() + rules.setup_seconds
    import_entry(process, rules, end)
    try:
        process.ask("create", rules.class_name, seconds=_left(end))
        process.ask("call_if_there", "setup", context, seconds=_left(end))
    except CallFailed as failure:
        raise JobFailed(
            "code_setup",
            f"`{rules.class_name}` in {rules.entry} could not be set up: {failure.sentence(rules.show_output)}. It has "
            f"{rules.setup_seconds:g} seconds together with the import. Fix it and submit the package again.",
        ) from None


def import_entry(process: SubmittedProcess, rules: CodeRules, end: float) -> None:
    """Import the entry file until `end` (monotonic seconds). Raises JobFailed."""
    try:
        process.ask("import", rules.entry.removesuffix(".py"), seconds=_left(end))
    except CallFailed as failure:
        raise JobFailed(
            "code_import",
            f"{rules.entry} could not be imported: {failure.sentence(rules.show_output)}. Fix it and submit the "
            "package again.",
        ) from None


def _most(label: Answer) -> Most:
    """How large an answer may be where `label` is right."""
    if not isinstance(label, np.ndarray):
        return Most(DOCUMENT_BYTES, 0, 0)
    return Most(DOCUMENT_BYTES + 32 * label.size, 16 * label.size + 1024, 1)


def _left(end: float) -> float:
    return max(0.0, end - time.monotonic())
