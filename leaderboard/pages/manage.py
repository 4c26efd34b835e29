"""Manage: what organisers decide in a competition (opening, reviews, baselines, re-runs), and what is public of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from leaderboard.api.competitions import competition_answer, reviews_answer
from leaderboard.benchmarks import Benchmark
from leaderboard.competitions.reviews import ReviewState
from leaderboard.documents.render import render
from leaderboard.documents.visit import Visit
from leaderboard.pages.shell import whole_page
from leaderboard.records import Person, utc
from leaderboard.service import Service

TITLE = "Manage"
DECISIONS_SHOWN = 100
NEXT_STATES = [state for state in ReviewState if state is not ReviewState.TO_REVIEW]


def draw(service: Service, here: Visit) -> str:
    """The benchmark that the address names; without one, all of them. Raises NotFound."""
    is_maintainer = service.rights.is_maintainer(here.person or Person(name=""))
    if not here.rest:
        return render("manage_all", is_maintainer=is_maintainer, benchmarks=list(service.benchmarks.values()))
    benchmark = service.benchmark(here.rest[0])
    answer = competition_answer(service, benchmark.id)
    return render(
        "manage",
        is_maintainer=is_maintainer,
        benchmark=benchmark,
        answer=answer,
        decisions=answer.decisions[:DECISIONS_SHOWN],
        rows=reviews_answer(service, benchmark.id).rows if is_maintainer else [],
        states=NEXT_STATES,
        api=f"/api/v1/benchmarks/{benchmark.id}/competition",
        **times(benchmark),
    )


def times(benchmark: Benchmark) -> dict[str, Any]:
    """When a competition starts, ends and opens its private board (UTC), and whether it has ended."""
    rules = benchmark.competition
    moments = {
        "starts": rules.starts if rules else None,
        "ends": rules.ends if rules else None,
        "opens": rules.split.opens if rules and rules.split else None,
    }
    told: dict[str, Any] = {name: utc(moment) if moment else None for name, moment in moments.items()}
    return told | {"has_ended": moments["ends"] is not None and moments["ends"] <= datetime.now(UTC)}


def build(service: Service) -> None:
    """The page."""
    whole_page(service, draw)
