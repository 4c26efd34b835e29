"""Rules for submissions of every kind: what they name exists, the policy allows it, and it is not in the queue yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from leaderboard.records import BaseSubmission, Problem, Request, Severity, kind_of
from leaderboard.submissions.allowances import Allowance
from leaderboard.submissions.case import Case
from leaderboard.submissions.catalogue import COMMON, shown
from leaderboard.submissions.entry import entry

SUBJECT_CHARACTERS, REASON_CHARACTERS = 300, 600
USED_UP = {
    "person": "quota_used_up",
    "organisation": "organisation_quota_used_up",
    "team": "team_quota_used_up",
}
"""Whose quota -> code of the problem."""


def every_problem(case: Case, own: Iterable[Problem]) -> list[Problem]:
    """All problems of a submission in the order in which a person reads them; `own` are those of its kind."""
    taken = already_requested(case.existing if case.is_taken else None)
    return [*benchmark(case), *entry(case), *policy(case), *own, *taken]


def on_admission(case: Case) -> list[Problem]:
    """The problems that may have come up since the submission was looked at: its time is over, a limit is used up."""
    return [*entry(case), *policy(case)]


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """Those that refuse the submission."""
    return [problem for problem in problems if problem.severity is Severity.ERROR]


def benchmark(case: Case) -> Iterator[Problem]:
    """The benchmark and its track exist."""
    wanted = case.submission
    if case.benchmark is None:
        yield COMMON.problem_with(
            "unknown_benchmark", {"known": ", ".join(case.known_benchmarks)}, value=wanted.benchmark
        )
        return
    if wanted.kind not in case.benchmark.kinds:
        taken = {"known": ", ".join(case.benchmark.kinds)}
        yield COMMON.problem_with("kind_not_taken", taken, benchmark=case.benchmark.title, value=wanted.kind)
    if wanted.track not in case.benchmark.tracks:
        known = {"known": ", ".join(case.benchmark.tracks)}
        yield COMMON.problem_with("unknown_track", known, benchmark=case.benchmark.title, value=wanted.track)


def policy(case: Case) -> Iterator[Problem]:
    """Nothing that is named was removed or is on the benchmark's list, and the sender has something left."""
    if case.removed:
        removed = COMMON.problem_with("removed", {"reason": shown(sentence(case.removed), REASON_CHARACTERS)})
        yield _at_the_name(removed, case.submission)
    if case.benchmark is None:
        return
    title = case.benchmark.title
    if case.refusal is not None:
        name, reason = case.refusal
        refused = COMMON.problem_with("do_not_submit", {"reason": sentence(reason)}, model=name, benchmark=title)
        yield _at_the_name(refused, case.submission)
    if case.is_taken:  # what stands in its place is told instead
        return
    for allowance in case.allowances:
        if allowance.left == 0:
            yield _at_the_name(used_up(allowance, title), case.submission)


def used_up(allowance: Allowance, title: str) -> Problem:
    """Nothing is left of an allowance."""
    code = "failures_used_up" if allowance.counts == "failures" else USED_UP[allowance.whose]
    period = allowance.period or f"in the last {allowance.period_days:g} days"
    sentences = {"again": again(allowance), "whom": "team" if allowance.whose == "team" else "person"}
    numbers = {"used": allowance.used, "period": period, "limit": allowance.limit}
    return COMMON.problem_with(code, sentences, name=allowance.name, benchmark=title, **numbers)


def already_requested(existing: Request | None) -> Iterator[Problem]:
    """Nothing stands in the queue where this would; only said here, the store is what refuses it."""
    if existing is not None:
        kind = kind_of(existing)
        words = {"subject": shown(kind.subject(existing), SUBJECT_CHARACTERS), "alternatives": kind.alternatives}
        taken = COMMON.problem_with(
            "already_requested", words, request=existing.id, status=existing.status.value.lower()
        )
        yield _at_the_name(taken, existing)


def _at_the_name(problem: Problem, record: BaseSubmission | Request) -> Problem:
    """The problem at the field that names what is submitted."""
    return problem.model_copy(update={"field": kind_of(record).name_field})


def again(allowance: Allowance) -> str:
    """When one more is free, for people."""
    if allowance.frees_at is None:
        return "This limit is not reset"
    return f"Submit it again from {allowance.frees_at.replace('T', ' ').replace('Z', ' UTC')} on"


def sentence(reason: str) -> str:
    """A reason of the organiser's or a maintainer's, with a full stop."""
    text = " ".join(reason.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."
