"""Scores offered to the model's own repository: a pull request with `.eval_results/{benchmark}.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, field

import yaml
from huggingface_hub import CommitOperationAdd, EvalResultEntry, eval_result_entries_to_yaml

from leaderboard.benchmarks import Benchmark
from leaderboard.hub.client import client_of
from leaderboard.hub.errors import HubRefusal, pull_request_refused, translated
from leaderboard.records import PodiumBlock, Precision, WeightType

WHOLE = {Precision.FLOAT16.value, Precision.BFLOAT16.value, Precision.FLOAT32.value}


def report(benchmark: Benchmark, block: PodiumBlock, url: str) -> str:
    """The YAML for a result that is shown at `url`; empty for one that says nothing of the weights themselves."""
    wanted = benchmark.model_report
    if wanted is None or block.limit is not None:
        return ""
    if block.weight_type != WeightType.ORIGINAL or block.precision not in WHOLE:
        return ""
    entries = [
        EvalResultEntry(
            dataset_id=wanted.dataset,
            task_id=task,
            value=round(score.raw * wanted.scale, 6),
            date=block.time,
            source_url=url,
            source_name=benchmark.title,
            notes=f"revision {block.revision}, {block.precision}" + (", chat template" * block.use_chat_template),
        )
        for key, task in wanted.tasks.items()
        if (score := block.scores.get(key)) is not None and score.raw is not None
    ]
    return yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False) if entries else ""


@dataclass(frozen=True)
class ModelReports:
    """The pull requests that the board opens in its own name."""

    endpoint: str
    token: str | None = field(default=None, repr=False)
    timeout_s: float = 30.0

    def offer(self, benchmark: Benchmark, block: PodiumBlock, url: str) -> str | None:
        """Open the pull request unless it is there, and return its address; None where there is nothing to report.

        Raises NotAllowed where the repository takes none, HubUnavailable.
        """
        content = report(benchmark, block, url)
        if not content:
            return None
        title = f"Evaluation results on {benchmark.title} ({block.revision[:12]})"
        file = CommitOperationAdd(f".eval_results/{benchmark.id}.yaml", content.encode())
        api = client_of(self.endpoint, self.token, self.timeout_s)
        try:
            with translated(block.model):
                for known in api.get_repo_discussions(block.model, discussion_type="pull_request"):
                    if known.title == title:
                        return known.url
                made = api.create_commit(
                    block.model,
                    [file],
                    commit_message=title,
                    commit_description=f"Measured at {block.revision}; how is said at {url}.",
                    create_pr=True,
                )
        except HubRefusal as refusal:
            raise pull_request_refused(refusal, block.model) from refusal
        return made.pr_url
