"""Whatever the engine raises, the stock backend answers the call; what the stock backend raises is raised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from backend.evaluators.shared_prefix import model as engine
from backend.evaluators.shared_prefix.forward import Runner
from backend.failures import JobFailed
from tests.backend.evaluators.shared_prefix import tiny

SECRET = "/srv/secret/weights.bin is broken"


class NotANumber(JobFailed):
    """What the watch finds out during a forward."""

    def __init__(self) -> None:
        super().__init__("not_a_number", "It answers with NaN.")


def failing(monkeypatch: pytest.MonkeyPatch, method: str, error: Callable[[], BaseException], after: int) -> None:
    """Have a method of the runner raise once it was called `after` times."""
    original: Callable[..., Any] = getattr(Runner, method)
    calls = 0

    def method_that_fails(self: Runner, *args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after:
            raise error()
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Runner, method, method_that_fails)


def requests_of(kind: str) -> list[Any]:
    if kind == "loglikelihood":
        return tiny.asked(tiny.questions())
    texts = [text for text, _ in tiny.questions() if text]
    return tiny.asked([(text, {"until": ["e"], "max_gen_toks": 9}) for text in texts], kind)


@pytest.mark.parametrize(
    ("kind", "method", "after"),
    [
        ("loglikelihood", "pieces", 0),
        ("loglikelihood", "pieces", 1),
        ("loglikelihood", "prefix", 1),
        ("generate_until", "pieces", 1),
        ("generate_until", "step", 4),
    ],
)
@pytest.mark.parametrize("error", [IndexError, RuntimeError])
def test_an_error_in_the_middle_of_a_call(
    kind: str,
    method: str,
    after: int,
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stock, shared = tiny.pair(tiny.build("llama"), batch_size=2)
    requests = requests_of(kind)
    expected = getattr(stock, kind)(requests, disable_tqdm=True)
    with monkeypatch.context() as broken:
        failing(broken, method, lambda: error(SECRET), after)
        assert getattr(shared, kind)(requests, disable_tqdm=True) == expected
    told = shared.provenance()
    name = error.__name__
    message = f"The engine stopped with {name} in {kind}, so the stock backend was used."
    assert told["failures"] == [{"call": kind, "requests": len(requests), "error": name, "message": message}]
    assert told["engine"] == "stock" and told["requests_stock"] == len(requests)
    assert told["tokens_saved"] == -told["tokens_forwarded"]
    assert "secret" not in str(told)
    assert "method_that_fails" in caplog.text
    getattr(shared, kind)(requests, disable_tqdm=True)
    assert shared.provenance()["engine"] == "shared-prefix", "the next call is tried again"


def test_a_model_that_the_engine_cannot_look_at_is_scored_by_the_stock_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: Any) -> Any:
        raise KeyError(SECRET)

    monkeypatch.setattr(engine, "attention_of", fail)
    stock, shared = tiny.pair(tiny.build("llama"))
    requests = requests_of("loglikelihood")
    assert shared.loglikelihood(requests, disable_tqdm=True) == stock.loglikelihood(requests, disable_tqdm=True)
    told = shared.provenance()
    assert not told["supported"] and told["failures"][0]["call"] == "start"
    assert told["fallback"] == "The engine stopped with KeyError in start, so the stock backend was used"


@pytest.mark.parametrize("kind", ["loglikelihood", "generate_until"])
@pytest.mark.parametrize("error", [NotANumber, KeyboardInterrupt, SystemExit])
def test_what_is_not_the_engines_passes(kind: str, error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    shared = tiny.pair(tiny.build("llama"))[1]
    failing(monkeypatch, "pieces", error, 0)
    with pytest.raises(error):
        getattr(shared, kind)(requests_of(kind), disable_tqdm=True)
    assert shared.provenance()["failures"] == []


@pytest.mark.parametrize("kind", ["loglikelihood", "generate_until"])
def test_memory_that_is_never_enough_is_the_stock_backends_error(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.build("llama")
    shared = tiny.pair(model)[1]

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model, "forward", refuse)
    with pytest.raises(torch.OutOfMemoryError) as caught:
        getattr(shared, kind)(requests_of(kind), disable_tqdm=True)
    assert caught.value.__context__ is None, "the engine's error is over when the stock backend begins"
    assert [failure["error"] for failure in shared.provenance()["failures"]] == ["OutOfMemoryError"]
