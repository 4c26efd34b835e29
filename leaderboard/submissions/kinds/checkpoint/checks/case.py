"""What the checks look at, and the few questions about a repository that several of them ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leaderboard.errors import ModelUnavailable
from leaderboard.hub.loaded_files import ADAPTER_CONFIG, is_adapter
from leaderboard.hub.safetensors import quantised_bits
from leaderboard.models.lineage import Twin
from leaderboard.records import CheckpointSubmission, ModelFacts, WeightType, is_repo_id, is_revision
from leaderboard.submissions.case import Case
from leaderboard.submissions.kinds.checkpoint.checks.native import Native

Lookup = ModelFacts | ModelUnavailable | None
"""What the Hub said of a repository: facts, why there are none, or None when it was not asked."""

TOKENIZER_CONFIG = "tokenizer_config.json"


@dataclass(frozen=True, kw_only=True)
class CheckpointCase(Case):
    """A checkpoint, its base model, and what is known here of both."""

    submission: CheckpointSubmission
    model: Lookup
    base: Lookup
    native: Native
    twin: Twin | None = None
    """A known checkpoint of another repository with the same weights."""
    may_copy: bool = False
    """Whether a maintainer let it in although its weights are another one's."""
    same_weights: str = ""
    """Another commit of the same repository, known here, with the same weights."""
    earlier_names: Sequence[str] = ()
    """Names under which this very repository is known here, seen just now to have been renamed."""

    @property
    def name(self) -> str:
        """The repository as it was named."""
        return self.submission.model

    @property
    def names(self) -> Sequence[str]:
        """The repository as it was named and as it is called, and its base model."""
        facts = self.facts
        names = (self.name, facts.model if facts else "", base_of(self.submission, facts))
        return [name for name in names if is_repo_id(name)]

    @property
    def facts(self) -> ModelFacts | None:
        """Of the submitted repository, None where there are none."""
        return self.model if isinstance(self.model, ModelFacts) else None

    @property
    def base_facts(self) -> ModelFacts | None:
        """Of the base model of an adapter or delta, None where there are none."""
        needed = self.submission.weight_type is not WeightType.ORIGINAL
        return self.base if needed and isinstance(self.base, ModelFacts) else None

    @property
    def tokenizer_facts(self) -> ModelFacts | None:
        """The repository whose tokenizer and chat template are used: its own, else the base model's."""
        has_own = self.facts is not None and TOKENIZER_CONFIG in self.facts.files
        return self.facts if has_own or self.base_facts is None else self.base_facts

    @property
    def whole(self) -> ModelFacts | None:
        """The repository whose config.json describes the network: the base model's for an adapter."""
        return self.base_facts if self.facts is not None and is_adapter(self.facts) else self.facts

    @property
    def stored_bits(self) -> int | None:
        """Bits per weight of a quantised checkpoint; None when it is not quantised or does not say."""
        return quantised_bits(quantisation(self.whole)) if self.whole else None

    @property
    def params_b(self) -> float | None:
        """Billions of parameters to be loaded, an adapter's together with its base model's; None when unknown."""
        if self.facts is None or self.facts.params is None:
            return None
        if not is_adapter(self.facts):
            return self.facts.params
        base = self.base_facts.params if self.base_facts else None
        return None if base is None else self.facts.params + base


def base_of(submission: CheckpointSubmission, facts: ModelFacts | None) -> str:
    """Repository of the base model: what the submitter says, else what adapter_config.json names; "" for neither."""
    return submission.base_model or (named_base(facts) if facts else "")


def named_base(facts: ModelFacts) -> str:
    """The base model in adapter_config.json where it is a repository's name (it may be a path of its author's)."""
    named = _object(facts.configs.get(ADAPTER_CONFIG)).get("base_model_name_or_path")
    return named if isinstance(named, str) and is_repo_id(named) else ""


def base_revision_of(submission: CheckpointSubmission, facts: ModelFacts | None) -> str:
    """The base model's revision that the adapter was trained on where its config names one, else main."""
    adapter = _object(facts.configs.get(ADAPTER_CONFIG)) if facts else {}
    revision = adapter.get("revision")
    same = facts is not None and named_base(facts).casefold() == base_of(submission, facts).casefold()
    return revision if same and isinstance(revision, str) and is_revision(revision) else "main"


def quantisation(facts: ModelFacts) -> Mapping[str, Any] | None:
    """`quantization_config` of config.json (or quantize_config.json, GPTQ's older place); None for none."""
    inside = _object(facts.configs.get("config.json")).get("quantization_config")
    if isinstance(inside, dict) and inside:
        return inside
    beside = _object(facts.configs.get("quantize_config.json"))
    return {"quant_method": "gptq", **beside} if "bits" in beside else None


def config(facts: ModelFacts) -> Mapping[str, Any]:
    """config.json; empty when it is missing or is not an object."""
    return _object(facts.configs.get("config.json"))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
