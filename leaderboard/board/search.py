"""The board's one search grammar: text -> Query. `leaderboard.board.matching` finds the rows.

    query  = part { (";" | line break) part }
    part   = { ["-"] (term | field ":" value { "," value }) }
    term   = word | "quoted text" | /regex/ | an address of the Hub
    value  = word | "exact value" | /regex/ | "" | for params: <10, <=10, >7, >=7, 7-13, 7

* Terms are searched in the model's name; a word of four or more hex digits also matches revisions that begin with it.
  The terms of a part must all hold. Parts separated by `;` are alternatives: `llama 7b; qwen` shows both.
* Fields narrow whatever part they stand in. Different fields must all hold; several values of one field are
  alternatives, but bounds (`<`, `>`) must all hold. `""` is no value. The order of what is written never matters.
* `-` before a term or a field leaves out what it matches, whatever part it stands in.
* license, precision, type and kind match from the beginning of a word (`mit` finds `mit`, never `limited`); revision
  from the beginning; name, architecture, base and sender anywhere; a quoted value must be the whole value. Case never
  matters.
* `params:7` finds what rounds to 7; unknown sizes match no number.
* Regular expressions are RE2's. All other characters are literal: `c++` and `(` find themselves.
* An unknown field is reported with the known ones and left out with its value; it is never read as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from leaderboard.board.hub_addresses import is_address, model_at
from leaderboard.columns import BY_KEY, COLUMNS
from leaderboard.errors import NotAccepted
from leaderboard.records import Problem
from leaderboard.settings import PUBLIC_HUB

Kind = Literal["word", "exact", "regex", "bound", "range", "missing", "address"]

NAME, REVISION = "name", "revision"
"""Where terms without a field are searched."""
SEARCHED = {NAME: BY_KEY["model"]} | {column.search.names[0]: column for column in COLUMNS if column.search}
"""Field -> the column that it searches."""
MATCHES = {field: column.search.matches for field, column in SEARCHED.items() if column.search}
_WRITTEN = re.compile(r"[^\W\d][\w-]*(?: [\w-]+)*")
"""A heading that can be written as a field; one with other characters cannot."""


def _headings(field: str) -> tuple[str, ...]:
    """Names of the field, and its column's headings here and in the contents table."""
    column = SEARCHED[field]
    headings = (text.lower() for text in (column.heading, column.name) if _WRITTEN.fullmatch(text))
    return tuple(dict.fromkeys((*(column.search.names if column.search else ()), *headings)))


FIELDS = {field: _headings(field) for field in SEARCHED}
"""Field -> the names under which it may be written."""
ALIASES = {alias: field for field, aliases in FIELDS.items() for alias in aliases}
SPACED = {
    name
    for name in (*ALIASES, *(text.lower() for column in COLUMNS for text in (column.heading, column.name)))
    if " " in name and _WRITTEN.fullmatch(name)
}
"""Names of several words: those of the fields, and of columns that are not searched."""
MAX_QUERY = 10_000
"""Characters of a query."""
MAX_TERMS = 200
"""Terms and values of a query: each costs a look at every row."""
MAX_WARNINGS = 10
_CLIPPED = 60
"""Characters of the query that a warning repeats."""

_FIELD = re.compile(
    rf"((?:{'|'.join(sorted(map(re.escape, SPACED), reverse=True))}|[^\W\d][\w-]*))\s*:".replace(r"\ ", r"\s+"),
    re.IGNORECASE,
)
_NUMBER = r"\d+(?:\.\d+)?"
_AMOUNT = re.compile(
    rf"(?:(<=|>=|<|>|=)\s*({_NUMBER})|({_NUMBER})[bB]?(?:-|\.\.|\s+-\s+)({_NUMBER})|({_NUMBER}))[bB]?(?=[\s;,]|$)"
)
_SEPARATORS = ";\n\r"
_QUOTED = re.compile(r'"([^"]*)"')
_REGEX = re.compile(r"/((?:[^/\\]|\\.|/(?![\s;,]|$))+)/(?=[\s;,]|$)", re.DOTALL)
_WORD = re.compile(r"[^\s;]+")
_VALUE = re.compile(r"[^\s;,]+")
_COMMA = re.compile(r"\s*,\s*")


class Term(NamedTuple):
    """One condition on one field; on the name and the revision where `field` is None."""

    field: str | None
    kind: Kind
    value: str


class Query(NamedTuple):
    """A parsed query; `warnings` are sentences for the reader."""

    names: tuple[tuple[Term, ...], ...] = ()
    """Alternatives, each a list of terms that must all hold; empty for any name."""
    fields: tuple[Term, ...] = ()
    """Different fields must all hold; several values of one field are alternatives, its bounds must all hold."""
    excluded: tuple[Term, ...] = ()
    warnings: tuple[str, ...] = ()


class _Piece(NamedTuple):
    """A term, or a field with its values, as it was written."""

    negated: bool
    field: str | None
    values: tuple[tuple[Kind, str], ...]


def parse(text: str, hub: str = PUBLIC_HUB) -> Query:
    """Read a query: what cannot be used is left out and named in `warnings`. `hub` is the Hub's address.

    Raises NotAccepted for a query that is too long to be carried out; it is never cut.
    """
    if len(text) > MAX_QUERY:
        raise _too_long(f"{len(text):,} characters", f"{MAX_QUERY:,}")
    parts: list[list[Term]] = [[]]
    fields: list[Term] = []
    excluded: list[Term] = []
    warnings: list[str] = []
    number = 0
    for piece in _pieces(text):
        if piece is None:
            parts.append([])
            continue
        number += max(1, len(piece.values))
        if number > MAX_TERMS:
            raise _too_long(f"more than {MAX_TERMS} words and values", str(MAX_TERMS))
        own = excluded if piece.negated else parts[-1] if piece.field is None else fields
        own.extend(_terms(piece, hub, warnings))
    names = dict.fromkeys(tuple(dict.fromkeys(part)) for part in parts if part)
    return Query(tuple(names), tuple(dict.fromkeys(fields)), tuple(dict.fromkeys(excluded)), _few(warnings))


def write(query: Query) -> str:
    """A text that parses to `query` (without its warnings)."""
    # Fields come first: a word before one could be read as a part of the field's name, as in `base model: x`.
    first = [_write(term) for term in query.fields] + ["-" + _write(term) for term in query.excluded]
    return " ".join(first) + " " * bool(first) + "; ".join(" ".join(map(_write, part)) for part in query.names)


def _write(term: Term) -> str:
    texts = {"exact": f'"{term.value}"', "regex": f"/{term.value}/", "missing": '""'}
    if term.kind == "address":
        return f"{PUBLIC_HUB}/{quote(term.value)}"
    text = texts.get(term.kind, term.value)
    return text if term.field is None else f"{term.field}: {text}"


def _too_long(length: str, most: str) -> NotAccepted:
    return NotAccepted(
        [
            Problem(
                code="search_too_long",
                field="search",
                message=f"The search is too long: it has {length}, and may have at most {most}.",
                fix="Make several shorter searches.",
            )
        ]
    )


def _few(warnings: list[str]) -> tuple[str, ...]:
    """Each warning once, and no more than a reader looks at."""
    each = tuple(dict.fromkeys(warnings))
    more = len(each) - MAX_WARNINGS
    return each if more <= 0 else (*each[:MAX_WARNINGS], f"{more} more parts of the search are left out.")


def _pieces(text: str) -> Iterator[_Piece | None]:
    """Every term and field, from left to right, and None for each `;` and line break."""
    at = 0
    while at < len(text):
        if text[at] in _SEPARATORS:
            yield None
        if text[at].isspace() or text[at] == ";":
            at += 1
            continue
        negated = _negates(text, at)
        at += negated
        word = _WORD.match(text, at)
        marker = None if word and is_address(word[0]) else _FIELD.match(text, at)
        if marker:
            values, at = _values(text, marker.end(), ALIASES.get(_plain(marker[1])))
            yield _Piece(negated, marker[1], values)
        else:
            kind, value, at = _quoted(text, at) or _matched(word, at)
            yield _Piece(negated, None, ((kind, value),))


def _negates(text: str, at: int) -> bool:
    return text[at] == "-" and bool(text[at + 1 : at + 2].strip(" \t\r\n;"))


def _values(text: str, at: int, field: str | None) -> tuple[tuple[tuple[Kind, str], ...], int]:
    """The values that begin at `at`, separated by commas, and where they end. `field` is None for an unknown one."""
    values: list[tuple[Kind, str]] = []
    at = _after_spaces(text, at)
    while at < len(text) and text[at] not in ";," and not _begins_term(text, at):
        kind, value, at = _amount(text, at, field) or _quoted(text, at) or _matched(_VALUE.match(text, at), at)
        values.append((kind, value))
        comma = _COMMA.match(text, at)
        if not comma:
            break
        at = comma.end()
    return tuple(values), at


def _after_spaces(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _begins_term(text: str, at: int) -> bool:
    """Whether another term or known field begins here, where a value could stand."""
    marker = _FIELD.match(text, at)
    return _negates(text, at) or (marker is not None and _plain(marker[1]) in ALIASES)


def _amount(text: str, at: int, field: str | None) -> tuple[Kind, str, int] | None:
    """The number or range that begins at `at`, and where it ends; only a comparison where the field is not a number."""
    amount = _AMOUNT.match(text, at) if text[at] in "<>=" or (field and MATCHES[field] == "number") else None
    return ("range", amount[0], amount.end()) if amount else None


def _quoted(text: str, at: int) -> tuple[Kind, str, int] | None:
    """The quoted text or regular expression that begins at `at`, and where it ends."""
    if quoted := _QUOTED.match(text, at):
        return "exact", quoted[1], quoted.end()
    if regex := _REGEX.match(text, at):
        return "regex", regex[1], regex.end()
    return None


def _matched(word: re.Match[str] | None, at: int) -> tuple[Kind, str, int]:
    assert word is not None, at
    return "word", word[0], word.end()


def _plain(written: str) -> str:
    return " ".join(written.lower().split())


def _terms(piece: _Piece, hub: str, warnings: list[str]) -> Iterator[Term]:
    """The terms of a piece; what cannot be used becomes a warning."""
    if piece.field is None:
        yield from (term for kind, value in piece.values if (term := _name_term(kind, value, hub, warnings)))
        return
    field = ALIASES.get(_plain(piece.field))
    if field is None:
        known = ", ".join(f"{name}:" for name in FIELDS)
        warnings.append(f"There is no field “{_clipped(piece.field)}”. The fields are {known}")
        return
    if not piece.values:
        warnings.append(f'“{piece.field}:” has no value and is left out. Write {field}:"" for rows without one.')
    for kind, value in piece.values:
        if term := _field_term(field, kind, value, warnings):
            yield term


def _name_term(kind: Kind, value: str, hub: str, warnings: list[str]) -> Term | None:
    if kind == "regex":
        return _regex_term(None, value, warnings)
    if kind == "exact":
        return Term(None, "exact", value.lower()) if value.strip() else None
    if is_address(value, hub):
        if model := model_at(value, hub):
            return Term(None, "address", model.lower())
        warnings.append(f"“{_clipped(value)}” is not the address of a model. Such an address is {hub}/org/name.")
    elif value.endswith(",") and len(value) > 1:
        warnings.append(f"“{_clipped(value)}” is searched with its comma. Names are separated by “;”.")
    return Term(None, "word", value.lower())


def _field_term(field: str, kind: Kind, value: str, warnings: list[str]) -> Term | None:
    if kind == "exact" and not value.strip():
        return Term(field, "missing", "")
    if MATCHES[field] == "number":
        return _number_term(field, value, warnings)
    if kind == "regex":
        return _regex_term(field, value, warnings)
    return Term(field, "exact" if kind == "exact" else "word", value.lower())


def _regex_term(field: str | None, value: str, warnings: list[str]) -> Term | None:
    try:
        pc.match_substring_regex(pa.array([""]), value)
    except pa.ArrowInvalid as error:
        why = str(error).split("regex:")[-1].strip()
        warnings.append(f"/{_clipped(value)}/ is not a regular expression: {_clipped(why)}")
        return None
    return Term(field, "regex", value)


def _number_term(field: str, value: str, warnings: list[str]) -> Term | None:
    amount = _AMOUNT.fullmatch(value.strip())
    if not amount:
        unit = SEARCHED[field].about.rstrip(".").lower()
        warnings.append(f"“{field}:{_clipped(value)}” is not understood. Write <10, >=7, 7-13 or 7 ({unit}).")
        return None
    sign, bound, low, high, about = amount.groups()
    if sign and sign != "=":
        return Term(field, "bound", f"{sign}{bound}")
    return Term(field, "range", f"{low}-{high}" if low else str(about or bound))


def _clipped(text: str) -> str:
    return text if len(text) <= _CLIPPED else f"{text[:_CLIPPED]}…"
