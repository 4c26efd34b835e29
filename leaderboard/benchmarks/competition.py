"""What a benchmark says of a competition that is held on it: the rules that the server keeps.

Rules of a track (what it allows, what has to be disclosed) are in `Track`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PositiveInt, model_validator

from leaderboard.benchmarks.challenge import RelativePath

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


class Allowances(BaseModel):
    """What submissions of a track may use beside what the benchmark gives them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    external_data: bool = False
    """Data from elsewhere."""
    tools: bool = False
    """Programs that a model calls, such as an interpreter."""
    retrieval: bool = False
    """Looking things up in a collection or on the web."""
    apis: bool = False
    """Models or services that others host."""


class Disclosure(BaseModel):
    """A question that a submission of a track has to answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Slug
    """Name of the answer in submissions, requests and exports."""
    title: str = Field(min_length=1, max_length=200)
    """The question."""
    type: Literal["text", "checkbox", "select", "number", "url"] = "text"
    """How it is answered."""
    choices: list[str] = Field(default_factory=list)
    """The answers to choose from, of `select`."""
    required: bool = True
    """Whether a submission without an answer is refused."""
    public: bool = True
    """Whether everybody reads the answer, on the row and its page; otherwise the organisers do."""

    @model_validator(mode="after")
    def _can_be_answered(self) -> Self:
        if (self.type == "select") != bool(self.choices):
            raise ValueError("`select` needs `choices`, and no other type has any")
        return self


class Terms(BaseModel):
    """What participants agree to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str = Field(min_length=1, max_length=40)
    """Changed whenever the text changes: a submission names the version that its sender accepted."""
    text: str = Field(min_length=1, max_length=100_000)
    """Markdown."""


class SubmissionLimits(BaseModel):
    """How much a person, or a team together, may submit. Failed and cancelled submissions do not count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_day: PositiveInt | None = None
    """In a UTC day; None for no limit."""
    total: PositiveInt | None = None
    """While the competition lasts; None for no limit."""
    failures_per_day: PositiveInt | None = 20
    """Submissions that failed after scoring had begun, in a UTC day: these may tell something of the labels."""


class Split(BaseModel):
    """Labels in two parts: the public one is scored on the board, the private one decides at the end."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str = Field(default="split", min_length=1, max_length=100)
    """Column of the labels that says `public` or `private` of each row."""
    opens: AwareDatetime | None = None
    """When the private board is shown to everybody; None: when an organiser opens it."""


class HiddenSample(BaseModel):
    """Each submission is scored on examples drawn for it alone, after it was pinned."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: PositiveInt
    """Number of examples."""
    strata: str = Field(default="", max_length=100)
    """Column of the labels whose values keep their shares; empty for none."""


class CompetitionRules(BaseModel):
    """The rules of a competition."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    starts: AwareDatetime | None = None
    """First moment at which submissions are taken; None: at once."""
    ends: AwareDatetime | None = None
    """The moment from which none are; None: never."""
    terms: Terms | None = None
    """What participants agree to; None for nothing."""
    limits: SubmissionLimits = Field(default_factory=SubmissionLimits)
    """How much may be submitted."""
    split: Split | None = None
    """Public and private labels; None: everything is public."""
    hidden_sample: HiddenSample | None = None
    """A sample of examples for each submission; None: all of them."""
    published_decimals: int | None = Field(default=None, ge=0, le=10)
    """Published scores are rounded to so many digits while the competition lasts; None: not rounded."""
    final_submissions: PositiveInt | None = None
    """How many submissions a participant or team may choose for the final ranking; None: the best one counts."""
    reviewed: PositiveInt | None = None
    """How many of the first rows organisers review by hand; None for none."""
    team_size: PositiveInt = 1
    """Most members of a team; 1: no teams."""
    kit: RelativePath | None = None
    """Folder of the starting kit, below the folder of the benchmark's YAML file; everybody may fetch it. None for
    none."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts is not None and self.ends is not None and self.starts >= self.ends:
            raise ValueError("`starts` has to be before `ends`")
        return self
