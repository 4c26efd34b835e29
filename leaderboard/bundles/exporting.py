"""A benchmark that was made from a bundle, written as a bundle again: version 2, the same bytes each time."""

from __future__ import annotations

import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from leaderboard.benchmarks import Benchmark, Column
from leaderboard.benchmarks.bundle_rules import BundlePhase, BundleRules, BundleTask, FactSheetQuestion
from leaderboard.bundles.packing import Packer
from leaderboard.errors import NotFound

PHASE_FLAGS = ("hide_output", "hide_prediction_output", "hide_score_output")


def export_bundle(benchmark: Benchmark, private: Path, into: Path) -> None:
    """Write the zip `into`, whole or not at all. `private`: its private folder. Raises NotFound, OSError."""
    if benchmark.bundle is None:
        raise NotFound(f"The benchmark {benchmark.id!r} was not made from a bundle.")
    folder = private / benchmark.bundle.folder
    if not folder.is_dir():
        raise NotFound(f"The files of {benchmark.id!r} are not in {folder}. Add its bundle again with --replace.")
    text = yaml.safe_dump(_document(benchmark, benchmark.bundle), sort_keys=False, allow_unicode=True, width=120)
    beside = into.with_name(f".{into.name}.{secrets.token_hex(8)}")
    try:
        with Packer(beside) as packer:
            packer.content("competition.yaml", text.encode())
            packer.folder(folder)
        beside.replace(into)
    finally:
        beside.unlink(missing_ok=True)


def _document(benchmark: Benchmark, rules: BundleRules) -> dict[str, Any]:
    settings = rules.settings.model_dump(exclude_defaults=True)
    document = {
        "version": 2,
        "title": benchmark.title,
        "description": benchmark.description,
        "image": rules.logo,
        "terms": rules.terms,
        "docker_image": rules.docker_image,
        **settings,
        "pages": [{"title": page.title, "file": page.file} for page in rules.pages],
        "fact_sheet": {question.key: _question(question) for question in rules.fact_sheet},
        "tasks": [_task(task) for task in rules.tasks],
        "solutions": [
            {"index": solution.index, "path": solution.file, "tasks": solution.tasks} for solution in rules.solutions
        ],
        "phases": [_phase(index, phase) for index, phase in enumerate(rules.phases)],
        "leaderboards": [_leaderboard(benchmark, rules)],
    }
    return {key: value for key, value in document.items() if value not in (None, "", [], {})}


def _question(question: FactSheetQuestion) -> dict[str, Any]:
    return {
        "key": question.key,
        "title": question.title,
        "type": question.type,
        "selection": question.selection,
        "is_required": question.required,
        "is_on_leaderboard": question.on_leaderboard,
    }


def _task(task: BundleTask) -> dict[str, Any]:
    return task.model_dump(exclude_none=True)


def _phase(index: int, phase: BundlePhase) -> dict[str, Any]:
    written = {
        "index": index,
        "name": phase.name,
        "description": phase.description,
        "start": _moment(phase.start),
        "end": _moment(phase.end),
        "tasks": phase.tasks,
        "max_submissions_per_day": phase.max_submissions_per_day,
        "max_submissions": phase.max_submissions,
        "execution_time_limit": phase.wall_seconds,
        "auto_migrate_to_this_phase": phase.auto_migrate,
        "accepts_only_result_submissions": phase.accepts_only_results,
        "starting_kit": phase.starting_kit,
        "public_data": phase.public_data,
        **{flag: getattr(phase, flag) for flag in PHASE_FLAGS},
    }
    return {key: value for key, value in written.items() if value is not None}


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _leaderboard(benchmark: Benchmark, rules: BundleRules) -> dict[str, Any]:
    singles = {single.score for single in rules.task_scores}
    columns = [column for column in benchmark.columns if column.score not in singles]
    return {
        "title": rules.leaderboard,
        "key": rules.leaderboard_key,
        "submission_rule": rules.submission_rule,
        "primary_index": next(index for index, column in enumerate(columns) if column.in_average),
        "columns": [_column(index, column, columns, rules) for index, column in enumerate(columns)],
    }


def _column(index: int, column: Column, columns: list[Column], rules: BundleRules) -> dict[str, Any]:
    written: dict[str, Any] = {
        "title": column.title,
        "key": column.score,
        "index": index,
        "sorting": "desc" if column.higher_is_better else "asc",
        "precision": column.decimals,
        "hidden": column.hidden,
    }
    computed = next((computed for computed in rules.computed if computed.score == column.score), None)
    if computed is not None:
        index_of = {other.score: number for number, other in enumerate(columns)}
        written["computation"] = computed.operation
        written["computation_indexes"] = [index_of[score] for score in computed.of]
    return written
