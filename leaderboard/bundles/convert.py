"""From a bundle to the benchmark that its YAML file describes. Nothing is written."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from leaderboard.benchmarks import Benchmark, Column, Track
from leaderboard.benchmarks.bundle_rules import BundleRules, ComputedScore, TaskScore
from leaderboard.benchmarks.challenge import CodeRules, PredictionsRules
from leaderboard.bundles.model import Bundle, BundleColumn
from leaderboard.columns import RESERVED_TITLES, SCORE_ENDINGS

DATASET = "dataset"
"""The type of a competition whose submissions are data; the organiser's sample code runs on them."""
TITLE_CHARACTERS = 40
KEY_CHARACTERS = 32


def benchmark_of(bundle: Bundle, rules: BundleRules, benchmark_id: str, version: str) -> Benchmark:
    """The benchmark; `rules` have the paths at which the bundle's files lie."""
    columns = _columns(bundle)
    singles = _task_scores(rules, columns)
    by_score = {column.score: column for column in columns}
    name_of = {task.index: task.name for task in rules.tasks}
    every = list(columns)
    for single in singles:
        every.append(_single(single, by_score[single.of], name_of[single.task], every))
    settings = rules.settings
    shown = settings.enable_detailed_results and settings.show_detailed_results_in_leaderboard
    kinds = _kinds(rules)
    return Benchmark(
        id=benchmark_id,
        version=version,
        title=bundle.title,
        description=bundle.description,
        columns=every,
        kinds=kinds,
        predictions=PredictionsRules() if "predictions" in kinds else None,
        code=CodeRules() if "code" in kinds else None,
        tracks={phase.track: Track(title=phase.name, description=phase.description) for phase in rules.phases},
        details="public" if shown else "none",
        bundle=rules.model_copy(update={"computed": _computed(bundle.columns), "task_scores": singles}),
    )


def _task_scores(rules: BundleRules, columns: Sequence[Column]) -> list[TaskScore]:
    """Scores of single tasks, for the tasks of phases that have several."""
    several = sorted({task for phase in rules.phases if len(phase.tasks) > 1 for task in phase.tasks})
    return [
        TaskScore(score=f"{column.score}@{index}", of=column.score, task=index)
        for index in several
        for column in columns
    ]


def _kinds(rules: BundleRules) -> list[str]:
    """Code where something runs it or data are there for it, unless only results or data are taken."""
    ingestion = any(task.ingestion_program for task in rules.tasks)
    data = any(task.input_data for task in rules.tasks)
    only_files = all(phase.accepts_only_results for phase in rules.phases) or rules.settings.competition_type == DATASET
    if only_files or not (ingestion or data):
        return ["predictions"]
    return ["code", "predictions"] if ingestion else ["predictions", "code"]


def _columns(bundle: Bundle) -> list[Column]:
    columns: list[Column] = []
    for column in bundle.columns:
        columns.append(
            Column(
                key=_key(column.key, {other.key for other in columns}),
                title=_title(column.title, column.key, {other.title for other in columns}),
                score=column.key,
                higher_is_better=not column.ascending,
                in_average=column.index == bundle.primary_index,
                hidden=column.hidden,
                decimals=column.precision,
            )
        )
    return columns


def _single(single: TaskScore, column: Column, task: str, others: Sequence[Column]) -> Column:
    """A column's own column for one of several tasks."""
    return column.model_copy(
        update={
            "key": _key(single.score, {other.key for other in others}),
            "title": _title(f"{column.title} · {task}", single.score, {other.title for other in others}),
            "score": single.score,
            "in_average": False,
        }
    )


def _key(score: str, taken: Collection[str]) -> str:
    """A short name for a score, other than those that are taken."""
    slug = re.sub(r"[^a-z0-9]+", "_", score.lower()).strip("_") or "column"
    return next(key for key in _numbered(slug, KEY_CHARACTERS, "_{}") if key not in taken)


def _title(wanted: str, score: str, taken: Collection[str]) -> str:
    """The heading that is wanted, or one like it that the board and other columns do not use."""
    used = {title.lower() for title in taken} | RESERVED_TITLES
    return next(
        title for title in _titles(wanted, score) if title.lower() not in used and not title.endswith(SCORE_ENDINGS)
    )


def _titles(wanted: str, score: str) -> Iterator[str]:
    """The heading, the same with its score, then with numbers."""
    yield _cut(wanted, TITLE_CHARACTERS)
    own = f" ({score})"
    if len(own) <= TITLE_CHARACTERS // 2:
        yield _cut(wanted, TITLE_CHARACTERS - len(own)) + own
    yield from _numbered(wanted, TITLE_CHARACTERS, " ({})")


def _numbered(text: str, characters: int, ending: str) -> Iterator[str]:
    """The text, then with 2, 3 and so on, each cut to a length."""
    yield _cut(text, characters)
    number = 2
    while True:
        end = ending.format(number)
        yield _cut(text, characters - len(end)) + end
        number += 1


def _cut(text: str, characters: int) -> str:
    return text[:characters].rstrip()


def _computed(columns: Sequence[BundleColumn]) -> list[ComputedScore]:
    """The computed columns, each after those that it is made from."""
    key_of = {column.index: column.key for column in columns}
    waiting = [column for column in columns if column.computation is not None]
    ready = {column.index for column in columns if column.computation is None}
    ordered: list[ComputedScore] = []
    while waiting:
        following = next(column for column in waiting if ready.issuperset(column.computation_indexes))
        assert following.computation is not None
        sources = [key_of[index] for index in following.computation_indexes]
        ordered.append(ComputedScore(score=following.key, operation=following.computation, of=sources))
        ready.add(following.index)
        waiting.remove(following)
    return ordered
