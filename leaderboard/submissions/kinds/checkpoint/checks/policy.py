"""Rules of who may submit how much, and of what may not be submitted."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.models.lineage import is_older
from leaderboard.records import Problem
from leaderboard.submissions.kinds.checkpoint.checks.case import Case
from leaderboard.submissions.kinds.checkpoint.checks.catalogue import problem, said
from leaderboard.submissions.policy import Allowance


def do_not_submit(case: Case) -> Iterator[Problem]:
    """Neither the model nor its base model is on the benchmark's list."""
    if case.refusal is not None and case.benchmark is not None:
        model, reason = case.refusal
        yield said("do_not_submit", {"reason": sentence(reason)}, model=model, benchmark=case.benchmark.title)


def quota(case: Case) -> Iterator[Problem]:
    """The sender, and the organisation for which they submit, have something left."""
    for one in case.allowances:
        if one.left == 0 and case.benchmark is not None:
            code = "quota_used_up" if one.whose == "person" else "organisation_quota_used_up"
            numbers = {"used": one.used, "days": f"{one.period_days:g}", "limit": one.limit}
            yield problem(code, name=one.name, benchmark=case.benchmark.title, when=when(one), **numbers)


def copies(case: Case) -> Iterator[Problem]:
    """Its weights are not those of another checkpoint that is known here."""
    if case.facts is None:
        return
    if case.same_weights:
        named = {"model": case.facts.model, "sha": case.facts.revision[:7]}
        yield problem("same_weights", other=case.same_weights[:7], **named)
    twin = case.twin
    if twin is not None and not case.may_copy:
        older = is_older(case.facts.created_at, twin.created_at)
        names = {"model": case.facts.model, "twin": twin.model, "sha": twin.revision[:7]}
        yield problem("copied_by" if older else "copy_of", **names)


def when(allowance: Allowance) -> str:
    """When one more is free, for people."""
    return allowance.frees_at.replace("T", " ").replace("Z", " UTC") if allowance.frees_at else "another time"


def sentence(reason: str) -> str:
    """A reason of the organiser's or a maintainer's, with a full stop."""
    text = " ".join(reason.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."


RULES = (do_not_submit, quota, copies)
