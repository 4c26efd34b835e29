"""Boards of competitions for tests: a folder, a clock that a test sets, files of predictions without any labels."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from leaderboard.artifacts.folder import FolderArtifacts
from leaderboard.benchmarks import load_benchmarks
from leaderboard.errors import NotAccepted
from leaderboard.hub.hub import Hub
from leaderboard.queue.queue import Queue
from leaderboard.records import Artifact, Failure, Fault, Person, PredictionsSubmission, Problem, Request
from leaderboard.service import Service, open_service
from leaderboard.settings import Settings
from leaderboard.stores.local import LocalStore
from leaderboard.submissions.intake import Intake
from leaderboard.submissions.policy import Policies
from leaderboard.submissions.private_answers import PrivateAnswers

ADA, BOB, MIA = Person(name="ada"), Person(name="bob"), Person(name="mia")
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATE = Failure(fault=Fault.SUBMISSION, code="score_undefined", message="It cannot be computed.")
EARLY = Failure(fault=Fault.SUBMISSION, code="predictions_refused", message="It does not fit.")


class Clock:
    """A time that a test sets."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def goes_on(self, **by: float) -> None:
        """Let time pass."""
        self.now += timedelta(**by)


def contest(**rules: Any) -> dict[str, Any]:
    """A benchmark with a competition of these rules; `tracks`, `bundle` and the like go into the benchmark itself."""
    top = {key: rules.pop(key) for key in ("tracks", "bundle", "kinds", "policy", "predictions") if key in rules}
    return {
        "id": "contest", "version": "1", "title": "Contest", "description": "", "kinds": ["predictions"],
        "predictions": {}, "columns": [{"key": "a", "title": "A", "score": "a"}],
        "bundle": {
            "folder": "bundle", "tasks": [{"index": 0, "name": "T", "scoring_program": "scoring"}],
            "phases": [
                {"track": "open", "name": "Open", "tasks": [0], "max_submissions_per_day": 0, "max_submissions": 0}
            ],
        },
        "competition": rules,
    } | top  # fmt: skip


def opened(folder: Path, benchmark: dict[str, Any], **more: Any) -> Service:
    """The board in `folder`, by the machine's clock."""
    written(folder, benchmark)
    places = {f"{name}_dir": folder / name for name in ("benchmarks", "requests", "results", "work", "private")}
    return open_service(Settings.model_validate({"hub_endpoint": "http://127.0.0.1:9", **places, **more}))


def front(folder: Path, benchmark: dict[str, Any], clock: Clock, elapsed: Callable[[], float] = lambda: 0.0) -> Intake:
    """A front end of the board in `folder`, by a clock of its own."""
    written(folder, benchmark)
    benchmarks = load_benchmarks(folder / "benchmarks")
    return Intake(
        Hub("http://127.0.0.1:9", None, 1.0),
        Queue(LocalStore(folder / "requests"), clock, elapsed),
        benchmarks,
        list,
        policies=Policies(LocalStore(folder / "results"), benchmarks),
        artifacts=FolderArtifacts(folder / "private" / "artifacts"),
        private=lambda benchmark_id: folder / "private" / "benchmarks" / benchmark_id,
        answers=PrivateAnswers(folder / "private" / "answers"),
        clock=clock,
    )


def written(folder: Path, benchmark: dict[str, Any]) -> None:
    """Have the benchmark's file in `folder`."""
    (folder / "benchmarks").mkdir(parents=True, exist_ok=True)
    (folder / "benchmarks" / f"{benchmark['id']}.yaml").write_text(yaml.safe_dump(benchmark))


def submission(intake: Intake, text: str, who: Person = ADA, **more: Any) -> PredictionsSubmission:
    """A file of that content, uploaded, and the submission of it."""
    assert intake.artifacts is not None
    with tempfile.NamedTemporaryFile() as file:
        file.write(text.encode())
        file.flush()
        digest = intake.artifacts.add(Path(file.name), who.name)
    artifact = Artifact(sha256=digest, bytes=len(text.encode()), filename="a.txt")
    given = {"kind": "predictions", "benchmark": "contest", "name": "mine", "artifact": artifact, **more}
    return PredictionsSubmission.model_validate(given)


def submit(intake: Intake, text: str, who: Person = ADA, **more: Any) -> Request:
    """Submit a file of that content. Raises what the intake raises."""
    return intake.submit(submission(intake, text, who, **more), who)


def refused(intake: Intake, text: str, who: Person = ADA, **more: Any) -> list[Problem]:
    """The problems with which it is refused."""
    with pytest.raises(NotAccepted) as caught:
        submit(intake, text, who, **more)
    return list(caught.value.problems)


def end(intake: Intake, request: Request, failure: Failure | None = None) -> Request:
    """Run it: it finishes, or fails."""
    claimed = intake.queue.claim(request, "worker", 60)
    return intake.queue.fail(claimed, failure) if failure else intake.queue.finish(claimed)
