"""Results in the Every Eval Ever schema (github.com/evaleval/every_eval_ever), for whoever collects evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from leaderboard.benchmarks import Benchmark, Column
from leaderboard.benchmarks.load_scores import load_score
from leaderboard.records import TIME_FORMAT, PodiumBlock, Score, namespace_of

SCHEMA_VERSION = "0.3.0"
LOCAL_BUILDERS = {"arrow", "csv", "json", "pandas", "parquet", "text"}
"""What a task's `dataset_path` says when its questions are files of its own."""


class ResultSource(NamedTuple):
    """The board that publishes."""

    name: str
    url: str


def export(aggregated: Mapping[str, Any], benchmark: Benchmark, source: ResultSource) -> dict[str, Any]:
    """A published result file as one document of the schema: an evaluation for each column that was measured.

    The same result always gives the same document. Scores are raw: from 0 to 1, or within the column's own range.
    """
    block = PodiumBlock.model_validate(aggregated["podium"])
    made = block.provenance
    started = str(int(datetime.strptime(block.time, TIME_FORMAT).replace(tzinfo=UTC).timestamp()))
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{block.benchmark}/{block.model}/{started}",
        "evaluation_timestamp": block.time,
        "retrieved_timestamp": started,
        "source_metadata": {
            "source_name": source.name,
            "source_type": "evaluation_run",
            "source_organization_name": source.name,
            "source_organization_url": source.url,
            "evaluator_relationship": "third_party",
            "additional_details": {"benchmark_version": block.benchmark_version, "request_id": block.request_id},
        },
        "eval_library": {
            "name": "lm_eval",
            "version": made.packages.get("lm_eval", "unknown"),
            "additional_details": {f"seed.{name}": str(seed) for name, seed in made.seeds.items()},
        },
        "model_info": _model(block),
        "evaluation_results": [
            _evaluation(aggregated, column, score, block)
            for column in benchmark.columns
            if load_score(column.score) is None
            and (score := block.scores.get(column.key)) is not None
            and score.raw is not None
        ],
    }


def _model(block: PodiumBlock) -> dict[str, Any]:
    details = {
        "revision": block.revision,
        "precision": block.precision,
        "weight_type": block.weight_type,
        "base_model": block.base_model,
        "use_chat_template": str(block.use_chat_template).lower(),
    }
    return {
        "name": block.model,
        "id": block.model,
        "developer": namespace_of(block.model) or "unknown",
        "inference_engine": _engine(block),
        "additional_details": {name: value for name, value in details.items() if value},
    }


def _engine(block: PodiumBlock) -> dict[str, str]:
    if block.kind == "endpoint":
        return {"name": "OpenAI-compatible endpoint", "version": "unknown"}
    return {"name": "transformers", "version": block.provenance.packages.get("transformers", "unknown")}


def _evaluation(aggregated: Mapping[str, Any], column: Column, score: Score, block: PodiumBlock) -> dict[str, Any]:
    evaluation: dict[str, Any] = {
        "evaluation_name": column.title,
        "source_data": _questions(aggregated, column, score),
        "evaluation_timestamp": block.time,
        "metric_config": {
            "evaluation_description": column.description or column.title,
            "lower_is_better": not column.higher_is_better,
            "score_type": "continuous",
            "min_score": column.range[0] if column.range else 0,
            "max_score": column.range[1] if column.range else 1,
            "additional_details": {part.task: "; ".join(part.metrics) for part in column.parts},
        },
        "score_details": {"score": score.raw},
    }
    if score.normalised is not None:
        evaluation["score_details"]["details"] = {"normalised": str(score.normalised)}
    uncertainty = _uncertainty(column, score)
    if uncertainty:
        evaluation["score_details"]["uncertainty"] = uncertainty
    if block.provenance.command:
        evaluation["generation_config"] = {"generation_args": {"execution_command": block.provenance.command}}
    return evaluation


def _uncertainty(column: Column, score: Score) -> dict[str, Any]:
    """The standard error of the raw score, where it follows from that of the normalised one, and n."""
    fields: dict[str, Any] = {}
    slopes = {column.scale(part).slope for part in column.parts}
    if score.stderr is not None and len(slopes) == 1:
        fields["standard_error"] = {"value": score.stderr / abs(slopes.pop()), "method": "analytic"}
    if score.n is not None:
        fields["num_samples"] = score.n
    return fields


def _questions(aggregated: Mapping[str, Any], column: Column, score: Score) -> dict[str, Any]:
    """Where the questions are from: a dataset on the Hub where all parts name the same one, else the board's own."""
    configs = aggregated.get("configs") or {}
    task_configs = [configs.get(part.task) or {} for part in column.parts]
    repos = {str(config.get("dataset_path") or "") for config in task_configs}
    repo = repos.pop() if len(repos) == 1 else ""
    if column.private or not repo or repo in LOCAL_BUILDERS or repo.startswith(("/", ".")):
        return {"dataset_name": column.title, "source_type": "other", "source_id": "; ".join(column.run)}
    fields: dict[str, Any] = {"dataset_name": column.title, "source_type": "hf_dataset", "hf_repo": repo}
    for name, key in (("hf_config", "dataset_name"), ("hf_split", "test_split")):
        values = {config.get(key) for config in task_configs}
        value = values.pop() if len(values) == 1 else None
        if isinstance(value, str) and value:
            fields[name] = value
    if score.n is not None:
        fields["samples_number"] = score.n
    return fields
