"""Rules for submissions of every kind: what they name exists, the policy allows it, and it is not in the queue yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from leaderboard.records import BaseSubmission, Problem, Request, Severity, kind_of
from leaderboard.submissions.case import Case
from leaderboard.submissions.catalogue import COMMON, shown
from leaderboard.submissions.policy import Allowance

SUBJECT_CHARACTERS = 300


def every_problem(case: Case, own: Iterable[Problem]) -> list[Problem]:
    """All problems of a submission in the order in which a person reads them; `own` are those of its kind."""
    return [*benchmark(case), *policy(case), *own, *already_requested(case.existing if case.is_taken else None)]


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
    """Nothing that is named is on the benchmark's list, and the sender and their organisation have something left."""
    if case.benchmark is None:
        return
    title = case.benchmark.title
    if case.refusal is not None:
        name, reason = case.refusal
        refused = COMMON.problem_with("do_not_submit", {"reason": sentence(reason)}, model=name, benchmark=title)
        yield _at_the_name(refused, case.submission)
    for allowance in case.allowances:
        if allowance.left == 0:
            code = "quota_used_up" if allowance.whose == "person" else "organisation_quota_used_up"
            period = allowance.period or f"in the last {allowance.period_days:g} days"
            numbers = {"used": allowance.used, "period": period, "limit": allowance.limit}
            used_up = COMMON.problem(code, name=allowance.name, benchmark=title, when=when(allowance), **numbers)
            yield _at_the_name(used_up, case.submission)


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


def when(allowance: Allowance) -> str:
    """When one more is free, for people."""
    return allowance.frees_at.replace("T", " ").replace("Z", " UTC") if allowance.frees_at else "another time"


def sentence(reason: str) -> str:
    """A reason of the organiser's or a maintainer's, with a full stop."""
    text = " ".join(reason.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."
