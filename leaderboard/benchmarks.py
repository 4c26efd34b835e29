"""What the organiser says: a benchmark, read from a YAML file and validated as a whole.

docs/benchmarks.md explains every field to organisers. How results become scores is in `leaderboard.scores`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveFloat, field_validator

from leaderboard.errors import BadBenchmark, NotFound
from leaderboard.harness_tasks import leaves, lower_is_better, task_names
from leaderboard.metrics import undeclared
from leaderboard.records import Precision, WeightType
from leaderboard.scores import Scale, normalise, score
from leaderboard.yaml_lines import Place, read_model

__all__ = [
    "Benchmark",
    "Column",
    "Harness",
    "Limits",
    "ModelReport",
    "Part",
    "Policy",
    "Quota",
    "Refused",
    "Track",
    "load_benchmark",
    "load_benchmarks",
    "normalise",
    "score",
]

BENCHMARK_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
RESERVED_IDS = {"details", "contents", "flags", "votes", "facts", "discussions", "workers", "policy"}
"""Folder names that the stores use for themselves."""
RESERVED_TITLES = {
    "flag_category", "flag_link",
    "rank", "model", "fullname", "eval_name", "precision", "type", "t", "weight type", "architecture", "model sha",
    "average", "average ⬆️", "hub license", "hub ❤️", "#params (b)", "available on the hub", "moe", "flagged",
    "chat template", "co₂ cost (kg)", "merged", "official providers", "upload to hub date", "submission date",
    "generation", "base model", "request_id", "attempt", "benchmark_version", "result_path", "result_version",
    "result_time", "evaluation_time_s", "sender", "track", "copy_of",
}  # fmt: skip
"""Headings, in lower case, that the board uses for itself."""
RESERVED_ENDINGS = (" Raw", " stderr", " n")
"""The board's own columns beside each score are its title with one of these."""


class Part(BaseModel):
    """One harness task that counts towards a column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str = Field(min_length=1)
    """The harness's task name (a leaf task, not a group)."""
    metrics: list[Annotated[str, Field(pattern=r"^[^,\s]+,[^,\s]+$")]] = Field(min_length=1)
    """Metric keys as the harness writes them, `metric,filter` (`acc_norm,none`); more than one are averaged."""
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
    title: str = Field(min_length=1, max_length=40)
    """Heading on the board."""
    description: str = ""
    """What it asks, in a sentence, for the heading's tooltip and the About page."""
    run: list[str] = Field(min_length=1)
    """What is given to the harness: task or group names."""
    fewshot: int | None = Field(default=None, ge=0)
    """Number of few-shot examples; None leaves it to the tasks' own definitions."""
    parts: list[Part] = Field(min_length=1)
    """The tasks whose metrics are combined."""
    combine: Literal["mean", "weighted"] = "mean"
    """`mean`: unweighted mean of the parts. `weighted`: parts weighted by their number of examples."""
    higher_is_better: bool = True
    """Direction of its metrics. False needs `range`."""
    range: tuple[FiniteFloat, FiniteFloat] | None = None
    """Lowest and highest raw value, the best of them 100 points and the other 0; None for a share from 0 to 1."""
    in_average: bool = True
    """Whether the column counts towards the average."""
    private: bool = False
    """Hidden questions: no details are published."""

    @field_validator("range")
    @classmethod
    def _ascending(cls, given: tuple[float, float] | None) -> tuple[float, float] | None:
        if given is not None and given[0] >= given[1]:
            raise ValueError("The first number has to be below the second")
        return given

    def scale(self, part: Part) -> Scale:
        """From which raw value to which the points of a part run."""
        low, high = self.range or (part.lower, 1.0)
        return Scale(low, high) if self.higher_is_better else Scale(high, low)


class Track(BaseModel):
    """A rule set of the benchmark, such as open or closed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1)
    """Name on the board."""
    description: str = ""
    """What its rules are, Markdown."""


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


Namespace = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Quota(BaseModel):
    """How much may be submitted in a period that ends now. Failed and cancelled submissions do not count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    person: int | None = Field(default=None, ge=1)
    """By one sender; None for no limit."""
    organisation: int | None = Field(default=None, ge=1)
    """By all members of an organisation together, of the organisation's own models; None for no limit."""
    period_days: float = Field(default=7.0, gt=0, le=366)
    """Length of the period."""


class Refused(BaseModel):
    """A model that may not be submitted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/(\*|[A-Za-z0-9][A-Za-z0-9._-]*)$")
    """`org/name`, or `org/*` for all of an organisation's."""
    reason: str = Field(min_length=1)
    """Shown to whoever tries."""


class Policy(BaseModel):
    """Who may submit how much, and what may not be submitted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quota: Quota = Field(default_factory=Quota)
    """How much in a period."""
    official_providers: list[Namespace] = Field(default_factory=list)
    """Organisations whose members submit the organisation's own models without limit; the board marks these."""
    do_not_submit: list[Refused] = Field(default_factory=list)
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

    def column(self, key: str) -> Column:
        """The column named `key`. Raises KeyError."""
        return next(column for column in self.columns if column.key == key)


def load_benchmark(path: Path) -> Benchmark:
    """The benchmark that a YAML file describes. Raises BadBenchmark with every problem of the file."""
    benchmark, problems = _read(path)
    if benchmark is None or problems:
        raise BadBenchmark(problems)
    return benchmark


def load_benchmarks(folder: Path, ids: Sequence[str] = ()) -> dict[str, Benchmark]:
    """The benchmarks of a folder by id: those named in `ids`, in that order, or all of them by name.

    Raises BadBenchmark with every problem of every file that was asked for.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    problems = [
        f"{folder}: There is no benchmark {name}.yaml. There are: {', '.join(files) or 'none'}."
        for name in ids
        if name not in files
    ]
    if not files and not ids:
        problems.append(f"{folder}: There is no benchmark. Put one NAME.yaml there for each.")
    benchmarks: dict[str, Benchmark] = {}
    for name in ids or files:
        if name in files:
            benchmark, found = _read(files[name])
            problems += found
            if benchmark is not None:
                benchmarks[name] = benchmark
    if problems:
        raise BadBenchmark(problems)
    return benchmarks


def choose_benchmark(benchmarks: Mapping[str, Benchmark], benchmark_id: str) -> Benchmark:
    """The benchmark of that id; the first one for an empty id. Raises NotFound, naming the known ones."""
    if not benchmark_id:
        return next(iter(benchmarks.values()))
    if benchmark_id not in benchmarks:
        known = ", ".join(benchmarks)
        raise NotFound(f"There is no benchmark {benchmark_id!r} here. The benchmarks of this board are: {known}.")
    return benchmarks[benchmark_id]


def _read(path: Path) -> tuple[Benchmark | None, list[str]]:
    benchmark, document, problems = read_model(path, Benchmark)
    if benchmark is not None:
        benchmark = benchmark.model_copy(update={"folder": path.resolve().parent})
        said = [(document.line(place), sentence) for place, sentence in _disagreements(benchmark, path.stem)]
        problems = sorted({*problems, *said})
    return benchmark, [f"{path}:{line}: {sentence}" for line, sentence in problems]


def _disagreements(benchmark: Benchmark, stem: str) -> Iterator[tuple[Place, str]]:
    """What is wrong between the fields of a benchmark that are right one by one."""
    if benchmark.id != stem:
        yield ("id",), f"`id` is {benchmark.id!r}, the file is {stem}.yaml. Give them the same name."
    if not BENCHMARK_ID.fullmatch(benchmark.id) or ".." in benchmark.id:
        yield ("id",), "`id` may have small letters, digits, `.`, `_` and `-`, at most 64. Choose another one."
    if benchmark.id in RESERVED_IDS:
        taken = ", ".join(sorted(RESERVED_IDS))
        yield ("id",), f"`id` {benchmark.id!r} is a folder of the stores. Choose another one than {taken}."
    yield from _columns_disagree(benchmark.columns)
    yield from _metrics_undeclared(benchmark)
    keys = {column.key for column in benchmark.columns}
    for key in (benchmark.model_report.tasks if benchmark.model_report else {}).keys() - keys:
        sentence = f"There is no column {key!r}. There are: {', '.join(sorted(keys))}."
        yield ("model_report", "tasks", key), sentence
    yield from _tasks_missing(benchmark)


def _columns_disagree(columns: Sequence[Column]) -> Iterator[tuple[Place, str]]:
    keys, titles = Counter(column.key for column in columns), Counter(column.title.lower() for column in columns)
    for index, column in enumerate(columns):
        if keys[column.key] > 1:
            yield ("columns", index, "key"), f"Two columns have the key {column.key!r}. Give each its own."
        if titles[column.title.lower()] > 1:
            yield ("columns", index, "title"), f"Two columns have the title {column.title!r}. Give each its own."
        if column.title.lower() in RESERVED_TITLES or column.title.endswith(RESERVED_ENDINGS):
            yield ("columns", index, "title"), f"The board uses {column.title!r} for itself. Choose another title."
        tasks = Counter(part.task for part in column.parts)
        for place, part in enumerate(column.parts):
            if tasks[part.task] > 1:
                yield (
                    ("columns", index, "parts", place, "task"),
                    f"{part.task!r} counts twice in {column.title!r}. Keep one part of it, with all its metrics.",
                )
    if not any(column.in_average for column in columns):
        yield ("columns",), "No column counts towards the average. Leave `in_average` out for one of them."


def _metrics_undeclared(benchmark: Benchmark) -> Iterator[tuple[Place, str]]:
    """Metrics whose direction or range is neither known nor declared, and declarations that say two things."""
    folder = benchmark.include_path
    own = lower_is_better(folder) if folder is not None and folder.is_dir() else {}
    for index, column in enumerate(benchmark.columns):
        for place, part in enumerate(column.parts):
            where: Place = ("columns", index, "parts", place)
            for at, metric in enumerate(part.metrics):
                for sentence in undeclared(column, metric, own.get(part.task, ())):
                    yield (*where, "metrics", at), sentence
            if part.choices is not None and column.range is not None:
                sentence = "`choices` says where a share begins, and the column has a `range` of its own. Keep one."
                yield (*where, "choices"), sentence


def _tasks_missing(benchmark: Benchmark) -> Iterator[tuple[Place, str]]:
    """Tasks that its own folder does not define. Built-in tasks are checked where the harness runs."""
    folder = benchmark.include_path
    if folder is None:
        return
    if not folder.is_dir():
        yield ("harness", "include_path"), f"There is no folder {benchmark.harness.include_path!r} beside the file."
        return
    names = task_names(folder)
    for index, column in enumerate(benchmark.columns):
        for place, name in enumerate(column.run):
            if name not in names:
                known = ", ".join(sorted(names)) or "nothing"
                sentence = f"{name!r} is not defined in {benchmark.harness.include_path!r}, which defines {known}."
                yield ("columns", index, "run", place), sentence
        made, elsewhere = leaves(names, column.run)
        for place, part in enumerate(column.parts):
            if part.task not in made | elsewhere and made and not elsewhere:
                sentence = f"`run` does not make {part.task!r}. It makes {', '.join(sorted(made))}."
                yield ("columns", index, "parts", place, "task"), sentence
