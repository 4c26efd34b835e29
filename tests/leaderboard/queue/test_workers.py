"""What workers can run: one rule for the form and for the scheduler."""

from __future__ import annotations

import pytest

from leaderboard.queue.workers import all_in_trouble, can_run, nobody_runs
from leaderboard.records import KINDS, Abilities, Kind, Request

PROCESSOR = Abilities(
    worker="w1", benchmarks=["tiny"], refused={"4bit": "4bit needs an NVIDIA GPU.", "Delta": "Deltas are not run here."}
)
SMALL = Abilities(worker="w2", benchmarks=["tiny"], max_params_b=1.0)


def asked(**fields: object) -> Request:
    return Request.model_validate({"model": "org/name", "benchmark": "tiny", "params": 0.5} | fields)


@pytest.mark.parametrize(
    ("fields", "worker", "runs"),
    [
        ({}, PROCESSOR, True),
        ({"precision": "4bit"}, PROCESSOR, False),
        ({"weight_type": "Delta"}, PROCESSOR, False),
        ({"weight_type": "Delta"}, SMALL, True),
        ({"weight_type": "Delta", "precision": "GPTQ"}, SMALL, False),
        ({"precision": "half"}, SMALL, False),
        ({"weight_type": "Sum"}, SMALL, False),
        ({"benchmark": "other"}, SMALL, False),
        ({"benchmark": "other"}, Abilities(worker="older"), True),
        ({"kind": "code"}, SMALL, False),
        ({"kind": "code"}, PROCESSOR.model_copy(update={"kinds": ["code"]}), True),
        ({"kind": "code", "precision": "4bit"}, PROCESSOR.model_copy(update={"kinds": ["code"]}), True),
        ({"kind": "code", "precision": ""}, SMALL.model_copy(update={"kinds": ["code"]}), True),
        ({"precision": ""}, SMALL, False),
        ({"params": 1.1}, SMALL, False),
        ({"params": 1.1, "precision": "8bit"}, SMALL, True),
        ({"params": 0.6, "precision": "float32"}, SMALL, False),
        ({"params": 5, "precision": "GPTQ"}, SMALL, False),
        ({"params": 5, "precision": "GPTQ", "stored_bits": 3}, SMALL, True),
        ({"params": None}, SMALL, True),
    ],
)
def test_what_a_worker_can_run(
    fields: dict[str, object], worker: Abilities, runs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "code", Kind())
    request = asked(**fields)
    assert can_run(worker, request) is runs
    assert (nobody_runs(request, [worker]) == "") is runs


def test_one_worker_is_enough_and_without_any_nobody_knows() -> None:
    large = asked(params=2, precision="4bit")
    assert nobody_runs(large, [PROCESSOR, SMALL]) == ""
    assert nobody_runs(large, []) == ""


def test_every_worker_s_reason_is_told() -> None:
    reason = nobody_runs(asked(params=5, precision="4bit"), [PROCESSOR, SMALL])
    assert reason == (
        "No worker of this board can run it. w1: 4bit needs an NVIDIA GPU. "
        "w2: It takes at most 4 billion parameters in 4bit."
    )


def test_what_no_worker_can_ever_run_is_known_without_workers() -> None:
    assert nobody_runs(asked(weight_type="Delta", precision="8bit"), []) == (
        "No worker can run it: A delta cannot be added to its base model in 8bit."
    )


def test_all_workers_are_in_trouble() -> None:
    sick = SMALL.model_copy(update={"trouble": "Its disk is full."})
    assert all_in_trouble([sick]) and not all_in_trouble([sick, PROCESSOR]) and not all_in_trouble([])
