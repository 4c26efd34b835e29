"""A column of texts in little memory: each distinct text once, and for each row the place of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, overload

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Codes = np.ndarray[tuple[int], np.dtype[np.int32]]
Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]
Objects = np.ndarray[tuple[int], np.dtype[np.object_]]
Positions = np.ndarray[tuple[int], np.dtype[np.int64]]


class TextColumn:
    """Texts by row, None where unknown. A large board says little in many words: licences, types, commits."""

    def __init__(self, codes: Codes, values: pa.Array) -> None:
        self.codes = codes
        """Of each row the place of its text in `values`; -1 where it is unknown."""
        self.values = values
        """The distinct texts, in order of appearance."""

    @classmethod
    def of(cls, texts: pd.Series | Iterable[str | None]) -> TextColumn:
        """The column of `texts`; missing and empty ones are unknown."""
        series = texts if isinstance(texts, pd.Series) else pd.Series(list(texts), dtype=object)
        codes, distinct = pd.factorize(series)
        values = [None if value == "" else str(value) for value in distinct.tolist()]
        return cls._of_distinct(codes, values)

    @classmethod
    def _of_distinct(cls, codes: np.ndarray[Any, Any], values: list[str | None]) -> TextColumn:
        """The column of rows that name places in `values`, of which some are unknown or equal."""
        if None in values or len(set(values)) < len(values):
            again, distinct = pd.factorize(np.array(values, dtype=object))
            codes, values = np.append(again, -1)[codes], distinct.tolist()
        return cls(codes.astype(np.int32), pa.array(values, pa.string()))

    @classmethod
    def unknown(cls, size: int) -> TextColumn:
        """`size` rows without a text."""
        return cls(np.broadcast_to(np.int32(-1), size), pa.array([], pa.string()))

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[str | None]:
        return iter(self[:])

    @overload
    def __getitem__(self, at: int | np.integer[Any]) -> str | None: ...
    @overload
    def __getitem__(self, at: np.ndarray[Any, Any] | slice) -> Objects: ...
    def __getitem__(self, at: int | np.integer[Any] | np.ndarray[Any, Any] | slice) -> str | Objects | None:
        codes = self.codes[at]
        if isinstance(codes, np.ndarray):
            places = pa.array(codes, mask=codes < 0)
            return np.array(self.values.take(places).to_pylist(), dtype=object)
        text: str | None = self.values[int(codes)].as_py() if codes >= 0 else None
        return text

    @property
    def known(self) -> Mask:
        """True for the rows that have a text."""
        return np.asarray(self.codes >= 0, dtype=bool)

    @cached_property
    def lowered(self) -> pa.Array:
        """The distinct texts in lower case; some may be equal."""
        return pa.array([text.lower() for text in self.values.to_pylist()], pa.string())

    def rows(self, text: str) -> Positions:
        """The rows with this text."""
        code = pc.index(self.values, text).as_py()
        return np.flatnonzero(self.codes == code) if code >= 0 else np.array([], dtype=np.int64)

    def where(self, test: Callable[[pa.Array], pa.Array]) -> Mask:
        """True for the rows whose text in lower case passes; each distinct text is looked at once."""
        return self.spread(np.asarray(test(self.lowered).to_numpy(zero_copy_only=False), dtype=bool), False)

    def order(self) -> Positions:
        """Alphabetical position of each row's text, ignoring case; -1 where it is unknown."""
        ranks = pc.rank(self.lowered, sort_keys="ascending", tiebreaker="dense").to_numpy()
        return np.asarray(self.spread(ranks.astype(np.int64) - 1, -1), dtype=np.int64)

    def read(self, meaning: Callable[[str], str | None]) -> TextColumn:
        """What each text means."""
        return self._of_distinct(self.codes, [meaning(text) for text in self.values.to_pylist()])

    def spread(self, of_values: np.ndarray[Any, Any], unknown: object) -> np.ndarray[Any, Any]:
        """By row, what `of_values` says of its text."""
        return np.append(of_values, np.array([unknown], dtype=of_values.dtype))[self.codes]
