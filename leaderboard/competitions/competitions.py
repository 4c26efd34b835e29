"""Everything that is decided while competitions run, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark
from leaderboard.competitions.baselines import Baselines
from leaderboard.competitions.decided import Clock, Decision, DecisionFile, DecisionFiles, utc_clock
from leaderboard.competitions.migrations import Migrations
from leaderboard.competitions.openings import Openings
from leaderboard.competitions.reruns import Reruns
from leaderboard.competitions.reviews import ReviewNotes, Reviews
from leaderboard.competitions.selections import Selections
from leaderboard.competitions.standings import Standings
from leaderboard.competitions.teams import Teams
from leaderboard.queue.queue import Queue

PUBLIC = ("teams", "opening", "reviews", "baselines", "reruns", "migrations")
"""Names of the files of decisions that everybody may read."""


class Competitions:
    """The decisions of all benchmarks. The private store is opened when it is first needed."""

    def __init__(
        self, store: FileStore, queue: Queue, open_private: Callable[[], FileStore], clock: Clock = utc_clock
    ) -> None:
        """`store`: the results store; `open_private`: opens the store that nobody but the service reads."""
        self.teams = Teams(store, queue, clock)
        self.openings = Openings(store, clock)
        self.reviews = Reviews(store, queue, clock)
        self.baselines = Baselines(store, queue, clock)
        self.standings = Standings(store)
        self.reruns = Reruns(store, queue, clock)
        self.migrations = Migrations(store, queue, clock)
        self._logs = [DecisionFiles(store, name, DecisionFile) for name in PUBLIC]
        self._queue = queue
        self._open_private = open_private
        self._clock = clock

    def log(self, benchmark_id: str) -> list[Decision]:
        """Every public decision about a benchmark, the newest first. Raises Unreadable."""
        decisions = [decision for files in self._logs for decision in files.read(benchmark_id).decisions]
        return sorted(decisions, key=lambda decision: decision.time, reverse=True)

    def go_on(self, benchmarks: Iterable[Benchmark]) -> int:
        """Do what is due: phases take submissions over, interrupted re-runs go on. How many requests were queued.

        Raises Unreadable, Infrastructure.
        """
        return sum(self.migrations.go_on(each) + self.reruns.go_on(each.id) for each in benchmarks)

    @cached_property
    def selections(self) -> Selections:
        """What participants chose. Raises BadSettings, HubUnavailable."""
        return Selections(self._private, self._queue, self.teams, self._clock)

    @cached_property
    def notes(self) -> ReviewNotes:
        """What organisers note for each other. Raises BadSettings, HubUnavailable."""
        return ReviewNotes(self._private, self._queue, self._clock)

    @cached_property
    def _private(self) -> FileStore:
        return self._open_private()
