"""The board's one search grammar: text -> Query -> a mask over rows.

    query  = part { ";" part }
    part   = { ["-"] term }
    term   = words | "quoted words" | /regex/ | field ":" value
    value  = words | "exact value" | /regex/ | for params: <10, <=10, >7, >=7, 7-13, 7

* Words without a field match the model's name; each word must be found, in any order. A word of four or more hex
  digits also matches revisions that begin with it. Parts separated by `;` are alternatives: `llama; qwen` shows both.
* Different fields must all hold; several values of one field are alternatives. The order does not matter.
* `-` before a term leaves out what it matches.
* license, precision and type match from the beginning of a word (`mit` finds `mit`, never `limited`); architecture,
  base and sender match anywhere; a quoted value must be the whole value. Case never matters.
* `params:7` finds what rounds to 7; unknown sizes match no number.
* Regular expressions are RE2's. All other characters are literal: `c++` and `(` find themselves.
* An unknown field is reported with the known ones and left out; it is never read as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leaderboard.columns import BY_KEY, COLUMNS

Kind = Literal["words", "exact", "regex", "range"]
Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]
Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]

NAME, REVISION = "name", "revision"
"""Where words without a field are looked for."""
SEARCHED = {NAME: BY_KEY["model"]} | {column.search.names[0]: column for column in COLUMNS if column.search}
"""Field -> the column that it searches."""
MATCHES = {field: column.search.matches for field, column in SEARCHED.items() if column.search}
FIELDS = {field: column.search.names for field, column in SEARCHED.items() if column.search}
"""Field -> the names under which it may be written."""
ALIASES = {alias: field for field, aliases in FIELDS.items() for alias in aliases}
SPACED = "|".join(alias for alias in ALIASES if " " in alias)
MAX_QUERY = 1000
"""Characters read of a query; the rest is left out with a warning."""

_FIELD = re.compile(rf"((?:{SPACED}|[^\W\d][\w-]*))\s*:", re.IGNORECASE)
_NUMBER = r"\d+(?:\.\d+)?"
_RANGE = re.compile(
    rf"\s*(?:(<=|>=|<|>|=)\s*({_NUMBER})|({_NUMBER})\s*(?:-|\.\.)\s*({_NUMBER})|({_NUMBER}))\s*[bB]?\s*"
)
_HEX = re.compile(r"[0-9a-f]{4,40}")


class Term(NamedTuple):
    """One condition on one field."""

    field: str
    kind: Kind
    value: str


class Query(NamedTuple):
    """A parsed query; `warnings` are sentences for the reader."""

    wanted: tuple[Term, ...] = ()
    excluded: tuple[Term, ...] = ()
    warnings: tuple[str, ...] = ()


class Columns(NamedTuple):
    """What is searched: equally long arrays; texts in lower case, null where unknown."""

    texts: Mapping[str, pa.Array | pa.ChunkedArray]
    """Every field of FIELDS that is not a number."""
    numbers: Mapping[str, Numbers]
    """Every other field; NaN where unknown."""

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.texts[NAME])


def parse(text: str) -> Query:
    """Read a query. Never raises: what cannot be used is left out and named in `warnings`."""
    warnings: list[str] = []
    if len(text) > MAX_QUERY:
        warnings.append(f"Only the first {MAX_QUERY} characters of the search are used.")
    wanted: list[Term] = []
    excluded: list[Term] = []
    for negated, field, kind, value in _terms(text[:MAX_QUERY]):
        term = _term(field, kind, value, warnings)
        if term is not None:
            (excluded if negated else wanted).append(term)
    return Query(tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(excluded)), tuple(dict.fromkeys(warnings)))


def write(query: Query) -> str:
    """A text that parses to `query` (without its warnings)."""
    parts = [_write(term) for term in query.wanted] + ["-" + _write(term) for term in query.excluded]
    return "; ".join(parts)


def match(query: Query, columns: Columns, match_term: Callable[[Term, Columns], Mask] | None = None) -> Mask:
    """True for every row that the query asks for. `match_term` may remember what the module's own one finds."""
    match_term = match_term or find_term
    keep = np.ones(columns.size, dtype=bool)
    by_field: dict[str, Mask] = {}
    for term in query.wanted:
        mask = _match_parts(term, columns, match_term)
        by_field[term.field] = by_field[term.field] | mask if term.field in by_field else mask
    for mask in by_field.values():
        keep &= mask
    for term in query.excluded:
        keep &= ~_match_parts(term, columns, match_term)
    return keep


def _terms(text: str) -> Iterator[tuple[bool, str | None, Kind, str]]:
    """(negated, field as written or None, kind, value) of every term, from left to right."""
    at = 0
    while at < len(text):
        if text[at].isspace() or text[at] == ";":
            at += 1
            continue
        start = at
        negated = text[at] == "-" and at + 1 < len(text) and not text[at + 1].isspace()
        at += negated
        field = None
        marker = _FIELD.match(text, at)
        if marker:
            field, at = marker[1], marker.end()
            while at < len(text) and text[at] in " \t":
                at += 1
        kind, value, at = _value(text, at)
        at = max(at, start + 1)
        if value or field:
            yield negated, field, kind, value


def _value(text: str, at: int) -> tuple[Kind, str, int]:
    """The value that begins at `at` and where it ends: quoted, a regex, or words up to `;` or the next term."""
    if at < len(text) and text[at] == '"':
        end = text.find('"', at + 1)
        if end > 0:
            return "exact", text[at + 1 : end], end + 1
    if at < len(text) and text[at] == "/":
        closing = re.compile(r"(?:[^/\\]|\\.)+").match(text, at + 1)
        if closing and text[closing.end() : closing.end() + 1] == "/":
            return "regex", closing[0], closing.end() + 1
    end = text.find(";", at)
    end = len(text) if end < 0 else end
    for space in re.compile(r"\s+(?=\S)").finditer(text, at, end):
        following = space.end()
        opens = text[following] in '"/' or (text[following] == "-" and text[following + 1 : following + 2].strip(";"))
        if opens or _FIELD.match(text, following):
            end = space.start()
            break
    return "words", text[at:end].strip(), end


def _term(written: str | None, kind: Kind, value: str, warnings: list[str]) -> Term | None:
    """The term that was written, or None with a warning."""
    field = NAME if written is None else ALIASES.get(" ".join(written.lower().split()))
    if field is None:
        known = ", ".join(f"{name}:" for name in FIELDS)
        warnings.append(f"There is no field “{written}”. The fields are {known}")
        return None
    value = value.strip().lower() if kind != "regex" else value
    if not value:
        warnings.append(f"“{written}:” has no value and is left out.") if written else None
        return None
    if MATCHES[field] == "number":
        return _number_term(field, value, warnings)
    if kind == "regex":
        try:
            pc.match_substring_regex(pa.array([""]), value)
        except pa.ArrowInvalid as error:
            warnings.append(f"/{value}/ is not a regular expression: {str(error).split('regex:')[-1].strip()}")
            return None
    if kind == "words":
        value = " ".join(value.split())
    return Term(field, kind, value)


def _number_term(field: str, value: str, warnings: list[str]) -> Term | None:
    bounds = _RANGE.fullmatch(value)
    if not bounds:
        unit = SEARCHED[field].about.rstrip(".").lower()
        warnings.append(f"“{field}:{value}” is not understood. Write <10, >=7, 7-13 or 7 ({unit}).")
        return None
    sign, bound, low, high, about = bounds.groups()
    text = f"{sign}{bound}" if sign and sign != "=" else f"{low}-{high}" if low else str(about or bound)
    return Term(field, "range", text)


def _write(term: Term) -> str:
    value = {"words": term.value, "exact": f'"{term.value}"', "regex": f"/{term.value}/", "range": term.value}[
        term.kind
    ]
    return value if term.field == NAME else f"{term.field}:{value}"


def _match_parts(term: Term, columns: Columns, match_term: Callable[[Term, Columns], Mask]) -> Mask:
    """All rows with every word of a term on names, asked for word by word, since readers share words."""
    if term.field != NAME or term.kind != "words":
        return match_term(term, columns)
    masks = [match_term(Term(NAME, "words", word), columns) for word in term.value.split()]
    return np.asarray(np.logical_and.reduce(masks), dtype=bool)


def find_term(term: Term, columns: Columns) -> Mask:
    """True for every row that one term matches."""
    if term.kind == "range":
        return _in_range(term.value, columns.numbers[term.field])
    texts = columns.texts[term.field]
    if term.kind == "regex":
        return _mask(pc.match_substring_regex(texts, term.value, ignore_case=True))
    if term.kind == "exact":
        # A quoted name is still looked for inside the name: people quote to keep `;` or `-` literal.
        return _mask(pc.match_substring(texts, term.value) if term.field == NAME else pc.equal(texts, term.value))
    if term.field == NAME:
        return _match_word(term.value, columns)
    if MATCHES[term.field] == "start":
        return _mask(pc.starts_with(texts, term.value))
    if MATCHES[term.field] == "word":
        return _mask(pc.match_substring_regex(texts, r"(?:^|[^a-z0-9])" + _literal(term.value)))
    return _mask(pc.match_substring(texts, term.value))


def _match_word(word: str, columns: Columns) -> Mask:
    mask = _mask(pc.match_substring(columns.texts[NAME], word))
    return mask | _mask(pc.starts_with(columns.texts[REVISION], word)) if _HEX.fullmatch(word) else mask


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


def _mask(mask: pa.Array | pa.ChunkedArray) -> Mask:
    return np.asarray(mask.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)


def _literal(text: str) -> str:
    """`text` as an RE2 pattern that matches only itself."""
    return "".join(
        char if char.isalnum() or char in "_ " else "\\" + char if ord(char) < 128 else char for char in text
    )
