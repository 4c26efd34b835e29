"""Generations that do not fit the context length: refused as the submission's, or cut, before any answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.evaluators.generation import fit_generation, overrides
from backend.evaluators.harness import fewshot_groups, load_tasks, run
from backend.failures import JobFailed, classify
from backend.workdir import JobOptions, Workdir
from leaderboard.benchmarks import Benchmark, load_benchmark
from leaderboard.records import Fault, Request
from tests.backend.evaluators.shared_prefix import tiny
from tests.shared import ROOT

LENGTH = 512


def changed(**harness: Any) -> Benchmark:
    """The tiny benchmark with the one column whose answers are generated."""
    benchmark = load_benchmark(ROOT / "benchmarks" / "tiny.yaml")
    harness = {**benchmark.harness.model_dump(exclude={"seeds"}), **harness}
    columns = [benchmark.column("sums").model_dump(), benchmark.column("compare").model_dump()]
    fields = {**benchmark.model_dump(), "columns": columns, "harness": harness}
    return Benchmark.model_validate(fields).model_copy(update={"folder": benchmark.folder})


def loaded(benchmark: Benchmark) -> Any:
    (tasks,) = load_tasks(benchmark, fewshot_groups(benchmark), None).values()
    return tasks


def test_what_does_not_fit_is_the_submissions(tmp_path: Path) -> None:
    benchmark = changed(gen_kwargs={"max_gen_toks": LENGTH})
    lm = tiny.pair(tiny.build("gpt2"))[1]
    with pytest.raises(JobFailed) as caught:
        fit_generation(lm, loaded(benchmark).leaves, benchmark.harness, "org/model")
    failure = classify(caught.value, Workdir(tmp_path))
    assert (failure.fault, failure.code) == (Fault.SUBMISSION, "generation_too_long")
    assert all(answer in failure.message for answer in ("org/model", "tiny_sums (512)", "512 tokens"))
    assert lm.provenance()["tokens_forwarded"] == 0


@pytest.mark.parametrize("override", [{}, {"max_gen_toks": 600}, {"max_new_tokens": 600}])
def test_a_cut_task_is_answered_and_its_new_tokens_are_said(override: dict[str, Any]) -> None:
    benchmark = changed(gen_kwargs=override, long_generation="cut")
    tasks = loaded(benchmark)
    config = tasks.leaves["tiny_sums"].config
    if override:
        config.generation_kwargs.pop("max_gen_toks")
    else:
        config.generation_kwargs["max_gen_toks"] = LENGTH
    lm = tiny.pair(tiny.build("gpt2"))[1]
    cut = fit_generation(lm, tasks.leaves, benchmark.harness, "org/model")
    assert cut == {"tiny_sums": LENGTH // 2}
    request, options = Request(model="org/model"), JobOptions(evaluator="checkpoint", limit=1)
    results = run(lm, tasks, None, request, benchmark, options, overrides(benchmark.harness, cut))
    sample = results["samples"]["tiny_sums"][0]
    assert sample["arguments"][0][1]["max_gen_toks"] == LENGTH // 2
    assert sample["arguments"][0][1]["until"] == ["\n"]
    assert lm.provenance()["failures"] == []


def test_what_fits_is_left_alone() -> None:
    benchmark = changed()
    tasks = loaded(benchmark).leaves
    before = dict(tasks["tiny_sums"].config.generation_kwargs)
    assert fit_generation(tiny.pair(tiny.build("gpt2"))[1], tasks, benchmark.harness, "org/model") == {}
    assert tasks["tiny_sums"].config.generation_kwargs == before
    assert overrides(benchmark.harness, {}) is None


def test_the_stock_backends_own_refusal_is_the_submissions_as_well(tmp_path: Path) -> None:
    stock = tiny.pair(tiny.build("gpt2"))[0]
    requests = tiny.asked([("Alice", {"until": [], "max_gen_toks": LENGTH})], "generate_until")
    with pytest.raises(AssertionError) as caught:
        stock.generate_until(requests, disable_tqdm=True)
    assert classify(caught.value, Workdir(tmp_path)).code == "generation_too_long"
