"""What this worker says of itself in the requests store: `workers/{worker}.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from backend.sandbox import programs
from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark
from leaderboard.errors import NotFound
from leaderboard.records import Abilities, now
from leaderboard.records.submission import CODE


class Registration:
    """Writes the worker's file whenever something in it has changed."""

    def __init__(
        self,
        store: FileStore,
        worker: str,
        benchmarks: Mapping[str, Benchmark],
        slots: int,
        kinds: Sequence[str],
    ) -> None:
        self._store = store
        self._path = f"workers/{worker}.json"
        self._worker = worker
        self._ours = {
            "kinds": list(kinds), "benchmarks": list(benchmarks), "slots": slots, **refusals(benchmarks),
        }  # fmt: skip
        self.written: Abilities | None = None
        """As last written; None before."""

    def update(self, abilities: Abilities | None, trouble: str) -> bool:
        """Write what a trial job found out (None before one has worked) and the `trouble`; whether that was needed."""
        if abilities is None and not trouble:
            return False
        known = abilities or self.stored() or Abilities(worker=self._worker)
        known = known.model_copy(update={**self._ours, "trouble": trouble, "updated": ""})
        if known == self.written:
            return False
        content = (known.model_copy(update={"updated": now()}).model_dump_json(indent=2) + "\n").encode()
        self._store.commit({self._path: content}, f"What {self._worker} can do")
        self.written = known
        return True

    def stored(self) -> Abilities | None:
        """What this worker last wrote; None when it never did."""
        try:
            return Abilities.model_validate_json(self._store.read(self._path)[0])
        except (NotFound, ValidationError):
            return None


def refusals(benchmarks: Mapping[str, Benchmark]) -> dict[str, Any]:
    """What cannot be evaluated here for want of a sandbox for programs, which is tried only where one is needed."""
    code = any(CODE in benchmark.kinds for benchmark in benchmarks.values())
    bundles = [benchmark.id for benchmark in benchmarks.values() if benchmark.bundle is not None]
    why = programs.missing() if code or bundles else ""
    if not why:
        return {}
    return {"refused_kinds": {CODE: why} if code else {}, "refused_benchmarks": dict.fromkeys(bundles, why)}
