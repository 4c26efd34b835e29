"""Submissions that organisers look at by hand. `competition/{benchmark}/reviews.json`, for everybody.

What organisers note for each other is in `competition/{benchmark}/review-notes.json` of the private store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from pydantic import BaseModel, Field

from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark
from leaderboard.competitions.decided import Clock, DecisionFile, DecisionFiles, utc_clock
from leaderboard.competitions.finished import finished_request
from leaderboard.errors import NotPossible
from leaderboard.queue.queue import Queue
from leaderboard.records import utc

MAX_NOTES = 200
"""Notes on one submission."""


class ReviewState(StrEnum):
    """Where a review stands."""

    TO_REVIEW = "to review"
    IN_REVIEW = "in review"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    """The submission has no rank any more; it stays on the board, with the reason."""


class Review(BaseModel):
    """Where the review of a submission stands."""

    state: ReviewState
    reason: str = ""
    """For everybody; never empty for a refused one."""
    by: str
    """Who decided last."""
    time: str
    """When (UTC)."""


class ReviewFile(DecisionFile):
    """The reviews of a benchmark."""

    reviews: dict[str, Review] = Field(default_factory=dict)
    """Id of the request -> its review. What is not here was not looked at."""


class Note(BaseModel):
    """What an organiser noted for the others."""

    by: str
    time: str
    """When (UTC)."""
    text: str


class NoteFile(DecisionFile):
    """The notes on a benchmark's submissions."""

    notes: dict[str, list[Note]] = Field(default_factory=dict)
    """Id of the request -> notes, oldest first."""


class Reviews:
    """The reviews of every benchmark. Safe for threads and processes."""

    def __init__(self, store: FileStore, queue: Queue, clock: Clock = utc_clock) -> None:
        self._files = DecisionFiles(store, "reviews", ReviewFile, clock)
        self._queue = queue

    def of(self, benchmark_id: str) -> Mapping[str, Review]:
        """Id of the request -> its review. Raises Unreadable."""
        return self._files.read(benchmark_id).reviews

    def decide(self, benchmark: Benchmark, request_id: str, to: ReviewState, by: str, reason: str = "") -> Review:
        """Set where a review stands. Raises NotFound, NotPossible for a refusal without a reason."""
        request = finished_request(self._queue, benchmark, request_id)
        if to is ReviewState.REFUSED and not reason:
            raise NotPossible("A submission is refused with a reason, which everybody can read. Write one.")

        def decide(held: ReviewFile) -> Review:
            review = Review(state=to, reason=reason, by=by, time=utc(self._files.now()))
            held.reviews[request_id] = review
            what = f"set the review of {request.model} to {to.value}"
            held.decisions.append(self._files.decision(by, what, request_id, reason))
            return review

        return self._files.change(benchmark.id, decide, f"Review of {request.model}: {to.value}")


class ReviewNotes:
    """What organisers note on submissions, for each other. Safe for threads and processes."""

    def __init__(self, private: FileStore, queue: Queue, clock: Clock = utc_clock) -> None:
        """`private`: a store that nobody but the service reads."""
        self._files = DecisionFiles(private, "review-notes", NoteFile, clock)
        self._queue = queue

    def of(self, benchmark_id: str) -> Mapping[str, Sequence[Note]]:
        """Id of the request -> notes, oldest first. Raises Unreadable."""
        return self._files.read(benchmark_id).notes

    def add(self, benchmark: Benchmark, request_id: str, text: str, by: str) -> Note:
        """Raises NotFound, NotPossible."""
        finished_request(self._queue, benchmark, request_id)

        def decide(held: NoteFile) -> Note:
            notes = held.notes.setdefault(request_id, [])
            if len(notes) >= MAX_NOTES:
                raise NotPossible(f"There are {MAX_NOTES} notes on this submission already, which is the most.")
            note = Note(by=by, time=utc(self._files.now()), text=text)
            notes.append(note)
            return note

        return self._files.change(benchmark.id, decide, f"A note on {request_id}")
