"""How far an evaluation is, and whether its numbers are numbers."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import torch
from lm_eval.api.model import CacheHook

from backend.failures import JobFailed
from backend.workdir import Workdir
from leaderboard.records import Progress, TaskProgress, utc
from leaderboard.results.log_parts import say

WRITE_S = 1.0
"""Seconds between two writings of the progress."""
SURE_AFTER_S = 3.0
"""An end is foretold only after this time."""
MOST_TASKS, MOST_NAME = 1000, 256
"""Tasks that are told apart, and characters of their names."""
LOOKED_AT = 3
"""Forward passes whose output is looked at for NaN; log-likelihoods are all looked at."""
REQUEST_TYPES = ("loglikelihood", "loglikelihood_rolling", "generate_until")


class Call:
    """The requests of one call of the model, and which tasks' were answered."""

    def __init__(self, requests: Sequence[Any]) -> None:
        self._names = [str(request.task_name or "others")[:MOST_NAME] for request in requests]
        self.counts = Counter(self._names)
        """Task -> its requests, in the order in which the tasks come."""
        self._asked: dict[Any, list[str]] = {}
        for name, request in zip(self._names, requests, strict=True):
            self._asked.setdefault(_question(request.args), []).append(name)
        self._hooked: Counter[str] = Counter()
        self._reported: Counter[str] = Counter()

    def hook(self, req: Sequence[Any]) -> None:
        """One request is answered; the harness names it by its arguments."""
        names = self._asked.get(_question(req))
        if names:
            self._hooked[names.pop()] += 1

    def report(self, indices: Collection[int]) -> None:
        """These requests are answered, as the engine says."""
        self._reported.update(self._names[index] for index in indices)

    def done(self, name: str) -> int:
        """How many of a task's requests are answered; an engine says so first, and then the hook once more."""
        return max(self._hooked[name], self._reported[name])


def _question(args: Sequence[Any]) -> Any:
    """What tells a request from others: its texts, without options of generation."""
    return tuple(text for text in args if isinstance(text, str))


class Watch(CacheHook):  # type: ignore[misc]
    """Counts a model's answers as the harness's cache hook, and writes the progress file.

    Engines that feed the hook only at the end of a call say before what they have answered through `on_answered`.
    """

    def __init__(self, workdir: Workdir, model: str, precision: str) -> None:
        super().__init__(None)
        self._workdir = workdir
        self._words = f"{model} in {precision}"
        self._task = ""
        self._totals: dict[str, int] = {}
        self._done: Counter[str] = Counter()
        """Task -> requests answered in calls that have ended, or by an earlier attempt."""
        self._skipped = 0
        """Requests of these that an earlier attempt has answered."""
        self._call = Call(())
        self._began = self._written = time.monotonic()

    def say(self, what: str) -> None:
        """Write what is being done now, besides answering."""
        self._task = what
        say(what)
        self._write(now=True, sure=False)

    def attach(self, lm: Any, expected: Mapping[str, int]) -> None:
        """Watch `lm` answer; `expected`: task -> about how many requests it has, in their order."""
        self._totals = {name[:MOST_NAME]: total for name, total in expected.items()}
        lm.set_cache_hook(self)
        if hasattr(lm, "on_answered"):
            lm.on_answered = self.report
        for kind in REQUEST_TYPES:
            setattr(lm, kind, self._around(getattr(lm, kind)))
        self._look_for_nan(lm.model)

    def add_partial(self, attr: str, req: Sequence[Any], res: Any) -> None:
        """One answer; the harness calls this."""
        value = res[0] if isinstance(res, tuple) else res
        if isinstance(value, float) and math.isnan(value):
            self._not_a_number()
        self._call.hook(req)
        self._write()

    def skip(self, requests: Sequence[Any]) -> None:
        """These requests were answered by an earlier attempt."""
        self._done.update(Call(requests).counts)
        self._skipped += len(requests)

    def report(self, indices: Collection[int]) -> None:
        """These of the current call's requests are answered."""
        self._call.report(indices)
        self._write()

    def _around(self, answer: Callable[..., Any]) -> Callable[..., Any]:
        def watched(requests: list[Any], *args: Any, **kwargs: Any) -> Any:
            self._call = Call(requests)
            counts = self._call.counts
            for name, count in counts.items():
                self._totals[name] = max(self._totals.get(name, 0), self._done[name] + count)
            task = next(iter(counts)) if len(counts) == 1 else f"{len(counts)} tasks"
            if task != self._task:
                say(f"answering requests of {task}")
            self._task = task
            self._write(now=True)
            answers = answer(requests, *args, **kwargs)
            self._done.update(counts)
            self._call = Call(())
            return answers

        return watched

    def _write(self, now: bool = False, sure: bool = True) -> None:
        """Write how far it is; unless `now`, at most every WRITE_S. `sure`: with the end that is foretold."""
        moment = time.monotonic()
        if not now and moment - self._written < WRITE_S:
            return
        self._written = moment
        tasks = [
            TaskProgress(task=name, done=min(total, self._done[name] + self._call.done(name)), total=total)
            for name, total in self._totals.items()
        ]
        done, total = sum(task.done for task in tasks), sum(task.total for task in tasks)
        elapsed = moment - self._began
        eta = None
        worked = done - self._skipped
        if sure and worked > 0 and elapsed > SURE_AFTER_S:
            eta = utc(datetime.now(UTC) + timedelta(seconds=elapsed * (total - done) / worked))
        self._workdir.write_progress(
            Progress(task=self._task, done=done, total=total, eta=eta, tasks=tasks[:MOST_TASKS])
        )

    def _look_for_nan(self, model: Any) -> None:
        seen = 0

        def look(module: Any, args: Any, output: Any) -> None:
            nonlocal seen
            seen += 1
            logits = getattr(output, "logits", None)
            if logits is not None and bool(torch.isnan(logits[:, -1]).any()):
                self._not_a_number()
            if seen >= LOOKED_AT:
                handle.remove()

        handle = model.register_forward_hook(look)

    def _not_a_number(self) -> None:
        raise JobFailed(
            "not_a_number",
            f"{self._words} answers with NaN instead of probabilities, so it cannot be scored. Large activations "
            "overflow float16: submit it in bfloat16, or check the weights.",
        )
