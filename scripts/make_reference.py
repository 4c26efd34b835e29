"""Write the generated parts of docs/reference.md from the code: `python -m scripts.make_reference`. `--check` compares.

A generated part is between `<!-- begin NAME -->` and `<!-- end NAME -->`; the rest of the page is written by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from backend.executors.opening import EXECUTORS
from backend.resources import CLUSTER
from leaderboard.board.search import FIELDS
from leaderboard.board.search_help import RULES
from leaderboard.queue.queue import MOVES
from leaderboard.records import MODEL_TYPE_SYMBOLS, Status
from leaderboard.settings import PROJECT, Settings

PAGE = PROJECT / "docs" / "reference.md"


def settings() -> str:
    """Every setting: variable, default, meaning."""
    rows = [(variable(name, field), default(field), text(field)) for name, field in Settings.model_fields.items()]
    return table(("variable", "default", "meaning"), rows)


def variable(name: str, field: FieldInfo) -> str:
    """The environment variable of a setting."""
    alias = field.validation_alias
    choices: list[Any] = getattr(alias, "choices", [])
    return f"`{choices[0] if choices else 'PODIUM_' + name.upper()}`"


def default(field: FieldInfo) -> str:
    """A setting's default as text."""
    value = field.default
    if isinstance(value, Path):
        if value.is_relative_to(PROJECT):
            return f"`{value.relative_to(PROJECT)}/`"
        return f"`~/{value.relative_to(Path.home())}/`" if value.is_relative_to(Path.home()) else f"`{value}`"
    if value is None or isinstance(value, SecretStr) or value == "":
        return "–"
    return "this machine's name" if field.description and "claims requests" in field.description else f"`{value}`"


def text(field: FieldInfo) -> str:
    """A setting's docstring on one line."""
    return " ".join((field.description or "").split())


def executors() -> str:
    """Every value of PODIUM_EXECUTOR: what it is, and whether jobs survive a stop of the scheduler."""
    rows = [
        (f"`{name}`", (executor.__doc__ or "").splitlines()[0], "yes" if outlives(executor) else "no")
        for name, executor in EXECUTORS.items()
    ]
    return table(("`PODIUM_EXECUTOR`", "where jobs run", "jobs outlive the scheduler"), rows)


def outlives(executor: type[object]) -> bool:
    """Whether the class says that its jobs outlive the scheduler."""
    return getattr(executor, "outlives_scheduler", False) is True


def statuses() -> str:
    """Every status and the statuses that may follow it."""
    rows = [
        (f"`{status.value}`", ", ".join(f"`{to.value}`" for to in sorted(MOVES[status])) or "–") for status in Status
    ]
    return table(("status", "may become"), rows)


def search() -> str:
    """Every field of the search grammar."""
    return table(
        ("field", "may be written"),
        [(f"`{name}:`", ", ".join(f"`{a}:`" for a in ways)) for name, ways in FIELDS.items()],
    )


def search_rules() -> str:
    """What may be written in a search, and what it means."""
    return table(("written", "means"), RULES)


def model_types() -> str:
    """Every model type and its symbol."""
    return table(("symbol", "model type"), [(symbol, kind.value) for kind, symbol in MODEL_TYPE_SYMBOLS.items()])


def table(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in [heading, ("---",) * len(heading), *rows]]
    return "\n".join(lines)


def sizes() -> str:
    """What jobs get on a cluster where the operator gives no table."""
    rows = [
        (f"{row.up_to_gb:g}" if row.up_to_gb else "more", *(f"{value:g}" for value in (row.gpus, row.cpus)),
         *(f"{value:g}" for value in (row.memory_gb, row.hours)))
        for row in CLUSTER
    ]  # fmt: skip
    return table(("`up_to_gb`", "`gpus`", "`cpus`", "`memory_gb`", "`hours`"), rows)


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings, "executors": executors, "sizes": sizes, "statuses": statuses, "search": search,
    "search rules": search_rules,
    "model types": model_types,
}  # fmt: skip


def written(page: str) -> str:
    """The page with every generated part up to date."""
    for name, make in PARTS.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n{make()}\n{end}{rest.partition(end)[2]}"
    return page


def main() -> int:
    """Write the page; with --check return 1 when it is out of date."""
    page = PAGE.read_text()
    new = written(page)
    if "--check" in sys.argv:
        return 0 if new == page else 1
    PAGE.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
