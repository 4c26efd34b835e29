"""What an evaluation brought, and how it was made."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from leaderboard.records.request import SCHEMA_VERSION
from leaderboard.records.submission import CHECKPOINT
from leaderboard.records.versioned import Versioned


class Score(BaseModel):
    """One column's score of one evaluation."""

    raw: float | None
    """In the metric's own unit (accuracy: 0-1); None when it was not measured."""
    normalised: float | None
    """0-100 after the benchmark's normalisation; None when it was not measured."""
    stderr: float | None = None
    """Standard error of the normalised score, in its unit; None when unknown."""
    n: int | None = None
    """Number of examples."""


class Provenance(BaseModel):
    """How a result was made: enough to make it again."""

    model_config = ConfigDict(extra="allow")

    packages: dict[str, str] = Field(default_factory=dict)
    """Versions of lm_eval, transformers, torch, peft, datasets, podium."""
    hardware: str = ""
    """Processor or accelerator, in words."""
    sandbox: list[str] = Field(default_factory=list)
    """Layers of the sandbox that the job was in (`namespaces`, `landlock`); empty for none."""
    seeds: dict[str, int] = Field(default_factory=dict)
    """Seeds given to the harness, by its names."""
    scorers: str = ""
    """How scorers that draw at random were made reproducible."""
    engine: dict[str, Any] = Field(default_factory=dict)
    """Which engine forwarded the tokens, and its own account (probe, tokens forwarded and saved)."""
    code: dict[str, Any] = Field(default_factory=dict)
    """Of submitted code: how it was called (interface, runner, limits), how many calls failed and how, revealed labels,
    seconds, and whether nearly all answers are the same."""
    scoring: dict[str, str] = Field(default_factory=dict)
    """Of challenges, what the scores come from: digests of `program` or `metrics` and of `labels`, version of `podium`.
    The digest of the labels is keyed by the board, so that nobody can confirm a guess of them."""
    task_hashes: dict[str, str] = Field(default_factory=dict)
    """The harness's hash of each task's prompts."""
    generation_cut: dict[str, int] = Field(default_factory=dict)
    """Task -> new tokens at most, where the benchmark cuts generations that the context length has no room for."""
    chat_template_sha: str | None = None
    """SHA-256 of the chat template used; None without one."""
    batch_size: str = ""
    """As used."""
    wall_seconds: float | None = None
    """Time from start of the job to its last score, and what earlier runs took for the answers used of them."""
    evaluation_seconds: float | None = None
    """Of these, what the harness took to build its requests, answer and score them."""
    processor_seconds: float | None = None
    """Processor time of the job in that while, over all its threads."""
    resumed_runs: int = 0
    """How many earlier, interrupted runs of the request this one has answers from; 0 for a run in one go."""
    resumed_answers: int = 0
    """How many of the model's answers are theirs."""
    energy_kwh: float | None = None
    """Energy drawn, where it could be measured."""
    command: str = ""
    """The plain `lm_eval` command that makes the same scores; empty where there is none (deltas to tied embeddings, cut
    generations)."""


def resumed(runs: int) -> str:
    """That a run went on from `runs` earlier ones, a sentence; empty for a run in one go."""
    if runs < 1:
        return ""
    return f"It went on from the answers of {'an interrupted run' if runs == 1 else f'{runs} interrupted runs'}."


class PodiumBlock(Versioned):
    """What Podium adds to the harness's aggregated result, under the key `podium`."""

    model_config = ConfigDict(protected_namespaces=())

    schema_version: int = SCHEMA_VERSION
    request_id: str
    attempt: int
    benchmark: str
    benchmark_version: str
    kind: str = CHECKPOINT
    """What was evaluated, one of `leaderboard.records.kinds.KINDS`."""
    model: str
    """Its name, `owner/name`: of a checkpoint its Hub repository id."""
    revision: str
    """Which state of it: of a checkpoint its commit."""
    base_model: str = ""
    precision: str
    """Empty for a kind that has none, as is `weight_type`."""
    weight_type: str
    use_chat_template: bool
    time: str
    """Start of the attempt; names the files."""
    scores: dict[str, Score]
    """By column key of the benchmark."""
    average: float | None
    """Mean of the normalised scores; None when one is missing."""
    limit: int | None = None
    """Examples per task when the run was cut short; such a run is never published to the board."""
    provenance: Provenance
