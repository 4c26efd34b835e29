"""What rows are called in addresses: `org/name@commit_precision_weights`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np

from leaderboard.board.text_column import TextColumn


class RowIds(Sequence[str]):
    """The id of each row, made when it is asked for: those of a large board would take more memory than its scores."""

    def __init__(self, names: TextColumn, ends: Callable[[np.ndarray[Any, Any]], Sequence[str]]) -> None:
        """`ends` gives what follows name and `@` in the ids of rows."""
        self._names = names
        self._ends = ends

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.of(np.arange(len(self))))

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        rows = np.arange(len(self))[at]
        return self.of(rows) if isinstance(at, slice) else self.of(np.array([rows]))[0]

    def of(self, at: np.ndarray[Any, Any]) -> list[str]:
        """The ids of some rows."""
        return [f"{name}@{end}" for name, end in zip(self._names[at], self._ends(at), strict=True)]

    def positions(self, ids: Iterable[str]) -> list[int]:
        """The rows with these ids, in their order; ids that no row has are left out."""
        return [at for at in map(self.position, ids) if at is not None]

    def position(self, id: str) -> int | None:
        """The row with this id, the last of several; None without one."""
        rows = self._names.rows(id.partition("@")[0])
        ids = self.of(rows)
        return int(rows[len(ids) - 1 - ids[::-1].index(id)]) if id in ids else None
