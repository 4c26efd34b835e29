"""What a competition and a track ask of a submission: its time, the terms, the disclosures, public and private."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from leaderboard.benchmarks.competition import CompetitionRules
from leaderboard.benchmarks.load import load_benchmark
from leaderboard.errors import AlreadyRequested, NotAccepted
from leaderboard.records import CheckpointSubmission, Severity
from leaderboard.settings import PROJECT
from leaderboard.submissions.entry import ENTRY
from tests.leaderboard.people import client_of
from tests.leaderboard.submissions.contests import ADA, NOON, Clock, contest, front, opened, refused, submission, submit
from tests.leaderboard.submissions.documented import documented

QUESTIONS = [
    {"key": "method", "title": "How does it work?"},
    {"key": "size", "title": "Parameters in billions", "type": "number"},
    {"key": "code", "title": "Where is the code?", "type": "url"},
    {"key": "data", "title": "Which data?", "type": "select", "choices": ["none", "public"]},
    {"key": "human", "title": "Did people label by hand?", "type": "checkbox"},
    {"key": "contact", "title": "Whom may we ask?", "required": False, "public": False},
]
ANSWERS: dict[str, Any] = {
    "method": "A tree <b>", "size": 7, "code": "https://x.org/a", "data": "none", "human": False,
    "contact": "ada-at-home",
}  # fmt: skip


def asking(**rules: Any) -> dict[str, Any]:
    return contest(tracks={"open": {"title": "Open", "discloses": QUESTIONS}}, **rules)


def test_it_is_open_from_its_start_until_before_its_end(tmp_path: Path) -> None:
    rules = contest(starts=NOON.isoformat(), ends=(NOON + timedelta(days=2)).isoformat())
    clock = Clock(NOON - timedelta(seconds=1))
    board = front(tmp_path, rules, clock)
    [problem] = refused(board, "one")
    assert (problem.code, problem.field) == ("not_started_yet", "benchmark")
    assert problem.message == "Contest takes no submissions yet: it begins at 2026-05-04 12:00:00 UTC."
    clock.now = NOON
    assert submit(board, "one").submitted_time == "2026-05-04T12:00:00Z"
    clock.now = NOON + timedelta(days=2, microseconds=-1)
    submit(board, "two")
    clock.now = NOON + timedelta(days=2)
    [problem] = refused(board, "three")
    assert problem.message == "Contest takes no more submissions: it ended at 2026-05-06 12:00:00 UTC."


def test_its_end_holds_at_the_moment_of_queueing(tmp_path: Path) -> None:
    """Whoever was looked at in time and is queued too late is refused."""
    clock = Clock(NOON)
    board = front(tmp_path, contest(ends=(NOON + timedelta(seconds=10)).isoformat()), clock)
    sent = submission(board, "one")
    seen = board.queue.submit
    board.queue.submit = lambda request, admit: (clock.goes_on(seconds=10), seen(request, admit))[1]  # type: ignore[method-assign,assignment]
    with pytest.raises(NotAccepted, match="ended at"):
        board.submit(sent, ADA)
    assert list(board.queue.view()) == []


def test_who_sends_the_same_again_after_the_end_is_led_to_it(tmp_path: Path) -> None:
    clock = Clock(NOON)
    board = front(tmp_path, contest(ends=(NOON + timedelta(seconds=10)).isoformat()), clock)
    first = submit(board, "one")
    clock.goes_on(minutes=1)
    with pytest.raises(AlreadyRequested) as caught:
        submit(board, "one")
    assert caught.value.existing.id == first.id


@pytest.mark.parametrize("written", ["2028-06-30T23:59:60Z", "2028-07-01 01:59:60+02:00", "2028-06-30 23:59:60.5 Z"])
def test_a_leap_second_is_the_first_moment_after_it(written: str, tmp_path: Path) -> None:
    assert CompetitionRules.model_validate({"ends": written}).ends == datetime(2028, 7, 1, tzinfo=UTC)
    text = (PROJECT / "benchmarks" / "tiny.yaml").read_text()
    (tmp_path / "tiny.yaml").write_text(f"{text}\ncompetition: {{ends: 2028-06-30T23:59:60Z}}\n")
    (tmp_path / "tasks").symlink_to(PROJECT / "benchmarks" / "tasks")
    rules = load_benchmark(tmp_path / "tiny.yaml").competition
    assert rules is not None and rules.ends == datetime(2028, 7, 1, tzinfo=UTC)
    with pytest.raises(ValidationError):
        CompetitionRules.model_validate({"ends": written.replace("-0", "-9")})


def test_the_terms_are_accepted_by_their_version_and_again_when_they_change(tmp_path: Path) -> None:
    board = front(tmp_path, contest(terms={"version": "2026-1", "text": "Play *fair*."}), Clock())
    for wrong in ("", "2026-0"):
        [problem] = refused(board, "one", terms=wrong)
        assert (problem.code, problem.field) == ("terms_not_accepted", "terms")
        assert "2026-1" in problem.message and "/api/v1/benchmarks/contest/terms" in problem.fix
    assert submit(board, "one", terms="2026-1").terms == "2026-1"
    changed = front(tmp_path, contest(terms={"version": "2026-2", "text": "Play fairer."}), Clock())
    assert [each.code for each in refused(changed, "two", terms="2026-1")] == ["terms_not_accepted"]
    without = front(tmp_path, contest(), Clock())
    assert submit(without, "two", terms="2026-1").terms == "", "there is nothing to accept"


def test_every_disclosure_is_asked_for_at_once(tmp_path: Path) -> None:
    board = front(tmp_path, asking(), Clock())
    problems = refused(board, "one")
    assert [problem.field for problem in problems] == [f"disclosure.{question['key']}" for question in QUESTIONS[:5]]
    assert {problem.code for problem in problems} == {"disclosure_missing"}
    assert problems[1].message == "The track Open asks: Parameters in billions. There is no answer."
    assert problems[1].fix == "Give a number as disclosure.size."
    assert problems[3].fix == "Give one of: none, public as disclosure.data."


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("method", 3),
        ("method", "  "),
        ("size", "7"),
        ("size", True),
        ("human", "yes"),
        ("human", 1),
        ("data", "secret"),
        ("code", "ftp://x.org/a"),
        ("code", "javascript:alert(1)"),
        ("code", "https://ada:pw@x.org/"),
        ("code", "https:///a"),
        ("code", "https://x.org:port/"),
        ("code", "https://x.org/\" onclick='x"),
        ("contact", False),
    ],
)
def test_an_answer_is_of_the_type_that_is_asked_for(key: str, answer: Any, tmp_path: Path) -> None:
    board = front(tmp_path, asking(), Clock())
    [problem] = refused(board, "one", disclosure={**ANSWERS, key: answer})
    assert problem.field == f"disclosure.{key}"
    assert str(answer).strip() == "" or f"{answer}" not in problem.message, "answers are not repeated"


def test_what_is_not_asked_for_is_refused(tmp_path: Path) -> None:
    board = front(tmp_path, asking(), Clock())
    [problem] = refused(board, "one", disclosure={**ANSWERS, "seed": 1})
    assert (problem.code, problem.field) == ("disclosure_unknown", "disclosure.seed")
    assert problem.fix == "Leave it out. The track asks for: method, size, code, data, human, contact."
    nothing = front(tmp_path / "nothing", contest(), Clock())
    assert refused(nothing, "one", disclosure={"seed": 1})[0].fix.endswith("asks for: nothing.")


def test_the_type_of_an_answer_is_kept() -> None:
    given = {"a": "yes", "b": 1, "c": True, "d": "3.5"}
    wanted = CheckpointSubmission.model_validate({"benchmark": "x", "model": "a/b", "disclosure": given})
    assert [repr(answer) for answer in wanted.disclosure.values()] == ["'yes'", "1.0", "True", "'3.5'"]
    for wrong in ([1], None, float("nan"), "x" * 4001, "\ud800", "a\x00b", 10**400):
        with pytest.raises(ValidationError) as caught:
            CheckpointSubmission.model_validate({"benchmark": "x", "model": "a/b", "disclosure": {"a": wrong}})
        assert [error["loc"] for error in caught.value.errors()] == [("disclosure", "a")]


def test_private_answers_are_the_organisers_alone(tmp_path: Path) -> None:
    """They are in no request file, answer or page; maintainers read them at one address."""
    benchmark = asking(starts="2026-01-01T00:00:00Z")
    private = opened(tmp_path, benchmark, sign_in="optional", maintainers="mia")
    request = submit(private.intake, "one", disclosure=ANSWERS)
    assert request.disclosure == {key: ANSWERS[key] for key in ANSWERS if key != "contact"}
    assert private.private_answers.read(request.id) == {"contact": "ada-at-home"}
    public = [path for folder in ("requests", "results") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert public and not any(b"ada-at-home" in path.read_bytes() for path in public)
    api = client_of(private)
    for path in (f"/requests/{request.id}", f"/requests/{request.id}/file", "/requests", f"/requests/{request.id}/log"):
        assert "ada-at-home" not in api.get(f"/api/v1{path}").text
    assert api.get(f"/api/v1/requests/{request.id}/private-answers").status_code == 401
    kept = tmp_path / "private" / "answers" / f"{request.id}.json"
    assert kept.stat().st_mode & 0o077 == 0 and json.loads(kept.read_text()) == {"contact": "ada-at-home"}
    everybody = opened(tmp_path, benchmark, sign_in="off", maintainers="anonymous")
    answer = client_of(everybody).get(f"/api/v1/requests/{request.id}/private-answers")
    assert answer.json() == {"request": request.id, "answers": {"contact": "ada-at-home"}}
    assert everybody.private_answers.read("../../x") == {}


def test_answers_of_a_submission_that_is_made_again_take_the_place_of_the_earlier_ones(tmp_path: Path) -> None:
    board = front(tmp_path, asking(), Clock())
    first = submit(board, "one", disclosure=ANSWERS)
    board.queue.cancel(first, "ada")
    later = {key: ANSWERS[key] for key in ANSWERS if key != "contact"} | {"method": "A forest"}
    again = submit(board, "one", disclosure=later)
    assert again.id == first.id and again.disclosure["method"] == "A forest"
    assert not list((tmp_path / "private" / "answers").glob("*.json"))


def test_a_fact_sheet_of_a_bundle_is_asked_for(tmp_path: Path) -> None:
    benchmark = contest()
    benchmark["bundle"]["fact_sheet"] = [
        {"key": "Method Name", "title": "", "required": True, "on_leaderboard": True},
        {"key": "method name", "title": "Again?", "type": "select", "selection": ["a", "b"]},
        {"key": "?", "title": "Odd", "type": "select"},
    ]
    board = front(tmp_path, benchmark, Clock())
    assert [each.field for each in refused(board, "one")] == ["disclosure.method_name"]
    given = {"method_name": "Trees", "method_name-2": "c", "question-3": "x"}
    assert [each.field for each in refused(board, "one", disclosure=given)] == ["disclosure.method_name-2"]
    request = submit(board, "one", disclosure={**given, "method_name-2": "a"})
    assert request.disclosure == {"method_name": "Trees"}, "only what is on the leaderboard is public"


def test_terms_and_quota_at_their_addresses(tmp_path: Path) -> None:
    service = opened(tmp_path, contest(terms={"version": "1", "text": "Play *fair*."}, limits={"per_day": 2}))
    api = client_of(service)
    assert api.get("/api/v1/benchmarks/contest/terms").json() == {
        "benchmark": "contest", "version": "1", "text": "Play *fair*.",
    }  # fmt: skip
    answer = api.get("/api/v1/quota", params={"benchmark": "contest"}).json()
    assert (answer["benchmark"], answer["members"]) == ("contest", [answer["person"]])
    assert [(each["counts"], each["limit"], each["used"], each["left"]) for each in answer["quota"]] == [
        ("submissions", 2, 0, 2),
        ("failures", 20, 0, 20),
    ]
    without = opened(tmp_path / "without", contest())
    assert client_of(without).get("/api/v1/benchmarks/contest/terms").status_code == 404


def test_the_documentation_lists_every_problem_of_a_competition_as_it_is_said() -> None:
    assert documented("checks.md", ENTRY) >= set(ENTRY)
    assert {template.severity for template in ENTRY.values()} == {Severity.ERROR}
