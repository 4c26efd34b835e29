"""What a task's definition says of its results, read without the harness: its metrics, and its number of choices."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from leaderboard.benchmarks.generation import GENERATES
from leaderboard.benchmarks.task_data import data_files, first_rows, matching

OUTPUT_TYPES: dict[str, tuple[str, ...]] = {
    "generate_until": ("exact_match",),
    "loglikelihood": ("perplexity", "acc"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
    "multiple_choice": ("acc", "acc_norm"),
}
"""How a task may be answered -> the metrics that the harness computes where its definition names none."""
POSSIBLE = {
    "loglikelihood": OUTPUT_TYPES["loglikelihood"],
    "loglikelihood_rolling": OUTPUT_TYPES["loglikelihood_rolling"],
    "multiple_choice": (
        "acc", "acc_norm", "acc_bytes", "acc_mutual_info", "f1", "mcc", "exact_match", "brier_score", "likelihood",
    ),
}  # fmt: skip
"""The metrics that the harness knows to compute of such an answer; of a generated text any."""
MOST_ROWS = 1000
"""Questions of a file that are looked at."""
TEMPLATE = re.compile(r"\{[{%]")


def computed(fields: Mapping[str, Any]) -> list[str] | None:
    """The keys `metric,filter` that the harness will write for a task; None where only its own code knows them."""
    output_type, entries = str(fields.get("output_type", GENERATES)), fields.get("metric_list")
    if "class" in fields or "process_results" in fields or output_type not in OUTPUT_TYPES:
        return None
    if entries is not None and (
        not isinstance(entries, list)
        or not all(isinstance(each, Mapping) and isinstance(each.get("metric"), str) for each in entries)
        or any(each.get("hf_evaluate") for each in entries)
    ):
        return None
    return [key for key in listed(fields) if output_type not in POSSIBLE or key.split(",")[0] in POSSIBLE[output_type]]


def listed(fields: Mapping[str, Any]) -> list[str]:
    """The keys of the metrics that a definition names, each with each of its filters."""
    entries, filters = fields.get("metric_list"), fields.get("filter_list")
    if isinstance(entries, list):
        metrics = [each.get("metric") for each in entries if isinstance(each, Mapping)]
    else:
        metrics = [*OUTPUT_TYPES.get(str(fields.get("output_type", GENERATES)), ())] if "class" not in fields else []
    names = (
        [str(each.get("name")) for each in filters if isinstance(each, Mapping)] if isinstance(filters, list) else []
    )
    return [f"{metric},{name}" for name in names or ["none"] for metric in metrics if isinstance(metric, str)]


def choice_counts(fields: Mapping[str, Any]) -> set[int]:
    """How many answers the questions of a task have to choose from; empty where that cannot be told from here.

    `fields` are located. Of a local file the first 1,000 questions are looked at.
    """
    choices = fields.get("doc_to_choice")
    if isinstance(choices, list | Mapping):
        return {len(choices)}
    if not isinstance(choices, str) or "process_docs" in fields or "custom_dataset" in fields:
        return set()
    try:
        return {len(made) for row in _questions(fields) if isinstance(made := _choices(choices, row), list)}
    except (OSError, ValueError):
        return set()


def _questions(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    split = str(fields.get("test_split") or fields.get("validation_split") or "")
    files = [file for pattern in data_files(fields).get(split, []) for file in matching(pattern)]
    return [row for file in files[:1] for row in first_rows(file, MOST_ROWS) or []]


def _choices(choices: str, row: Mapping[str, Any]) -> Any:
    """A row's choices, as the harness makes them of a column or a template; None where they cannot be made here."""
    if choices in row:
        return row[choices]
    if not TEMPLATE.search(choices):
        return None
    try:
        from jinja2 import TemplateError
        from jinja2.sandbox import SandboxedEnvironment
    except ImportError:  # a participant's machine has no boards of its own
        return None
    try:
        return ast.literal_eval(SandboxedEnvironment().from_string(choices).render(**row))
    except (TemplateError, SyntaxError, ValueError, TypeError):
        return None
