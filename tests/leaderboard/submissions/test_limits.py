"""How much a person or team may submit to a competition: by day, in all, and failures after scoring had begun."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from leaderboard.errors import AlreadyRequested, NotAccepted
from leaderboard.queue.request_index import RequestIndex
from leaderboard.queue.scoring_failures import BEFORE_SCORING, scoring_failures
from leaderboard.records import ENDED, EndedRequest, Failure, Fault, Person, Request
from leaderboard.settings import PROJECT
from leaderboard.submissions.allowances import Allowance
from leaderboard.submissions.intake import Intake
from tests.leaderboard.submissions.contests import (
    ADA,
    BOB,
    EARLY,
    LATE,
    MIA,
    NOON,
    Clock,
    contest,
    end,
    front,
    refused,
    submission,
    submit,
)


def board(folder: Path, clock: Clock | None = None, **limits: int | None) -> Intake:
    return front(folder, contest(limits=limits), clock or Clock())


def left(intake: Intake, who: Person = ADA) -> list[tuple[str, int]]:
    return [(allowance.counts, allowance.left) for allowance in intake.quota("contest", who)]


def test_so_many_in_a_utc_day_and_again_from_midnight_on(tmp_path: Path) -> None:
    clock = Clock(NOON.replace(hour=23, minute=59, second=58))
    intake = board(tmp_path, clock, per_day=2)
    submit(intake, "one")
    submit(intake, "two")
    [problem] = refused(intake, "three")
    assert problem.code == "quota_used_up"
    assert problem.message == "ada has made 2 submissions to Contest today (UTC); one person may make 2."
    assert problem.fix.startswith("Submit it again from 2026-05-05 00:00:00 UTC on;")
    assert intake.quota("contest", ADA)[0].frees_at == "2026-05-05T00:00:00Z"
    assert submit(intake, "three", BOB).sender == "bob", "each person has a limit of their own"
    clock.goes_on(seconds=2)
    assert submit(intake, "three").submitted_time == "2026-05-05T00:00:00Z"


def test_so_many_in_all_since_it_began(tmp_path: Path) -> None:
    clock = Clock()
    early = front(tmp_path, contest(limits={"total": 2}), clock)
    submit(early, "before it began")
    clock.goes_on(days=1)
    intake = front(tmp_path, contest(starts=clock.now.isoformat(), limits={"total": 2}), clock)
    for text in ("one", "two"):
        clock.goes_on(days=3)
        end(intake, submit(intake, text))
    [problem] = refused(intake, "three")
    assert problem.message == "ada has made 2 submissions to Contest in the competition; one person may make 2."
    assert problem.fix == "This limit is not reset; failed and cancelled submissions are not counted."


def test_failed_and_cancelled_submissions_do_not_count(tmp_path: Path) -> None:
    intake = board(tmp_path, per_day=1, total=1)
    end(intake, submit(intake, "one"), EARLY)
    end(intake, submit(intake, "two"), LATE)
    intake.queue.cancel(submit(intake, "three"), "ada")
    assert left(intake) == [("submissions", 1), ("submissions", 1), ("failures", 19)]
    end(intake, submit(intake, "four"))
    assert {problem.code for problem in refused(intake, "five")} == {"quota_used_up"}


def test_failures_after_scoring_began_are_limited(tmp_path: Path) -> None:
    clock = Clock()
    intake = board(tmp_path, clock, failures_per_day=3)
    end(intake, submit(intake, "one"), EARLY)
    end(intake, submit(intake, "two"), LATE)
    end(intake, submit(intake, "two"), LATE)  # the same request once more, in the same file
    running = intake.queue.claim(submit(intake, "three"), "worker", 60)
    [problem] = refused(intake, "four")
    assert problem.code == "failures_used_up"
    assert problem.message == (
        "3 submissions of ada to Contest failed today (UTC) after scoring had begun, or wait or run and may still "
        "fail; one person may have 3."
    )
    intake.queue.cancel(running, "ada")  # while it ran: that may have told something too
    assert left(intake) == [("failures", 0)]
    clock.now = NOON.replace(day=5, hour=0)
    assert left(intake) == [("failures", 0)], "another clock may still be in the day before"
    clock.now = NOON.replace(day=5, hour=0, minute=1)
    assert left(intake) == [("failures", 3)]
    end(intake, submit(intake, "four"))
    assert left(intake) == [("failures", 3)], "what finished has told its score, and no failure"


def test_what_failures_tell_is_known_of_ended_requests_too(tmp_path: Path) -> None:
    intake = board(tmp_path)
    failed = end(intake, submit(intake, "one"), LATE)
    [short] = [request for request in RequestIndex(intake.queue.store).view() if request.status in ENDED]
    assert isinstance(short, EndedRequest)
    assert scoring_failures(short) == scoring_failures(failed) == ("2026-05-04T12:00:00Z",)


def test_faults_of_ours_are_no_failures_after_scoring(tmp_path: Path) -> None:
    intake = board(tmp_path, failures_per_day=1)
    for code in ("worker_lost", "disk_full", "no_sandbox"):
        end(intake, submit(intake, code), Failure(fault=Fault.INFRASTRUCTURE, code=code, message="Ours."))
    assert left(intake) == [("failures", 1)]


def test_the_codes_before_scoring_are_codes_of_failures() -> None:
    page = (PROJECT / "docs" / "operators.md").read_text().partition("## Failures")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(\w+)`", page)) >= BEFORE_SCORING


def test_a_team_has_one_limit_together(tmp_path: Path) -> None:
    intake = board(tmp_path, per_day=2)
    intake.members = lambda benchmark_id, person: frozenset({"ada", "Bob"} if person != "mia" else {"mia"})
    intake.team = lambda benchmark_id, person: "Team A" if person != "mia" else ""
    assert submit(intake, "one").team == "Team A"
    submit(intake, "two", BOB)
    for who in (ADA, BOB):
        [problem] = refused(intake, "three", who)
        assert problem.code == "team_quota_used_up"
        assert problem.message == (
            "The team of Bob, ada has made 2 submissions to Contest today (UTC); one team may make 2."
        )
    assert submit(intake, "three", MIA).team == ""


def test_maintainers_lift_the_limits_for_somebody(tmp_path: Path) -> None:
    intake = board(tmp_path, per_day=1)
    submit(intake, "one")
    assert intake.policies is not None
    intake.policies.decide("contest", "quota", "ADA", "lift", MIA, "Baselines.")
    submit(intake, "two")
    assert left(intake) == []


def test_the_same_again_is_the_same_request_and_not_one_too_many(tmp_path: Path) -> None:
    """A double click, or a program that repeats itself after a lost answer."""
    intake = board(tmp_path, per_day=1)
    first = submit(intake, "one")
    with pytest.raises(AlreadyRequested) as caught:
        submit(intake, "one")
    assert caught.value.existing.id == first.id
    assert [problem.code for problem in intake.look(submission(intake, "one"), ADA).problems] == ["already_requested"]


@pytest.mark.parametrize("same", [False, True])
def test_two_front_ends_at_once_stay_within_the_limit(tmp_path: Path, same: bool) -> None:
    """Each counts before either has queued; the store lets only as many in as are allowed."""
    clock = Clock()
    fronts = [board(tmp_path, clock, per_day=1) for _ in range(2)]
    counted = threading.Barrier(2)
    for intake in fronts:
        meet_after_counting(intake, counted)
    taken: list[Request] = []
    refusals: list[NotAccepted] = []

    def send(intake: Intake, name: str) -> None:
        for number in range(4):
            text = f"{number}" if same else f"{name} {number}"
            try:
                taken.append(submit(intake, text))
            except NotAccepted as refusal:
                refusals.append(refusal)

    threads = [threading.Thread(target=send, args=(intake, f"{at}")) for at, intake in enumerate(fronts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waiting = [request for request in fronts[0].queue.view() if request.sender == "ada"]
    assert len(waiting) == len(taken) == 1 and {request.id for request in waiting} == {request.id for request in taken}
    assert len(refusals) == 7
    if same:
        assert any(isinstance(refusal, AlreadyRequested) for refusal in refusals)


def meet_after_counting(intake: Intake, counted: threading.Barrier) -> None:
    """Have the first two counts, under the lock and at the commit, wait for those of the other front end."""
    count = intake._admission.allowances
    meetings = iter(range(2))

    def count_and_meet(*asked: Any) -> Sequence[Allowance]:
        allowances = count(*asked)
        if next(meetings, None) is not None:
            counted.wait(timeout=60)
        return allowances

    intake._admission.allowances = count_and_meet  # type: ignore[method-assign]


def test_what_counts_for_a_day_is_when_it_was_let_in(tmp_path: Path) -> None:
    """The file was looked into for a minute, over midnight: it counts for the day on which it was queued."""
    clock = Clock(NOON.replace(hour=23, minute=59, second=30))
    intake = board(tmp_path, clock, per_day=1)
    look = intake._look
    intake._look = lambda *given: (look(*given), clock.goes_on(minutes=1))[0]  # type: ignore[method-assign]
    assert submit(intake, "one").submitted_time == "2026-05-05T00:00:30Z"
    clock.now = NOON + timedelta(hours=12)
    assert [allowance.used for allowance in intake.quota("contest", ADA)] == [1, 1]
