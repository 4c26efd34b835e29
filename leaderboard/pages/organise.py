"""Organise: where maintainers upload a competition bundle, which becomes a benchmark."""

from __future__ import annotations

from leaderboard.documents.render import render
from leaderboard.documents.visit import Visit
from leaderboard.pages.shell import whole_page
from leaderboard.records import KINDS, Person
from leaderboard.service import Service

TITLE = "Organise"


def draw(service: Service, here: Visit) -> str:
    """The form for maintainers, and the benchmarks that there are; for others who may use it."""
    person = here.person or Person(name="")
    return render(
        "organise",
        is_maintainer=service.rights.is_maintainer(person),
        benchmarks=list(service.benchmarks.values()),
        titles={name: kind.title for name, kind in KINDS.items()},
        runs_solutions=bool(service.solution_runners),
    )


def build(service: Service) -> None:
    """The page."""
    whole_page(service, draw)
