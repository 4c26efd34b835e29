"""Models in short: made from their facts, and compared by their weights."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType

from leaderboard.models.lineage import Twin, all_weights, base_models, is_merge, oldest, states_mixture
from leaderboard.records import ModelFacts, ModelSummary

NOTHING: Mapping[str, str] = MappingProxyType({})


def summary(facts: ModelFacts) -> ModelSummary:
    """The summary of a model's facts. Words that many models share are one object in memory."""
    return ModelSummary(
        model=facts.model,
        revision=facts.revision,
        created_at=facts.created_at,
        likes=facts.likes,
        license=sys.intern(facts.license) if facts.license else None,
        params=facts.params,
        architectures=tuple(map(sys.intern, facts.architectures)),
        available=facts.available,
        imported=facts.imported,
        since=facts.since,
        aliases=facts.aliases or NOTHING,
        weights=all_weights(facts) or NOTHING,
        bases=tuple(map(sys.intern, base_models(facts))),
        is_merge=is_merge(facts),
        states_mixture=states_mixture(facts),
    )


def originals(known: Mapping[str, ModelSummary]) -> dict[tuple[str, str], str]:
    """(model, commit) of every copy -> the model whose weights they were first."""
    groups: dict[str, list[Twin]] = {}
    for model, facts in known.items():
        for revision, weights in facts.weights.items():
            groups.setdefault(weights, []).append(Twin(model, revision, facts.created_at))
    original_of = {}
    for twins in groups.values():
        first = oldest(twins)
        if first is not None:
            original_of.update(
                {(twin.model, twin.revision): first.model for twin in twins if twin.model != first.model}
            )
    return original_of
