"""What users, programs and files of Podium depend on, as lists: `python -m tests.surface` writes the golden copy."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

GOLDEN = Path(__file__).parent / "golden" / "surface.json"


def surface() -> dict[str, list[str]]:
    """Part of the surface -> its names, sorted."""
    from backend.failures import BY_CODE
    from leaderboard.benchmarks import Benchmark, load_benchmark
    from leaderboard.board.rows import columns
    from leaderboard.board.search import FIELDS
    from leaderboard.board.view import PARAMETERS
    from leaderboard.community.flags import Category
    from leaderboard.queue.queue import MOVES
    from leaderboard.records import Abilities, ModelFacts, ModelType, PodiumBlock, Precision, Request, WeightType
    from leaderboard.settings import PROJECT, Settings
    from leaderboard.submissions.kinds.checkpoint.checks.catalogue import CATALOGUE
    from scripts.make_reference import variable

    tiny = load_benchmark(PROJECT / "benchmarks" / "tiny.yaml")
    parts: dict[str, list[str]] = {
        "addresses": list(addresses()),
        "settings": [variable(name, field).strip("`") for name, field in Settings.model_fields.items()],
        "request file": list(fields(Request)),
        "result file": list(fields(PodiumBlock)),
        "worker file": list(fields(Abilities)),
        "facts file": list(fields(ModelFacts)),
        "benchmark file": list(fields(Benchmark)),
        "contents table": [f"{name}: {kind}" for name, kind in columns(tiny).items()],
        "statuses": [f"{status.value} -> {to.value}" for status, allowed in MOVES.items() for to in allowed],
        "precisions": [value.value for value in Precision],
        "weight types": [value.value for value in WeightType],
        "model types": [value.value for value in ModelType],
        "flag categories": [value.value for value in Category],
        "problem codes": list(CATALOGUE),
        "failure codes": list(BY_CODE),
        "search fields": [f"{name}: {way}" for name, ways in FIELDS.items() for way in ways],
        "parameters of a view": list(PARAMETERS),
    }
    return {part: sorted(set(names)) for part, names in parts.items()}


def addresses() -> Iterator[str]:
    """Method and path of every route, and the names of Gradio's events."""
    from app import build_app
    from leaderboard.service import open_service
    from leaderboard.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        service = open_service(
            Settings(
                hub_endpoint="http://127.0.0.1:9",
                benchmarks="tiny",
                requests_dir=root / "requests",
                results_dir=root / "results",
                work_dir=root / "work",
            )
        )
        app = build_app(service)
        yield from _routes(app.routes)


def _routes(routes: Any) -> Iterator[str]:
    for route in routes:
        included = getattr(route, "original_router", None)
        blocks = getattr(getattr(route, "_base_app", None), "blocks", None)
        if included is not None:
            yield from _routes(included.routes)
        elif "pages" in getattr(route, "tags", ()):
            yield f"page {route.path.partition('/{')[0]}"
        elif blocks is not None:
            yield from (f"page /{page[0]}" for page in blocks.pages)
            yield from (f"event {event.api_name}" for event in blocks.fns.values() if event.api_visibility == "public")
        elif getattr(route, "methods", None):
            yield from (f"{method} {route.path}" for method in route.methods)


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted names of a model's fields, those of models inside it as well."""
    for name, field in model.model_fields.items():
        own = prefix + (field.alias or name)
        yield own
        for inner in _models(field.annotation):
            yield from fields(inner, own + ".")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models(inner)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(surface(), indent=1, ensure_ascii=False) + "\n")
