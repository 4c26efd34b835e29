"""How much somebody may still submit, and what the limits of a competition leave of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from leaderboard.benchmarks import Benchmark
from leaderboard.queue.retries import CLOCKS_DIFFER
from leaderboard.queue.scoring_failures import scoring_failures
from leaderboard.records import OPEN, AnyRequest, Status, moment, utc

NOT_COUNTED = (Status.FAILED, Status.CANCELLED)
TODAY = "today (UTC)"
Members = Callable[[str, str], frozenset[str]]
"""Benchmark id and a person's name -> the names whose submissions count together with theirs, their own included."""
Whose = Literal["person", "organisation", "team"]


class Allowance(BaseModel):
    """How much of a quota is left."""

    model_config = ConfigDict(frozen=True)

    whose: Whose
    counts: Literal["submissions", "failures"] = "submissions"
    """`submissions`: all but the failed and cancelled ones. `failures`: those that failed after scoring had begun, and
    those that still may."""
    name: str
    limit: int
    """How many are allowed in the period."""
    used: int
    """How many of the period count."""
    period_days: float
    """0 where the period has no fixed length."""
    frees_at: str | None
    """When one more will be free (UTC); None while none is used, and where that is never."""
    period: str = ""
    """The period in words; empty for the last `period_days` days."""

    @property
    def left(self) -> int:
        """How many are still free, at least 0."""
        return max(self.limit - self.used, 0)


def only_the_person(benchmark_id: str, person: str) -> frozenset[str]:
    """Whose submissions count together where there are no teams."""
    del benchmark_id
    return frozenset({person})


def midnight(at: datetime) -> datetime:
    """The beginning of the UTC day of `at`."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def competition_allowances(
    benchmark: Benchmark, names: Collection[str], requests: Iterable[AnyRequest], at: datetime
) -> list[Allowance]:
    """What people whose submissions count together may still submit at `at`; empty where nothing limits it."""
    rules = benchmark.competition
    if rules is None:
        return []
    folded = {name.casefold() for name in names}
    own = [each for each in requests if each.benchmark == benchmark.id and each.charged_to.casefold() in folded]
    counted = [_time(request) for request in own if request.status not in NOT_COUNTED]
    in_all = [time for time in counted if time is not None and (rules.starts is None or time >= rules.starts)]
    today, tomorrow = midnight(at), midnight(at) + timedelta(days=1)
    used_today = sum(today <= time < tomorrow for time in in_all)
    failures_since = midnight(at - CLOCKS_DIFFER)
    resets, failures_reset = utc(tomorrow), utc(failures_since + timedelta(days=1) + CLOCKS_DIFFER)
    limits = rules.limits
    rows: list[tuple[int | None, Literal["submissions", "failures"], int, float, str | None, str]] = [
        (limits.per_day, "submissions", used_today, 1.0, resets, TODAY),
        (limits.total, "submissions", len(in_all), 0.0, None, "in the competition"),
        (limits.failures_per_day, "failures", _may_fail(own, failures_since), 1.0, failures_reset, TODAY),
    ]
    return [
        Allowance(
            whose="team" if len(folded) > 1 else "person", name=", ".join(sorted(names)), counts=counts, limit=limit,
            used=used, period_days=days, frees_at=frees if used else None, period=period,
        )
        for limit, counts, used, days, frees, period in rows
        if limit is not None
    ]  # fmt: skip


def _may_fail(own: Iterable[AnyRequest], since: datetime) -> int:
    """Failures after scoring had begun, and requests that may still become one: so nobody has more in a day.

    The clock of the worker that wrote a failure may be behind ours or ahead: `since` is a little before the day, and
    what lies in the future counts too.
    """
    count = 0
    for request in own:
        failed = [time for text in scoring_failures(request) if (time := moment(text)) is not None]
        count += sum(since <= time for time in failed) + (request.status in OPEN)
    return count


def _time(request: AnyRequest) -> datetime | None:
    return moment(request.submitted_time)
