"""Scorers that draw random numbers, made reproducible without touching a task's definition.

IFEval's scorer draws a random letter where an instruction names none, so that equal texts can score differently in two
runs. Inside `seeded_scorers` every example is scored with `random` seeded from its own document.
"""

import functools
import hashlib
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lm_eval.api.task import ConfigurableTask

SEEDING = "random seeded per example from the SHA-256 of its document"
"""What a result's provenance says of it."""


@contextmanager
def seeded_scorers() -> Iterator[str]:
    """Score each example with `random` seeded from its document; the state around it is left as it was."""
    stock = ConfigurableTask.process_results

    @functools.wraps(stock)
    def process_results(self: Any, doc: Any, results: Any) -> Any:
        state = random.getstate()
        random.seed(_seed(doc))
        try:
            return stock(self, doc, results)
        finally:
            random.setstate(state)

    ConfigurableTask.process_results = process_results
    try:
        yield SEEDING
    finally:
        ConfigurableTask.process_results = stock


def _seed(doc: Any) -> int:
    text = json.dumps(doc, sort_keys=True, default=str, ensure_ascii=False)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
