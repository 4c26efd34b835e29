"""The engine's log-likelihoods are the stock backend's, for every architecture that it accepts."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from backend.evaluators.shared_prefix.attention import MASK_BY_LAYER_TYPE, ONE_MASK
from tests.backend.evaluators.shared_prefix import tiny


def assert_same(stock: list[Any], shared: list[Any], tolerance: float = 1e-4) -> None:
    assert [greedy for _, greedy in shared] == [greedy for _, greedy in stock]
    assert max(abs(item[0] - other[0]) for item, other in zip(stock, shared, strict=True)) <= tolerance


def scored(model: Any, pairs: list[tuple[str, str]], **settings: Any) -> tuple[list[Any], list[Any], Any]:
    stock, shared = tiny.pair(model, **settings)
    requests = tiny.asked(pairs)
    expected = stock.loglikelihood(requests, disable_tqdm=True)
    return expected, shared.loglikelihood(requests, disable_tqdm=True), shared


@pytest.mark.parametrize("name", tiny.CONFIGS)
def test_same_scores_as_stock(name: str) -> None:
    expected, result, shared = scored(tiny.build(name), tiny.questions())
    assert_same(expected, result)
    told = shared.provenance()
    assert told["engine"] == "shared-prefix" and told["fallback"] is None
    assert told["probe"]["passed"] and told["probe"]["questions"] >= 1
    assert told["tokens_saved"] > told["tokens_forwarded"] > 0


def test_every_allowed_architecture_is_tested() -> None:
    built = {tiny.build(name).config.model_type for name in tiny.CONFIGS}
    assert built == ONE_MASK | MASK_BY_LAYER_TYPE


@pytest.mark.parametrize("name", tiny.REFUSED)
def test_other_architectures_go_the_stock_way_and_say_so(name: str) -> None:
    expected, result, shared = scored(tiny.build(name), tiny.questions())
    assert result == expected
    told = shared.provenance()
    assert told["engine"] == "stock" and not told["supported"] and name.split("_")[0] in told["fallback"]


@pytest.mark.parametrize("name", ["llama", "mistral-window-20", "gemma3-window-20", "opt"])
@pytest.mark.parametrize("max_length", [24, 61])
def test_left_truncation(name: str, max_length: int) -> None:
    expected, result, shared = scored(tiny.build(name), tiny.questions(shots=2), max_length=max_length)
    assert_same(expected, result)
    assert shared.provenance()["engine"] == "shared-prefix"


@pytest.mark.parametrize("name", ["llama", "gpt2", "qwen2", "llama-eager"])
def test_kernels_without_4d_masks_expand_cache_rows(name: str) -> None:
    stock, shared = tiny.pair(tiny.build(name))
    shared.runner.attention = replace(shared.runner.attention, packed=False)
    requests = tiny.asked(tiny.questions())
    assert_same(stock.loglikelihood(requests, disable_tqdm=True), shared.loglikelihood(requests, disable_tqdm=True))
    assert shared.provenance()["engine"] == "shared-prefix"


def test_an_adapter_takes_part() -> None:
    import peft

    base = tiny.build("llama")
    bare = scored(base, tiny.questions())[0]
    torch.manual_seed(1)
    model = peft.get_peft_model(
        base, peft.LoraConfig(r=4, init_lora_weights=False, target_modules=["q_proj", "v_proj"])
    )
    expected, result, shared = scored(model.eval(), tiny.questions())
    assert_same(expected, result)
    assert shared.provenance()["engine"] == "shared-prefix"
    assert expected != bare


def test_prompt_tuning_goes_the_stock_way() -> None:
    import peft

    settings = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
    shared = tiny.pair(peft.get_peft_model(tiny.build("llama"), settings).eval())[1]
    assert "virtual tokens" in shared.provenance()["fallback"]


def test_chat_templates() -> None:
    model = tiny.build("llama")
    stock, shared = tiny.pair(model)
    turns = [[{"role": "user", "content": text}] for text, _ in tiny.questions() if text]
    pairs = [(shared.apply_chat_template(turn), choice) for turn in turns for choice in (" Yes", " No", " No idea")]
    requests = tiny.asked(pairs)
    assert_same(stock.loglikelihood(requests, disable_tqdm=True), shared.loglikelihood(requests, disable_tqdm=True))


def test_repeated_requests_and_choices_that_begin_with_each_other() -> None:
    context = "Does Bob tell the truth? " * 8
    pairs = [(context, choice) for choice in ("Yes", "Yes, he does", "Yes, he", "Yes", "No")] * 2
    expected, result, _ = scored(tiny.build("llama"), pairs)
    assert_same(expected, result)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_any_batch_size(batch_size: int) -> None:
    expected, result, _ = scored(tiny.build("qwen3"), tiny.questions(), batch_size=batch_size)
    assert_same(expected, result)


def test_without_the_stock_one_token_cache() -> None:
    expected, result, _ = scored(tiny.build("llama"), tiny.questions(), logits_cache=False)
    assert_same(expected, result)


def test_softmax_in_float32_for_a_bfloat16_model() -> None:
    model = tiny.build("llama", dtype=torch.bfloat16)
    expected, result, shared = scored(model, tiny.questions(), softmax_dtype="float32")
    told = shared.provenance()
    assert told["probe"]["tolerance"] > 1e-3
    assert max(abs(item[0] - other[0]) for item, other in zip(expected, result, strict=True)) < 1.0


def test_length_dependent_rotary_frequencies_go_the_stock_way_beyond_their_length() -> None:
    rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    for length, engine in ((512, "shared-prefix"), (32, "stock")):
        model = tiny.build("llama", max_position_embeddings=length, rope_parameters=rope)
        expected, result, shared = scored(model, tiny.questions(), max_length=200)
        assert shared.provenance()["engine"] == engine
        assert_same(expected, result)


def test_the_cache_hook_sees_every_request_as_stock_shows_it() -> None:
    class Hook:
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def add_partial(self, kind: str, request: Any, answer: Any) -> None:
            self.seen.append((kind, request, round(answer[0], 3), answer[1]))

    stock, shared = tiny.pair(tiny.build("llama"))
    stock.cache_hook, shared.cache_hook = Hook(), Hook()
    requests = tiny.asked(tiny.questions())
    stock.loglikelihood(requests, disable_tqdm=True)
    shared.loglikelihood(requests, disable_tqdm=True)
    assert sorted(shared.cache_hook.seen) == sorted(stock.cache_hook.seen)


def test_rolling_log_likelihood_stays_stock_and_is_counted() -> None:
    stock, shared = tiny.pair(tiny.build("llama"), max_length=40)
    requests = tiny.asked([(tiny.TEXT,), ("Alice",)], "loglikelihood_rolling")
    assert shared.loglikelihood_rolling(requests) == stock.loglikelihood_rolling(requests)
    told = shared.provenance()
    assert told["tokens_forwarded"] == 0
    assert (told["requests_shared"], told["requests_stock"], told["requests_rolling"]) == (0, 2, 2)
    assert "rolling" in told["fallback"]


def test_every_answered_request_is_reported_once() -> None:
    shared = tiny.pair(tiny.build("llama"))[1]
    batches: list[list[int]] = []
    shared.on_answered = lambda indices: batches.append(list(indices))
    requests = tiny.asked(tiny.questions())
    shared.loglikelihood(requests, disable_tqdm=True)
    assert sorted(index for batch in batches for index in batch) == list(range(len(requests)))
    assert len(batches) > 1


def test_tokens_are_counted_as_they_are_forwarded() -> None:
    counted = 0

    def count(module: Any, args: Any, kwargs: Any) -> None:
        nonlocal counted
        counted += (kwargs.get("input_ids") if "input_ids" in kwargs else args[0]).numel()

    model = tiny.build("llama")
    stock, shared = tiny.pair(model)
    model.register_forward_pre_hook(count, with_kwargs=True)
    requests = tiny.asked(tiny.questions())
    stock.loglikelihood(requests, disable_tqdm=True)
    by_stock, counted = counted, 0
    shared.loglikelihood(requests, disable_tqdm=True)
    told = shared.provenance()
    assert counted == told["tokens_forwarded"]
    assert told["tokens_saved"] == by_stock - counted


def test_stock_can_be_asked_for() -> None:
    from backend.evaluators.shared_prefix.model import make_lm

    model = tiny.build("llama")
    lm = make_lm(engine="stock", pretrained=model, tokenizer=tiny.tokenizer(), batch_size=4)
    requests = tiny.asked(tiny.questions())
    assert lm.loglikelihood(requests, disable_tqdm=True) == tiny.pair(model)[0].loglikelihood(
        requests, disable_tqdm=True
    )
    assert lm.provenance()["engine"] == "stock" and lm.provenance()["fallback"] == "switched off"


def test_the_harness_knows_the_model_by_name() -> None:
    from lm_eval.api.registry import get_model

    from backend.evaluators.shared_prefix.model import SharedPrefixLM

    assert get_model("hf-shared") is SharedPrefixLM


def test_a_text_split_in_two_ways_is_scored_as_if_asked_alone() -> None:
    stock, shared = tiny.pair(tiny.build("llama"))
    requests = [(("a", "b"), [5, 6], [7, 8]), (("a", "c"), [5], [6, 7, 8])]
    alone = [stock._loglikelihood_tokens([request], disable_tqdm=True)[0] for request in requests]
    assert_same(alone, shared._score(shared.runner, requests, True))
