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
    columns = [_described(benchmark, run) for run in runs]
    names = dict.fromkeys(name for values in columns for name in values)
    rows = [Setting(name, [values.get(name, UNKNOWN) for values in columns]) for name in names]
    return [row for row in [*rows, _prompts(benchmark, runs)] if set(row.values) - {UNKNOWN}]


def _described(benchmark: Benchmark, run: Run) -> dict[str, str]:
    values = {
        "Revision": run.revision or UNKNOWN,
        "Precision": run.precision,
        "Weight type": run.weight_type,
        "Chat template": "yes" if run.chat else "no",
    }
    if run.block is None:
        return values
    block, made = run.block, run.block.provenance
    config = run.harness.get("config") or {}
    values |= {
        "Base model": block.base_model or "none",
        "Chat template’s text": made.chat_template_sha or "none",
        "Number format in memory": _text(config.get("model_dtype")).removeprefix("torch."),
        "Benchmark’s version": block.benchmark_version,
    }
    values |= {f"Few-shot, {title}": text for title, text in _fewshot(benchmark, run.harness).items()}
    values |= {name: made.packages.get(name, UNKNOWN) for name in PACKAGES}
    values |= {
        "Engine": _engine(made.engine),
        "Batch size": made.batch_size or UNKNOWN,
        "Hardware": made.hardware or UNKNOWN,
        "Seeds": ", ".join(f"{name.removesuffix('_seed')} {value}" for name, value in made.seeds.items()) or UNKNOWN,
        "Generation settings": _text(config.get("gen_kwargs")) if config.get("gen_kwargs") else "the tasks’ own",
        "Longest context": _text(run.harness.get("max_length")),
    }
    return values


def _fewshot(benchmark: Benchmark, harness: Mapping[str, Any]) -> dict[str, str]:
    """Column title -> numbers of examples shown."""
    shown = harness.get("n-shot") or {}
    shots = {}
    for column in benchmark.columns:
        numbers = dict.fromkeys(_text(shown.get(part.task)) for part in column.parts)
        shots[column.title] = ", ".join(numbers)
    return shots


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


def _differ(column: Column, first: Mapping[str, str], second: Mapping[str, str]) -> bool:
    return any(first.get(part.task) != second.get(part.task) for part in column.parts)


def _engine(engine: Mapping[str, Any]) -> str:
    name = engine.get("engine") or engine.get("name")
    return " ".join(_text(word) for word in (name, engine.get("version")) if word) or UNKNOWN


def _text(value: Any) -> str:
    return UNKNOWN if value is None else str(value)
