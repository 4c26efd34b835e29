"""Read, decide, commit; once more from the start where somebody was faster: how the files of a store are changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from leaderboard import FileStore
from leaderboard.errors import Conflict, NotFound

TRIES = 100
"""A change is given up when this many others came first."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.002, 0.1
"""Upper ends of the random waits between two tries."""
T = TypeVar("T")


class EditedFiles:
    """The files of one try of an edit: what was read and what shall be written.

    The commit is refused unless everything that was read, or found missing, is still the same.
    """

    def __init__(self, store: FileStore, message: str) -> None:
        self.message = message
        """What the commit says; may be changed once it is known better."""
        self._store = store
        self._contents: dict[str, bytes | None] = {}
        self._expected: dict[str, str | None] = {}
        self._changes: dict[str, bytes | None] = {}

    def find(self, path: str) -> bytes | None:
        """Content of a file before the edit; None where there is none. Raises Unreadable."""
        if path not in self._contents:
            try:
                self._contents[path], self._expected[path] = self._store.read(path)
            except NotFound:
                self._contents[path] = self._expected[path] = None
        return self._contents[path]

    def read(self, path: str) -> bytes:
        """Content of a file before the edit. Raises NotFound, Unreadable."""
        content = self.find(path)
        if content is None:
            raise NotFound(f"There is no file {path}.")
        return content

    def write(self, path: str, content: bytes | None) -> None:
        """Leave this content; None: no file."""
        self._changes[path] = content

    def create(self, path: str, content: bytes) -> None:
        """Leave a file that must not be there before."""
        self._changes[path] = content
        self._expected[path] = None

    def commit(self) -> None:
        """Write everything or nothing; without changes there is no commit. Raises what the store raises."""
        if self._changes:
            self._store.commit(self._changes, self.message, self._expected)


def content_of(store: FileStore, path: str) -> bytes | None:
    """Content of a file; None where there is none. Raises Unreadable."""
    try:
        return store.read(path)[0]
    except NotFound:
        return None


def edit(store: FileStore, decide: Callable[[EditedFiles], T], message: str) -> T:
    """Let `decide` read and write files, commit what it wrote, and return what it returned.

    `decide` is called again, with files that were read anew, as often as somebody else's commit came first. What it
    raises ends the edit, and nothing is written. Raises Conflict when others came first TRIES times, and what the store
    raises.
    """
    tries = Retrying(
        stop=stop_after_attempt(TRIES),
        wait=wait_random_exponential(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S),
        retry=retry_if_exception_type(Conflict),
        reraise=True,
    )
    for attempt in tries:
        files = EditedFiles(store, message)
        result = decide(files)  # outside of the attempt: a Conflict that `decide` raises is its last word
        with attempt:
            files.commit()
            return result
    raise AssertionError("the last try raises")
