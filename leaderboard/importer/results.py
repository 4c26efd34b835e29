"""An old board's result file in our words: what it measured, and how its tasks and metrics are called here.

Three layouts: lm-eval's own (`results` {task: {"acc_norm,none": x}}, `config`), lighteval's of the first Open LLM
Leaderboard ("harness|arc:challenge|25": {"acc_norm": x}, `config_general`), and the demo template's (tasks without
filters, a `config` with `model_name`, `model_sha` and `model_dtype`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from leaderboard.benchmarks import Benchmark
from leaderboard.errors import Unreadable
from leaderboard.records import TIME_FORMAT, Precision, Score, WeightType, is_commit, is_repo_id

DTYPE = re.compile(r"\bdtype\W{1,4}([\w.]+)")
"""In the arguments of the harness, as text or JSON."""
RESULT_NAME = re.compile(r"results_.+\.json")
TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[T_ ](\d{2})[-:](\d{2})[-:](\d{2})")
LIGHTEVAL_TASK = re.compile(r"\w+\|(?P<task>[^|]+)\|\d+(?:\|\d+)?")
OLD_NAMES = (
    (re.compile(r"^(?:hendrycksTest-|mmlu:)"), "mmlu_"),
    (re.compile(r"^truthfulqa:mc$"), "truthfulqa_mc2"),
    (re.compile(r":"), "_"),
)
"""How the first board called a task -> how lm-eval does."""
OLD_METRICS = {
    ("truthfulqa_mc2", "mc2"): "acc,none",
    ("truthfulqa_mc2", "mc2_stderr"): "acc_stderr,none",
    ("gsm8k", "acc"): "exact_match,strict-match",
    ("gsm8k", "acc_stderr"): "exact_match_stderr,strict-match",
    ("gsm8k", "qem"): "exact_match,strict-match",
}


class Origin(NamedTuple):
    """What a result file says of itself."""

    path: str
    model: str
    revision: str
    precision: str
    weight_type: str
    use_chat_template: bool
    time: str
    """UTC, as ours write it; names the file."""
    limit: int | None
    aggregated: dict[str, Any]
    """The file, or what it says in the harness's words."""
    scores: dict[str, Score]
    """Scores of whole columns, where the file has these and not those of the tasks."""

    @property
    def says_revision(self) -> bool:
        """Whether it says which commit was evaluated."""
        return is_commit(self.revision)

    @property
    def checkpoint(self) -> tuple[str, str, str, str, bool]:
        """What was evaluated, and how it was loaded."""
        return self.model, self.revision, self.precision, self.weight_type, self.use_chat_template


def is_result(path: str) -> bool:
    """Whether the name is that of a result file."""
    return bool(RESULT_NAME.fullmatch(path.rpartition("/")[2]))


def read_origin(path: str, aggregated: Any) -> Origin:
    """What the result file at `path`, which holds `aggregated`, says of itself. Raises Unreadable."""
    if not isinstance(aggregated, dict) or not isinstance(aggregated.get("results"), dict):
        raise Unreadable(path, "it has no `results`")
    config = {**_dict(aggregated.get("config")), **_dict(aggregated.get("config_general"))}
    arguments = config.get("model_args")
    arguments_text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    return Origin(
        path=path,
        model=_model(path, aggregated, config),
        revision=_text(config.get("model_sha")) or _text(config.get("model_revision")) or "main",
        precision=precision_of(_text(config.get("model_dtype")), arguments_text),
        weight_type=(WeightType.ADAPTER if "peft=" in arguments_text else WeightType.ORIGINAL).value,
        use_chat_template=bool(aggregated.get("chat_template_sha") or aggregated.get("chat_template")),
        time=_time(path),
        limit=_limit(config),
        aggregated=aggregated,
        scores={},
    )


def in_harness_words(aggregated: dict[str, Any], benchmark: Benchmark) -> dict[str, Any]:
    """`aggregated` with its tasks and metrics named as lm-eval names them; what has those names already stays.

    A metric without a filter stands for those of `benchmark` with its name.
    """
    metrics_of = {part.task: part.metrics for column in benchmark.columns for part in column.parts}
    versions = _dict(aggregated.get("versions"))
    results: dict[str, dict[str, Any]] = {}
    for name, metrics in aggregated["results"].items():
        if not isinstance(metrics, dict) or (_is_mmlu(name) and versions.get(name) == 0):
            continue  # the first board's MMLU was wrong in its version 0, and it left those out too
        task = _task(name)
        renamed = results.setdefault(task, {})
        for metric, value in metrics.items():
            for ours in _metrics(task, metric, metrics_of.get(task, ())):
                renamed.setdefault(ours, value)
    return {**aggregated, "results": results}


def _task(name: str) -> str:
    match = LIGHTEVAL_TASK.fullmatch(name)
    if match is None:
        return name
    task = match["task"]
    for pattern, ours in OLD_NAMES:
        task = pattern.sub(ours, task)
    return task


def _metrics(task: str, name: str, scored: Sequence[str]) -> list[str]:
    if "," in name:
        return [name]
    if (task, name) in OLD_METRICS:
        return [OLD_METRICS[task, name]]
    plain = name.removesuffix("_stderr")
    filters = [metric.partition(",")[2] for metric in scored if metric.partition(",")[0] == plain]
    return [f"{name},{filter_name}" for filter_name in filters or ["none"]]


def _is_mmlu(name: str) -> bool:
    return "hendrycksTest-" in name


def _model(path: str, aggregated: dict[str, Any], config: dict[str, Any]) -> str:
    folders = path.split("/")[-3:-1]
    sanitized = folders[-1].replace("__", "/", 1) if folders else ""
    named = [_text(aggregated.get("model_name")), _text(config.get("model_name"))]
    of_folders = [name for name in (sanitized, "/".join(folders)) if "/" in name]
    model = next((name for name in [*named, *of_folders] if is_repo_id(name)), None)
    if model is None:
        raise Unreadable(
            path, "neither its `model_name` nor its folder is a Hub repository id (organisation/name, or one name)"
        )
    return model


def precision_of(dtype: str, arguments: str = "") -> str:
    """Our word for a precision: of the weights' type, and of what the harness was told. `?` when nothing says it."""
    if "load_in_8bit" in arguments:
        return Precision.INT8.value
    if "load_in_4bit" in arguments:
        return Precision.INT4.value
    stated = DTYPE.search(arguments)
    plain = (dtype or (stated[1] if stated else "")).removeprefix("torch.")
    return next(
        (precision.value for precision in Precision if precision.value.lower() == plain.lower()), plain[:40] or "?"
    )


def _time(path: str) -> str:
    """When it ran, from the file's name."""
    match = TIME.search(path.rpartition("/")[2])
    text = f"{match[1]}T{match[2]}:{match[3]}:{match[4]}Z" if match else ""
    try:
        datetime.strptime(text, TIME_FORMAT)
    except ValueError:
        raise Unreadable(path, "its name does not say when it ran (results_2024-06-26T01-23-45.json)") from None
    return text


def _limit(config: dict[str, Any]) -> int | None:
    limit = config.get("limit", config.get("max_samples"))
    return None if limit is None or limit is False else max(1, int(limit)) if isinstance(limit, int | float) else 1


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
