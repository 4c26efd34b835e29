"""Out of memory halves the budget and the work goes on."""

from typing import Any

import pytest
import torch

from backend.evaluators.shared_prefix import budget as budgets
from backend.evaluators.shared_prefix.budget import Budget, Costs, is_out_of_memory
from backend.evaluators.shared_prefix.forward import Runner
from tests.backend.evaluators.shared_prefix import tiny

COSTS = Costs(token=10, column=1, pair=1, score=100, cached=5)


class Cramped:
    """Runs out of memory for batches above `most` tokens, `times` times at most."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int, error: BaseException) -> None:
        self.refused = 0
        stock = Runner._forward

        def forward(runner: Runner, ids: Any, *rest: Any) -> Any:
            if ids.numel() > most:
                self.refused += 1
                raise error
            return stock(runner, ids, *rest)

        monkeypatch.setattr(Runner, "_forward", forward)


@pytest.mark.parametrize(
    ("error", "most"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"), 90),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), 150),
        (MemoryError(), 90),
    ],
)
def test_the_scores_stay_the_same_when_memory_runs_out(
    error: BaseException, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock, shared = tiny.pair(tiny.build("llama"), batch_size=64)
    texts = [f"{number} red books? {text}" for number, text in enumerate(tiny.TEXT.split(". "))]
    requests = tiny.asked(
        [(text, choice) for text in texts for choice in (" (A) Yes", " (B) No", " Nobody knows", "4")]
    )
    expected = stock.loglikelihood(requests, disable_tqdm=True)
    cramped = Cramped(monkeypatch, most, error)
    result = shared.loglikelihood(requests, disable_tqdm=True)
    assert max(abs(item[0] - other[0]) for item, other in zip(expected, result, strict=True)) < 1e-4
    told = shared.provenance()
    assert told["engine"] == "shared-prefix" and told["budget_halved"] == cramped.refused > 0


def test_prefix_levels_are_dropped_before_anything_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    stock, shared = tiny.pair(tiny.build("llama"))
    requests = tiny.asked(tiny.questions(shots=3))
    expected = stock.loglikelihood(requests, disable_tqdm=True)

    def refuse(*args: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Runner, "prefix", refuse)
    result = shared.loglikelihood(requests, disable_tqdm=True)
    assert max(abs(item[0] - other[0]) for item, other in zip(expected, result, strict=True)) < 1e-4


def test_generated_texts_stay_the_same_when_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    stock, shared = tiny.pair(tiny.build("llama"), batch_size=5)
    texts = [text for text, _ in tiny.questions() if text]
    requests = tiny.asked([(text, {"until": [], "max_gen_toks": 9}) for text in texts], "generate_until")
    expected = stock.generate_until(requests, disable_tqdm=True)
    for most in (3, 1):
        step = Runner.step

        def cramped(self: Any, slots: Any, ids: Any, positions: Any, most: int = most, step: Any = step) -> Any:
            if len(ids) > most:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return step(self, slots, ids, positions)

        with monkeypatch.context() as context:
            context.setattr(Runner, "step", cramped)
            assert shared.generate_until(requests, disable_tqdm=True) == expected
        assert shared.provenance()["engine"] == "shared-prefix"


def test_other_errors_are_not_taken_for_memory() -> None:
    def fail() -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        Budget(100, 100, COSTS).attempt(fail)
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


def test_what_fits_is_bounded_by_tokens_and_by_bytes() -> None:
    budget = Budget(bytes=10_000, tokens=100, costs=COSTS)
    assert budget.fits(rows=2, width=50, scored=1, prefix=0)
    assert not budget.fits(rows=3, width=50, scored=1, prefix=0)
    assert not budget.fits(rows=2, width=50, scored=60, prefix=0)
    assert not budget.fits(rows=2, width=50, scored=1, prefix=200)
    assert budget.halve() and (budget.bytes, budget.tokens, budget.halved) == (5_000, 50, 1)


def test_the_memory_limit_of_the_control_group_counts(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    limit, used = tmp_path / "max", tmp_path / "current"
    limit.write_text("5000\n")
    used.write_text("2000\n")
    monkeypatch.setattr(budgets, "CGROUPS", ((str(limit), str(used)),))
    assert budgets.free_bytes(torch.device("cpu")) == 3000
    limit.write_text("max\n")
    assert budgets.free_bytes(torch.device("cpu")) > 3000
