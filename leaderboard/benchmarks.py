"""What the organiser says: a benchmark, read from a YAML file and validated as a whole.

Scores follow the Open LLM Leaderboard's published method: n(x, lower) = 0 where x < lower, else
100 * (x - lower) / (1 - lower), with lower = 1 / number of choices for multiple choice and 0 elsewhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from leaderboard.records import Precision, WeightType

BENCHMARK_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
RESERVED_IDS = {"details", "contents", "flags", "votes", "facts", "discussions"}
"""Folder names that the results store uses for itself."""


class Part(BaseModel):
    """One harness task that counts towards a column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    """The harness's task name (a leaf task, not a group)."""
    metrics: list[str] = Field(min_length=1)
    """Metric keys as the harness writes them (`acc_norm,none`); more than one are averaged."""
    choices: int | None = Field(default=None, ge=2)
    """Number of answer choices: chance is 1/choices and maps to 0. None: chance is 0."""

    @property
    def lower(self) -> float:
        """The raw score of a guesser."""
        return 1 / self.choices if self.choices else 0.0


class Column(BaseModel):
    """One score column of the board: one or several harness tasks made into one number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{0,31}$")
    """Short name, used in files and addresses."""
    title: str
    """Heading on the board."""
    description: str = ""
    """What it asks, in a sentence, for the heading's tooltip and the About page."""
    run: list[str] = Field(min_length=1)
    """What is given to the harness: task or group names."""
    fewshot: int | None = Field(default=None, ge=0)
    """Number of few-shot examples; None leaves it to the task's own definition."""
    parts: list[Part] = Field(min_length=1)
    """The tasks whose metrics are combined."""
    combine: Literal["mean", "weighted"] = "mean"
    """`mean`: unweighted mean of the parts. `weighted`: parts weighted by their number of examples."""
    in_average: bool = True
    """Whether the column counts towards the average."""
    private: bool = False
    """Hidden questions: no details are published."""


class Track(BaseModel):
    """A rule set of the benchmark, such as open or closed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    description: str = ""


class Limits(BaseModel):
    """What may be submitted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_params_b: dict[Precision, float] = Field(default_factory=dict)
    """Largest number of parameters (billions) by precision; a precision that is not named has no limit."""
    precisions: list[Precision] = Field(default_factory=lambda: list(Precision), min_length=1)
    """Allowed precisions; the first is the form's default."""
    weight_types: list[WeightType] = Field(default_factory=lambda: list(WeightType), min_length=1)
    """Allowed weight types."""
    min_card_characters: int = Field(default=200, ge=0)
    """Shortest model card, without front matter."""


SeedName = Literal["random_seed", "numpy_random_seed", "torch_random_seed", "fewshot_random_seed"]
HARNESS_SEEDS: dict[SeedName, int] = {
    "random_seed": 0,
    "numpy_random_seed": 1234,
    "torch_random_seed": 1234,
    "fewshot_random_seed": 1234,
}


class Harness(BaseModel):
    """How lm-eval is called."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    include_path: str = ""
    """Folder of task definitions, relative to the YAML file; empty for the harness's built-in tasks."""
    fewshot_as_multiturn: bool = True
    """With a chat template: few-shot examples as earlier turns of the conversation."""
    seeds: dict[SeedName, int] = Field(default_factory=lambda: dict(HARNESS_SEEDS))
    """The harness's four seeds; the defaults are its own."""
    max_length: int | None = Field(default=None, ge=16)
    """Longest context in tokens; None leaves it to the checkpoint."""
    gen_kwargs: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Generation settings that override the tasks' own."""


class Benchmark(BaseModel):
    """What is measured, how it is scored, and what may be submitted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    """Name in paths and addresses; equals the file's name."""
    version: str
    """Changed by the organiser whenever scores stop being comparable."""
    title: str
    """Name on the board."""
    description: str
    """What it is for, Markdown."""
    columns: list[Column] = Field(min_length=1)
    """Score columns, in the board's order."""
    harness: Harness = Field(default_factory=Harness)
    """How lm-eval is called."""
    limits: Limits = Field(default_factory=Limits)
    """What may be submitted."""
    tracks: dict[str, Track] = Field(default_factory=lambda: {"open": Track(title="Open")})
    """Rule sets by id."""
    folder: Path = Field(default=Path(), exclude=True)
    """Where its YAML file lies; set when it is read."""

    @property
    def include_path(self) -> Path | None:
        """Absolute folder of its own task definitions, or None."""
        return (self.folder / self.harness.include_path).resolve() if self.harness.include_path else None

    def column(self, key: str) -> Column:
        """The column named `key`. Raises KeyError."""
        return next(column for column in self.columns if column.key == key)
