"""What the organiser says: a benchmark, as its YAML file is written.

docs/benchmarks.md explains every field to organisers. How results become scores is in `leaderboard.statistics.scores`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    PositiveFloat,
    field_validator,
    model_validator,
)

from leaderboard.benchmarks.bundle_rules import BundleRules
from leaderboard.benchmarks.challenge import CodeRules, EndpointRules, PredictionsRules
from leaderboard.benchmarks.competition import Allowances, CompetitionRules, Disclosure
from leaderboard.benchmarks.scale import Scale
from leaderboard.records import Engine, Precision, WeightType
from leaderboard.records.repository import NAME_PATTERN

METRIC_KEY = re.compile(r"[^,\s]+,[^,\s]+")


def _metric_key(given: str) -> str:
    if METRIC_KEY.fullmatch(given) is None:
        first = re.split(r"[,\s]", given.strip())[0] or "acc"
        raise ValueError(
            "Write a metric and the filter of its answers with one comma between them and no space, as lm-eval's "
            f"results have it: '{first},none' where a task has no filters of its own"
        )
    return given


class Part(BaseModel):
    """One harness task that counts towards a column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str = Field(min_length=1)
    """The harness's task name (a leaf task, not a group)."""
    metrics: list[Annotated[str, AfterValidator(_metric_key)]] = Field(min_length=1)
    """Metric keys as the harness writes them, `metric,filter` (`acc_norm,none`); more than one are averaged."""
    choices: int | None = Field(default=None, ge=2)
    """Number of answer choices: chance is 1/choices and maps to 0. None: chance is 0."""

    @property
    def lower(self) -> float:
        """The raw score of a guesser."""
        return 1 / self.choices if self.choices else 0.0


class Column(BaseModel):
    """One score column of the board: harness tasks made into one number, or a score of a challenge."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{0,31}$")
    """Short name, used in files and addresses."""
    title: str = Field(min_length=1, max_length=40)
    """Heading on the board."""
    description: str = ""
    """What it asks, in a sentence, for the heading's tooltip and the About page."""
    score: str = Field(default="", max_length=100)
    """The key of a challenge's score, instead of `run` and `parts`."""
    run: list[str] = Field(default_factory=list)
    """What is given to the harness: task or group names."""
    fewshot: int | None = Field(default=None, ge=0)
    """Number of few-shot examples; None leaves it to the tasks' own definitions."""
    parts: list[Part] = Field(default_factory=list)
    """The tasks whose metrics are combined."""
    combine: Literal["mean", "weighted"] = "mean"
    """`mean`: unweighted mean of the parts. `weighted`: parts weighted by their number of examples."""
    higher_is_better: bool = True
    """Direction of its metrics. False needs `range`, but for a challenge's score."""
    range: tuple[FiniteFloat, FiniteFloat] | None = None
    """Lowest and highest raw value, the best of them 100 points and the other 0; None for a share from 0 to 1, and for
    a challenge's score that is shown as it is."""
    in_average: bool = True
    """Whether the column counts towards the average."""
    private: bool = False
    """Hidden questions: no details are published."""
    hidden: bool = False
    """Only for a challenge's score: shown to nobody but the maintainers, neither on pages nor in the API, exports and
    downloads, and no part of the average."""
    decimals: int | None = Field(default=None, ge=0, le=10)
    """Digits after the point; None for the board's own."""

    @field_validator("range")
    @classmethod
    def _ascending(cls, given: tuple[float, float] | None) -> tuple[float, float] | None:
        if given is not None and given[0] >= given[1]:
            raise ValueError("The first number has to be below the second")
        return given

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.score) == bool(self.run or self.parts) or bool(self.run) != bool(self.parts):
            raise ValueError("A column needs either `run` and `parts`, or `score`")
        if self.hidden and not self.score:
            raise ValueError("Only a challenge's `score` can be hidden: the harness's results are published whole")
        return self

    @property
    def counts_downwards(self) -> bool:
        """Whether its values are shown as they are and the smallest is the best; then they count negative."""
        return self.range is None and not self.higher_is_better

    @property
    def ranks(self) -> bool:
        """Whether it counts towards the average: a hidden column would show through it."""
        return self.in_average and not self.hidden

    def scale(self, part: Part | None = None) -> Scale:
        """From which raw value to which the points of a part run."""
        low, high = self.range or (part.lower if part else 0.0, 1.0)
        return Scale(low, high) if self.higher_is_better else Scale(high, low)


class Track(BaseModel):
    """A rule set of the benchmark, such as open or closed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1)
    """Name on the board."""
    description: str = ""
    """What its rules are, Markdown."""
    allows: Allowances | None = None
    """What its submissions may use; None: nothing is said of it."""
    discloses: list[Disclosure] = Field(default_factory=list)
    """What its submissions have to say."""


class Limits(BaseModel):
    """What may be submitted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_params_b: dict[Precision, PositiveFloat] = Field(default_factory=dict)
    """Largest number of parameters (billions) by precision; a precision that is not named has no limit."""
    precisions: list[Precision] = Field(default_factory=lambda: list(Precision), min_length=1)
    """Allowed precisions; the first is the form's default."""
    weight_types: list[WeightType] = Field(default_factory=lambda: list(WeightType), min_length=1)
    """Allowed weight types."""
    min_card_characters: int = Field(default=200, ge=0)
    """Shortest model card, without front matter."""


Namespace = Annotated[str, Field(pattern=rf"^{NAME_PATTERN}$")]


class Quota(BaseModel):
    """How much may be submitted in a period that ends now. Failed and cancelled submissions do not count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    person: int | None = Field(default=None, ge=1)
    """By one sender; None for no limit."""
    organisation: int | None = Field(default=None, ge=1)
    """By all members of an organisation together, of the organisation's own models; None for no limit."""
    period_days: float = Field(default=7.0, gt=0, le=366)
    """Length of the period."""


class RefusedModel(BaseModel):
    """A model that may not be submitted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(pattern=rf"^{NAME_PATTERN}(/(\*|{NAME_PATTERN}))?$")
    """`org/name`, `name` of an old model without a namespace, or `org/*` for all of an organisation's."""
    reason: str = Field(min_length=1)
    """Shown to whoever tries."""


class Policy(BaseModel):
    """Who may submit how much, and what may not be submitted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quota: Quota = Field(default_factory=Quota)
    """How much in a period."""
    official_providers: list[Namespace] = Field(default_factory=list)
    """Organisations whose members submit the organisation's own models without limit; the board marks these."""
    do_not_submit: list[RefusedModel] = Field(default_factory=list)
    """Models that are refused, also as base models."""


class ModelReport(BaseModel):
    """Scores that are offered to the model's own repository, in a pull request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$")
    """The benchmark's dataset on the Hub, whose `eval.yaml` names its tasks."""
    tasks: dict[str, str] = Field(min_length=1)
    """Column key -> the dataset's id of that task."""
    scale: float = 100.0
    """What a raw score is multiplied with."""


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

    engine: Engine | None = None
    """What forwards the tokens, whatever the worker's settings say; None leaves it to the worker."""
    include_path: str = ""
    """Folder of task definitions, relative to the YAML file; empty for the harness's built-in tasks."""
    fewshot_as_multiturn: bool = True
    """With a chat template: few-shot examples as earlier turns of the conversation."""
    seeds: dict[SeedName, int] = Field(default_factory=lambda: dict(HARNESS_SEEDS))
    """The harness's four seeds; those not named keep its own defaults."""
    max_length: int | None = Field(default=None, ge=16)
    """Longest context in tokens; None leaves it to the checkpoint."""
    gen_kwargs: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Generation settings that override the tasks' own."""
    long_generation: Literal["refuse", "cut"] = "refuse"
    """What happens to a model whose context length is not above a task's `max_gen_toks`."""

    @field_validator("seeds")
    @classmethod
    def _all_seeds(cls, given: dict[SeedName, int]) -> dict[SeedName, int]:
        return {**HARNESS_SEEDS, **given}


class Benchmark(BaseModel):
    """What is measured, how it is scored, and what may be submitted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    """Name in paths and addresses; equals the file's name."""
    version: str = Field(min_length=1)
    """Changed by the organiser whenever scores stop being comparable."""
    title: str = Field(min_length=1)
    """Name on the board."""
    description: str
    """What it is for, Markdown."""
    columns: list[Column] = Field(min_length=1)
    """Score columns, in the board's order."""
    kinds: list[str] = Field(default=["checkpoint"], min_length=1)
    """Kinds of submissions that it takes; the first is the form's default."""
    predictions: PredictionsRules | None = None
    """For predictions: what a file holds and how it is scored."""
    code: CodeRules | None = None
    """For code: how it is called."""
    endpoint: EndpointRules = Field(default_factory=EndpointRules)
    """For endpoints: how they are asked."""
    bundle: BundleRules | None = None
    """The competition bundle that scores predictions and code; None where Podium scores them itself."""
    competition: CompetitionRules | None = None
    """The rules of a competition that is held on it; None where none is."""
    harness: Harness = Field(default_factory=Harness)
    """How lm-eval is called."""
    limits: Limits = Field(default_factory=Limits)
    """What may be submitted."""
    policy: Policy = Field(default_factory=Policy)
    """Who may submit how much, and what may not be submitted."""
    tracks: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")], Track] = Field(
        default_factory=lambda: {"open": Track(title="Open")}, min_length=1
    )
    """Rule sets by id; the first is the form's default."""
    details: Literal["public", "gated", "none"] = "public"
    """Who reads the details. `gated`: on the Hub, whoever says who they are, and nobody on this board's pages."""
    model_report: ModelReport | None = None
    """Scores that are offered to the model's own repository; None for none."""
    every_eval_ever: bool = False
    """Whether results may be fetched in the Every Eval Ever schema."""
    folder: Path = Field(default=Path(), exclude=True)
    """Where its YAML file lies; set when it is read."""

    @property
    def include_path(self) -> Path | None:
        """Absolute folder of its own task definitions, or None."""
        return (self.folder / self.harness.include_path).resolve() if self.harness.include_path else None

    @property
    def on_scores(self) -> bool:
        """Whether all of its columns are scores of its own; otherwise the harness's tasks rank."""
        return all(column.score for column in self.columns)

    def shown(self) -> Benchmark:
        """The benchmark as everybody may know it: without its hidden columns."""
        shown = [column for column in self.columns if not column.hidden]
        bundle = self.bundle
        if bundle is not None and len(shown) < len(self.columns):
            bundle = bundle.model_copy(update={"computed": [], "task_scores": []})  # they name the hidden scores
        return self.model_copy(update={"columns": shown, "bundle": bundle})

    def disclosures(self, track: str) -> list[Disclosure]:
        """What a submission of a track has to say, the questions of its bundle included; nothing for no such track."""
        if track not in self.tracks:
            return []
        asked = {question.key: question for question in self.bundle.disclosures()} if self.bundle else {}
        return list((asked | {question.key: question for question in self.tracks[track].discloses}).values())

    def upload_rules(self, kind: str) -> PredictionsRules | CodeRules | None:
        """What it says of the files of a kind; None where it takes none."""
        return {"predictions": self.predictions, "code": self.code}.get(kind)

    def column(self, key: str) -> Column:
        """The column named `key`. Raises KeyError."""
        return next(column for column in self.columns if column.key == key)
