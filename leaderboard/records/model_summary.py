"""A model in short, as boards, names and comparisons need it: a tenth of the memory of its facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class ModelSummary(NamedTuple):
    """A model as this board knows it; what is named as in ModelFacts means the same."""

    model: str
    revision: str
    created_at: str | None
    likes: int | None
    license: str | None
    params: float | None
    architectures: tuple[str, ...]
    available: bool
    imported: bool
    since: str
    aliases: Mapping[str, str]
    weights: Mapping[str, str]
    """Every commit that is known here -> what its weights are (`leaderboard.models.lineage.weights_of`)."""
    bases: tuple[str, ...]
    """What it was made from, as `leaderboard.models.lineage.base_models` says."""
    is_merge: bool
    states_mixture: bool | None
    """As `leaderboard.models.lineage.states_mixture` says."""

    @property
    def commits(self) -> set[str]:
        """Those that this board has seen."""
        return {self.revision, *self.weights}
