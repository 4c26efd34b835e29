"""How a checkpoint is taken in: looked up on the Hub, compared with what is known here, pinned by its files."""

from __future__ import annotations

from dataclasses import replace

from leaderboard.errors import ModelUnavailable
from leaderboard.hub.hub import Hub
from leaderboard.hub.loaded_files import pinned_files
from leaderboard.models.facts import KnownModels, first_twin
from leaderboard.models.lineage import Copy, Twin, is_older, weights_of
from leaderboard.models.repositories import is_another
from leaderboard.records import (
    CheckpointSubmission,
    ModelFacts,
    Problem,
    Request,
    WeightType,
    is_repo_id,
    is_revision,
    new_id,
    now,
)
from leaderboard.submissions.case import Context
from leaderboard.submissions.catalogue import shown
from leaderboard.submissions.kinds.checkpoint.checks import (
    CheckpointCase,
    Lookup,
    base_of,
    base_revision_of,
    check,
    native_architectures,
)
from leaderboard.submissions.kinds.kind import KindIntake
from leaderboard.submissions.policy import organisation

MAX_NAMES = 4
"""How many of the architectures that a config.json names are noted in the request."""


class CheckpointIntake(KindIntake[CheckpointSubmission, CheckpointCase]):
    """Checkpoints on the Hub."""

    def look(self, submission: CheckpointSubmission, context: Context) -> CheckpointCase:
        """What the Hub says of the checkpoint and its base model, and which known ones have the same weights."""
        model: Lookup = None
        if is_repo_id(submission.model) and is_revision(submission.revision):
            model = _lookup(context.hub, submission.model, submission.revision)
        facts = model if isinstance(model, ModelFacts) else None
        base: Lookup = None
        name = base_of(submission, facts)
        if submission.weight_type is not WeightType.ORIGINAL and is_repo_id(name):
            base = _lookup(context.hub, name, base_revision_of(submission, facts))
        case = CheckpointCase(
            submission=submission,
            benchmark=context.benchmark,
            known_benchmarks=context.known_benchmarks,
            abilities=context.abilities,
            model=model,
            base=base,
            native=native_architectures(),
        )
        return case if facts is None or case.benchmark is None else _compared(case, facts, context)

    def check(self, case: CheckpointCase) -> list[Problem]:
        """Every problem of the repository, its base model, and the way in which it is to be loaded."""
        return check(case)

    def request(self, case: CheckpointCase, context: Context) -> Request | None:
        """The request, with the files that a job may load; its history begins when it is queued."""
        facts, base, submission = case.facts, case.base_facts, case.submission
        if facts is None:
            return None
        architectures = case.whole.architectures if case.whole else []
        return Request(
            model=facts.model,
            base_model=base.model if base else base_of(submission, facts),
            revision=facts.revision,
            precision=submission.precision.value,
            weight_type=submission.weight_type.value,
            params=case.params_b,
            architectures=";".join(shown(name) for name in architectures[:MAX_NAMES]),
            license=shown(facts.license) if facts.license else "",
            model_type=submission.model_type.value,
            use_chat_template=submission.use_chat_template,
            submitted_time=now(),
            sender=context.sender.name,
            sender_org=organisation(context.sender, facts.model),
            id=new_id(),
            benchmark=submission.benchmark,
            track=submission.track,
            requested_revision=submission.revision,
            base_revision=base.revision if base else "",
            files=pinned_files(facts),
            base_files=pinned_files(base) if base else {},
            stored_bits=case.stored_bits,
        )

    def accepted(self, case: CheckpointCase, context: Context) -> None:
        """Keep the facts for the board."""
        if context.models and case.facts and case.existing is None:
            names = {name: now() for name in case.earlier_names}
            context.models.note(case.facts, names, f"Note facts of {case.facts.model}", case.is_newcomer)

    def queued(self, case: CheckpointCase, context: Context) -> None:
        """Tell of a copy of known weights."""
        if case.facts and case.twin:
            copy = copied(case.facts, case.twin)
            for tell in context.on_copy:
                tell(copy)


def copied(facts: ModelFacts, twin: Twin) -> Copy:
    """Which of two repositories with the same weights is the copy: the one that came to the Hub later."""
    weights = weights_of(facts)
    if is_older(facts.created_at, twin.created_at):
        return Copy(twin.model, twin.revision, facts.model, facts.revision, weights)
    return Copy(facts.model, facts.revision, twin.model, twin.revision, weights)


def _lookup(hub: Hub, model: str, revision: str) -> Lookup:
    try:
        return hub.facts(model, revision)
    except ModelUnavailable as reason:
        return reason


def _compared(case: CheckpointCase, facts: ModelFacts, context: Context) -> CheckpointCase:
    """The case with the known checkpoints that have the same weights.

    A known name that leads to this very repository is an earlier name of it, not a copy.
    """
    models = context.models
    twins = models.twins(facts) if models else []
    candidates = {twin.model for twin in twins} - {facts.model}
    earlier = tuple(name for name in candidates if _is_now(context.hub, name, facts.model))
    others = [twin for twin in twins if twin.model not in earlier]
    return replace(
        case,
        twin=first_twin(others, facts.model),
        same_weights=next((twin.revision for twin in others if twin.model == facts.model), ""),
        may_copy=context.rules is not None and context.rules.may_copy(facts.model),
        earlier_names=earlier,
        is_newcomer=_is_newcomer(models, facts, context.hub),
        known_as=(*earlier, *(models.names(facts.model).earlier if models else ())),
    )


def _is_newcomer(models: KnownModels | None, facts: ModelFacts, hub: Hub) -> bool:
    """Whether another repository of that name is known here."""
    kept = models.get(facts.model) if models else None
    try:
        return kept is not None and is_another(kept, facts, hub)
    except ModelUnavailable:
        return False


def _is_now(hub: Hub, name: str, model: str) -> bool:
    """Whether the repository that was called `name` is called `model` now."""
    try:
        return hub.overview(name).model == model
    except ModelUnavailable:
        return False
