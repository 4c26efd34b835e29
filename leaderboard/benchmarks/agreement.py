"""What is wrong between the fields of a benchmark that are right one by one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from leaderboard.benchmarks.code import code_disagreements
from leaderboard.benchmarks.competition_rules import competition_disagreements
from leaderboard.benchmarks.harness_tasks import leaves, lower_is_better, task_names
from leaderboard.benchmarks.load_scores import LOAD_METRICS, load_score
from leaderboard.benchmarks.metrics import undeclared
from leaderboard.benchmarks.predictions import predictions_disagree
from leaderboard.benchmarks.schema import Benchmark, Column
from leaderboard.benchmarks.task_checks import counted_tasks, other_choices, uncomputed, unread_texts
from leaderboard.benchmarks.yaml_lines import Place
from leaderboard.columns import RESERVED_TITLES, SCORE_ENDINGS
from leaderboard.records import KINDS

BENCHMARK_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
ON_HARNESS = ("checkpoint", "endpoint")
ON_SCORES = ("predictions", "code")
"""Kinds by what their columns are made from."""
RESERVED_IDS = {"details", "contents", "flags", "votes", "facts", "discussions", "workers", "logs", "policy"}
"""Folder names that the stores use for themselves."""


def disagreements(benchmark: Benchmark, stem: str) -> Iterator[tuple[Place, str]]:
    """What is wrong between the fields of a benchmark that are right one by one."""
    if benchmark.id != stem:
        yield ("id",), f"`id` is {benchmark.id!r}, the file is {stem}.yaml. Give them the same name."
    if not BENCHMARK_ID.fullmatch(benchmark.id) or ".." in benchmark.id:
        yield ("id",), "`id` may have small letters, digits, `.`, `_` and `-`, at most 64. Choose another one."
    if benchmark.id in RESERVED_IDS:
        taken = ", ".join(sorted(RESERVED_IDS))
        yield ("id",), f"`id` {benchmark.id!r} is a folder of the stores. Choose another one than {taken}."
    yield from _kinds_disagree(benchmark)
    yield from code_disagreements(benchmark)
    yield from _columns_disagree(benchmark.columns)
    yield from _metrics_undeclared(benchmark)
    yield from predictions_disagree(benchmark)
    yield from competition_disagreements(benchmark)
    keys = {column.key for column in benchmark.columns}
    for key in (benchmark.model_report.tasks if benchmark.model_report else {}).keys() - keys:
        sentence = f"There is no column {key!r}. There are: {', '.join(sorted(keys))}."
        yield ("model_report", "tasks", key), sentence
    yield from _tasks_missing(benchmark)


def _kinds_disagree(benchmark: Benchmark) -> Iterator[tuple[Place, str]]:
    """Kinds that do not exist, and columns that none of the kinds fills."""
    for index, kind in enumerate(benchmark.kinds):
        if kind not in KINDS:
            yield ("kinds", index), f"There is no kind {kind!r}. There are: {', '.join(KINDS)}."
    scored = all(column.score for column in benchmark.columns)
    if not scored and any(column.score for column in benchmark.columns):
        yield from _load_disagrees(benchmark)
    for index, kind in enumerate(benchmark.kinds):
        if scored and kind in ON_HARNESS:
            yield ("kinds", index), f"The kind {kind!r} is evaluated by the harness, and no column has `run`."
        if not scored and kind in ON_SCORES:
            yield ("kinds", index), f"The kind {kind!r} is scored by the benchmark, and no column has `score`."


def _load_disagrees(benchmark: Benchmark) -> Iterator[tuple[Place, str]]:
    """Columns with `score` beside columns with `run`: only how endpoints behave under load."""
    load = benchmark.endpoint.load
    for index, column in enumerate(benchmark.columns):
        measured = load_score(column.score)
        if not column.score:
            continue
        if measured is None or "endpoint" not in benchmark.kinds:
            names = ", ".join(f"{name}@N" for name in LOAD_METRICS)
            sentence = (
                f"Beside columns with `run`, `score` may name behaviour under load of the kind 'endpoint': {names}."
            )
            yield ("columns", index, "score"), sentence
            continue
        if load is None or measured.concurrency not in load.concurrencies:
            sentence = f"`endpoint.load.concurrencies` does not have {measured.concurrency}. Add it, or name another."
            yield ("columns", index, "score"), sentence
        if column.in_average:
            sentence = "Checkpoints have no score here, so it cannot count towards the average. Set it to false."
            yield ("columns", index, "in_average"), sentence
        if column.higher_is_better is not LOAD_METRICS[measured.metric]:
            right = str(LOAD_METRICS[measured.metric]).lower()
            yield ("columns", index, "higher_is_better"), f"Of {measured.metric} it has to be {right}."


def _columns_disagree(columns: Sequence[Column]) -> Iterator[tuple[Place, str]]:
    keys, titles = Counter(column.key for column in columns), Counter(column.title.lower() for column in columns)
    for index, column in enumerate(columns):
        if keys[column.key] > 1:
            yield ("columns", index, "key"), f"Two columns have the key {column.key!r}. Give each its own."
        if titles[column.title.lower()] > 1:
            yield ("columns", index, "title"), f"Two columns have the title {column.title!r}. Give each its own."
        if column.title.lower() in RESERVED_TITLES or column.title.endswith(SCORE_ENDINGS):
            yield ("columns", index, "title"), f"The board uses {column.title!r} for itself. Choose another title."
        tasks = Counter(part.task for part in column.parts)
        for position, part in enumerate(column.parts):
            if tasks[part.task] > 1:
                yield (
                    ("columns", index, "parts", position, "task"),
                    f"{part.task!r} counts twice in {column.title!r}. Keep one part of it, with all its metrics.",
                )
    if not any(column.in_average for column in columns):
        yield ("columns",), "No column counts towards the average. Leave `in_average` out for one of them."


def _metrics_undeclared(benchmark: Benchmark) -> Iterator[tuple[Place, str]]:
    """Metrics that are not computed, or whose direction or range is not known; declarations that say two things."""
    folder = benchmark.include_path
    own = lower_is_better(folder) if folder is not None and folder.is_dir() else {}
    tasks = counted_tasks(benchmark)
    missing = uncomputed(tasks)
    yield from missing.items()
    yield from other_choices(tasks)
    for index, column in enumerate(benchmark.columns):
        for position, part in enumerate(column.parts):
            where: Place = ("columns", index, "parts", position)
            for at, metric in enumerate(part.metrics):
                if (*where, "metrics", at) in missing:
                    continue
                for sentence in undeclared(
                    metric, column.higher_is_better, column.range is not None, own.get(part.task, ())
                ):
                    yield (*where, "metrics", at), sentence
            if part.choices is not None and column.range is not None:
                sentence = "`choices` says where a share begins, and the column has a `range` of its own. Keep one."
                yield (*where, "choices"), sentence


def _tasks_missing(benchmark: Benchmark) -> Iterator[tuple[Place, str]]:
    """Tasks that its own folder does not define. Built-in tasks are checked where the harness runs."""
    folder = benchmark.include_path
    if folder is None:
        return
    if not folder.is_dir():
        yield ("harness", "include_path"), f"There is no folder {benchmark.harness.include_path!r} beside the file."
        return
    names = task_names(folder)
    all_known = all(name in names for column in benchmark.columns for name in column.run)
    unread = [] if all_known else unread_texts(folder)
    for index, column in enumerate(benchmark.columns):
        for position, name in enumerate(column.run):
            if name not in names and not any(name in text for text in unread):
                known = ", ".join(sorted(names)) or "nothing"
                sentence = f"{name!r} is not defined in {benchmark.harness.include_path!r}, which defines {known}."
                yield ("columns", index, "run", position), sentence
        made, elsewhere = leaves(names, column.run)
        for position, part in enumerate(column.parts):
            if part.task not in made | elsewhere and made and not elsewhere:
                sentence = f"`run` does not make {part.task!r}. It makes {', '.join(sorted(made))}."
                yield ("columns", index, "parts", position, "task"), sentence
