"""Evaluating all finished submissions of a benchmark once more, as after a fix of its scoring.

`competition/{benchmark}/reruns.json`, for everybody: who wanted it, when and why, and which submissions it is about. It
is written before the first of them is put back, so that whoever looks next goes on with one that was interrupted. Old
results are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from pydantic import BaseModel, Field

from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark
from leaderboard.competitions.decided import Clock, DecisionFile, DecisionFiles, utc_clock
from leaderboard.errors import NotFound, NotPossible
from leaderboard.queue.queue import Queue
from leaderboard.records import AnyRequest, EndedRequest, Status, new_id, utc
from leaderboard.stores.batched import BatchedStore

AT_ONCE = 200
"""Requests that are put back in one commit."""


class Rerun(BaseModel):
    """All finished submissions of a benchmark, once more."""

    id: str
    by: str
    time: str
    """When (UTC)."""
    why: str
    requests: dict[str, int]
    """Id of each that was finished then -> entries of its history then: with more, it was put back since."""
    put_back: bool = False
    """Whether all of them are in the queue again, or were."""


class RerunFile(DecisionFile):
    """The re-runs of a benchmark."""

    reruns: list[Rerun] = Field(default_factory=list)
    """Oldest first."""


class RerunProgress(NamedTuple):
    """How far a re-run is."""

    total: int
    finished: int
    """With a new result."""
    lost: int
    """Failed or cancelled since, or gone."""

    @property
    def waiting(self) -> int:
        """Those that wait or run."""
        return self.total - self.finished - self.lost


class Reruns:
    """The re-runs of every benchmark. Safe for threads and processes."""

    def __init__(self, store: FileStore, queue: Queue, clock: Clock = utc_clock) -> None:
        self._files = DecisionFiles(store, "reruns", RerunFile, clock)
        self._queue = queue

    def of(self, benchmark_id: str) -> Sequence[Rerun]:
        """Oldest first. Raises Unreadable."""
        return self._files.read(benchmark_id).reruns

    def start(self, benchmark: Benchmark, by: str, why: str) -> Rerun:
        """Put every finished submission back into the queue. Raises NotPossible where there is none, or one goes on."""
        finished = {
            request.id: _entries(request)
            for request in self._queue.view()
            if request.benchmark == benchmark.id and request.status is Status.FINISHED
        }

        def decide(held: RerunFile) -> Rerun:
            for rerun in held.reruns[-1:]:
                waiting = self.progress(rerun).waiting
                if waiting:
                    raise NotPossible(
                        f"A re-run of {benchmark.title} goes on: {waiting} of {len(rerun.requests)} submissions wait "
                        "or run. Start another one when it has ended."
                    )
            if not finished:
                raise NotPossible(f"{benchmark.title} has no finished submissions to run again.")
            time = utc(self._files.now())
            rerun = Rerun(id=new_id(), by=by, time=time, why=why, requests=finished)
            held.reruns.append(rerun)
            what = f"started a re-run of {len(finished)} submissions"
            held.decisions.append(self._files.decision(by, what, rerun.id, why))
            return rerun

        rerun = self._files.change(benchmark.id, decide, f"{by} runs all of {benchmark.id} again")
        self.go_on(benchmark.id)
        return rerun

    def go_on(self, benchmark_id: str) -> int:
        """Put back what was not put back yet; how many that were. Raises Infrastructure."""
        put_back = 0
        for rerun in self.of(benchmark_id):
            if not rerun.put_back:
                put_back += self._put_back(rerun)
                self._files.change(benchmark_id, _set_put_back(rerun.id), f"All of {benchmark_id} is put back")
        return put_back

    def progress(self, rerun: Rerun) -> RerunProgress:
        """How far it is, by the requests as they are now."""
        known = self._queue.view().by_id
        again = [known[each].status for each, entries in rerun.requests.items()
                 if each in known and _entries(known[each]) > entries]  # fmt: skip
        lost = again.count(Status.FAILED) + again.count(Status.CANCELLED) + len(rerun.requests.keys() - known.keys())
        return RerunProgress(len(rerun.requests), again.count(Status.FINISHED), lost)

    def _put_back(self, rerun: Rerun) -> int:
        """Put its requests back that did not run since, some hundreds in one commit."""
        view = self._queue.view()
        requests = view.in_full(view.by_id[each] for each in rerun.requests if each in view.by_id)
        waiting = [
            each for each in requests if each.status is Status.FINISHED and _entries(each) == rerun.requests[each.id]
        ]
        put_back = 0
        for first in range(0, len(waiting), AT_ONCE):
            gathered = Queue(BatchedStore(self._queue.store))
            gathered.view()
            for request in waiting[first : first + AT_ONCE]:
                with suppress(NotPossible, NotFound):  # somebody else was faster
                    gathered.rerun(request, rerun.by, f"run again with all others: {rerun.why}")
                    put_back += 1
            put_back -= len(gathered.flush(f"Run {len(rerun.requests)} submissions again"))
        return put_back


def _entries(request: AnyRequest) -> int:
    return request.entries if isinstance(request, EndedRequest) else len(request.history)


def _set_put_back(rerun_id: str) -> Callable[[RerunFile], None]:
    def decide(held: RerunFile) -> None:
        for rerun in held.reruns:
            rerun.put_back |= rerun.id == rerun_id

    return decide
