"""What is wrong between a benchmark's rules for code and its columns."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.benchmarks.schema import Benchmark
from leaderboard.benchmarks.yaml_lines import Place


def code_disagreements(benchmark: Benchmark) -> Iterator[tuple[Place, str]]:
    """Code that nobody says how to call, and columns that no metric fills. A bundle's programs score by themselves."""
    if "code" not in benchmark.kinds or benchmark.bundle is not None:
        return
    rules = benchmark.code
    if rules is None or not rules.metrics:
        yield ("kinds",), "The benchmark takes code; `code` has to say how it is called, with `metrics`."
        return
    for index, column in enumerate(benchmark.columns):
        if column.score and column.score not in rules.score_keys:
            known = ", ".join(rules.score_keys)
            yield ("columns", index, "score"), f"{column.score!r} is no key of `code.metrics`. There are: {known}."
