"""A competition from its first day to its last: nobody exceeds a limit, and nobody loses a submission.

Participants in several time zones submit through three front ends whose clocks differ, around midnight of their own
days and of UTC days, alone and in teams, twice at a time, again after an answer was lost. What they were told is
compared with a count of its own of what had happened until then.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from leaderboard.errors import AlreadyRequested, NotAccepted
from leaderboard.records import Person, PredictionsSubmission, Request, moment
from leaderboard.submissions.intake import Intake
from tests.leaderboard.submissions.contests import EARLY, LATE, Clock, contest, end, front, submission

PER_DAY, TOTAL, FAILURES = 1, 9, 2
STARTS = datetime(
    2026, 3, 27, 23, tzinfo=UTC
)  # the clocks of Berlin go forward on the 29th, of Lord Howe back in April
SKEWS = (0, 47, -95)
"""Seconds by which the front ends' clocks are ahead."""
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Australia/Lord_Howe"]
HOURS = [time(23, 59, 30), time(0, 0), time(0, 1), time(2, 30), time(12), time(18, 45)]
QUOTA = {"quota_used_up", "team_quota_used_up", "failures_used_up"}


@dataclass
class Participant:
    """Somebody who takes part, perhaps in a team."""

    person: Person
    zone: ZoneInfo
    group: str
    files: int = 0


@dataclass
class Count:
    """What has happened to the submissions of those who count together, by the requests' own times."""

    stamps: dict[str, date] = field(default_factory=dict)
    """Id -> UTC day, of the submissions that count."""
    waiting: set[str] = field(default_factory=set)
    failures: Counter[date] = field(default_factory=Counter)

    def left(self, now: datetime) -> int:
        """How many more may be let in now; the worker's clock may be a minute off."""
        day, failures_since = now.date(), (now - timedelta(minutes=1)).date()
        failures = sum(count for failed, count in self.failures.items() if failed >= failures_since)
        return max(
            0,
            min(
                PER_DAY - sum(stamp == day for stamp in self.stamps.values()),
                TOTAL - len(self.stamps),
                FAILURES - failures - len(self.waiting),
            ),
        )


class Month:
    """The competition, its participants, and what they were told."""

    def __init__(self, folder: Path, participants: int, days: int, visits_a_day: int) -> None:
        self.random = random.Random(participants)
        self.visits_a_day = visits_a_day
        self.ends = STARTS + timedelta(days=days)
        before = (self.ends - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M")
        limits = {"per_day": PER_DAY, "total": TOTAL, "failures_per_day": FAILURES}
        rules = contest(starts=STARTS.isoformat(), ends=f"{before}:60Z", limits=limits, team_size=3)
        self.clocks = [Clock(STARTS) for _ in SKEWS]
        self.fronts = [front(folder, rules, clock) for clock in self.clocks]
        self.people = [self._participant(number) for number in range(participants)]
        self.counts = {someone.group: Count() for someone in self.people}
        self.accepted: dict[str, str] = {}
        """Id -> digest of the file, of every submission that was let in."""
        self.open: dict[str, tuple[Request, Count]] = {}
        self.told: Counter[str] = Counter()
        for intake in self.fronts:
            intake.members = self._members

    def _participant(self, number: int) -> Participant:
        group = f"team-{number // 10}" if number % 10 < 3 else f"alone-{number}"
        return Participant(Person(name=f"p{number}"), ZoneInfo(self.random.choice(ZONES)), group)

    def _members(self, benchmark_id: str, person: str) -> frozenset[str]:
        group = next(someone.group for someone in self.people if someone.person.name == person)
        return frozenset(someone.person.name for someone in self.people if someone.group == group)

    def visits(self) -> Iterator[tuple[datetime, Participant]]:
        """When who comes, in order: by the clocks of their zones, from a day before the start to one after the end."""
        coming = []
        day = STARTS.date() - timedelta(days=1)
        while day <= self.ends.date() + timedelta(days=1):
            for someone in self.people:
                for hour in self.random.sample(HOURS, self.visits_a_day):
                    zone = someone.zone if self.random.random() < 0.6 else UTC
                    at = datetime.combine(day, hour, zone).astimezone(UTC)
                    coming.append((at + timedelta(seconds=self.random.randrange(60)), someone.person.name, someone))
            day += timedelta(days=1)
        for at, _, someone in sorted(coming, key=lambda each: each[:2]):
            yield at, someone

    def run(self) -> None:
        """Everybody comes, and the worker works, until all is over."""
        for at, someone in self.visits():
            for clock, skew in zip(self.clocks, SKEWS, strict=True):
                clock.now = at + timedelta(seconds=skew)
            self.work()
            self.random.choice([self.once, self.once, self.twice, self.both, self.with_a_friend])(someone)
        while self.open:
            self.work()

    # --- what participants do

    def once(self, someone: Participant) -> Request | None:
        """One submission through one front end: it is let in exactly where the rules let it in."""
        return self.send(self.random.randrange(3), self.file(someone), someone)

    def twice(self, someone: Participant) -> None:
        """The answer is lost, and they send the same through another front end."""
        first, second = self.random.sample(range(3), 2)
        sent = self.file(someone)
        request = self.send(first, sent, someone)
        if request is not None:
            with pytest.raises(AlreadyRequested) as caught:
                self.fronts[second].submit(sent, someone.person)
            assert caught.value.existing.id == request.id, "they find what they have sent"

    def both(self, someone: Participant) -> None:
        """A double click: the same at the same time through two front ends makes one submission."""
        self.at_once(someone, someone, self.file(someone), None)

    def with_a_friend(self, someone: Participant) -> None:
        """Two of a group submit at the same time, perhaps for the last place."""
        friend = self.random.choice([other for other in self.people if other.group == someone.group])
        self.at_once(someone, friend, self.file(someone), self.file(friend))

    def at_once(
        self,
        someone: Participant,
        friend: Participant,
        first: PredictionsSubmission,
        second: PredictionsSubmission | None,
    ) -> None:
        fronts = self.random.sample(range(3), 2)
        count = self.counts[someone.group]
        lefts = [self.left(at, count) for at in fronts]
        with ThreadPoolExecutor(2) as pool:
            tries = [
                pool.submit(self.attempt, fronts[0], first, someone),
                pool.submit(self.attempt, fronts[1], second or first, friend),
            ]
        made = [request for each in tries if isinstance(request := each.result(), Request)]
        for request in made:
            self.note(request, someone)
        if len({self.clocks[at].now.date() for at in fronts}) == 1 and lefts[0] == lefts[1]:
            assert len(made) == min(lefts[0], 2 if second else 1)
        assert len(made) <= sum(lefts)

    # --- what they are told

    def file(self, someone: Participant) -> PredictionsSubmission:
        someone.files += 1
        return submission(self.fronts[0], f"{someone.person.name} {someone.files}", someone.person)

    def left(self, front_end: int, count: Count) -> int:
        now = self.clocks[front_end].now
        return count.left(now) if STARTS <= now < self.ends else 0

    def send(self, front_end: int, sent: PredictionsSubmission, someone: Participant) -> Request | None:
        left = self.left(front_end, self.counts[someone.group])
        answer = self.attempt(front_end, sent, someone)
        assert isinstance(answer, Request) == (left > 0), (answer, left)
        if isinstance(answer, NotAccepted):
            self.check_refusal(answer, front_end)
            return None
        return self.note(answer, someone)

    def attempt(self, front_end: int, sent: PredictionsSubmission, someone: Participant) -> Request | NotAccepted:
        try:
            return self.fronts[front_end].submit(sent, someone.person)
        except NotAccepted as refusal:
            return refusal

    def check_refusal(self, refusal: NotAccepted, front_end: int) -> None:
        """It says why, and a limit of a day says when it is over: at the next midnight of UTC."""
        now = self.clocks[front_end].now
        codes = {problem.code for problem in refusal.problems}
        self.told.update(codes)
        if not STARTS <= now < self.ends:
            assert codes & {"not_started_yet", "has_ended"}
            return
        assert codes <= QUOTA
        failures_reset = f"{(now - timedelta(minutes=1)).date() + timedelta(days=1)} 00:01:00 UTC"
        for problem in refusal.problems:
            resets = (
                failures_reset
                if problem.code == "failures_used_up"
                else f"{now.date() + timedelta(days=1)} 00:00:00 UTC"
            )
            assert resets in problem.fix or "not reset" in problem.fix

    def note(self, request: Request, someone: Participant) -> Request:
        count, stamp = self.counts[someone.group], moment(request.submitted_time)
        assert stamp is not None and request.id not in self.accepted
        self.accepted[request.id] = request.revision
        count.stamps[request.id] = stamp.date()
        count.waiting.add(request.id)
        self.open[request.id] = (request, count)
        return request

    # --- what becomes of them

    def work(self) -> None:
        """A worker ends some of those that wait: a result, a failure before or while scoring, a withdrawal."""
        for request_id in [each for each in self.open if self.random.random() < 0.3]:
            request, count = self.open.pop(request_id)
            intake = self.fronts[0]
            what = self.random.choice(["finish", "finish", "early", "late", "withdraw", "withdraw late"])
            self.told[what] += 1
            count.waiting.remove(request_id)
            if what != "finish":
                del count.stamps[request_id]
            if what.endswith("late"):
                count.failures[self.clocks[0].now.date()] += 1
            finish(intake, request, what)


def finish(intake: Intake, request: Request, what: str) -> None:
    if what == "withdraw":
        intake.queue.cancel(request, request.sender)
    elif what == "withdraw late":
        intake.queue.cancel(intake.queue.claim(request, "worker", 60), request.sender)
    else:
        end(intake, request, {"finish": None, "early": EARLY, "late": LATE}[what])


def files_of(folder: Path) -> list[dict[str, str]]:
    """Every request file, as anybody reads it."""
    return [json.loads(path.read_text()) for path in (folder / "requests" / "contest").rglob("*.json")]


@pytest.mark.parametrize(
    ("participants", "days", "visits_a_day"),
    [(8, 3, 2), pytest.param(200, 30, 1, marks=[pytest.mark.soak, pytest.mark.first, pytest.mark.timeout(3600)])],
)
def test_a_month_of_submissions(participants: int, days: int, visits_a_day: int, tmp_path: Path) -> None:
    month = Month(tmp_path, participants, days, visits_a_day)
    month.run()
    files = files_of(tmp_path)
    assert {each["id"]: each["revision"] for each in files} == month.accepted, "nobody has lost or gained a submission"
    groups = {someone.person.name: someone.group for someone in month.people}
    kept = [each for each in files if each["status"] == "FINISHED"]
    by_day = Counter((groups[each["sender"]], each["submitted_time"][:10]) for each in kept)
    late = Counter(
        (groups[each["sender"]], entry["time"][:10])
        for each in files
        for entry in each["history"]
        if entry["from"] == "RUNNING" and (entry["to"] == "CANCELLED" or entry["note"].startswith(LATE.code))
    )
    assert max(by_day.values()) <= PER_DAY and max(late.values()) <= FAILURES
    assert max(Counter(groups[each["sender"]] for each in kept).values()) <= TOTAL
    times = [moment(each["submitted_time"]) for each in files]
    assert all(stamp is not None and STARTS <= stamp < month.ends for stamp in times)
    expected = {"not_started_yet", "has_ended", "finish", "early", "late", "withdraw", "withdraw late"}
    assert expected | {"quota_used_up", "team_quota_used_up", "failures_used_up"} <= set(month.told), (
        "all of it happened"
    )
