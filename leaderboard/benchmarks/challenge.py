"""What a benchmark says of submissions that are no checkpoints: which files, which programs, which limits.

Paths are relative to the benchmark's private folder (`leaderboard.artifacts`), which no page, API or program of a
participant can read, unless a field says that it is public. Bundles: `leaderboard.benchmarks.bundle_rules`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)


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


COMPILED = (".so", ".pyd", ".dll", ".dylib", ".pyc", ".pyo", ".exe", ".o", ".a", ".whl", ".egg", ".jar")
PICKLES = (".pkl", ".pickle", ".joblib", ".dill", ".pt", ".pth", ".ckpt")
"""Endings of files that are code to the loader that opens them."""
Key = Annotated[str, Field(min_length=1, max_length=100)]
ModuleName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
ModuleFile = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}\.py$")]
# fmt: off
CodeMetric = Literal[
    "accuracy", "log_loss", "brier", "roc_auc", "average_precision", "mae", "mse", "rmse", "r2",
    "pearson", "spearman", "kendall",
]
# fmt: on
"""Metrics of predictions (docs/predictions.md) that compare one answer with one label."""
RANDOM_REVELATION = "random."
"""Before the key of a metric: its score when the labels that `label_budget` allows are revealed at random."""


class CodeRules(BaseModel):
    """How submitted code is called, what it may use, and how its answers are scored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_bytes: PositiveInt = 50_000_000
    """Largest package, as uploaded."""
    max_unpacked_bytes: PositiveInt = 500_000_000
    """Largest package, unpacked."""
    max_files: PositiveInt = 1000
    """Most files and folders in it."""
    same_again: bool = False
    """Whether the same package may be submitted more than once."""
    interface: Literal["train-predict", "item"] = "train-predict"
    """`train-predict`: `train(train_dir)`, then `predict(train_dir, test_dir, labeled_pairs)` for all pairs at once.
    `item`: a class with `setup(context)` and `predict(item)`, called for each item."""
    entry: ModuleFile = "model.py"
    """The file at the root of the package that is imported."""
    labelling_entry: ModuleFile = "labeling.py"
    """For `train-predict`: the file with `score_pairs`, which a package may have."""
    class_name: ModuleName = "Estimator"
    """For `item`: the class in the entry file."""
    train: RelativePath | None = None
    """Folder of training data, public: its programs read it."""
    test: RelativePath | None = None
    """For `train-predict`: folder of test data without labels; programs read it."""
    pairs: RelativePath = "test_pairs.csv"
    """For `train-predict`: CSV file in `test` with the ids of every row that is to be predicted."""
    items: RelativePath | None = None
    """For `item`: a JSON Lines file, or a folder with a file for each item; only our own process reads it."""
    labels: RelativePath = "labels.csv"
    """CSV file of the right answers, or for `item` a folder of `.npy` files; never where submitted code runs."""
    id: list[Key] = Field(default=["id"], min_length=1)
    """Columns that together name a row of `pairs` and `labels`; for `item` one, the key of an item's name."""
    label: Key = "label"
    """Column of the right answer in `labels`, and its key in `labeled_pairs`."""
    prediction: Key = "prediction"
    """For `train-predict`: key of the answer in the dictionaries that `predict` returns."""
    prediction_range: tuple[FiniteFloat, FiniteFloat] | None = None
    """Lowest and highest number that is an answer; None for any finite one."""
    metrics: dict[str, CodeMetric] = Field(default_factory=dict)
    """Scores by their keys, which the board's columns name with `score`: what is computed from answers and labels."""
    label_budget: NonNegativeInt = 0
    """For `train-predict`: how many labels are revealed before `predict`; those rows are not scored."""
    wall_seconds: PositiveInt = 600
    """Time for everything, from the first import to the last answer."""
    setup_seconds: PositiveFloat = 60.0
    """Time for a start: import and `setup`; for `train-predict` the import alone."""
    call_seconds: PositiveFloat = 60.0
    """Time for each `predict(item)`, and for `score_pairs`."""
    memory_gb: PositiveFloat = 4.0
    """Memory of all its processes together."""
    tmp_mb: PositiveInt = 256
    """Size of its temporary folder, which counts as memory."""
    failed: FiniteFloat | str = 0.0
    """For `item`: what a call that fails is scored as; an array is filled with it."""
    max_failures: NonNegativeInt = 50
    """For `item`: failed calls after which the run ends early, as a failure."""
    max_models: NonNegativeInt = 0
    """Most Hub models that `models.txt` may name; 0 where there may be none."""
    max_model_gb: PositiveFloat = 20.0
    """Largest sum of the sizes of their files."""
    refused_files: list[str] = [*COMPILED, *PICKLES]
    """Endings of file names that a package may not have."""
    requirements: bool = True
    """Whether a package may have a `requirements.txt`. It is a record of what the code was made with: nothing is
    installed from it."""
    modules: list[ModuleName] | None = None
    """Modules that programs may import beside Python's own; None for those of the machine that takes the submission."""
    allowed_hosts: list[Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]{1,5})?$", max_length=253)]] = Field(
        default_factory=list
    )
    """Hosts that packages may reach, through a proxy that `https_proxy` names: `name` over https, or `name:port`."""
    show_output: bool = True
    """Whether a submitter reads what the package prints, and the messages of its exceptions. Both can quote the data
    that it is given."""

    @property
    def score_keys(self) -> list[str]:
        """The keys of scores that columns may name."""
        at_random = [RANDOM_REVELATION + key for key in self.metrics] if self.label_budget else []
        return [*self.metrics, *at_random]

    @model_validator(mode="after")
    def _data_is_named(self) -> Self:
        needed = ("train", "test") if self.interface == "train-predict" else ("items",)
        missing = [f"`{name}`" for name in needed if getattr(self, name) is None]
        if missing and self.metrics:
            raise ValueError(f"The interface `{self.interface}` needs {' and '.join(missing)}")
        if self.interface == "item" and len(self.id) > 1:
            raise ValueError("The interface `item` names an item by one column; give `id` one")
        return self


class LoadRules(BaseModel):
    """How the behaviour of hosted models under load is measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    concurrencies: list[Annotated[int, Field(ge=1, le=64)]] = Field(min_length=1, max_length=8)
    """Numbers of requests at a time; each is measured by itself."""
    requests: int = Field(default=50, ge=1, le=10_000)
    """Requests at each of them."""
    prompt: str = Field(default="Write a short story about a lighthouse.", min_length=1, max_length=20_000)
    """What is asked each time."""
    max_tokens: int = Field(default=64, ge=1, le=4096)
    """New tokens of each answer at most."""


class EndpointRules(BaseModel):
    """How hosted models are asked, and what that may cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    apis: list[Literal["completions", "chat"]] = Field(default=["completions", "chat"], min_length=1)
    """Interfaces that may be submitted."""
    partial: bool = False
    """Whether an endpoint is taken that cannot answer every column; those columns, and an average that they count
    towards, then have no score."""
    max_length: int = Field(default=2048, ge=16)
    """Longest context in tokens that is sent over `completions` with a tokenizer, where `harness.max_length` says
    none."""
    concurrency: int = Field(default=4, ge=1, le=64)
    """Requests at a time while it is evaluated."""
    retries: int = Field(default=4, ge=0, le=20)
    """How often a request is sent again after a time-out, a lost connection, status 429 or 5xx."""
    retry_seconds: float = Field(default=1.0, ge=0, le=60)
    """Wait before the first of these; it doubles each time, unless the endpoint names another (`Retry-After`)."""
    request_seconds: PositiveFloat = 120.0
    """Time for one request, from the connection to the last byte."""
    max_requests: PositiveInt = 50_000
    """Cost cap: requests of one evaluation, repeated ones and those of the load measurement counted."""
    max_tokens: PositiveInt = 50_000_000
    """Cost cap: tokens of all prompts and answers of one evaluation."""
    max_seconds: PositiveInt = 4 * 3600
    """Cost cap: seconds from the first request of an evaluation to the last."""
    load: LoadRules | None = None
    """How behaviour under load is measured; None: it is not."""
