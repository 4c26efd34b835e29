"""How the compared evaluations were run, and in what they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from leaderboard.benchmarks import Benchmark, Column
from leaderboard.compare.runs import Run

PACKAGES = ("lm_eval", "transformers", "torch", "peft", "tokenizers", "datasets", "podium")
UNKNOWN = "unknown"


class Setting(NamedTuple):
    """One setting of every evaluation."""

    name: str
    values: list[str]
    """In the order of the evaluations."""

    @property
    def differs(self) -> bool:
        """Whether they are not all the same."""
        return len(set(self.values)) > 1


def settings(benchmark: Benchmark, runs: Sequence[Run]) -> list[Setting]:
    """Every setting that is known of at least one of the runs."""
    described = [_described(benchmark, run) for run in runs]
    names = dict.fromkeys(name for one in described for name in one)
    found = [Setting(name, [one.get(name, UNKNOWN) for one in described]) for name in names]
    return [one for one in [*found, _prompts(benchmark, runs)] if set(one.values) - {UNKNOWN}]


def _described(benchmark: Benchmark, run: Run) -> dict[str, str]:
    said = {
        "Revision": run.revision or UNKNOWN,
        "Precision": run.precision,
        "Weight type": run.weight_type,
        "Chat template": "yes" if run.chat else "no",
    }
    if run.block is None:
        return said
    block, made = run.block, run.block.provenance
    config = run.harness.get("config") or {}
    said |= {
        "Base model": block.base_model or "none",
        "Chat template’s text": made.chat_template_sha or "none",
        "Number format in memory": _text(config.get("model_dtype")).removeprefix("torch."),
        "Benchmark’s version": block.benchmark_version,
    }
    said |= {f"Few-shot, {title}": text for title, text in _fewshot(benchmark, run.harness).items()}
    said |= {name: made.packages.get(name, UNKNOWN) for name in PACKAGES}
    said |= {
        "Engine": _engine(made.engine),
        "Batch size": made.batch_size or UNKNOWN,
        "Hardware": made.hardware or UNKNOWN,
        "Seeds": ", ".join(f"{name.removesuffix('_seed')} {value}" for name, value in made.seeds.items()) or UNKNOWN,
        "Generation settings": _text(config.get("gen_kwargs")) if config.get("gen_kwargs") else "the tasks’ own",
        "Longest context": _text(run.harness.get("max_length")),
    }
    return said


def _fewshot(benchmark: Benchmark, harness: Mapping[str, Any]) -> dict[str, str]:
    """Column title -> numbers of examples shown."""
    shown = harness.get("n-shot") or {}
    found = {}
    for column in benchmark.columns:
        numbers = dict.fromkeys(_text(shown.get(part.task)) for part in column.parts)
        found[column.title] = ", ".join(numbers)
    return found


def _prompts(benchmark: Benchmark, runs: Sequence[Run]) -> Setting:
    """In which columns the prompts are others than the first run's."""
    hashes = [run.block.provenance.task_hashes if run.block else {} for run in runs]
    values = []
    for own in hashes:
        if not own:
            values.append(UNKNOWN)
            continue
        others = [column.title for column in benchmark.columns if _differ(column, hashes[0], own)]
        every = len(others) == len(benchmark.columns)
        values.append(f"other ones in {'all tasks' if every else ', '.join(others)}" if others else "as the first’s")
    return Setting("Prompts", values)


def _differ(column: Column, one: Mapping[str, str], two: Mapping[str, str]) -> bool:
    return any(one.get(part.task) != two.get(part.task) for part in column.parts)


def _engine(engine: Mapping[str, Any]) -> str:
    name = engine.get("engine") or engine.get("name")
    return " ".join(_text(one) for one in (name, engine.get("version")) if one) or UNKNOWN


def _text(value: Any) -> str:
    return UNKNOWN if value is None else str(value)
