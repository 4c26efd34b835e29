"""A bundle's phases at submission: which one is meant, when none is open, and how many each person may submit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from leaderboard.errors import NotAccepted
from leaderboard.records import Artifact, Person, PredictionsSubmission
from leaderboard.service import Service, open_service
from leaderboard.settings import Settings

ADA, BOB = Person(name="ada"), Person(name="bob")


def at(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def board(folder: Path, *phases: dict[str, Any]) -> Service:
    """A board with one bundle of these phases."""
    rules = [{"name": phase["track"].title(), "tasks": [0], **phase} for phase in phases]
    benchmark = {
        "id": "pairs", "version": "1", "title": "Pairs", "description": "", "kinds": ["predictions"],
        "predictions": {}, "columns": [{"key": "a", "title": "A", "score": "a"}],
        "tracks": {phase["track"]: {"title": phase["track"].title()} for phase in phases},
        "bundle": {
            "folder": "bundle", "phases": rules, "tasks": [{"index": 0, "name": "T", "scoring_program": "scoring"}],
        },
    }  # fmt: skip
    (folder / "benchmarks").mkdir(parents=True)
    (folder / "benchmarks" / "pairs.yaml").write_text(yaml.safe_dump(benchmark))
    places = {f"{name}_dir": folder / name for name in ("benchmarks", "requests", "results", "work", "private")}
    return open_service(Settings.model_validate({"hub_endpoint": "http://127.0.0.1:9", **places}))


def submit(service: Service, folder: Path, text: str, who: Person = ADA, **more: Any) -> str:
    """Submit a file of that content; the track that it was queued for."""
    file = folder / "upload"
    file.write_text(text)
    assert service.intake.artifacts is not None
    artifact = Artifact(sha256=service.intake.artifacts.add(file, who.name), bytes=len(text), filename="a.txt")
    given = {"kind": "predictions", "benchmark": "pairs", "name": "mine", "artifact": artifact, **more}
    return service.intake.submit(PredictionsSubmission.model_validate(given), who).track


def problem_of(service: Service, folder: Path, text: str, **more: Any) -> Any:
    with pytest.raises(NotAccepted) as refused:
        submit(service, folder, text, **more)
    [problem] = refused.value.problems
    return problem


def test_the_open_phase_is_meant_unless_another_is_named(tmp_path: Path) -> None:
    service = board(tmp_path, {"track": "early", "end": at(-1)}, {"track": "late", "start": at(-1)})
    assert submit(service, tmp_path, "one") == "late"
    problem = problem_of(service, tmp_path, "two", track="early")
    assert (problem.code, problem.field) == ("other_phase", "track")
    assert problem.message == "Pairs takes submissions for the phase late now, not for early."


def test_between_phases_nothing_is_taken_and_the_next_one_is_told(tmp_path: Path) -> None:
    service = board(tmp_path, {"track": "early", "end": at(-1)}, {"track": "late", "start": "2999-01-02T03:04:00Z"})
    problem = problem_of(service, tmp_path, "one")
    assert problem.message == "Pairs takes no submissions now: Late begins at 2999-01-02 03:04 UTC."
    over = board(tmp_path / "over", {"track": "only", "end": at(-1)})
    assert problem_of(over, tmp_path, "one").message == "Pairs takes no submissions now: no phase follows."


def test_a_person_has_so_many_a_day_and_so_many_in_all(tmp_path: Path) -> None:
    service = board(tmp_path, {"track": "only", "max_submissions_per_day": 2, "max_submissions": 0})
    for text in ("one", "two"):
        submit(service, tmp_path, text)
    problem = problem_of(service, tmp_path, "three")
    assert problem.message == "ada has made 2 submissions to Pairs today (UTC); one person may make 2."
    assert submit(service, tmp_path, "one", BOB) == "only"
    [first, _] = [request for request in service.queue.pending() if request.sender == "ada"]
    service.queue.cancel(first, "ada")
    assert submit(service, tmp_path, "three") == "only", "what was cancelled does not count"
    few = board(tmp_path / "few", {"track": "only", "max_submissions_per_day": 0, "max_submissions": 1})
    submit(few, tmp_path, "one")
    assert "in the phase Only; one person may make 1." in problem_of(few, tmp_path, "two").message
