"""The nouns of Podium: what is written to files and passed between its parts.

Times are UTC strings `YYYY-MM-DDTHH:MM:SSZ` (request files keep the Open LLM Leaderboard's format).
A Request is a flat JSON file whose common fields carry the Open LLM Leaderboard's names; unknown fields are kept.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class Status(StrEnum):
    """Where a request stands. The allowed moves are in `leaderboard.queue.MOVES`."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Precision(StrEnum):
    """The number format in which a checkpoint is loaded."""

    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    FLOAT32 = "float32"
    INT8 = "8bit"
    INT4 = "4bit"
    GPTQ = "GPTQ"


class WeightType(StrEnum):
    """What the repository's weights are: a whole checkpoint, a PEFT adapter, or differences to a base model."""

    ORIGINAL = "Original"
    ADAPTER = "Adapter"
    DELTA = "Delta"


class ModelType(StrEnum):
    """How the checkpoint came to be; the symbol is `MODEL_TYPE_SYMBOLS[type]`."""

    PRETRAINED = "pretrained"
    CONTINUOUSLY_PRETRAINED = "continuously pretrained"
    FINE_TUNED = "fine-tuned on domain-specific datasets"
    CHAT = "chat models (RLHF, DPO, IFT, ...)"
    MERGE = "base merges and moerges"
    MULTIMODAL = "multimodal"
    OTHER = "other"


MODEL_TYPE_SYMBOLS: dict[ModelType, str] = {
    ModelType.PRETRAINED: "🟢",
    ModelType.CONTINUOUSLY_PRETRAINED: "🟩",
    ModelType.FINE_TUNED: "🔶",
    ModelType.CHAT: "💬",
    ModelType.MERGE: "🤝",
    ModelType.MULTIMODAL: "🌸",
    ModelType.OTHER: "❓",
}


def plain_type(text: str) -> ModelType:
    """The model type in `text`, with or without its symbol; `other` for words that are none of ours."""
    words = re.sub(r"^[^A-Za-z]+", "", text).strip()
    return next((kind for kind in ModelType if kind.value == words), ModelType.OTHER)


class Fault(StrEnum):
    """Whose fault a failure is."""

    SUBMISSION = "submission"
    INFRASTRUCTURE = "infrastructure"


class Severity(StrEnum):
    """An error refuses the submission; a warning is shown and lets it pass."""

    ERROR = "error"
    WARNING = "warning"


class Problem(BaseModel):
    """One thing that is wrong, said so that its reader can mend it."""

    model_config = ConfigDict(frozen=True)

    code: str
    """Stable snake_case name, for search and programs."""
    field: str
    """The submission's field it belongs to (`model`, `revision`, `precision`, ...)."""
    message: str
    """A sentence: what is wrong."""
    fix: str
    """A sentence: what to do."""
    severity: Severity = Severity.ERROR
    """`error` or `warning`."""


class Submission(BaseModel):
    """What a person says. Who says it is known to the server and is never part of this."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    benchmark: str
    """Benchmark id."""
    model: str
    """Hub repository id, `org/name`."""
    revision: str = "main"
    """Branch, tag or commit; resolved to a commit when it is accepted."""
    precision: Precision = Precision.BFLOAT16
    """Number format to load it in."""
    weight_type: WeightType = WeightType.ORIGINAL
    """Whole checkpoint, adapter or delta."""
    base_model: str = ""
    """For adapters and deltas: the repository they apply to. Otherwise what it was made from, or empty."""
    model_type: ModelType = ModelType.OTHER
    """How it came to be."""
    use_chat_template: bool = False
    """Whether prompts are put through the checkpoint's chat template."""
    track: str = "open"
    """Rule set of the benchmark."""


class Person(BaseModel):
    """Somebody as the server knows them; never what they say of themselves."""

    model_config = ConfigDict(frozen=True)

    name: str
    """Account name on the Hub, or the name that the settings give to whoever is not signed in."""
    orgs: tuple[str, ...] = ()
    """Organisations on the Hub that they belong to."""


class Lease(BaseModel):
    """The right of one worker to run a request until a time; `claim` is unique: no two claims are the same bytes."""

    worker: str
    claim: str
    until: str


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


class Failure(BaseModel):
    """Why a request failed, for the person who submitted it."""

    fault: Fault
    code: str
    message: str
    """Sentences: what happened, what to do."""
    log: str | None = None
    """Name of the log, relative to the work folder; None when there is none."""


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


class Request(BaseModel):
    """A submission in the queue: one file. See docs/reference.md for the format and the states."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model: str
    """Hub repository id."""
    base_model: str = ""
    """Base model for adapters and deltas, or what it was made from."""
    revision: str = "main"
    """Commit, 40 hex digits; older boards' files may hold a branch."""
    precision: str = Precision.BFLOAT16.value
    """One of Precision; kept as text so that other boards' values (`?`) can be read."""
    weight_type: str = WeightType.ORIGINAL.value
    """One of WeightType."""
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
    """Who submitted it, as the server knows them."""

    schema_version: int = SCHEMA_VERSION
    """Version of our part of this format."""
    id: str = ""
    """Unique and unguessable-enough name of the request: 16 hex digits."""
    benchmark: str = ""
    """Benchmark id."""
    track: str = "open"
    """Rule set of the benchmark."""
    kind: Literal["checkpoint", "endpoint", "predictions", "code"] = "checkpoint"
    """What is submitted."""
    requested_revision: str = ""
    """What the submitter wrote before it was resolved."""
    base_revision: str = ""
    """Commit of the base model that was checked, for adapters and deltas."""
    files: dict[str, str] = Field(default_factory=dict)
    """Files of the checkpoint that a job loads -> their content (`leaderboard.checks.files.pinned_files`)."""
    base_files: dict[str, str] = Field(default_factory=dict)
    """The same of the base model, for adapters and deltas."""
    stored_bits: int | None = None
    """Bits per weight of a quantised checkpoint, as it is stored; None when it is not quantised or does not say."""
    sender_org: str = ""
    """Organisation for which it was submitted: the model's, where the sender belongs to it; it counts for its quota."""
    priority: float = 0.0
    """Higher runs first; equal ones in order of submission."""
    votes: int = 1
    """Votes for running it, the submitter's own counted; each but the first is one of its priority."""
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

    def to_json(self) -> bytes:
        """The file's content: UTF-8 JSON, two spaces, a final newline."""
        return (self.model_dump_json(indent=2, by_alias=True) + "\n").encode()


def request_path(request: Request) -> str:
    """Path in the requests store; a function of the checkpoint's identity, so that creating it twice is refused."""
    chat = "_chat" if request.use_chat_template else ""
    name = f"{request.revision[:12]}_{request.precision}_{request.weight_type}{chat}"
    return f"{request.benchmark}/{request.model}_eval_request_{name}.json"


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
    task_hashes: dict[str, str] = Field(default_factory=dict)
    """The harness's hash of each task's prompts."""
    generation_cut: dict[str, int] = Field(default_factory=dict)
    """Task -> new tokens at most, where the benchmark cuts generations that the context length has no room for."""
    chat_template_sha: str | None = None
    """SHA-256 of the chat template used; None without one."""
    batch_size: str = ""
    """As used."""
    wall_seconds: float | None = None
    """Time from start of the job to its last score."""
    evaluation_seconds: float | None = None
    """Of these, what the harness took to build its requests, answer and score them."""
    processor_seconds: float | None = None
    """Processor time of the job in that while, over all its threads."""
    energy_kwh: float | None = None
    """Energy drawn, where it could be measured."""
    command: str = ""
    """The plain `lm_eval` command that makes the same scores; empty where there is none (deltas to tied embeddings, cut
    generations)."""


class PodiumBlock(BaseModel):
    """What Podium adds to the harness's aggregated result, under the key `podium`."""

    model_config = ConfigDict(protected_namespaces=())

    schema_version: int = SCHEMA_VERSION
    request_id: str
    attempt: int
    benchmark: str
    benchmark_version: str
    model: str
    revision: str
    base_model: str = ""
    precision: str
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


class Abilities(BaseModel):
    """What one worker can run; it writes this to `workers/{worker}.json` of the requests store when it
    starts, and when it stops or begins again to take requests."""

    worker: str
    """Its name, as in leases."""
    device: str = ""
    """Processor or accelerator, in words."""
    refused: dict[str, str] = Field(default_factory=dict)
    """Precision, weight type or `quant_method` that it cannot do -> the reason, a sentence."""
    max_params_b: float | None = None
    """Largest checkpoint it takes, in billions of parameters at float16; None when it has no limit of its own."""
    packages: dict[str, str] = Field(default_factory=dict)
    """Versions of lm_eval, transformers, torch and peft."""
    kinds: list[str] = ["checkpoint"]
    """Kinds of submissions that it evaluates."""
    benchmarks: list[str] | None = None
    """Ids of the benchmarks that it serves; None when it does not say."""
    sandbox: list[str] | None = None
    """Layers of the sandbox that its jobs are in; empty for none, None when it does not say."""
    trouble: str = ""
    """Why it takes no requests for now, in sentences; empty while it does."""
    updated: str = ""
    """When it wrote this (UTC)."""


class ModelFacts(BaseModel):
    """What the Hub says of a repository at one commit. Only what the checks and the board need."""

    model_config = ConfigDict(protected_namespaces=())

    model: str
    """Repository id as the Hub spells it."""
    revision: str
    """Commit, 40 hex digits."""
    private: bool = False
    gated: bool = False
    files: dict[str, int | None] = Field(default_factory=dict)
    """File name -> size in bytes (None when unknown)."""
    sha256: dict[str, str] = Field(default_factory=dict)
    """File name -> SHA-256 of its content, for LFS files."""
    blobs: dict[str, str] = Field(default_factory=dict)
    """File name -> id of its git blob (of the pointer for LFS files)."""
    shards: list[str] = Field(default_factory=list)
    """Files that model.safetensors.index.json names, where that is what is loaded."""
    configs: dict[str, Any] = Field(default_factory=dict)
    """Every *config*.json read (`config.json`, `tokenizer_config.json`, `adapter_config.json`, ...), parsed."""
    unreadable: dict[str, str] = Field(default_factory=dict)
    """Files that could not be read (configs, safetensors headers, the card's front matter) -> why, a few words."""
    card_text: str | None = None
    """Model card without its front matter; None when there is none."""
    card: dict[str, Any] = Field(default_factory=dict)
    """The card's front matter."""
    parameters: dict[str, int] = Field(default_factory=dict)
    """Number format -> number of parameters, from the safetensors headers at this commit."""
    chat_template: str | None = None
    """From tokenizer_config.json, chat_template.json or chat_template.jinja."""
    likes: int | None = None
    downloads: int | None = None
    created_at: str | None = None
    last_modified: str | None = None
    tags: list[str] = Field(default_factory=list)
    available: bool = True
    """Whether everybody could read it on the Hub when it was last looked at."""
    aliases: dict[str, str] = Field(default_factory=dict)
    """Earlier names -> when it was seen that the repository was renamed (UTC); what was measured before is its own."""
    weights: dict[str, str] = Field(default_factory=dict)
    """Commits that were submitted -> what their weights are (`leaderboard.lineage.weights_of`)."""

    @property
    def licence(self) -> str | None:
        """`license` of the card (or `license_name` where that is "other"); None when it says none."""
        value = self.card.get("license")
        if value == "other":
            value = self.card.get("license_name") or None
        if isinstance(value, list):
            value = "; ".join(str(one) for one in value) or None
        return str(value) if value else None

    @property
    def architectures(self) -> list[str]:
        """Class names that config.json names."""
        found = (self.configs.get("config.json") or {}).get("architectures") or []
        return [str(name) for name in found] if isinstance(found, list) else []

    @property
    def params(self) -> float | None:
        """Parameters in billions, None when no safetensors header says."""
        return round(sum(self.parameters.values()) / 1e9, 6) if self.parameters else None


REPO_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


def is_repo_id(text: str) -> bool:
    """Whether `text` has the form `org/name` that the Hub allows (and is safe as a relative path)."""
    return bool(REPO_ID.fullmatch(text)) and ".." not in text and "--" not in text and not text.endswith((".git", "."))


def utc(moment: datetime) -> str:
    """`moment` as our files write it."""
    return moment.astimezone(UTC).strftime(TIME_FORMAT)


def now() -> str:
    """The time now, as our files write it."""
    return utc(datetime.now(UTC))


def new_id() -> str:
    """A new unique name, 16 hex digits."""
    return secrets.token_hex(8)
