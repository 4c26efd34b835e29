"""What pages show of a competition's rules: what a submission has to say, what it has said, and what is left."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.competition import Allowances, Disclosure
from leaderboard.documents.community import may_write, reader_of
from leaderboard.documents.visit import Visit
from leaderboard.records import Request
from leaderboard.service import Service
from leaderboard.submissions.allowances import Allowance

ALLOWED = {
    "external_data": "External data",
    "tools": "Tools",
    "retrieval": "Retrieval",
    "apis": "Models and services hosted by others",
}


@dataclass(frozen=True)
class ShownTrack:
    """A track as the form and the page About show it."""

    id: str
    title: str
    description: str
    allows: list[tuple[str, bool]]
    """What it is, and whether it is allowed; empty where nothing is said."""
    questions: list[Disclosure]


@dataclass(frozen=True)
class Said:
    """An answer that a submission gave."""

    question: str
    answer: bool | float | str
    is_address: bool = False


def tracks_of(benchmark: Benchmark) -> list[ShownTrack]:
    """Every track, the form's default first."""
    return [
        ShownTrack(name, track.title, track.description, allowed(track.allows), benchmark.disclosures(name))
        for name, track in benchmark.tracks.items()
    ]


def allowed(allows: Allowances | None) -> list[tuple[str, bool]]:
    """What a track says of each kind of help."""
    return [(title, getattr(allows, name)) for name, title in ALLOWED.items()] if allows else []


def asked(service: Service, visit: Visit) -> dict[str, Any]:
    """What the template of the part of a form shows that the competition and the track ask for."""
    benchmark = service.benchmark(visit.benchmark)
    tracks = tracks_of(benchmark)
    return {
        "tracks": tracks,
        "chosen": _chosen_track(benchmark, visit),
        "choose": len(tracks) > 1 and benchmark.bundle is None,
        "in_phases": benchmark.bundle is not None,
        "rules": benchmark.competition,
        "quota": quota_shown(service, visit),
    }


def first_answers(service: Service, visit: Visit) -> str:
    """What the form of a checkpoint says before anybody has touched it, as JSON."""
    benchmark = service.benchmark(visit.benchmark)
    track = _chosen_track(benchmark, visit)
    unticked = {question.key: False for question in benchmark.disclosures(track) if question.type == "checkbox"}
    return json.dumps({"track": track, "disclosure": unticked})


def asks(benchmark: Benchmark) -> bool:
    """Whether a submission has anything to say beside what it is."""
    has_terms = benchmark.competition is not None and benchmark.competition.terms is not None
    return has_terms or len(benchmark.tracks) > 1 or any(map(benchmark.disclosures, benchmark.tracks))


def quota_shown(service: Service, visit: Visit) -> list[Allowance]:
    """What this reader may still submit; empty for whoever has to sign in first."""
    person = reader_of(service, visit)
    benchmark_id = service.benchmark(visit.benchmark).id
    return list(service.intake.quota(benchmark_id, person)) if may_write(service, person) else []


def said(service: Service, request: Request | None) -> list[Said]:
    """The public answers of a request, in the order of the questions."""
    return _said(service, request, request.disclosure) if request is not None else []


def said_privately(service: Service, visit: Visit, request: Request) -> list[Said]:
    """The answers for the organisers alone; empty for everybody else."""
    if not service.rights.is_maintainer(reader_of(service, visit)):
        return []
    return _said(service, request, service.private_answers.read(request.id))


def _said(service: Service, request: Request, answers: dict[str, bool | float | str]) -> list[Said]:
    benchmark = service.benchmarks.get(request.benchmark)
    asked = {question.key: question for question in benchmark.disclosures(request.track)} if benchmark else {}
    keys = [*(key for key in asked if key in answers), *(key for key in answers if key not in asked)]
    return [
        Said(asked[key].title if key in asked else key, answers[key], key in asked and asked[key].type == "url")
        for key in keys
    ]


def _chosen_track(benchmark: Benchmark, visit: Visit) -> str:
    """The one that the address names; else the phase that is open, or the first."""
    wanted = visit.query.get("track", "")
    phase = benchmark.bundle.phase_at(datetime.now(UTC)) if benchmark.bundle else None
    default = phase.track if phase else next(iter(benchmark.tracks))
    return wanted if wanted in benchmark.tracks and phase is None else default
