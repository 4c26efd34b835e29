"""Rules about copies: weights that are known here as another checkpoint's."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.models.lineage import is_older
from leaderboard.records import Problem
from leaderboard.submissions.kinds.checkpoint.checks.case import CheckpointCase
from leaderboard.submissions.kinds.checkpoint.checks.catalogue import problem


def copies(case: CheckpointCase) -> Iterator[Problem]:
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


RULES = (copies,)
