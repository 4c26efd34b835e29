"""Another kind than checkpoints, defined here: from the form's body to its row, over real stores and the real API."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from fastapi.testclient import TestClient

from backend.evaluators import EVALUATORS
from leaderboard.errors import AlreadyRequested, NotAccepted
from leaderboard.queue.workers import can_run, nobody_runs
from leaderboard.records import (
    KINDS,
    Abilities,
    BaseSubmission,
    Kind,
    Person,
    PodiumBlock,
    Problem,
    Provenance,
    Request,
    Score,
    Status,
    new_id,
    request_path,
)
from leaderboard.service import Service, open_service
from leaderboard.settings import PROJECT, Settings
from leaderboard.submissions.case import Case, Context
from leaderboard.submissions.kinds import INTAKES
from leaderboard.submissions.kinds.kind import KindIntake
from tests.leaderboard.people import client_of

ADA = Person(name="ada")
OLD_POND = "An old silent pond / a frog jumps into the pond / splash! Silence again"
SNOW = "Over the wintry / forest, winds howl in rage with / no leaves to blow"


class HaikuSubmission(BaseSubmission):
    """A poem."""

    kind: Literal["haiku"]
    name: str
    text: str


class HaikuRequest(Request):
    """A request with a poem in it."""

    precision: str = ""
    weight_type: str = ""
    text: str


class HaikuKind(Kind):
    """Poems, told apart by their text."""

    submission = HaikuSubmission
    request = HaikuRequest
    alternatives = "another poem"


@dataclass(frozen=True, kw_only=True)
class HaikuCase(Case):
    """A poem and who wrote it."""

    submission: HaikuSubmission
    sender: Person

    @property
    def name(self) -> str:
        return f"{self.sender.name}/{self.submission.name}"


class HaikuIntake(KindIntake[HaikuSubmission, HaikuCase]):
    """Takes poems of three lines."""

    calls: ClassVar[list[str]] = []

    def look(self, submission: HaikuSubmission, context: Context) -> HaikuCase:
        self.calls.append("look")
        return HaikuCase(
            submission=submission,
            benchmark=context.benchmark,
            known_benchmarks=context.known_benchmarks,
            abilities=context.abilities,
            sender=context.sender,
        )

    def check(self, case: HaikuCase) -> list[Problem]:
        self.calls.append("check")
        lines = case.submission.text.count("/") + 1
        if lines == 3:
            return []
        return [Problem(code="not_a_haiku", field="text", message=f"It has {lines} lines.", fix="Write three lines.")]

    def request(self, case: HaikuCase, context: Context) -> Request:
        self.calls.append("request")
        text = case.submission.text
        return HaikuRequest(
            kind="haiku",
            id=new_id(),
            benchmark=case.submission.benchmark,
            sender=context.sender.name,
            model=case.name,
            revision=hashlib.sha256(text.encode()).hexdigest(),
            text=text,
        )

    def accepted(self, case: HaikuCase, context: Context) -> None:
        self.calls.append("accepted")

    def queued(self, case: HaikuCase, context: Context) -> None:
        self.calls.append("queued")


QUOTA = """
policy:
  quota: {person: 2, period_days: 7}
"""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A board that takes poems; no Hub answers it, and none is asked."""
    monkeypatch.setitem(KINDS, "haiku", HaikuKind())
    monkeypatch.setitem(INTAKES, "haiku", HaikuIntake())
    monkeypatch.setattr(HaikuIntake, "calls", [])
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "tasks").symlink_to(PROJECT / "benchmarks" / "tasks")
    (folder / "tiny.yaml").write_text((PROJECT / "benchmarks" / "tiny.yaml").read_text() + "kinds: [haiku]\n" + QUOTA)
    yield open_service(
        Settings(
            hub_endpoint="http://127.0.0.1:9",
            benchmarks="tiny",
            benchmarks_dir=folder,
            requests_dir=tmp_path / "requests",
            results_dir=tmp_path / "results",
            work_dir=tmp_path / "work",
        )
    )


def haiku(text: str = OLD_POND, **more: Any) -> HaikuSubmission:
    return HaikuSubmission(**{"kind": "haiku", "benchmark": "tiny", "name": "pond", "text": text} | more)


def publish(service: Service, request: Request, score: float) -> str:
    """Publish a result of the request, as a worker does."""
    claimed = service.queue.claim(request, "w1", 60)
    columns = service.benchmarks["tiny"].columns
    block = PodiumBlock(
        request_id=claimed.id,
        attempt=claimed.attempts,
        benchmark="tiny",
        benchmark_version=service.benchmarks["tiny"].version,
        kind=claimed.kind,
        model=claimed.model,
        revision=claimed.revision,
        precision="",
        weight_type="",
        use_chat_template=False,
        time=claimed.job_start_time or "",
        scores={column.key: Score(raw=score, normalised=100 * score, n=9) for column in columns},
        average=100 * score,
        provenance=Provenance(),
    )
    path = service.results.publish(
        {"results": {}, "podium": block.model_dump(mode="json")}, {}, service.contents.changes
    )
    service.queue.finish(claimed)
    return path


def test_the_maps_of_kinds_name_the_same_kinds() -> None:
    assert KINDS.keys() == INTAKES.keys() == EVALUATORS.keys()


def test_each_step_is_taken_once_in_order(service: Service) -> None:
    queued = service.intake.submit(haiku(), ADA)
    assert HaikuIntake.calls == ["look", "request", "check", "accepted", "queued"]
    path = f"tiny/ada/pond_eval_request_{queued.revision[:12]}.json"
    assert request_path(queued) == path == service.queue.path_of(queued)
    fields = json.loads(service.queue.store.read(path)[0])
    assert (fields["kind"], fields["model"], fields["text"]) == ("haiku", "ada/pond", OLD_POND)
    [waiting] = service.queue.pending()
    assert isinstance(waiting, HaikuRequest) and waiting == queued and waiting.text == OLD_POND


def test_its_problems_and_those_of_every_kind_are_told_at_once(service: Service) -> None:
    with pytest.raises(NotAccepted) as refused:
        service.intake.submit(haiku("One line", track="closed"), ADA)
    assert [problem.code for problem in refused.value.problems] == ["unknown_track", "not_a_haiku"]
    assert service.queue.view().requests == []
    findings = service.intake.look(haiku("One line"), ADA)
    assert [problem.code for problem in findings.problems] == ["not_a_haiku"]
    assert findings.facts is None and findings.cost.queue_position == 1


def test_the_same_poem_twice_is_refused_in_its_own_words(service: Service) -> None:
    first = service.intake.submit(haiku(), ADA)
    [told] = service.intake.look(haiku(), ADA).problems
    assert (told.code, told.field) == ("already_requested", "name")
    assert told.message.startswith(f"ada/pond at {first.revision[:12]} has already been submitted")
    assert "another poem can be submitted" in told.fix
    with pytest.raises(AlreadyRequested, match=f"ada/pond at {first.revision[:12]} is already requested") as refused:
        service.intake.submit(haiku(), ADA)
    assert refused.value.existing.id == first.id and "submit another poem" in refused.value.problems[0].fix
    assert service.intake.submit(haiku(SNOW), ADA).id != first.id
    assert service.intake.submit(haiku(), Person(name="bob")).model == "bob/pond"


def test_the_quota_counts_it(service: Service) -> None:
    for text in (OLD_POND, SNOW):
        service.intake.submit(haiku(text), ADA)
    with pytest.raises(NotAccepted) as refused:
        service.intake.submit(haiku("a / b / c"), ADA)
    [problem] = refused.value.problems
    assert (problem.code, problem.field) == ("quota_used_up", "name")
    assert problem.message.startswith("ada has made 2 submissions to ")


def test_only_workers_of_its_kind_run_it(service: Service) -> None:
    queued = service.intake.submit(haiku(), ADA)
    usual = Abilities(worker="w1", max_params_b=1.0, refused={"4bit": "No."})
    assert not can_run(usual, queued)
    assert "w1: It does not evaluate submissions of the kind haiku." in nobody_runs(queued, [usual])
    assert can_run(usual.model_copy(update={"kinds": ["haiku"]}), queued)


def test_its_results_are_rows_of_the_contents_table(service: Service) -> None:
    pond, snow = (service.intake.submit(haiku(text), ADA) for text in (OLD_POND, SNOW))
    path = publish(service, pond, 0.25)
    assert path.startswith("tiny/ada/pond/results_") and service.results.published(service.queue.get(pond.id)) == path
    publish(service, snow, 0.5)
    publish(service, service.queue.rerun(service.queue.get(pond.id), "ada"), 0.75)
    table = service.contents.frame("tiny").sort_values("Average ⬆️")
    assert list(table["Average ⬆️"]) == [50, 75], "of a poem's two attempts the later one counts"
    assert set(table["fullname"]) == {"ada/pond"} and set(table["kind"]) == {"haiku"}
    assert list(table["identity"]) == list(table["Model sha"]) == [snow.revision, pond.revision]
    assert set(table["eval_name"]) == {"ada_pond"} and set(table["Model"]) == {"ada/pond"}, "no link to the Hub"
    assert service.contents.save("tiny") is False, "every commit brought the table with it"
    assert service.boards.refresh("tiny") and service.boards.answer("tiny", {})["total"] == 2


def test_it_comes_in_over_the_api_and_is_described_there(service: Service) -> None:
    api: TestClient = client_of(service)
    body = {"kind": "haiku", "benchmark": "tiny", "name": "pond", "text": OLD_POND}
    look = api.post("/api/v1/submissions/check", json=body).json()
    assert look["accepted"] is True and look["found"] is None
    answer = api.post("/api/v1/submissions", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["text"] == OLD_POND and answer.json()["kind"] == "haiku"
    [listed] = api.get("/api/v1/requests", params={"name": "pond"}).json()["requests"]
    assert listed["id"] == answer.json()["id"] and listed["status"] == Status.PENDING
    assert api.post("/api/v1/submissions", json=body).status_code == 409
    described = api.get("/openapi.json").json()["components"]["schemas"]
    assert {"CheckpointSubmission", "HaikuSubmission"} <= described.keys()


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [({"text": None}, "text", "string_type"), ({"model": "org/x"}, "model", "unknown_field"),
     ({"name": ...}, "name", "missing"), ({"kind": "video"}, "kind", "unknown_value"),
     ({"kind": ["haiku"]}, "kind", "unknown_value"), ({"kind": ...}, "name", "unknown_field")],
)  # fmt: skip
def test_what_does_not_fit_its_fields_is_told(service: Service, change: dict[str, Any], field: str, code: str) -> None:
    body = {"kind": "haiku", "benchmark": "tiny", "name": "pond", "text": OLD_POND} | change
    body = {name: value for name, value in body.items() if value is not ...}
    answer = client_of(service).post("/api/v1/submissions", json=body)
    assert answer.status_code == 422
    assert (field, code) in [(problem["field"], problem["code"]) for problem in answer.json()["problems"]]


def test_a_board_that_does_not_know_it_sets_its_files_aside(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued = service.intake.submit(haiku(), ADA)
    path = publish(service, queued, 0.5)
    monkeypatch.delitem(KINDS, "haiku")
    tiny = service.settings.benchmarks_dir / "tiny.yaml"
    tiny.write_text(tiny.read_text().replace("kinds: [haiku]\n", ""))
    older = open_service(service.settings)
    view = older.queue.view()
    [aside] = view.set_aside
    assert view.requests == [] and aside.path == f"tiny/ada/pond_eval_request_{queued.revision[:12]}.json"
    assert (
        aside.reason
        == "kind: it is 'haiku', perhaps from a newer Podium; this one reads checkpoint, predictions, code, endpoint."
    )
    assert len(older.contents.frame("tiny")) == 0
    assert [str(unreadable) for unreadable in older.contents.unreadable] == [
        f"{path} cannot be read: its kind is perhaps of a newer Podium; "
        "this one reads checkpoint, predictions, code, endpoint"
    ]
