"""What is wrong between the rules of a competition and the rest of its benchmark."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.benchmarks.schema import Benchmark
from leaderboard.benchmarks.yaml_lines import Place

SCORED_BY_PODIUM = {"predictions", "code"}
"""Kinds whose scores nobody but Podium makes, so that a part of them can be kept back."""


def competition_disagreements(benchmark: Benchmark) -> Iterator[tuple[Place, str]]:
    """Rules that keep something of the scores back, where other fields publish it or nothing could keep them."""
    rules = benchmark.competition
    if rules is None:
        return
    held_back = {
        "split": rules.split is not None,
        "hidden_sample": rules.hidden_sample is not None,
        "published_decimals": rules.published_decimals is not None,
    }
    for name in (name for name, given in held_back.items() if given):
        where: Place = ("competition", name)
        if benchmark.bundle is not None:
            yield where, f"`{name}` needs scores that Podium computes, and here the bundle's program does. Remove it."
        elif not set(benchmark.kinds) <= SCORED_BY_PODIUM:
            yield where, f"`{name}` is possible for the kinds predictions and code only: others publish their results."
        if benchmark.predictions is not None and benchmark.predictions.details == "public":
            sentence = f"Public details show each example, and `{name}` keeps them back. Set `details` to none."
            yield ("predictions", "details"), sentence
    yield from _columns_taken(benchmark)
    opens = rules.split.opens if rules.split is not None else None
    if opens is not None and rules.ends is not None and opens < rules.ends:
        yield ("competition", "split", "opens"), "The private board cannot open before the competition `ends`."


def _columns_taken(benchmark: Benchmark) -> Iterator[tuple[Place, str]]:
    """Columns of the labels that are something else already."""
    rules = benchmark.competition
    assert rules is not None
    ids = {name for kind in (benchmark.predictions, benchmark.code) if kind is not None for name in kind.id}
    if rules.split is not None and rules.split.column in ids:
        sentence = f"{rules.split.column!r} names an example: it cannot say which part the example belongs to."
        yield ("competition", "split", "column"), sentence
    if rules.hidden_sample is not None and rules.hidden_sample.strata in ids:
        sentence = f"{rules.hidden_sample.strata!r} is another one for each example: it makes no strata."
        yield ("competition", "hidden_sample", "strata"), sentence
