"""Files in the Every Eval Ever schema (github.com/evaleval/every_eval_ever), versions 0.0.1 to 0.3.0, in our words.

An evaluation in it is of a task of the harness (`gsm8k`, or `gsm8k/strict-match` with a filter; its metric is in the
description) or of a whole column, called by its title. A column's score is raw; its points follow from it where the
parts of the column share one scale that is not cut, else they are unknown unless the file says them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from leaderboard.benchmarks import Benchmark, Column
from leaderboard.benchmarks.scale import normalise
from leaderboard.errors import Unreadable
from leaderboard.importer.results import Origin, precision_of
from leaderboard.records import Score, WeightType, is_repo_id, is_revision, utc

DESCRIPTION = re.compile(r"(?P<metric>[\w-]+)(?: \(filter: (?P<filter>[\w-]+)\))?")
"""How the schema's converter describes a metric of the harness."""
HARNESS = {"lm_eval", "lm-eval", "lm-evaluation-harness"}


def is_document(content: Any) -> bool:
    """Whether a parsed JSON file is in the schema."""
    return (
        isinstance(content, dict)
        and "schema_version" in content
        and isinstance(content.get("evaluation_results"), list)
    )


def read_document(path: str, document: Mapping[str, Any], benchmark: Benchmark) -> Origin:
    """What the document at `path` says that `benchmark` has a use for. Raises Unreadable."""
    info = _dict(document.get("model_info"))
    details = _dict(info.get("additional_details"))
    model = next(
        (name for name in (info.get("id"), info.get("name")) if isinstance(name, str) and is_repo_id(name)), ""
    )
    if not model:
        raise Unreadable(path, "its `model_info.id` is not a Hub repository id (organisation/name, or one name)")
    revision = details.get("revision")
    library = _dict(document.get("eval_library"))
    version = library.get("version") if library.get("name") in HARNESS else None
    results, sizes, errors = _tasks(document)
    return Origin(
        path=path,
        model=model,
        revision=revision if isinstance(revision, str) and is_revision(revision) else "main",
        precision=precision_of(str(details.get("precision") or "")),
        weight_type=_weight_type(details.get("weight_type")),
        use_chat_template=str(details.get("use_chat_template")).lower() == "true",
        time=_time(path, document),
        limit=None,
        aggregated={
            "results": {task: metrics | errors.get(task, {}) for task, metrics in results.items()},
            "n-samples": {task: {"effective": size} for task, size in sizes.items()},
            "lm_eval_version": version if isinstance(version, str) else None,
            "every_eval_ever": dict(document),
        },
        scores=dict(_columns(document, benchmark)),
    )


def _tasks(document: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, int], dict[str, dict[str, Any]]]:
    """Task -> metric -> value; task -> number of examples; task -> metric -> standard error."""
    results: dict[str, dict[str, Any]] = {}
    sizes: dict[str, int] = {}
    errors: dict[str, dict[str, Any]] = {}
    for evaluation in _evaluations(document):
        task, _, filter_name = evaluation["evaluation_name"].partition("/")
        description = str(_dict(evaluation.get("metric_config")).get("evaluation_description") or "")
        match = DESCRIPTION.fullmatch(description)
        if match is None:
            continue
        filtered = match["filter"] or filter_name or "none"
        details = _dict(evaluation.get("score_details"))
        results.setdefault(task, {})[f"{match['metric']},{filtered}"] = details.get("score")
        error, size = _uncertainty(details)
        if error is not None:
            errors.setdefault(task, {})[f"{match['metric']}_stderr,{filtered}"] = error
        if size is not None:
            sizes[task] = size
    return results, sizes, errors


def _columns(document: Mapping[str, Any], benchmark: Benchmark) -> Iterator[tuple[str, Score]]:
    """The scores of columns that evaluations are called after."""
    columns = {_plain(name): column for column in benchmark.columns for name in (column.key, column.title)}
    for evaluation in _evaluations(document):
        column = columns.get(_plain(evaluation["evaluation_name"]))
        details = _dict(evaluation.get("score_details"))
        raw = None if column is None else _raw(column, evaluation)
        if column is None or raw is None:
            continue
        error, size = _uncertainty(details)
        stated = _number(_dict(details.get("details")).get("normalised"))
        points = stated if stated is not None and 0 <= stated <= 100 else _points(column, raw)
        slopes = {column.scale(part).slope for part in column.parts}
        stderr = error * abs(slopes.pop()) if error is not None and len(slopes) == 1 else None
        yield column.key, Score(raw=raw, normalised=points, stderr=stderr, n=size)


def _raw(column: Column, evaluation: Mapping[str, Any]) -> float | None:
    """The score in the column's unit; None for one that cannot be: a share is from 0 to 1, percentages are divided."""
    raw = _number(_dict(evaluation.get("score_details")).get("score"))
    highest = _number(_dict(evaluation.get("metric_config")).get("max_score"))
    if raw is None or column.score:
        return None
    if column.range is not None:
        return raw
    share = raw / 100 if highest == 100 else raw
    return share if 0 <= share <= 1 else None


def _points(column: Column, raw: float) -> float | None:
    """The column's points, where they follow from the raw score of all its parts together."""
    scales = {column.scale(part) for part in column.parts}
    if len(scales) != 1:
        return None
    scale = scales.pop()
    cut_by_part = column.combine == "mean" and len(column.parts) > 1 and column.range is None and scale.worst != 0
    return None if cut_by_part else normalise(raw, *scale)


def _evaluations(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for evaluation in document["evaluation_results"]:
        if isinstance(evaluation, dict) and isinstance(evaluation.get("evaluation_name"), str):
            yield evaluation


def _uncertainty(details: Mapping[str, Any]) -> tuple[float | None, int | None]:
    """Standard error and number of examples; None where the file does not say them."""
    stated = _dict(details.get("uncertainty"))
    error = stated.get("standard_error")
    size = stated.get("num_samples")
    error = _number(error.get("value") if isinstance(error, dict) else error)
    return error, size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None


def _time(path: str, document: Mapping[str, Any]) -> str:
    """When it was evaluated, else when it was collected (UTC)."""
    stated = (_moment(document.get(name)) for name in ("evaluation_timestamp", "retrieved_timestamp"))
    moment = next((moment for moment in stated if moment is not None and 2000 <= moment.year < 2100), None)
    if moment is None:
        raise Unreadable(path, "neither `evaluation_timestamp` nor `retrieved_timestamp` says when it was made")
    return utc(moment)


def _moment(value: Any) -> datetime | None:
    """A time in seconds since 1970, as a number or text, or in ISO 8601."""
    seconds = _number(value)
    try:
        if seconds is not None:
            return datetime.fromtimestamp(seconds, UTC)
        moment = datetime.fromisoformat(str(value))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _weight_type(value: Any) -> str:
    return value if value in set(WeightType) else WeightType.ORIGINAL.value


def _plain(name: str) -> str:
    """A column's name such that other spellings of it are equal: `MATH Level 5`, `math_lvl_5`."""
    return re.sub(r"[^a-z0-9]", "", name.lower()).replace("level", "lvl")


def _number(value: Any) -> float | None:
    """`value` as a finite number; the schema writes some as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
