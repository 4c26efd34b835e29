"""What a benchmark says of submissions that are no checkpoints: which files, which programs, which limits.

Paths are relative to the benchmark's private folder (`leaderboard.artifacts`), which no page, API or program of a
participant can read, unless a field says that it is public. Bundles: `leaderboard.benchmarks.bundle_rules`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, PositiveFloat, PositiveInt


def _stays_below(path: str) -> str:
    parts = path.split("/")
    if not path or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise ValueError("It has to be a relative path without `..`")
    return path


RelativePath = Annotated[str, AfterValidator(_stays_below)]
"""A path below the folder that the field names."""


Format = Literal["csv", "jsonl", "parquet"]
"""How a table is written in a file."""
ColumnName = Annotated[str, Field(min_length=1, max_length=100)]
# fmt: off
Metric = Literal[
    "accuracy", "balanced_accuracy", "exact_match", "f1", "precision", "recall",
    "log_loss", "brier", "roc_auc", "average_precision",
    "mae", "mse", "rmse", "r2", "pearson", "spearman", "kendall",
    "ndcg",
]
# fmt: on


class PredictionColumn(BaseModel):
    """A column of a file of predictions, beside its ids."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ColumnName
    """As the file's header, the keys of its objects or its schema has it."""
    type: Literal["string", "integer", "number", "boolean", "choice"]
    """What its values are. `choice`: one of `choices`."""
    choices: list[str] = Field(default_factory=list)
    """Allowed values of a choice."""
    range: tuple[FiniteFloat, FiniteFloat] | None = None
    """Lowest and highest allowed number; None for any finite one."""
    required: bool = True
    """Whether the file has to have the column."""
    empty: bool = False
    """Whether a value may be left out. Never in a column that a metric reads."""
    max_characters: PositiveInt = 10_000
    """Longest text of a `string`."""


class PredictionMetric(BaseModel):
    """One score of a file of predictions: a column of the file against a column of the labels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: Metric
    """What is computed (docs/predictions.md has the list)."""
    prediction: ColumnName | list[ColumnName]
    """The file's column; for `log_loss` also a list of columns, the probability of each of `classes`."""
    label: ColumnName
    """The labels' column."""
    average: Literal["binary", "micro", "macro", "weighted"] = "macro"
    """For f1, precision and recall: how classes are averaged; `binary` counts only `positive`."""
    positive: str = "1"
    """The label that a probability or a binary metric is about, as text; a Boolean label is `true` or `false`."""
    classes: list[str] = Field(default_factory=list)
    """For `log_loss` over several columns: the label of each column, in their order."""
    group: str = ""
    """For `ndcg`: the labels' column that says which examples are ranked together."""
    at: PositiveInt | None = None
    """For `ndcg`: how many of the first count; None for all."""


class LabelsFile(BaseModel):
    """The file of expected ids and their labels, which nobody but the service reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: RelativePath
    """CSV, JSONL or Parquet, by its ending; it has the id columns and those that metrics name."""


class PredictionsRules(BaseModel):
    """What a file of predictions has to hold, and how it is scored.

    A benchmark with a bundle may leave out `labels`, `columns` and `metrics`: its scoring program decides then.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_bytes: PositiveInt = 100_000_000
    """Largest file, as uploaded."""
    max_unpacked_bytes: PositiveInt = 500_000_000
    """Largest file, taken out of its zip."""
    same_again: bool = False
    """Whether the same file may be submitted more than once."""
    formats: list[Format] = Field(default=["csv", "jsonl", "parquet"], min_length=1)
    """Formats that are taken, each also in a zip of exactly one file."""
    id: list[ColumnName] = Field(default=["id"], min_length=1)
    """The columns that together name an example."""
    columns: list[PredictionColumn] = Field(default_factory=list)
    """The other columns."""
    labels: LabelsFile | None = None
    """Expected ids and labels."""
    metrics: dict[str, PredictionMetric] = Field(default_factory=dict)
    """Scores by their keys, which the board's columns name with `score`."""
    details: Literal["none", "public"] = "none"
    """`public` publishes every example's prediction, label and score: only for labels that are public anyway."""

    @property
    def has_table(self) -> bool:
        """Whether Podium itself knows what a file has to hold."""
        return self.labels is not None

    @property
    def metric_columns(self) -> list[str]:
        """The columns that metrics read."""
        each = [metric.prediction for metric in self.metrics.values()]
        names = [name for given in each for name in ([given] if isinstance(given, str) else given)]
        return list(dict.fromkeys(names))


class CodeRules(BaseModel):
    """How submitted code is called, and what it may use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_bytes: PositiveInt = 50_000_000
    """Largest package, as uploaded."""
    same_again: bool = False
    """Whether the same package may be submitted more than once."""
    wall_seconds: PositiveInt = 600
    """Time for everything, from the first import to the last answer."""
    memory_gb: PositiveFloat = 4.0
    """Memory of all its processes together."""


class EndpointRules(BaseModel):
    """How hosted models are asked, and what that may cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    apis: list[Literal["completions", "chat"]] = Field(default=["completions", "chat"], min_length=1)
    """Interfaces that may be submitted."""
