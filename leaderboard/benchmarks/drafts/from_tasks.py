"""A benchmark from a task, group or tag that lm-eval has, or that lies in a folder of definitions."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from leaderboard.benchmarks.built_in_tasks import built_in, cached_definitions, harness_folder
from leaderboard.benchmarks.drafts.draft import Draft, Named, column_key, quoted, title_of
from leaderboard.benchmarks.drafts.from_questions import guessers_choices
from leaderboard.benchmarks.harness_tasks import Definition, definitions, task_fields
from leaderboard.benchmarks.metrics import SHARES
from leaderboard.benchmarks.task_answers import choice_counts, computed, listed
from leaderboard.benchmarks.task_data import located_fields
from leaderboard.errors import BadBenchmark

MOST_COLUMNS = 12
"""Members of a group that become a column each; more become one column together."""
PREFERRED = ("acc_norm", "acc", "exact_match")
"""Metrics that a column takes where the organiser says none, the first that a task computes."""
DEEPEST = 10
"""Groups within groups."""
BENCHMARK = """\
# Made from {source} of lm-eval by `podium benchmark new`. docs/benchmarks.md explains the fields.
id: {id}
version: "1"
title: {title}
description: {description}
{harness}columns:
"""
COLUMN = """\
  - key: {key}
    title: {title}
    run: [{run}]
{scale}    parts:
"""


@dataclass(frozen=True)
class MetricChoice:
    """What of its tasks' results a benchmark shows."""

    metric: str = ""
    """`metric,filter`; empty: by the rules."""
    range: tuple[float, float] | None = None
    """Lowest and highest raw value, for a metric that is no share from 0 to 1."""
    lower_is_better: bool = False


class Tasks:
    """Names that lm-eval knows: those of a folder first, then its own."""

    def __init__(self, folder: Path | None) -> None:
        self._own = definitions(folder) if folder else {}
        self._known: dict[str, Definition | None] = {**self._own}

    def get(self, names: Sequence[str]) -> list[Definition | None]:
        """What each name means; None where nothing defines it."""
        self._known |= built_in([name for name in names if name not in self._known])
        for name in names:
            definition = self._known[name]
            if definition is not None and definition.tag:
                self._known[name] = definition._replace(members=self._tagged(name, definition))
        return [self._known[name] for name in names]

    def _tagged(self, tag: str, definition: Definition) -> list[str]:
        """The tasks of a tag, those among them that include it from another task's file."""
        folders = sorted({path.parent for path in definition.paths})
        defined = {name: each for folder in folders for name, each in cached_definitions(folder).items()}
        tasks = {name: each for name, each in defined.items() if not each.members}
        tags = {task: task_fields(each.paths[0]).get("tag") for task, each in tasks.items()}
        named = [task for task, given in tags.items() if tag in (given if isinstance(given, list) else [given])]
        return sorted({*definition.members, *named})

    def leaves(self, name: str, depth: int = DEEPEST) -> Iterator[tuple[str, Definition]]:
        """The tasks that a name stands for, in their order. Raises BadBenchmark for names that nothing defines."""
        (definition,) = self.get([name])
        if definition is None or depth == 0:
            raise BadBenchmark([self.unknown(name)])
        if not definition.members:
            yield name, definition
            return
        self.get(definition.members)
        for member in definition.members:
            yield from self.leaves(member, depth - 1)

    def unknown(self, name: str) -> str:
        """The sentence for a name that nothing defines, with those that are close to it."""
        root = harness_folder()
        places = [root / name.split("_")[0]] if root else []
        known = {*self._own, *(each for place in places if place.is_dir() for each in cached_definitions(place))}
        folders = {place.name for place in root.iterdir() if place.is_dir()} if root else set()
        near = get_close_matches(name, known | folders, 3)
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        return f"lm-eval has no task, group or tag {name!r}, and there is no file of that name.{hint}"


def draft_from_task(name: str, named: Named, chosen: MetricChoice, folder: Path | None, benchmarks: Path) -> Draft:
    """The file of a benchmark that runs a task, group or tag as lm-eval defines it.

    `folder`: of task definitions of the organiser's own; `benchmarks`: the folder that the file will be in.

    Raises BadBenchmark with every problem.
    """
    tasks = Tasks(folder)
    (definition,) = tasks.get([name])
    if definition is None:
        raise BadBenchmark([tasks.unknown(name)])
    each = 0 < len(definition.members) <= MOST_COLUMNS
    problems: list[str] = []
    unknown: list[str] = []
    columns = [
        _column(member, name, [*tasks.leaves(member)], chosen, problems, unknown)
        for member in (definition.members if each else [name])
    ]
    if problems:
        raise BadBenchmark(problems)
    count = sum(column.count("{task:") for column in columns)
    asks = "One task" if count == 1 else f"{count:,} tasks"
    head = BENCHMARK.format(
        source=name, id=named.id, title=quoted(named.title or title_of(name)),
        description=quoted(named.description or f"{asks} of lm-eval: {name}."),
        harness=f"harness:\n  include_path: {quoted(_from(benchmarks, folder))}\n" if folder else "",
    )  # fmt: skip
    linked = _from(benchmarks, folder) if folder else ""
    return Draft(named.id, {f"{named.id}.yaml": head + "".join(columns)}, linked, tuple(unknown))


def _from(benchmarks: Path, folder: Path) -> str:
    """The folder as the benchmark's file names it: relative where it lies below, so that both can be moved together."""
    place, root = folder.resolve(), benchmarks.resolve()
    return os.path.relpath(place, root) if place.is_relative_to(root) else str(place)


def _column(
    name: str,
    group: str,
    leaves: Sequence[tuple[str, Definition]],
    chosen: MetricChoice,
    problems: list[str],
    unknown: list[str],
) -> str:
    """A column that is the mean of some tasks.

    What is wrong with it is added to `problems`, tasks whose number of choices is not known to `unknown`.
    """
    parts = []
    for task, definition in leaves:
        fields = located_fields(definition.paths[0])
        metric = _metric(task, fields, chosen, problems)
        counts = choice_counts(fields) if chosen.range is None else set()
        choices = f", choices: {guessers_choices([*counts])}" if counts and min(counts) > 1 else ""
        if not choices and chosen.range is None and fields.get("output_type") == "multiple_choice":
            unknown.append(task)
        parts.append(f'      - {{task: {quoted(task)}, metrics: ["{metric}"]{choices}}}\n')
    own = name.removeprefix(f"{group}_") or name
    scale = ""
    if chosen.range is not None:
        low, high = chosen.range
        scale = f"    range: [{low:g}, {high:g}]\n" + (
            "    higher_is_better: false\n" if chosen.lower_is_better else ""
        )
    return COLUMN.format(key=column_key(own), title=quoted(title_of(own)), run=quoted(name), scale=scale) + "".join(
        parts
    )


def _metric(task: str, fields: dict[str, Any], chosen: MetricChoice, problems: list[str]) -> str:
    """The metric that a part takes: the organiser's, or a share that the task computes."""
    keys = computed(fields) or listed(fields)
    if chosen.metric:
        return chosen.metric  # whether it is computed is checked with all else
    shares = [key for key in keys if key.partition(",")[0] in SHARES]
    names = [key.partition(",")[0] for key in shares]
    best = next((shares[names.index(name)] for name in PREFERRED if name in names), shares[0] if shares else "")
    if not best and keys:
        problems.append(
            f"{task!r} computes no metric that is known as a share from 0 to 1, but {', '.join(keys)}. Say which "
            f"counts, and its range: --metric {keys[0]} --range LOW,HIGH. Add --lower-is-better if it is."
        )
    elif not best:
        problems.append(
            f"Only the code of {task!r} says which metrics it computes. Name one: --metric METRIC,FILTER, as in the "
            "results of an `lm_eval` run."
        )
    return re.sub(r"\s", "", best)
