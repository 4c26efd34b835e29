"""How far an evaluation is, and whether its numbers are numbers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import torch
from lm_eval.api.model import CacheHook

from backend.failures import JobFailed
from backend.workdir import Workdir
from leaderboard.records import Progress, utc

WRITE_S = 1.0
"""Seconds between two writings of the progress."""
SURE_AFTER_S = 3.0
"""An end is foretold only after this time."""
LOOKED_AT = 3
"""Forward passes whose output is looked at for NaN; log-likelihoods are all looked at."""
REQUEST_TYPES = ("loglikelihood", "loglikelihood_rolling", "generate_until")


class Watch(CacheHook):  # type: ignore[misc]
    """Counts a model's answers as the harness's cache hook, and writes the progress file.

    Engines that feed the hook only at the end of a call say before how far they are through `on_progress`.
    """

    def __init__(self, workdir: Workdir, model: str, precision: str) -> None:
        super().__init__(None)
        self._workdir = workdir
        self._words = f"{model} in {precision}"
        self._task = ""
        self._before = 0
        self._skipped = 0
        self._hooked = self._reported = 0
        self._total = 0
        self._began = self._written = time.monotonic()

    def say(self, what: str) -> None:
        """Write what is being done now, besides answering."""
        self._workdir.write_progress(Progress(task=what, done=self._before, total=self._total))

    def attach(self, lm: Any, expected: int) -> None:
        """Watch `lm` answer about `expected` requests."""
        self._total = expected
        lm.set_cache_hook(self)
        if hasattr(lm, "on_progress"):
            lm.on_progress = self.report
        for kind in REQUEST_TYPES:
            setattr(lm, kind, self._around(getattr(lm, kind)))
        self._look_for_nan(lm.model)

    def add_partial(self, attr: str, req: Iterable[Any], res: Any) -> None:
        """One answer; the harness calls this."""
        value = res[0] if isinstance(res, tuple) else res
        if isinstance(value, float) and math.isnan(value):
            self._not_a_number()
        self._hooked += 1
        self._write()

    def skip(self, answers: int) -> None:
        """Some of the expected requests are answered without any work."""
        self._before += answers
        self._skipped += answers

    def report(self, done: int, total: int) -> None:
        """`done` of the current call's requests are answered."""
        self._reported = done
        self._write()

    def _around(self, answer: Callable[..., Any]) -> Callable[..., Any]:
        def watched(requests: list[Any], *args: Any, **kwargs: Any) -> Any:
            names = sorted({request.task_name for request in requests if request.task_name})
            self._task = names[0] if len(names) == 1 else f"{len(names)} tasks"
            self._total = max(self._total, self._before + len(requests))
            self._write(now=True)
            answers = answer(requests, *args, **kwargs)
            self._before += len(requests)
            self._hooked = self._reported = 0
            return answers

        return watched

    def _write(self, now: bool = False) -> None:
        moment = time.monotonic()
        if not now and moment - self._written < WRITE_S:
            return
        self._written = moment
        done = self._before + max(self._hooked, self._reported)
        elapsed = moment - self._began
        eta = None
        worked = done - self._skipped
        if worked and elapsed > SURE_AFTER_S:
            left = elapsed * (self._total - done) / worked
            eta = utc(datetime.now(UTC) + timedelta(seconds=left))
        self._workdir.write_progress(Progress(task=self._task, done=done, total=self._total, eta=eta))

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
