"""The probe catches an engine that is wrong, and lets the run go on the stock way."""

from typing import Any

import pytest
import torch

from backend.evaluators.shared_prefix import forward, layout
from backend.evaluators.shared_prefix.plan import Piece, Question, prefix_tree
from backend.evaluators.shared_prefix.probe import Probe, ProbeFailed, choose, expect, last_place
from tests.backend.evaluators.shared_prefix import tiny


def sees_siblings(piece: Piece) -> Any:
    """A mask that is causal by column: a choice sees the choices before it."""
    return torch.ones(piece.width, piece.width, dtype=torch.bool).tril()


def forgets_the_window(attention: Any, visible: Any, queries: Any, keys: Any, dtype: Any) -> Any:
    """The naive mask for a model with sliding layers."""
    return dict.fromkeys(attention.layer_types, visible[:, None]) if attention.by_layer_type else visible[:, None]


def assert_falls_back(model: Any, kind: str, requests: list[Any]) -> None:
    stock, shared = tiny.pair(model)
    call = {"disable_tqdm": True}
    assert getattr(shared, kind)(requests, **call) == getattr(stock, kind)(requests, **call)
    told = shared.provenance()
    assert told["engine"] == "stock" and not told["probe"]["passed"]
    assert told["probe"]["max_difference"] > told["probe"]["tolerance"]
    assert "with the stock backend" in told["fallback"]


def test_a_mask_that_lets_choices_see_one_another_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "sight", sees_siblings)
    assert_falls_back(tiny.build("llama"), "loglikelihood", tiny.asked(tiny.questions()))


@pytest.mark.parametrize("name", ["mistral-window-20", "gemma2-window-20", "gemma3-window-20"])
def test_a_mask_without_the_window_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "mask_for", forgets_the_window)
    assert_falls_back(tiny.build(name), "loglikelihood", tiny.asked(tiny.questions()))


def test_a_window_is_not_missed_where_it_is_longer_than_every_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "mask_for", forgets_the_window)
    shared = tiny.pair(tiny.build("mistral-window-300"))[1]
    shared.loglikelihood(tiny.asked(tiny.questions()), disable_tqdm=True)
    assert shared.provenance()["engine"] == "shared-prefix"


def test_wrong_positions_are_caught_in_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    step = forward.Runner.step
    monkeypatch.setattr(
        forward.Runner, "step", lambda self, slots, ids, at: step(self, slots, ids, (at - 3).clamp(min=0))
    )
    asked = [(text, {"until": ["zzz"], "max_gen_toks": 12}) for text, _ in tiny.questions() if text]
    assert_falls_back(tiny.build("llama"), "generate_until", tiny.asked(asked, "generate_until"))


def test_after_a_failed_probe_the_engine_stays_off(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = tiny.pair(tiny.build("llama"))[1]
    requests = tiny.asked(tiny.questions())
    with monkeypatch.context() as broken:
        broken.setattr(layout, "sight", sees_siblings)
        shared.loglikelihood(requests, disable_tqdm=True)
    forwarded = shared.stock_probe_tokens
    shared.loglikelihood(requests, disable_tqdm=True)
    assert not shared.active and shared.stock_probe_tokens == forwarded


def test_the_longest_question_and_a_fork_are_always_probed() -> None:
    forked = ((5, 6), (7, 8))
    lone = [Question((length,) * length, ((5,), (6,)), ((2 * length,), (2 * length + 1,))) for length in range(9, 40)]
    preamble = (1, 2, 3) * 20
    shared = [
        Question((*preamble, *range(50, 50 + number)), forked, ((100 + 2 * number,), (101 + 2 * number,)))
        for number in range(1, 4)
    ]
    tree = prefix_tree([question.context for question in [*lone, *shared]])
    assert choose([*lone, *shared], tree, stock_tokens=0) == ({33: [107]}, [])
    longest = Question((9,) * 90, ((5,), (6,)), ((0,), (1,)))
    questions = [longest, *lone[1:], *shared]
    tree = prefix_tree([question.context for question in questions])
    assert choose(questions, tree, stock_tokens=0, windowed=True) == ({0: [0, 1], 31: [103]}, [])
    assert choose(questions, tree, stock_tokens=20_000) == ({0: [0, 1], 31: [103]}, [])
    chosen, miniature = choose(questions, tree, stock_tokens=0)
    assert chosen == {0: [0, 1]}
    contexts = [(*preamble, 50), (*preamble, 50, 51)]
    assert miniature == [(context, choice) for context in contexts for choice in forked]
    assert len(choose(questions, tree, stock_tokens=10**6).requests) == 8


def test_a_miniature_catches_a_broken_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest question has no forking choices; the mask is broken for those that have."""
    requests = tiny.asked([(tiny.TEXT * 2, "4"), *tiny.questions()])
    shared = tiny.pair(tiny.build("llama"))[1]
    shared.loglikelihood(requests, disable_tqdm=True)
    assert shared.provenance()["probe"]["passed"] and shared.provenance()["probe"]["questions"] == 2
    monkeypatch.setattr(layout, "sight", sees_siblings)
    assert_falls_back(tiny.build("llama"), "loglikelihood", requests)


def test_a_difference_or_another_greedy_flag_fails_in_float32() -> None:
    probe = Probe(expected={1: (-3.0, True)})
    probe.compare({0: (5.0, False), 1: (-3.0005, True)})
    assert probe.max_difference == pytest.approx(5e-4)
    for answer in ((-3.002, True), (-3.0, False), (float("nan"), True)):
        with pytest.raises(ProbeFailed, match="with the stock backend"):
            Probe(expected={1: (-3.0, True)}).compare({1: answer})


def test_the_tolerance_in_16_bit_is_what_the_stock_backend_differs_from_itself() -> None:
    def stock(requests: list[float]) -> list[tuple[float, bool]]:
        return [(value + (2.0 if len(requests) > 1 else 0.0), True) for value in requests]

    probe = Probe()
    expect(probe, [-5.0, -6.0], [[0], [1]], stock, torch.bfloat16)
    assert probe.tolerance == 2.0 and not probe.exact
    expect(probe, [-5.0, -30.0], [[0], [1]], lambda requests: [(value, True) for value in requests], torch.bfloat16)
    assert probe.tolerance == 2 * last_place(-30.0, torch.bfloat16) == 0.25
