"""Where checkpoints come from, as their hostile cards, tags and configs say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.models.facts import board_facts
from leaderboard.models.lineage import (
    Twin,
    all_weights,
    base_models,
    generation,
    is_merge,
    is_mixture,
    is_older,
    oldest,
    states_mixture,
    told_by_config,
    weights_of,
)
from leaderboard.models.summary import originals, summary
from leaderboard.records import ModelFacts

SHA, OTHER = "a" * 40, "b" * 40
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda boolean: st.lists(boolean, max_size=3) | st.dictionaries(st.text(max_size=8), boolean, max_size=3),
    max_leaves=6,
)


def facts(model: str = "org/model", **more: Any) -> ModelFacts:
    return ModelFacts(**{"model": model, "revision": SHA} | more)


def configured(**config: Any) -> ModelFacts:
    return facts(configs={"config.json": config})


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"card": {"base_model": "org/base"}}, ["org/base"]),
        ({"card": {"base_model": ["org/a", "org/b", "ORG/A"]}}, ["org/a", "org/b"]),
        ({"card": {"base_model": "org/model"}}, []),
        ({"card": {"base_model": ["../../x", 7, None, {"a": 1}, "./checkpoint-100"]}}, []),
        ({"tags": ["base_model:org/base", "base_model:finetune:org/base"]}, ["org/base"]),
        ({"configs": {"adapter_config.json": {"base_model_name_or_path": "org/base"}}}, ["org/base"]),
        ({"configs": {"adapter_config.json": {"base_model_name_or_path": "/home/me/llama"}}}, []),
        ({"card": {"base_model": {"name": "org/base"}}}, []),
        ({}, []),
    ],
)
def test_base_models(said: dict[str, Any], expected: list[str]) -> None:
    assert base_models(facts(**said)) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"tags": ["merge"]}, True),
        ({"tags": ["Mergekit"]}, True),
        ({"tags": ["base_model:merge:org/a"]}, True),
        ({"card": {"tags": ["merge"]}}, True),
        ({"card": {"merge": True}}, True),
        ({"card": {"base_model_relation": "merge"}}, True),
        ({"card": {"base_model": ["org/a", "org/b"]}}, True),
        ({"files": {"mergekit_config.yml": 100}}, True),
        ({"card": {"base_model": ["org/a", "org/b"], "base_model_relation": "finetune"}}, False),
        ({"card": {"base_model": ["org/a", "ORG/a"]}}, False),
        ({"card": {"merge": "false", "tags": "merge"}}, False),
        ({"model": "org/merged-emergent-submerge", "tags": ["emergence"]}, False),
    ],
)
def test_merges(said: dict[str, Any], expected: bool) -> None:
    assert is_merge(facts(**said)) is expected
    assert is_merge(board_facts(facts(**said))) is expected, "what is kept still tells"


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (configured(num_local_experts=8), True),
        (configured(num_experts=64), True),
        (configured(n_routed_experts=160), True),
        (configured(moe_num_experts=64), True),
        (configured(text_config={"num_experts": 128}), True),
        (configured(num_experts=1, architectures=["Qwen2MoeForCausalLM"]), False),
        (configured(num_experts_per_tok=2), False),
        (configured(num_experts=True), False),
        (configured(num_experts="8"), False),
        (configured(architectures=["Qwen2MoeForCausalLM"]), True),
        (configured(architectures=["OlmoeForCausalLM"]), True),
        (configured(architectures=["PhimoeForCausalLM"]), True),
        (configured(architectures=["MixtralForCausalLM"]), True),
        (configured(architectures=["GraniteMoeHybridForCausalLM"]), True),
        (configured(architectures=["Qwen2ForCausalLM"]), False),
        (configured(architectures=["SmoeltForCausalLM"]), False),
        (facts("org/Qwen1.5-MoE-A2.7B"), False),
        (facts("moe/smoelt", tags=["smoelt", "moeglich"]), False),
        (facts(tags=["MoE"]), True),
    ],
)
def test_mixtures(known: ModelFacts, expected: bool) -> None:
    for facts in (known, board_facts(known)):  # what is kept still tells
        assert is_mixture(states_mixture(facts), facts.architectures) is expected


def test_mixtures_of_older_boards_are_known_by_their_class() -> None:
    assert is_mixture(None, ["MixtralForCausalLM"]) and not is_mixture(None, ["LlamaForCausalLM", ""])


# --- generations


def no_root(name: str) -> bool:
    return False


def any_root(name: str) -> bool:
    return True


def test_generations() -> None:
    bases = {"c": ["b"], "b": ["a"], "merge": ["c", "a"], "x": ["y"], "y": ["x"], "self": ["self"], "near": ["x", "a"]}
    result = {name: generation(name, bases, any_root) for name in ("a", "b", "c", "merge", "x", "self", "near")}
    assert result == {"a": 0, "b": 1, "c": 2, "merge": 3, "x": None, "self": None, "near": None}
    assert generation("c", bases, no_root) is None and generation("a", {}, no_root) is None


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3), max_size=6))
def test_a_generation_is_one_more_than_that_of_its_bases(bases: dict[str, list[str]]) -> None:
    result = {name: generation(name, bases, any_root) for name in "abcdef"}
    for name, depth in result.items():
        below = [result[base] for base in bases.get(name, ())]
        if None in below:
            assert depth is None
        elif depth is not None:
            assert depth == 1 + max((item for item in below if item is not None), default=-1)
    assert all(result[name] == 0 for name in "abcdef" if not bases.get(name))


def test_a_long_lineage_needs_no_deep_stack() -> None:
    bases = {str(number): [str(number + 1)] for number in range(50_000)}
    assert generation("0", bases, any_root) == 50_000


# --- copies


def weighted(repo: str = "org/model", created: str | None = None, /, **digests: str) -> ModelFacts:
    """Facts with files, named without `.safetensors`, and their digests."""
    files = {f"{name.replace('__', '-')}.safetensors": digest for name, digest in digests.items()}
    return facts(repo, files=dict.fromkeys(files, 10), sha256=files, created_at=created)


def test_the_same_files_are_the_same_weights_whatever_they_are_called() -> None:
    parts = {"model__00001__of__00002": "1", "model__00002__of__00002": "2"}
    swapped = {"model__00001__of__00002": "2", "model__00002__of__00002": "1"}
    assert weights_of(weighted(**parts)) == weights_of(weighted("eve/x", **swapped)) != ""
    assert weights_of(weighted(model="1")) == weights_of(weighted("eve/x", model="1", model__decoy="9"))
    assert weights_of(weighted(model="1")) != weights_of(weighted(model="2"))
    assert weights_of(weighted(**parts)) != weights_of(weighted(**parts | {"model__00002__of__00002": "3"}))


def test_the_weights_are_those_that_the_index_names() -> None:
    parts = {"a": "1", "b": "2"}
    original = weighted(**parts).model_copy(update={"shards": ["a.safetensors", "b.safetensors"]})
    copy = weighted("eve/x", **parts, model__00001__of__00001="9").model_copy(update={"shards": original.shards})
    assert weights_of(original) == weights_of(copy) != ""


def test_weights_that_the_hub_does_not_tell_are_unknown() -> None:
    assert weights_of(facts()) == ""
    assert weights_of(facts(files={"model.safetensors": 10})) == ""
    assert weights_of(facts(files={"sub/model.safetensors": 1}, sha256={"sub/model.safetensors": "1"})) == ""


def test_an_adapter_is_compared_by_its_adapter() -> None:
    adapter = weighted(adapter_model="1").model_copy(update={"files": {"adapter_config.json": 1}})
    decoy = weighted("eve/x", adapter_model="1", model="2")
    decoy.files["adapter_config.json"] = 1
    assert weights_of(adapter) == weights_of(decoy) != ""


def test_the_original_is_who_was_on_the_hub_first() -> None:
    known = {
        item.model: summary(item)
        for item in (
            weighted("eve/copy", "2026-02-01T00:00:00.000Z", model="1"),
            weighted("lab/first", "2026-01-01T00:00:00.000Z", model="1"),
            weighted("bob/own", "2026-01-01T00:00:00.000Z", model="2"),
        )
    }
    assert originals(known) == {("eve/copy", SHA): "lab/first"}
    unknown = [Twin("b/b", SHA, None), Twin("a/a", SHA, None), Twin("c/c", SHA, "2026-01-01T00:00:00Z")]
    first = oldest(unknown)
    assert first is not None and first.model == "c/c" and oldest([]) is None
    assert is_older("2026-01-01T00:00:00.9Z", "2026-01-01T00:00:01Z")
    assert not is_older(None, "2026-01-01T00:00:00Z") and not is_older(
        "2026-01-01T00:00:00.1Z", "2026-01-01T00:00:00.9Z"
    )


def test_every_commit_that_was_submitted_is_compared() -> None:
    later = weighted("lab/first", "2026-01-01", model="2").model_copy(
        update={"weights": {OTHER: weights_of(weighted(model="1"))}}
    )
    assert set(all_weights(later)) == {OTHER, SHA}
    known = [later, weighted("eve/copy", "2026-02-01", model="1")]
    assert originals({each.model: summary(each) for each in known}) == {("eve/copy", SHA): "lab/first"}


# --- anything that a repository may say

KEYS = st.sampled_from(["architectures", "num_experts", "text_config", "base_model_name_or_path", "model_type"])
CONFIG = st.dictionaries(KEYS, JSON)


@given(
    card=st.dictionaries(st.sampled_from(["base_model", "base_model_relation", "tags", "merge"]), JSON), config=CONFIG
)
def test_no_card_and_no_config_is_too_strange(card: dict[str, Any], config: dict[str, Any]) -> None:
    strange = facts(card=card, configs={"config.json": config, "adapter_config.json": config})
    assert isinstance(base_models(strange), list)
    assert is_merge(strange) in (True, False) and states_mixture(strange) in (True, False, None)
    assert summary(strange).bases == tuple(base_models(strange))
    assert told_by_config(config).keys() <= config.keys()
