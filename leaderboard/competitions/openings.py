"""When a competition's private board is shown: at its time, or when an organiser opens it.

`competition/{benchmark}/opening.json`, for everybody.
"""

from __future__ import annotations

from datetime import datetime

from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark
from leaderboard.competitions.decided import Clock, Decision, DecisionFile, DecisionFiles, utc_clock
from leaderboard.errors import NotPossible
from leaderboard.records import utc


class OpeningFile(DecisionFile):
    """Whether an organiser has opened a benchmark's private board."""

    opened: Decision | None = None
    """None as long as nobody has. What was seen cannot be hidden again, so that this is never taken back."""


class Openings:
    """The openings of private boards. Safe for threads and processes."""

    def __init__(self, store: FileStore, clock: Clock = utc_clock) -> None:
        self._files = DecisionFiles(store, "opening", OpeningFile, clock)

    def opened(self, benchmark: Benchmark, at: datetime) -> bool:
        """Whether everybody may see the private board at `at`; False where there is none. Raises Unreadable."""
        split = benchmark.competition.split if benchmark.competition else None
        if split is None:
            return False
        if split.opens is not None and at >= split.opens:
            return True
        return self._files.read(benchmark.id).opened is not None

    def by(self, benchmark_id: str) -> Decision | None:
        """Who opened it and when; None where no organiser has. Raises Unreadable."""
        return self._files.read(benchmark_id).opened

    def open(self, benchmark: Benchmark, by: str, why: str) -> Decision:
        """Open it for good. Raises NotPossible while submissions are taken, and where it is open."""
        rules = benchmark.competition
        if rules is None or rules.split is None:
            raise NotPossible(f"{benchmark.title} has no private board: its `competition` has no `split`.")
        if self.opened(benchmark, self._files.now()):
            raise NotPossible(f"The private board of {benchmark.title} is open already.")
        if rules.ends is not None and self._files.now() < rules.ends:
            raise NotPossible(
                f"Submissions to {benchmark.title} are taken until {utc(rules.ends)}. Open its private board then."
            )

        def decide(held: OpeningFile) -> Decision:
            if held.opened is None:
                held.opened = self._files.decision(by, "opened the private board", why=why)
                held.decisions.append(held.opened)
            return held.opened

        return self._files.change(benchmark.id, decide, f"{by} opens the private board of {benchmark.id}")
