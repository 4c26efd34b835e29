"""Every architecture at, just under and just over its context length: the stock backend's answers, by the engine."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from tests.backend.evaluators.shared_prefix import tiny

LENGTH = 64
LONG = tiny.TEXT * 3
SIZES = (LENGTH - 1, LENGTH, LENGTH + 1, 2 * LENGTH)
CHOICES = (" (A)", " (B)", " No, it does not follow")


def short(name: str) -> Any:
    """A model whose context length is LENGTH."""
    names = {"max_position_embeddings", "n_positions"} & {*tiny.SIZES, *tiny.CONFIGS[name][1]}
    return tiny.build(name, **dict.fromkeys(names, LENGTH))


def count(text: str) -> int:
    return len(tiny.tokenizer().encode(text))


@cache
def text_of(tokens: int, start: int = 0) -> str:
    """The beginning of a text from character `start` that is `tokens` tokens long."""
    end = next(end for end in range(start + 1, len(LONG)) if count(LONG[start:end]) == tokens and LONG[end - 1] != " ")
    return LONG[start:end]


def questions() -> list[tuple[str, str]]:
    """Questions of every size around the context length, several that share a preamble, and short ones in between."""
    contexts = [text_of(size - count(choice)) for size in SIZES for choice in CHOICES[1:]]
    contexts += [text_of(LENGTH - 9) + ending for ending in (" Who?", " Is it so? Answer:")]
    contexts += [text_of(size, start=7) for size in (3, LENGTH)]
    return [(context, choice) for context in dict.fromkeys(contexts) for choice in CHOICES]


def assert_same_scores(stock: Any, shared: Any) -> None:
    requests = tiny.asked(questions())
    expected = stock.loglikelihood(requests, disable_tqdm=True)
    result = shared.loglikelihood(requests, disable_tqdm=True)
    assert [greedy for _, greedy in result] == [greedy for _, greedy in expected]
    assert max(abs(item[0] - other[0]) for item, other in zip(expected, result, strict=True)) <= 1e-4
    assert shared.provenance()["requests_shared"] == len(requests), shared.provenance()["fallback"]


def test_the_questions_reach_the_context_length_and_go_beyond() -> None:
    lengths = {count(context) + count(choice) for context, choice in questions()}
    assert {*SIZES} <= lengths and min(lengths) < LENGTH // 4


@pytest.mark.parametrize("name", tiny.CONFIGS)
def test_log_likelihoods_around_the_context_length(name: str) -> None:
    stock, shared = tiny.pair(short(name), batch_size=16)
    assert shared.max_length == LENGTH
    assert_same_scores(stock, shared)


@pytest.mark.parametrize("name", ["gpt2", "opt", "gptj", "llama"])
def test_kernels_without_4d_masks_around_the_context_length(name: str) -> None:
    stock, shared = tiny.pair(short(name), batch_size=16)
    shared.runner.attention = replace(shared.runner.attention, packed=False)
    assert_same_scores(stock, shared)


def assert_same_texts(name: str, prompts: list[str], most: int) -> None:
    stock, shared = tiny.pair(short(name), batch_size=len(prompts))
    requests = tiny.asked([(prompt, {"until": [], "max_gen_toks": most}) for prompt in prompts], "generate_until")
    expected = stock.generate_until(requests, disable_tqdm=True)
    assert shared.generate_until(requests, disable_tqdm=True) == expected
    assert shared.provenance()["requests_shared"] == len(requests), shared.provenance()["fallback"]


@pytest.mark.parametrize("name", tiny.CONFIGS)
def test_texts_around_the_context_length(name: str) -> None:
    """Prompts that leave exactly the room for their new tokens, one token more or less, and truncated ones."""
    new = 5
    sizes = (4, LENGTH - new - 1, LENGTH - new, LENGTH - new + 1, LENGTH, LENGTH + 1)
    assert_same_texts(name, [text_of(size) for size in sizes], new)


@pytest.mark.parametrize("name", ["gpt2", "opt", "gptj"])
def test_texts_that_leave_one_token_of_the_prompt(name: str) -> None:
    assert_same_texts(name, [text_of(3), text_of(LENGTH)], LENGTH - 1)
