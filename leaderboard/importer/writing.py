"""Writing what is imported: only what is new or different, in commits of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from leaderboard import FileStore
from leaderboard.errors import NotFound
from leaderboard.importer.report import Counts

BATCH = 500
"""Files in one commit, at most."""
BATCH_BYTES = 32 << 20
"""Bytes in one commit, but for a file that has more; also what waits in memory. The Hub limits commits by the hour."""


class Writer:
    """Gathers files for one store. `close` writes what still waits."""

    def __init__(self, store: FileStore, message: str, write: bool = True) -> None:
        """Without `write`, files are compared and counted, and nothing changes."""
        self._store = store
        self._message = message
        self._write = write
        self._waiting: dict[str, tuple[bytes, str | None]] = {}
        self._bytes = 0

    def add(
        self, path: str, content: bytes, counts: Counts, is_ours: Callable[[bytes], bool] = lambda present: False
    ) -> None:
        """Write the file, unless it is there as it is; one of which `is_ours` says so is left alone.

        Raises Conflict when somebody else writes it meanwhile.
        """
        if path in self._waiting:
            self.close()
        present, version = self._present(path)
        if present is None:
            counts.new += 1
        elif present == content:
            counts.unchanged += 1
            return
        elif is_ours(present):
            counts.kept += 1
            return
        else:
            counts.updated += 1
        if self._write:
            self._waiting[path] = content, version
            self._bytes += len(content)
            if len(self._waiting) >= BATCH or self._bytes >= BATCH_BYTES:
                self.close()

    def add_all(self, files: Mapping[str, bytes], counts: Counts) -> None:
        """Write several files."""
        for path, content in files.items():
            self.add(path, content, counts)

    def close(self) -> None:
        """Write what waits."""
        waiting, self._waiting, self._bytes = self._waiting, {}, 0
        if waiting:
            contents = {path: content for path, (content, _) in waiting.items()}
            self._store.commit(contents, self._message, {path: version for path, (_, version) in waiting.items()})

    def _present(self, path: str) -> tuple[bytes | None, str | None]:
        with suppress(NotFound):
            return self._store.read(path)
        return None, None
