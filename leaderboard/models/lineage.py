"""Where a checkpoint comes from: base models, merges, mixtures of experts, generations, and copies of weights.

Pure functions over what the Hub says of repositories; all of that is hostile and may have any type.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from leaderboard.records import ModelFacts, is_repo_id

MAX_BASES = 32
MERGE_TAGS = {"merge", "mergekit", "mergekit-moe", "base_model:merge"}
MERGE_FILES = ("mergekit_config.yml", "mergekit_config.yaml", "mergekit_moe_config.yml", "mergekit_moe_config.yaml")
MIXTURE_TAGS = {"moe", "mixture-of-experts", "mixture of experts", "mixtral"}
EXPERTS = re.compile(r"(moe_)?(num|n)_((local|routed)_)?experts")
"""Keys of config.json that count experts; not those that count the experts used for one token."""
MIXTURE_CLASS = re.compile(r"Mo[Ee](?=[A-Z]|V?\d|$)|moe(?=For[A-Z])|^(Mixtral|Dbrx|DeepseekV[23]|Arctic|Jamba)For")
"""Class names of mixtures, for repositories whose config is not known: `Qwen2MoeForCausalLM`, `OlmoeForCausalLM`."""
WHOLE = "model.safetensors"
SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
ADAPTER = "adapter_model.safetensors"


def base_models(facts: ModelFacts) -> list[str]:
    """Repositories that the card, the tags or the adapter's config name as what it was made from; none twice."""
    stated = facts.card.get("base_model")
    named = [*stated] if isinstance(stated, list) else [stated]
    tags = [tag.rpartition(":")[2] for tag in facts.tags if tag.startswith("base_model:")]
    adapter = facts.configs.get("adapter_config.json")
    named += [*tags, adapter.get("base_model_name_or_path") if isinstance(adapter, dict) else None]
    bases: dict[str, str] = {}
    for name in named:
        if isinstance(name, str) and is_repo_id(name) and name.casefold() != facts.model.casefold():
            bases.setdefault(name.casefold(), name)
    return list(bases.values())[:MAX_BASES]


def is_merge(facts: ModelFacts) -> bool:
    """Whether card, tags or files say that it was merged from other checkpoints."""
    relation = facts.card.get("base_model_relation")
    tags = {tag.casefold() for tag in [*facts.tags, *_words(facts.card.get("tags"))]}
    if relation == "merge" or facts.card.get("merge") is True or not tags.isdisjoint(MERGE_TAGS):
        return True
    if any(tag.startswith("base_model:merge:") for tag in tags) or any(name in facts.files for name in MERGE_FILES):
        return True
    stated = facts.card.get("base_model")
    return relation is None and isinstance(stated, list) and len({str(name).casefold() for name in stated}) > 1


def states_mixture(facts: ModelFacts) -> bool | None:
    """Whether a repository says that it is a mixture of experts; None where it does not say.

    By the number of experts in its config, else by its tags or class names.
    """
    config = facts.configs.get("config.json")
    counts = list(_expert_counts(config)) if isinstance(config, dict) else []
    if counts:
        return max(counts) > 1
    tags = {tag.casefold() for tag in [*facts.tags, *_words(facts.card.get("tags"))]}
    return not tags.isdisjoint(MIXTURE_TAGS) or is_mixture(None, facts.architectures) or None


def is_mixture(stated: bool | None, architectures: Iterable[str]) -> bool:
    """Whether it is a mixture of experts: as the repository `stated`, else by class names."""
    return any(MIXTURE_CLASS.search(name) for name in architectures) if stated is None else stated


def _expert_counts(config: Mapping[str, Any]) -> Iterable[int]:
    """Numbers of experts in a config, also in the part about text of a multimodal one."""
    text = config.get("text_config")
    for part in (config, text if isinstance(text, dict) else {}):
        for key, value in part.items():
            if EXPERTS.fullmatch(key) and isinstance(value, int) and not isinstance(value, bool):
                yield value


def told_by_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of config.json that tells lineage, to be kept for later."""
    kept = {key: value for key, value in config.items() if key in ("architectures", "model_type") or "expert" in key}
    text = config.get("text_config")
    experts = {key: value for key, value in text.items() if "expert" in key} if isinstance(text, dict) else {}
    return kept | ({"text_config": experts} if experts else {})


def generation(model: str, bases: Mapping[str, Sequence[str]], is_root: Callable[[str], bool]) -> int | None:
    """Steps from `model` back to checkpoints without a base, along the longest way.

    `bases` is model -> base models; `is_root` says of one without any whether it is a beginning: None where one is
    not, and where the way goes in a circle.
    """
    depth: dict[str, int | None] = {}
    left = [model]
    under_way: set[str] = set()
    while left:
        name = left[-1]
        steps = bases.get(name, ())
        waiting = [base for base in steps if base not in depth]
        if name in depth:
            left.pop()
        elif waiting and not under_way.intersection(waiting) and name not in waiting:
            under_way.add(name)
            left += waiting
        else:
            known = [depth.get(base) for base in steps]
            counted = [steps_back for steps_back in known if steps_back is not None]
            whole = len(counted) == len(known)
            depth[name] = (1 + max(counted) if counted else 0 if is_root(name) else None) if whole else None
            under_way.discard(name)
            left.pop()
    return depth[model]


def weights_of(facts: ModelFacts) -> str:
    """A name for the content of the weights that would be loaded; empty when the Hub does not say enough.

    Equal for repositories with the same files, whatever these are called and whatever lies beside them.
    """
    names = [name for name in (*facts.files, *facts.sha256) if "/" not in name and name.endswith(".safetensors")]
    adapts = "adapter_config.json" in facts.files or "adapter_config.json" in facts.configs
    shards = [name for name in names if SHARD.fullmatch(name)]
    choices = [[ADAPTER]] if adapts else [[WHOLE], facts.shards, shards, [ADAPTER], names]
    loaded = next((choice for choice in choices if choice and set(choice) <= set(names)), [])
    digests = {facts.sha256.get(name, "") for name in loaded}
    if not digests or "" in digests:
        return ""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()[:32]


class Twin(NamedTuple):
    """A known checkpoint with the same weights."""

    model: str
    revision: str
    created_at: str | None
    """Of its repository on the Hub."""


class Copy(NamedTuple):
    """Evidence that one checkpoint is a copy of another."""

    model: str
    revision: str
    of: str
    of_revision: str
    weights: str
    """As `weights_of` names them."""


def is_older(created: str | None, than: str | None) -> bool:
    """Whether a repository was on the Hub before another one; False when the Hub does not say."""
    return bool(created and than and created[:19] < than[:19])


def oldest(twins: Iterable[Twin]) -> Twin | None:
    """The one that was on the Hub first; those of unknown age last, then by name."""
    return min(twins, key=lambda twin: (twin.created_at or "9", twin.model, twin.revision), default=None)


def all_weights(facts: ModelFacts) -> dict[str, str]:
    """Commit -> weights, for every commit of a model that is known here."""
    own = weights_of(facts) if facts.revision not in facts.weights else ""
    return facts.weights | ({facts.revision: own} if own else {})


def _words(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
