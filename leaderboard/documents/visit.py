"""A reader's address: what every page is drawn for."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from leaderboard.records import Person

SUBJECT = "subject"
"""The query value that stands for what follows a page's name: `/model?subject=org/name` is `/model/org/name`."""


@dataclass(frozen=True)
class Visit:
    """A reader's address (the path after the page's name, and the query) and who the reader is."""

    rest: tuple[str, ...] = ()
    query: dict[str, str] = field(default_factory=dict)
    person: Person | None = None

    @property
    def benchmark(self) -> str:
        """The benchmark in the address; empty for the first one."""
        return self.query.get("benchmark", "")

    def number(self, name: str, default: int = 0) -> int:
        """A query value as a number that is not negative."""
        text = self.query.get(name, "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else default


def parse_visit(text: str, person: Person | None = None) -> Visit:
    """The visit to `text`, a path with a query."""
    path, _, query_text = text.partition("?")
    _, *rest = [unquote(part) for part in path.split("/") if part] or [""]
    query = dict(parse_qsl(query_text))
    subject = [part for part in query.pop(SUBJECT, "").split("/") if part]
    return Visit(tuple(rest or subject), query, person)
