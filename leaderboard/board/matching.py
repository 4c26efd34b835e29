"""Which rows a query of `leaderboard.board.search` finds: masks over columns of texts and numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from leaderboard.board.search import MATCHES, NAME, REVISION, Query, Term
from leaderboard.board.text_column import Mask, TextColumn

Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]
MANY = 8
"""Alternatives from which on they are looked for at once; fewer are remembered one by one, as readers share words."""
_HEX = re.compile(r"[0-9a-f]{4,40}")


class Columns(NamedTuple):
    """What is searched: equally long columns."""

    texts: Mapping[str, TextColumn]
    """Every field of FIELDS that is not a number."""
    numbers: Mapping[str, Numbers]
    """Every other field; NaN where unknown."""

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.texts[NAME])


def match(query: Query, columns: Columns, match_term: Callable[[Term, Columns], Mask] | None = None) -> Mask:
    """True for every row that the query asks for. `match_term` may remember what the module's own one finds."""
    match_term = match_term or find_term

    def find(term: Term) -> Mask:
        return match_term(term, columns)

    keep = np.ones(columns.size, dtype=bool)
    if query.names:
        keep &= _any(_all(part, find) for part in _at_once(query.names))
    for field in {term.field for term in query.fields}:
        values = [find(term) for term in query.fields if term.field == field and term.kind != "bound"]
        if values:
            keep &= _any(values)
    for term in query.fields:
        if term.kind == "bound":
            keep &= find(term)
    for part in _at_once([(term,) for term in query.excluded]):
        keep &= ~_all(part, find)
    return keep


def _at_once(parts: Sequence[tuple[Term, ...]]) -> Sequence[tuple[Term, ...]]:
    """The same alternatives; where many are one literal term on the name, these become one regular expression.

    Each look at all rows costs, however many names it is for.
    """
    literal = [part[0] for part in parts if len(part) == 1 and part[0].field is None and part[0].kind != "regex"]
    if len(literal) < MANY:
        return parts
    names = "|".join(_pattern(term) for term in literal)
    revisions = "|".join(term.value for term in literal if _may_be_revision(term))
    together = {(term,) for term in literal}
    others = [part for part in parts if part not in together]
    found = [(Term(None, "regex", names),), *([(Term(REVISION, "regex", f"^(?:{revisions})"),)] if revisions else [])]
    return [*found, *others]


def _pattern(term: Term) -> str:
    """What `_find_name` does with a literal term, as a regular expression."""
    literal = _literal(term.value)
    if term.kind == "address":
        return f"^{literal}$" if "/" in term.value else f"^{literal}(?:/|$)"
    return literal


def _may_be_revision(term: Term) -> bool:
    return term.kind == "word" and _HEX.fullmatch(term.value) is not None


def _any(masks: Iterable[Mask]) -> Mask:
    return np.asarray(np.logical_or.reduce(list(masks)), dtype=bool)


def _all(part: Sequence[Term], find: Callable[[Term], Mask]) -> Mask:
    """Rows in which every term is found; no further one is looked for when no row is left."""
    mask = find(part[0])
    for term in part[1:]:
        if not mask.any():
            break
        mask = mask & find(term)
    return mask


def find_term(term: Term, columns: Columns) -> Mask:
    """True for every row that one term matches."""
    if term.field is None:
        return _find_name(term, columns)
    if term.field in columns.numbers:
        numbers = columns.numbers[term.field]
        return np.isnan(numbers) if term.kind == "missing" else _in_range(term.value, numbers)
    texts = columns.texts[term.field]
    if term.kind == "missing":
        return ~texts.known
    if term.kind == "regex":
        return texts.where(lambda each: pc.match_substring_regex(each, term.value, ignore_case=True))
    if term.kind == "exact":
        return texts.where(lambda each: pc.equal(each, term.value))
    if MATCHES[term.field] == "start":
        return texts.where(lambda each: pc.starts_with(each, term.value))
    if MATCHES[term.field] == "word":
        return texts.where(lambda each: pc.match_substring_regex(each, r"(?:^|[^a-z0-9])" + _literal(term.value)))
    return texts.where(lambda each: pc.match_substring(each, term.value))


def _find_name(term: Term, columns: Columns) -> Mask:
    """Rows by what stands without a field: a part of the name, or the beginning of a revision."""
    names = columns.texts[NAME]
    if term.kind == "regex":
        return names.where(lambda each: pc.match_substring_regex(each, term.value, ignore_case=True))
    if term.kind == "address":
        exact = names.where(lambda each: pc.equal(each, term.value))
        return exact if "/" in term.value else exact | names.where(lambda each: pc.starts_with(each, f"{term.value}/"))
    mask = names.where(lambda each: pc.match_substring(each, term.value))
    if _may_be_revision(term):
        return mask | columns.texts[REVISION].where(lambda each: pc.starts_with(each, term.value))
    return mask


def _in_range(text: str, numbers: Numbers) -> Mask:
    if text[0] in "<>":
        sign = text[:2] if text[1] == "=" else text[0]
        bound = float(text[len(sign) :])
        compare = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}[sign]
        return np.asarray(compare(numbers, bound), dtype=bool)
    if "-" in text:
        low, high = (float(part) for part in text.split("-"))
        return np.asarray((numbers >= low) & (numbers <= high), dtype=bool)
    digits = -int(Decimal(text).as_tuple().exponent)
    half = 0.5 * 10.0**-digits
    return np.asarray((numbers >= float(text) - half) & (numbers < float(text) + half), dtype=bool)


def _literal(text: str) -> str:
    """`text` as an RE2 pattern that matches only itself."""
    return "".join(
        char if char.isalnum() or char in "_ " else "\\" + char if ord(char) < 128 else char for char in text
    )
