"""Files of decisions: one a benchmark, each change of it written down with who, when and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leaderboard import FileStore
from leaderboard.errors import Unreadable
from leaderboard.records import Versioned, utc
from leaderboard.stores.edit import EditedFiles, content_of, edit

Clock = Callable[[], datetime]
MAX_DECISIONS = 5000
"""The oldest of one file are dropped beyond so many."""


def utc_clock() -> datetime:
    """The time now."""
    return datetime.now(UTC)


class Decision(BaseModel):
    """What somebody decided."""

    model_config = ConfigDict(frozen=True)

    time: str
    """When (UTC)."""
    by: str
    """Who, as the server knows them."""
    what: str
    """A sentence without its subject: "opened the private board"."""
    subject: str = ""
    """Id of the request, or name of the team, that it is about."""
    why: str = ""
    """The reason, in their own words."""


class DecisionFile(Versioned):
    """A file of decisions, and what holds after them."""

    schema_version: int = 1
    decisions: list[Decision] = Field(default_factory=list)
    """Oldest first."""


F = TypeVar("F", bound=DecisionFile)
T = TypeVar("T")


class DecisionFiles(Generic[F]):
    """The file `competition/{benchmark}/{name}.json` of each benchmark in a store. Safe for threads and processes."""

    def __init__(self, store: FileStore, name: str, layout: type[F], clock: Clock = utc_clock) -> None:
        self._store = store
        self._name = name
        self._layout = layout
        self._clock = clock
        self._parsed: dict[str, tuple[bytes, F]] = {}

    def now(self) -> datetime:
        """The time now."""
        return self._clock()

    def path(self, benchmark_id: str) -> str:
        """Of a benchmark's file."""
        return f"competition/{benchmark_id}/{self._name}.json"

    def read(self, benchmark_id: str) -> F:
        """What holds now; not to be changed. Raises Unreadable."""
        path = self.path(benchmark_id)
        content = content_of(self._store, path)
        if content is None:
            return self._layout()
        known = self._parsed.get(benchmark_id)
        if known is None or known[0] != content:
            known = self._parsed[benchmark_id] = (content, self._parse(path, content))
        return known[1]

    def change(self, benchmark_id: str, decide: Callable[[F], T], message: str) -> T:
        """Let `decide` change what holds; it may be called several times, and what it raises ends the change.

        A file that `decide` leaves as it was is not written. Raises Unreadable, Conflict.
        """
        path = self.path(benchmark_id)

        def decide_and_write(files: EditedFiles) -> T:
            content = files.find(path)
            held = self._layout() if content is None else self._parse(path, content)
            result = decide(held)
            del held.decisions[:-MAX_DECISIONS]
            written = (held.model_dump_json(indent=1) + "\n").encode()
            if written != content:
                files.write(path, written)
            return result

        return edit(self._store, decide_and_write, message)

    def decision(self, by: str, what: str, subject: str = "", why: str = "") -> Decision:
        """A decision of this moment."""
        return Decision(time=utc(self._clock()), by=by, what=what, subject=subject, why=why)

    def _parse(self, path: str, content: bytes) -> F:
        try:
            return self._layout.model_validate_json(content)
        except ValidationError as error:
            raise Unreadable(path, f"it does not hold decisions ({error.error_count()} problems)") from None
