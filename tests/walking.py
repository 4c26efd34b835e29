"""Everything that a stranger may read of a board: every route, every page, every event, every tool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi.testclient import TestClient

from leaderboard.identity.rights import ROUTES
from leaderboard.records import Request
from leaderboard.service import Service
from tests.leaderboard.identity.test_identity import called, events

CHOICES = {"{form}": ("csv", "json", "parquet"), "{name}": ("scoring", "average", "timeline", "pareto", "heatmap")}
PAGES = ("/", "/queue", "/submit", "/about", "/compare", "/plots", "/embed", "/openapi.json")


def addresses(service: Service, request: Request) -> Iterator[str]:
    """Every address that a stranger may read, filled with the request's benchmark and model."""
    benchmark, (org, name) = request.benchmark, request.model.split("/")
    path = next(iter(service.results.of_model(benchmark, request.model)))
    filled = {
        "{benchmark}": benchmark, "{org}": org, "{name}": name, "{kind}": "requests", "{flag_id}": "0" * 16,
        "{task}": benchmark, "{path}": path, "{request_id}": request.id, "{subject}": request.id,
    }  # fmt: skip
    for route in ROUTES:
        method, _, address = route.partition(" ")
        if method == "GET" and not address.endswith("/events") and "sign-in" not in address:
            names = CHOICES["{name}"] if address.startswith("/plots") else (name,)
            for form in CHOICES["{form}"] if "{form}" in address else ("",):
                for choice in names:
                    place = address.replace("{form}", form).replace("{name}", choice)
                    for key, value in filled.items():
                        place = place.replace(key, value)
                    yield f"/api/v1{place}"
    yield f"/api/v1/results/{path}?format=every-eval-ever"
    yield f"/api/v1/benchmarks/{benchmark}/rows?facets=1&about=1&scores=raw"
    yield from pages(request)


def pages(request: Request) -> Iterator[str]:
    """Every page, also those about the request and its model."""
    yield from PAGES
    yield f"/model/{request.model}"
    yield f"/request/{request.id}"


def draws(browser: TestClient, model: str, places: list[str], title: str) -> Iterator[tuple[str, str]]:
    """What every page, every event of Gradio's pages, and every tool for programs answers to a stranger.

    `title`: of a column whose scores have to be on some of the pages.
    """
    app: Any = browser.app
    blocks = next(route.app.get_blocks() for route in app.routes if hasattr(getattr(route, "app", None), "get_blocks"))
    shown = 0
    for place in places:
        drawn = browser.get(place, headers={"Accept": "text/html"}).text
        shown += title in drawn
        yield place, drawn
    for number, name, count in events(blocks):
        asked = [model] if name == "tools.look_up_model" else places if name.endswith(".show") else [""]
        for place in asked if number is not None and not name.startswith("submit.submit") else ():
            data: list[Any] = [place, "", 20] if name.startswith("tools.") else [place, *[""] * (count - 1)]
            assert number is not None
            drawn = called(browser, number, data[:count], {})
            shown += title in drawn
            yield f"{name} at {place}", drawn
    assert shown > 3, "scores are on these pages"
