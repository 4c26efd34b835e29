"""Participate: a participant's team in a competition, and what they choose for its final ranking."""

from __future__ import annotations

from leaderboard.api.competitions import participant_answer
from leaderboard.documents.render import render
from leaderboard.documents.visit import Visit
from leaderboard.pages.manage import times
from leaderboard.pages.shell import whole_page
from leaderboard.records import Person
from leaderboard.service import Service

TITLE = "Participate"


def draw(service: Service, here: Visit) -> str:
    """The competition that the address names; without one, all of them. Raises NotFound."""
    if not here.rest:
        held = [benchmark for benchmark in service.benchmarks.values() if benchmark.competition]
        return render("participate_all", benchmarks=held)
    benchmark = service.benchmark(here.rest[0])
    person = here.person or Person(name="")
    known = bool(person.name) and service.rights.is_known(person)
    return render(
        "participate",
        benchmark=benchmark,
        rules=benchmark.competition,
        mine=participant_answer(service, benchmark.id, person.name) if known else None,
        person=person,
        api=f"/api/v1/benchmarks/{benchmark.id}/competition",
        **times(benchmark),
    )


def build(service: Service) -> None:
    """The page."""
    whole_page(service, draw)
