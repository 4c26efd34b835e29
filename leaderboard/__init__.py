"""Podium's front half: what a submitter or a reader needs. Gradio only under `pages/`.

The seam to where files live is `FileStore`; the local folder and the Hub's dataset repositories implement it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

__version__ = "0.1.0"


class Changes(NamedTuple):
    """What happened in a store since a version."""

    version: str
    """The version up to which this tells; give it to the next `changes_since`."""
    paths: dict[str, str | None]
    """Changed path -> its new version, None when it is gone."""
    complete: bool = False
    """`paths` names every file there is: forget any other (the version asked for was None or is not known any more)."""


class FileStore(Protocol):
    """Files under paths, with compare-and-swap. Versions are opaque; equal content may have equal versions."""

    gathers: bool
    """Whether commits wait for `flush`, because each is costly."""

    def list(self, prefix: str = "") -> dict[str, str]:
        """Path -> version of every file whose path begins with `prefix`."""
        ...

    def set_aside(self) -> Mapping[str, str]:
        """Path -> why, of everything that is there, is not listed and is not read, as it was last seen."""
        ...

    def kept_at(self, name: str) -> Path:
        """Where to keep `name`, made from the files of this store, between starts; it may go at any time."""
        ...

    def read(self, path: str) -> tuple[bytes, str]:
        """Content and version of a file. Raises NotFound, Unreadable for one over the store's limit."""
        ...

    def read_many(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes, str]]:
        """Path, content and version of each of `paths` that is there; where reading is slow, several at a time."""
        ...

    def commit(
        self, changes: Mapping[str, bytes | None], message: str, expected: Mapping[str, str | None] | None = None
    ) -> str:
        """Write (bytes) or delete (None) all of `changes`, or nothing, and return the store's new version.

        `expected` maps paths to the version they must still have, None for "must not exist".
        Raises Conflict when one of them differs.
        """
        ...

    def flush(self, message: str, now_or_never: str = "") -> set[str]:
        """Make one commit of all commits that wait, and return the paths whose changes came too late and were dropped.

        Where nothing ever waits, it does nothing. When the store fails, commits go on waiting for the next flush, but
        for those that touch the path `now_or_never`: they are dropped. Raises Infrastructure.
        """
        ...

    def changes_since(self, version: str | None) -> Changes:
        """What changed since `version`; everything when it is None or too old to be known."""
        ...
