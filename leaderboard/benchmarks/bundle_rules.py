"""What a benchmark says of the competition bundle that it was made from: everything that is needed to run and rank it.

Paths are relative to `BundleRules.folder`, which lies in the benchmark's private folder (`leaderboard.artifacts`). The
files that `BundlePhase.starting_kit` and `BundlePhase.public_data` name, pages, terms and logo are for everybody; all
other files are for the service and its workers only.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from leaderboard.benchmarks.challenge import RelativePath
from leaderboard.benchmarks.competition import Disclosure

SubmissionRule = Literal[
    "Add", "Add_And_Delete", "Add_And_Delete_Multiple", "Force_Last", "Force_Latest_Multiple", "Force_Best"
]
Operation = Literal["sum", "avg", "min", "max"]


class BundleTask(BaseModel):
    """One evaluation: a scoring program with the reference data, and what runs before it. Each path is a folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: NonNegativeInt
    """Number by which phases and solutions name it."""
    name: str
    """For people."""
    description: str = ""
    """For people."""
    scoring_program: RelativePath
    """Its metadata.yaml says the `command`."""
    reference_data: RelativePath | None = None
    """The hidden answers; never mounted where a participant's code runs."""
    ingestion_program: RelativePath | None = None
    """Calls the submitted code; None where only results are scored."""
    input_data: RelativePath | None = None
    """What the ingestion program reads."""
    ingestion_only_during_scoring: bool = False
    """Whether ingestion runs beside the scoring instead of before it."""


class BundlePhase(BaseModel):
    """A period in which submissions are taken and run on some of the tasks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    track: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")
    """The benchmark's track that holds its submissions."""
    name: str
    """For people."""
    description: str = ""
    """For people."""
    start: AwareDatetime | None = None
    """First moment; None: from the beginning."""
    end: AwareDatetime | None = None
    """The moment at which it is over; None: never."""
    tasks: list[NonNegativeInt] = Field(min_length=1)
    """Indexes of its tasks."""
    max_submissions_per_day: NonNegativeInt = 5
    """By one person in a UTC day; 0: unlimited."""
    max_submissions: NonNegativeInt = 100
    """By one person in the whole phase; 0: unlimited."""
    wall_seconds: PositiveInt = 600
    """Time limit of each step of a run."""
    starting_kit: RelativePath | None = None
    """A file for participants."""
    public_data: RelativePath | None = None
    """A file for participants."""
    auto_migrate: bool = False
    """Whether the submissions of the phase before are run again when it starts."""
    accepts_only_results: bool = False
    """Whether code is refused."""
    hide_output: bool = False
    """Participants see neither logs nor files of their runs."""
    hide_prediction_output: bool = False
    """Participants do not get the files that ingestion wrote."""
    hide_score_output: bool = False
    """Participants do not get the files that scoring wrote."""

    def takes(self, moment: datetime) -> bool:
        """Whether `moment` (with zone) lies in it: the start does, the end does not."""
        return (self.start is None or self.start <= moment) and (self.end is None or moment < self.end)


class ComputedScore(BaseModel):
    """A score that no program writes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    score: str = Field(min_length=1)
    """The key that it gets; a column shows it."""
    operation: Operation
    """How it is made."""
    of: list[str] = Field(min_length=1)
    """Keys of the scores that it is made from."""


class TaskScore(BaseModel):
    """A score of one of several tasks, beside the mean of all tasks that the key alone names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    score: str = Field(min_length=1)
    """The key that it gets; a column shows it."""
    of: str = Field(min_length=1)
    """Key under which the scoring program writes it."""
    task: NonNegativeInt
    """Index of the task."""


class FactSheetQuestion(BaseModel):
    """What a submitter is asked about the submission."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(min_length=1)
    """Name of the answer."""
    title: str
    """The question."""
    type: Literal["checkbox", "text", "select"] = "text"
    """How it is answered."""
    selection: list[str] = Field(default_factory=list)
    """The answers to choose from, of `select`."""
    required: bool = False
    """Whether a submission without an answer is refused."""
    on_leaderboard: bool = False
    """Whether the answer is public."""

    def disclosure(self, key: str) -> Disclosure:
        """The question as submissions answer it, under `key`."""
        kind = "text" if self.type == "select" and not self.selection else self.type
        return Disclosure(
            key=key,
            title=" ".join(self.title.split())[:200] or key,
            type=kind,
            choices=self.selection if kind == "select" else [],
            required=self.required,
            public=self.on_leaderboard,
        )


class BundlePage(BaseModel):
    """A page for participants."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    """Its heading."""
    file: RelativePath
    """Markdown (.md) or HTML (.html, .htm), not to be trusted."""


class BundleSolution(BaseModel):
    """A sample submission of the organiser's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: NonNegativeInt
    """Its number."""
    file: RelativePath
    """A zip, as a participant would upload it."""
    tasks: list[NonNegativeInt] = Field(min_length=1)
    """Indexes of the tasks that it solves."""


class BundleSettings(BaseModel):
    """What a bundle says of the site around the competition, by the names of its format."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    registration_auto_approve: bool = False
    """Whether everybody may take part without being let in."""
    auto_run_submissions: bool = True
    """False: an organiser starts each run."""
    can_participants_make_submissions_public: bool = True
    """Whether submitters may publish their files."""
    enable_detailed_results: bool = False
    """Whether the HTML page that the scoring program writes is kept and shown."""
    show_detailed_results_in_submission_panel: bool = True
    """Whether its submitter sees it."""
    show_detailed_results_in_leaderboard: bool = True
    """Whether everybody sees it."""
    make_programs_available: bool = False
    """Whether participants may fetch the programs."""
    make_input_data_available: bool = False
    """Whether participants may fetch the input data."""
    forum_enabled: bool = True
    """Whether there are discussions."""
    contact_email: str = ""
    """Whom participants ask."""
    reward: str = ""
    """What is to be won."""
    competition_type: str = "competition"
    """A word."""
    queue: str = ""
    """The queue of the site that it came from."""


class BundleRules(BaseModel):
    """The competition bundle that the benchmark was made from, as it is run and ranked.

    The rank is by the column that is `in_average`, then by the others from left to right, then the earlier submission.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: RelativePath
    """Where its files lie, below the benchmark's private folder."""
    docker_image: str = ""
    """The image that its programs ask for."""
    tasks: list[BundleTask] = Field(min_length=1)
    """In the order of their indexes."""
    phases: list[BundlePhase] = Field(min_length=1)
    """In their order in time; they do not overlap."""
    submission_rule: SubmissionRule = "Add"
    """Which of a person's submissions are on the board, and who chooses."""
    leaderboard: str = "Results"
    """Title of its leaderboard."""
    leaderboard_key: str = "main"
    """Name of its leaderboard."""
    computed: list[ComputedScore] = Field(default_factory=list)
    """Scores made from others, in an order in which each is made from what is already there."""
    task_scores: list[TaskScore] = Field(default_factory=list)
    """Scores of the single tasks, where a phase has more than one."""
    fact_sheet: list[FactSheetQuestion] = Field(default_factory=list)
    """What submitters are asked."""
    pages: list[BundlePage] = Field(default_factory=list)
    """In their order."""
    terms: RelativePath | None = None
    """A page that participants have to accept."""
    logo: RelativePath | None = None
    """An image."""
    solutions: list[BundleSolution] = Field(default_factory=list)
    """Sample submissions, run before the benchmark is published."""
    settings: BundleSettings = Field(default_factory=BundleSettings)
    """Flags of the site."""

    def disclosures(self) -> list[Disclosure]:
        """What submitters are asked. A key that cannot stand in a submission is written in small letters."""
        asked: dict[str, Disclosure] = {}
        for number, question in enumerate(self.fact_sheet, 1):
            key = re.sub(r"[^a-z0-9_-]+", "_", question.key.lower()).strip("_-")[:32] or f"question-{number}"
            if key in asked:
                key = f"{key[:28]}-{number}"
            asked[key] = question.disclosure(key)
        return list(asked.values())

    def task(self, index: int) -> BundleTask:
        """The task of that index. Raises KeyError."""
        return {task.index: task for task in self.tasks}[index]

    def phase(self, track: str) -> BundlePhase:
        """The phase whose submissions the track holds. Raises KeyError."""
        return {phase.track: phase for phase in self.phases}[track]

    def phase_at(self, moment: datetime) -> BundlePhase | None:
        """The phase that takes submissions at `moment` (with zone); None between phases, before and after all."""
        return next((phase for phase in self.phases if phase.takes(moment)), None)
