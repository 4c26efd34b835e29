"""Greedy texts are the stock backend's; what is not greedy goes the stock way."""

import gc
from typing import Any

import pytest

from backend.evaluators.shared_prefix.caches import SlotLayer
from tests.backend.evaluators.shared_prefix import tiny

CONTEXTS = list(dict.fromkeys(text for text, _ in tiny.questions(shots=2) if text))


def texts(model: Any, asked: list[tuple[str, dict[str, Any]]], **settings: Any) -> tuple[list[str], list[str], Any]:
    stock, shared = tiny.pair(model, **{"batch_size": 3, **settings})
    requests = tiny.asked(asked, "generate_until")
    expected = stock.generate_until(requests, disable_tqdm=True)
    return expected, shared.generate_until(requests, disable_tqdm=True), shared.provenance()


@pytest.mark.parametrize("name", tiny.CONFIGS)
def test_same_texts_as_stock(name: str) -> None:
    wishes = [{"until": ["e", ".\n"][part % 2 :], "max_gen_toks": 14 + 5 * (part % 2)} for part in range(len(CONTEXTS))]
    expected, result, told = texts(tiny.build(name), list(zip(CONTEXTS, wishes, strict=True)))
    assert result == expected
    assert told["engine"] == "shared-prefix" and told["probe"]["passed"] and told["probe"]["questions"] == 1
    assert told["tokens_saved"] > 0


@pytest.mark.parametrize("name", tiny.REFUSED)
def test_other_architectures_go_the_stock_way(name: str) -> None:
    expected, result, told = texts(tiny.build(name), [(CONTEXTS[0], {"until": ["e"], "max_gen_toks": 5})])
    assert result == expected and told["engine"] == "stock"


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_rows_leave_and_others_take_their_place(batch_size: int) -> None:
    wishes = [{"until": ["a"], "max_gen_toks": 3 + 7 * (part % 3)} for part in range(len(CONTEXTS))]
    asked = list(zip(CONTEXTS, wishes, strict=True)) * 2
    expected, result, told = texts(tiny.build("qwen3"), asked, batch_size=batch_size)
    assert result == expected and told["engine"] == "shared-prefix"


def test_left_truncation_and_chat_templates() -> None:
    model = tiny.build("mistral-window-20")
    shared = tiny.pair(model)[1]
    turns = [shared.apply_chat_template([{"role": "user", "content": text}]) for text in CONTEXTS]
    expected, result, told = texts(model, [(turn, {"until": [], "max_gen_toks": 20}) for turn in turns], max_length=60)
    assert result == expected and told["engine"] == "shared-prefix"


def test_an_end_token_ends_a_row() -> None:
    model = tiny.build("llama")
    asked = [(text, {"until": [], "max_gen_toks": 30}) for text in CONTEXTS]
    first = tiny.tokenizer().encode(texts(model, asked)[0][0])[2]
    model.generation_config.eos_token_id = [2, first]
    expected, result, told = texts(model, asked)
    assert result == expected and told["engine"] == "shared-prefix"
    assert len({len(text) for text in result}) > 1


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"do_sample": True, "temperature": 0.5}, "more than greedy"),
        ({"num_beams": 2}, "more than greedy"),
        ({"max_gen_toks": 5, "repetition_penalty": 1.2}, "more than greedy"),
    ],
)
def test_what_is_not_greedy_goes_the_stock_way(settings: dict[str, Any], reason: str) -> None:
    import torch

    stock, shared = tiny.pair(tiny.build("llama"))
    requests = tiny.asked([(CONTEXTS[0], {"until": [], "max_gen_toks": 5, **settings})], "generate_until")
    torch.manual_seed(3)
    expected = stock.generate_until(requests, disable_tqdm=True)
    torch.manual_seed(3)
    assert shared.generate_until(requests, disable_tqdm=True) == expected
    assert reason in shared.provenance()["fallback"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"repetition_penalty": 1.3}, "repetition_penalty"),
        ({"no_repeat_ngram_size": 2}, "no_repeat_ngram_size"),
        ({"max_new_tokens": 4}, "max_new_tokens"),
        ({"eos_token_id": 7}, "end-of-text token"),
    ],
)
def test_a_generation_configuration_that_does_more_goes_the_stock_way(change: dict[str, Any], reason: str) -> None:
    model = tiny.build("llama")
    model.generation_config.update(**change)
    expected, result, told = texts(model, [(text, {"until": ["."], "max_gen_toks": 9}) for text in CONTEXTS])
    assert result == expected and reason in told["fallback"]


def test_only_the_sampling_requests_of_a_call_go_the_stock_way() -> None:
    """With the same seed the sampled texts are those of a call that the stock backend answers alone."""
    import torch

    sampled = [{"until": ["."], "max_gen_toks": 12, "do_sample": True, "temperature": heat} for heat in (0.7, 1.3)]
    greedy = {"until": ["e"], "max_gen_toks": 12}
    asked = [(text, [sampled[0], greedy, greedy, sampled[1]][part % 4]) for part, text in enumerate(CONTEXTS * 2)]
    stock, shared = tiny.pair(tiny.build("llama"), batch_size=3)
    requests = tiny.asked(asked, "generate_until")
    torch.manual_seed(5)
    expected = stock.generate_until(requests, disable_tqdm=True)
    torch.manual_seed(5)
    assert shared.generate_until(requests, disable_tqdm=True) == expected
    told = shared.provenance()
    sampling = sum("temperature" in settings for _, settings in asked)
    assert 0 < sampling < len(asked)
    assert (told["requests_shared"], told["requests_stock"]) == (len(asked) - sampling, sampling)
    assert told["engine"] == "shared-prefix" and "more than greedy decoding" in told["fallback"]


def test_log_likelihoods_are_still_shared_after_a_sampled_generation() -> None:
    shared = tiny.pair(tiny.build("llama"))[1]
    beams = tiny.asked([("Bob", {"num_beams": 2, "max_gen_toks": 2})], "generate_until")
    shared.generate_until(beams, disable_tqdm=True)
    assert shared.provenance()["engine"] == "stock"
    shared.loglikelihood(tiny.asked(tiny.questions()), disable_tqdm=True)
    told = shared.provenance()
    assert told["engine"] == "shared-prefix" and "num_beams" in told["fallback"]
    assert (told["requests_shared"], told["requests_stock"]) == (len(tiny.questions()), 1)


def test_the_cache_hook_sees_every_text() -> None:
    seen: list[Any] = []

    class Hook:
        def add_partial(self, kind: str, request: Any, answer: str) -> None:
            seen.append((kind, request, answer))

    shared = tiny.pair(tiny.build("llama"))[1]
    shared.cache_hook = Hook()
    asked = [(text, {"until": ["."], "max_gen_toks": 4}) for text in CONTEXTS]
    result = shared.generate_until(tiny.asked(asked, "generate_until"), disable_tqdm=True)
    assert [answer for _, _, answer in seen] == result
    assert [request for _, request, _ in seen] == asked


def test_slots_are_given_back_as_soon_as_the_last_row_has_left() -> None:
    gc.collect()
    gc.disable()
    try:
        told = texts(tiny.build("llama"), [(text, {"until": [], "max_gen_toks": 4}) for text in CONTEXTS])[2]
        left = [each for each in gc.get_objects() if isinstance(each, SlotLayer)]
    finally:
        gc.enable()
    assert told["engine"] == "shared-prefix" and not left
