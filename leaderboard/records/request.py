"""A submission in the queue: one file. The format is described in docs/request-files.md.

Every file begins with the Open LLM Leaderboard's fields; what a kind of submission has no use for stays empty. A kind
adds fields of its own in a class of its own (`leaderboard.records.kinds`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from leaderboard.records.checkpoint import ModelType, Precision, WeightType
from leaderboard.records.problem import Failure
from leaderboard.records.submission import CHECKPOINT
from leaderboard.records.versioned import Versioned

SCHEMA_VERSION = 1


class Status(StrEnum):
    """Where a request stands. The allowed moves are in `leaderboard.queue.queue.MOVES`."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


OPEN = (Status.PENDING, Status.RUNNING)
"""Of a request that somebody still works on, or will."""
ENDED = (Status.FINISHED, Status.FAILED, Status.CANCELLED)
"""Of one that stays as it is until somebody submits, relaunches or runs it again."""


class Lease(BaseModel):
    """The right of one worker to run a request until a time; `claim` is unique: no two claims are the same bytes."""

    worker: str
    claim: str
    until: str
    seconds: float | None = None
    """How long it lasted when it was written, so that others need not share the holder's clock."""


class TaskProgress(BaseModel):
    """How far one task of a running request is."""

    task: str = Field(max_length=256)
    """Its name in the harness."""
    done: int = 0
    """Harness requests answered so far."""
    total: int = 0
    """Harness requests in all."""


class Progress(BaseModel):
    """How far a running request is."""

    task: str = ""
    """What is being done, in the harness's or our own words."""
    done: int = 0
    """Harness requests answered so far, over all tasks."""
    total: int = 0
    """Harness requests in all; 0 while unknown."""
    eta: str | None = None
    """When it will end as far as is known (UTC), None while unknown."""
    tasks: list[TaskProgress] = Field(default_factory=list, max_length=1000)
    """Each task in the order of the benchmark; empty before the first one begins."""


class HistoryEntry(BaseModel):
    """One change of a request's status."""

    model_config = ConfigDict(populate_by_name=True)

    time: str
    from_: Status | None = Field(default=None, alias="from")
    to: Status
    by: str
    note: str = ""


class Edit(BaseModel):
    """One change of what a request says of its checkpoint, by a maintainer."""

    time: str
    by: str
    field: str
    before: Any
    after: Any
    note: str = ""


class Request(Versioned):
    """A submission in the queue: one file. See docs/request-files.md for the format and the states."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model: str
    """Name of what is evaluated, `owner/name`: of a checkpoint its Hub repository id."""
    base_model: str = ""
    """Base model for adapters and deltas, or what it was made from."""
    revision: str = "main"
    """Which state of it: of a checkpoint a commit, 40 hex digits; older boards' files may hold a branch."""
    precision: str = Precision.BFLOAT16.value
    """One of Precision; kept as text so that other boards' values (`?`) can be read. Empty where a kind has none."""
    weight_type: str = WeightType.ORIGINAL.value
    """One of WeightType; empty where a kind has none."""
    params: float | None = None
    """Parameters in billions; None when unknown."""
    architectures: str = ""
    """Class names from config.json, joined with `;`."""
    license: str = ""
    """Licence id from the model card."""
    model_type: str = ModelType.OTHER.value
    """One of ModelType."""
    use_chat_template: bool = False
    """Whether prompts go through the chat template."""
    status: Status = Status.PENDING
    """Where it stands."""
    submitted_time: str = ""
    """UTC."""
    job_id: str | None = None
    """The executor's id of the current or last job."""
    job_start_time: str | None = None
    """UTC, of the current or last attempt; also the time in the names of its result files."""
    sender: str = ""
    """Who submitted it first, as the server knows them."""

    schema_version: int = SCHEMA_VERSION
    """Version of our part of this format."""
    id: str = ""
    """Unique and unguessable-enough name of the request: 16 hex digits."""
    benchmark: str = ""
    """Benchmark id."""
    track: str = "open"
    """Rule set of the benchmark."""
    kind: str = CHECKPOINT
    """What is submitted, one of `leaderboard.records.kinds.KINDS`."""
    requested_revision: str = ""
    """What the submitter wrote before it was resolved."""
    base_revision: str = ""
    """Commit of the base model that was checked, for adapters and deltas."""
    files: dict[str, str] = Field(default_factory=dict)
    """Files of the checkpoint that a job loads -> their content (`leaderboard.hub.loaded_files.pinned_files`)."""
    base_files: dict[str, str] = Field(default_factory=dict)
    """The same of the base model, for adapters and deltas."""
    stored_bits: int | None = None
    """Bits per weight of a quantised checkpoint, as it is stored; None when it is not quantised or does not say."""
    sender_org: str = ""
    """Organisation for which it was submitted: the model's, where the sender belongs to it; it counts for its quota."""
    team: str = ""
    """Team of the sender in a competition, for which it counts; empty for none."""
    disclosure: dict[str, bool | float | str] = Field(default_factory=dict)
    """What everybody may read of the answers to the track's questions: key -> answer."""
    terms: str = ""
    """Version of the competition's terms that the sender accepted."""
    arrived: str = ""
    """When it was put into the queue, to the microsecond (UTC): of those of one second the first one comes first."""
    resubmitted_by: str = ""
    """Who submitted it again after it had failed or was cancelled; empty where its sender did, and where nobody did."""
    official: bool = False
    """Whether `sender_org` was an official provider of the benchmark when it was submitted."""
    priority: float = 0.0
    """What a maintainer gave it, and one for each vote but the first: `leaderboard.queue.priority`."""
    votes: int = 1
    """Votes for running it, the submitter's own counted."""
    attempts: int = 0
    """Runs started so far."""
    failed_attempts: int = 0
    """Of these, how many failed in a row since it was put into the queue, without a fault of the worker or the Hub."""
    not_before: str | None = None
    """Back-off: not claimed before this time (UTC)."""
    lease: Lease | None = None
    """Who runs it, until when; None unless RUNNING."""
    progress: Progress | None = None
    """How far it is; None unless RUNNING."""
    failure: Failure | None = None
    """Why it failed (also the last infrastructure failure of a request that went back to PENDING)."""
    history: list[HistoryEntry] = Field(default_factory=list)
    """Every change of status, oldest first."""
    edits: list[Edit] = Field(default_factory=list)
    """Every change that a maintainer made to the other fields, oldest first."""

    @property
    def charged_to(self) -> str:
        """Whose quota and fair share it counts for."""
        return self.resubmitted_by or self.sender

    @property
    def corrected(self) -> tuple[str, ...]:
        """Fields that a maintainer corrected."""
        return tuple(sorted({edit.field for edit in self.edits}))

    def to_json(self) -> bytes:
        """The file's content: UTF-8 JSON, two spaces, a final newline."""
        return (self.model_dump_json(indent=2, by_alias=True) + "\n").encode()
