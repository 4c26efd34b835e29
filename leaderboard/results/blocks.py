"""The one reader of result blocks: each version of a result file is read and validated once, for all who ask."""

from __future__ import annotations

import threading
from collections import OrderedDict

from leaderboard import FileStore
from leaderboard.errors import Unreadable
from leaderboard.records import PodiumBlock
from leaderboard.results.result_files import read_block

KEPT = 500
"""Blocks in memory, about 12 kB each: a board of 100,000 rows keeps its table, not its blocks."""


class ResultBlocks:
    """The blocks of a results store's files, the latest asked for kept in memory. Safe for threads."""

    def __init__(self, store: FileStore, kept: int = KEPT) -> None:
        self._store = store
        self._most = kept
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[str, PodiumBlock | str]] = OrderedDict()
        """Path -> version, and the block or the reason why it cannot be read."""

    def read(self, path: str, version: str) -> tuple[PodiumBlock, str]:
        """The block at `path` and its file's version; `version` is the one that was listed.

        Raises NotFound for a file that is gone meanwhile, and Unreadable.
        """
        with self._lock:
            known = self._kept.get(path)
            if known is not None and known[0] == version:
                self._kept.move_to_end(path)
                return _block(path, known[1]), version
        content, version = self._store.read(path)
        block: PodiumBlock | str
        try:
            block = read_block(path, content)
        except Unreadable as problem:
            block = problem.reason
        self.keep(path, version, block)
        return _block(path, block), version

    def keep(self, path: str, version: str, block: PodiumBlock | str) -> None:
        """Remember the block of the file at `path` in that version, or the reason why it cannot be read.

        The file may be there only later: whoever publishes it knows what it will say.
        """
        with self._lock:
            self._kept[path] = (version, block)
            self._kept.move_to_end(path)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


def _block(path: str, block: PodiumBlock | str) -> PodiumBlock:
    if isinstance(block, str):
        raise Unreadable(path, block)
    return block
