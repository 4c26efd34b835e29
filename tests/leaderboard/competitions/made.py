"""A competition over folders, with a time that passes when told to, and its submissions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark
from leaderboard.competitions.competitions import Competitions
from leaderboard.queue.queue import Queue
from leaderboard.records import Request, request_of
from leaderboard.stores.local import LocalStore

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
FIELDS: dict[str, Any] = {
    "id": "pairs",
    "version": "1",
    "title": "Pairs",
    "description": "Which pairs match.",
    "kinds": ["predictions"],
    "columns": [{"key": "auc", "title": "AUC", "score": "auc"}],
}
RULES: dict[str, Any] = {
    "starts": START.isoformat(),
    "ends": END.isoformat(),
    "team_size": 3,
    "final_submissions": 2,
    "limits": {"per_day": 2, "total": 10},
    "split": {"opens": None},
}


def benchmark(**rules: Any) -> Benchmark:
    return Benchmark.model_validate({**FIELDS, "competition": {**RULES, **rules}})


class Clock:
    """A time that passes only when told to."""

    def __init__(self, time: datetime = START) -> None:
        self.time = time

    def __call__(self) -> datetime:
        return self.time

    def elapsed(self) -> float:
        return self.time.timestamp()

    def pass_days(self, days: float) -> None:
        self.time += timedelta(days=days)


class Competition:
    """Everything that is decided in a competition, over two folders below `root`."""

    def __init__(self, root: Path, requests: FileStore | None = None) -> None:
        self.clock = Clock()
        self.root = root
        self.public, self.private = LocalStore(root / "results"), LocalStore(root / "private")
        self.queue = Queue(requests or LocalStore(root / "requests"), self.clock, self.clock.elapsed)
        decided = Competitions(self.public, self.queue, lambda: self.private, self.clock)
        self.teams, self.openings, self.selections = decided.teams, decided.openings, decided.selections
        self.reviews, self.notes, self.baselines = decided.reviews, decided.notes, decided.baselines
        self._sent = 0

    def submit(self, person: str, finished: bool = True, benchmark: str = "pairs", track: str = "open") -> Request:
        """A submission of somebody, finished unless told otherwise."""
        self._sent += 1
        digest = f"{self._sent:064x}"
        request = self.queue.submit(
            request_of(
                {
                    "kind": "predictions", "benchmark": benchmark, "model": f"{person}/try-{self._sent}",
                    "revision": digest, "sender": person, "track": track,
                    "artifact": {"sha256": digest, "bytes": 1, "filename": "answers.csv"},
                }
            )
        )  # fmt: skip
        return self.finish(request) if finished else request

    def finish(self, request: Request) -> Request:
        return self.queue.finish(self.queue.claim(request, "worker", 60))

    def team(self, *people: str, name: str = "Reds") -> None:
        """A team of these; the first one founds it."""
        founder, *others = people
        self.teams.found(benchmark(), name, founder)
        for person in others:
            self.teams.invite(benchmark(), person, founder)
            self.teams.join(benchmark(), f"Team {name}", person)
