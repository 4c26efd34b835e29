"""Whose fault a failed job is, and the sentence that its submitter reads. Stack traces stay in the log.

Decided after the job ended, from the chain of exceptions, the stage that raised them, and the reason that the executor
reports. An unrecognised failure is ours, and the sentence names the log. leaderboard/queue/retries.py decides whether
the job is tried again.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from backend import JobState, JobStatus
from leaderboard.errors import PodiumError, Unreadable
from leaderboard.records import Failure, Fault, Request, kind_of

if TYPE_CHECKING:
    from backend.workdir import Workdir

STAGE_NOTE = "while: "


class JobFailed(PodiumError):
    """An evaluator's own finding; its sentence goes to the submitter as it is."""

    def __init__(self, code: str, message: str, fault: Fault = Fault.SUBMISSION) -> None:
        self.code = code
        self.fault = fault
        super().__init__(message)


class Stage:
    """Marks the exceptions that leave its block with what was being done."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(STAGE_NOTE + self.name)


class Part(StrEnum):
    """What a worker depends on. A failure that points at it is followed by a probe before anything is claimed."""

    DISK = "disk"
    HUB = "hub"
    EXECUTOR = "executor"


class Rule(NamedTuple):
    """One way to recognise a failure. Empty conditions hold for everything."""

    code: str
    fault: Fault
    message: str
    """With {model}, {revision}, {precision} and {kind} of the request."""
    names: frozenset[str] = frozenset()
    """Class names, of the exception or its bases."""
    text: str = ""
    """Regular expression found in the exception's text."""
    stage: str = ""
    """What was being done."""
    counts: bool = False
    """For faults of ours: whether it uses up an attempt, since the request itself may be the cause."""
    part: Part | None = None
    """For faults of ours: what of the worker is to be probed."""


SUBMISSION, OURS = Fault.SUBMISSION, Fault.INFRASTRUCTURE
NOT_FOUND = frozenset(
    {"RepositoryNotFoundError", "RevisionNotFoundError", "GatedRepoError", "DisabledRepoError", "ModelUnavailable"}
)
HUB_TROUBLE = frozenset({"HubUnavailable", "DownloadFailed"})
"""Raised before a job starts. A job has no network: what it misses then, the submission lacks."""
OUT_OF_MEMORY = Rule(
    "out_of_memory",
    SUBMISSION,
    "{model} at {revision} in {precision} needs more memory than a job has here. Submit it in a lower precision, or "
    "ask the maintainers whether a larger worker can run it.",
    frozenset({"MemoryError", "OutOfMemoryError"}),
)
HUB_UNAVAILABLE = Rule(
    "hub_unavailable",
    OURS,
    "The Hub did not deliver the files of {model}: it did not answer, or it answered with an error.",
    HUB_TROUBLE,
    part=Part.HUB,
)
BENCHMARK_DATA = Rule(
    "benchmark_data",
    OURS,
    "The benchmark's tasks could not be loaded on our side.",
    stage="tasks",
)
DISK_FULL = Rule(
    "disk_full",
    OURS,
    "The worker ran out of disk space.",
    frozenset({"OSError"}),
    rf"^\[Errno ({errno.ENOSPC}|{errno.EDQUOT})\]",
    part=Part.DISK,
)
UNSTARTED = Rule("not_started", OURS, "The job for {model} could not be started on our side.", part=Part.EXECUTOR)
RULES = (
    DISK_FULL,
    UNSTARTED._replace(names=frozenset({"SlurmSilent"})),
    BENCHMARK_DATA._replace(names=NOT_FOUND),
    HUB_UNAVAILABLE._replace(
        message="The Hub did not deliver the benchmark's data: it did not answer, or it answered with an error.",
        stage="tasks",
    ),
    BENCHMARK_DATA,
    OUT_OF_MEMORY,
    OUT_OF_MEMORY._replace(
        names=frozenset({"RuntimeError"}),
        text=r"can't allocate memory|not enough memory|out of memory|No executable batch size",
    ),
    Rule(
        "model_gone",
        SUBMISSION,
        "{model} cannot be read any more at {revision}: it has been deleted, made private or gated since it was "
        "submitted. Make it public again and ask for a relaunch, or submit another commit.",
        NOT_FOUND,
    ),
    Rule(
        "checkpoint_unreadable",
        SUBMISSION,
        "The weights of {model} cannot be read at {revision}: a safetensors file is damaged or was not uploaded "
        "completely. Upload it again and submit the new commit.",
        frozenset({"SafetensorError"}),
    ),
    Rule(
        "checkpoint_unreadable",
        SUBMISSION,
        "The weights of {model} cannot be read at {revision}: there is no safetensors file that fits config.json. "
        "Save the checkpoint with save_pretrained and submit the new commit.",
        frozenset({"OSError"}),
        r"model\.safetensors|safetensors",
        stage="weights",
    ),
    HUB_UNAVAILABLE,
    Rule(
        "chat_template_error",
        SUBMISSION,
        "The chat template of {model} at {revision} does not render the benchmark's prompts. Try it with "
        "tokenizer.apply_chat_template on a conversation with few-shot turns, fix it, and submit the new commit.",
        frozenset({"TemplateError", "TemplateSyntaxError", "UndefinedError", "SecurityError"}),
    ),
    Rule(
        "chat_template_error",
        SUBMISSION,
        "{model} has no chat template at {revision}. Add one to its tokenizer and submit the new commit, or submit it "
        "without a chat template.",
        frozenset({"ValueError"}),
        r"chat_template is not set|chat template",
    ),
    Rule(
        "chat_template_error",
        SUBMISSION,
        "The chat template of {model} at {revision} loads another template (include, import or extends), which a "
        "checkpoint cannot provide. Put everything into one template and submit the new commit.",
        frozenset({"TypeError"}),
        "no loader for this environment",
        stage="chat_template",
    ),
    Rule(
        "chat_template_error",
        SUBMISSION,
        "The chat template of {model} at {revision} exceeds the limit of 100,000 for range. "
        "Fix it and submit the new commit, or submit it without a chat template.",
        frozenset({"OverflowError"}),
        stage="chat_template",
    ),
    Rule(
        "chat_template_error",
        SUBMISSION,
        "The chat template of {model} at {revision} fails while it renders the benchmark's prompts. Try it with "
        "tokenizer.apply_chat_template on a conversation with few-shot turns, fix it, and submit the new commit.",
        stage="chat_template",
    ),
    Rule(
        "generation_too_long",
        SUBMISSION,
        "The context length of {model} at {revision} is too short for a prompt and the new tokens that a task "
        "generates. Submit a checkpoint with a longer context.",
        frozenset({"AssertionError"}),
        r"requested max tokens to generate",
    ),
    Rule(
        "config_unreadable",
        SUBMISSION,
        "The configuration of {model} at {revision} does not describe a language model that the installed transformers "
        "can load. Check config.json with AutoModelForCausalLM.from_pretrained and submit the new commit.",
        stage="config",
    ),
    Rule(
        "tokenizer_unloadable",
        SUBMISSION,
        "tokenizer_config.json of {model} at {revision} names a file that is not one of the tokenizer's own, or its "
        "vocabulary is missing. Remove keys such as vocab and vocab_file from it, push the tokenizer's files, and "
        "submit the new commit.",
        text=r"os error \d|load vocabulary from file|does not appear to have a file",
        stage="tokenizer",
    ),
    Rule(
        "tokenizer_unloadable",
        SUBMISSION,
        "The tokenizer of {model} cannot be loaded at {revision}. Push its tokenizer files (tokenizer.json and "
        "tokenizer_config.json) and submit the new commit.",
        stage="tokenizer",
    ),
    Rule(
        "implementation_unavailable",
        SUBMISSION,
        "config.json of {model} at {revision} requires an attention or experts implementation that this board does not "
        "have. Remove attn_implementation and experts_implementation from it and submit the new commit.",
        frozenset({"ImportError", "ValueError"}),
        r"`kernels` is either not installed|Flash ?Attention|(attn|experts)_implementation=",
        stage="weights",
    ),
    Rule(
        "quantisation_unloadable",
        SUBMISSION,
        "The weights of {model} at {revision} are stored quantised in a way that this board cannot load. Check "
        "quantization_config in config.json, or submit unquantised weights.",
        frozenset({"ImportError", "NotImplementedError", "RuntimeError", "ValueError"}),
        r"(?i)quanti[sz]",
        stage="weights",
    ),
    Rule(
        "package_missing",
        SUBMISSION,
        "{model} at {revision} needs a package to be loaded that this board does not have. Submit it in a form that "
        "transformers loads by itself, or ask this board's maintainers for the package.",
        frozenset({"ImportError"}),
        stage="weights",
    ),
    Rule(
        "checkpoint_unreadable",
        SUBMISSION,
        "The weights of {model} at {revision} do not fit its config.json. Check that "
        "AutoModelForCausalLM.from_pretrained loads it in {precision}, and submit the new commit.",
        stage="weights",
    ),
    Rule(
        "adapter_unloadable",
        SUBMISSION,
        "The adapter {model} at {revision} cannot be applied to its base model. Check that "
        "PeftModel.from_pretrained loads it onto the base, and submit the new commit.",
        stage="adapter",
    ),
)
UNKNOWN = Rule("job_error", OURS, "The {kind} of {model} stopped for an unknown reason; see its log.", counts=True)
LOST = Rule("worker_lost", OURS, "The worker that ran {model} was restarted or lost.", part=Part.EXECUTOR)
CRASHED = Rule(
    "job_crashed",
    OURS,
    "The process that ran {model} ended without an error message; its log may say more.",
    counts=True,
)
STOPPED = Rule("worker_stopped", OURS, "The worker that ran {model} was shut down.")
UNPUBLISHED = Rule("unpublished", OURS, "The results of {model} could not be read on our side.", counts=True)
KILLED = {
    "wall_limit": Rule(
        "wall_limit",
        SUBMISSION,
        "The {kind} of {model} at {revision} exceeded the time limit of a job and was stopped. Ask the "
        "maintainers whether it can have more time.",
    ),
    "memory_limit": OUT_OF_MEMORY,
    "disk_limit": Rule(
        "disk_limit",
        SUBMISSION,
        "The {kind} of {model} at {revision} exceeded the disk limit of a job and was stopped.",
    ),
    "process_limit": Rule(
        "process_limit",
        SUBMISSION,
        "The {kind} of {model} at {revision} exceeded the process limit of a job and was stopped.",
    ),
    "not_forked": UNSTARTED,
    "cancelled": Rule("cancelled", OURS, "The {kind} of {model} was stopped by its worker."),
    "preempted": Rule("preempted", OURS, "The cluster gave the node that ran {model} to other work."),
    "no_node_fits": Rule(
        "no_node_fits",
        OURS,
        "No node of the cluster has what a job of this size asks for. This board's maintainers can change the table of "
        "sizes (PODIUM_SIZES_FILE).",
    ),
    "node_lost": Rule("node_lost", OURS, "The node that ran {model} failed."),
    "the local executor's forkserver ended": LOST,
}
BY_CODE = {
    rule.code: rule for rule in (*RULES, *KILLED.values(), UNKNOWN, LOST, CRASHED, STOPPED, UNSTARTED, UNPUBLISHED)
}
FOUND = frozenset(
    {
        *("predictions_refused", "score_undefined"),
        *("auto_map", "benchmark_data", "delta_mismatch", "generation_too_long", "not_a_number"),
        *("precision_impossible", "precision_mismatch", "quantisation_unloadable", "tokenizer_unusable"),
        "weights_missing",
        # of packages of code (backend/evaluators/code_run)
        *("code_answers", "code_calls", "code_import", "code_predict", "code_setup", "code_train"),
        # of competition bundles (backend/evaluators/bundle_run)
        *("bad_archive", "bundle_broken", "image_unavailable", "ingestion_failed", "no_sandbox", "no_scores"),
        *("output_refused", "output_too_large", "scoring_failed"),
        # of hosted models (backend/relay, backend/evaluators/endpoint_run)
        *("endpoint_address", "endpoint_busy", "endpoint_columns", "endpoint_cost_cap", "endpoint_garbage"),
        *("endpoint_key_refused", "endpoint_network", "endpoint_not_found", "endpoint_redirect", "endpoint_rejected"),
        *("endpoint_relay", "endpoint_secret", "endpoint_server_error", "endpoint_timeout", "endpoint_tls"),
        "endpoint_unreachable",
    }
)
"""Codes that evaluators raise by themselves (`JobFailed`)."""
CODES = FOUND | BY_CODE.keys()
"""Every code of a failure. What a job writes may hold any other text."""


def rule_of(failure: Failure) -> Rule:
    """The rule whose code a failure has; one that we do not know may be the request's doing."""
    return BY_CODE.get(failure.code, UNKNOWN)


def classify(error: BaseException, workdir: Workdir) -> Failure:
    """What an exception that ended the job in `workdir` means."""
    try:
        request = workdir.request()
    except Unreadable:
        request = Request(model="a job")
    return _failure(error, UNKNOWN, request, workdir)


def not_started(error: BaseException, request: Request, workdir: Workdir) -> Failure:
    """What an exception means that kept the job of `request` from starting."""
    return _failure(error, UNSTARTED, request, workdir)


def ended(status: JobStatus, request: Request, workdir: Workdir) -> Failure:
    """What it means that a job is over, by the executor's account, and left neither results nor a failure."""
    if status.state is JobState.KILLED:
        return failure(KILLED.get(status.reason, CRASHED), request, workdir)
    return failure(LOST if status.state is JobState.UNKNOWN else CRASHED, request, workdir)


def failure(rule: Rule, request: Request, workdir: Workdir | None = None) -> Failure:
    """The failure that `rule` says, for a request; with `workdir` its log is named."""
    message = rule.message.format(
        model=request.model,
        revision=request.revision[:7],
        precision=request.precision,
        kind=kind_of(request).activity,
    )
    return Failure(fault=rule.fault, code=rule.code, message=message, log=log_name(workdir) if workdir else None)


def _failure(error: BaseException, otherwise: Rule, request: Request, workdir: Workdir) -> Failure:
    """The first rule that fits an exception or one that it was raised from; `otherwise` when none does."""
    chain = list(_chain(error))
    finding = next((cause for cause in chain if isinstance(cause, JobFailed)), None)
    if finding is not None:
        return Failure(fault=finding.fault, code=finding.code, message=str(finding), log=log_name(workdir))
    stage = next((note.removeprefix(STAGE_NOTE) for cause in chain for note in _stage_notes(cause)), "")
    rule = next((rule for rule in RULES if any(_matches(rule, cause, stage) for cause in chain)), otherwise)
    return failure(rule, request, workdir)


def log_name(workdir: Workdir) -> str:
    """The log's name relative to the work folder."""
    return f"jobs/{workdir.name}/{workdir.log.name}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _stage_notes(error: BaseException) -> list[str]:
    return [note for note in getattr(error, "__notes__", []) if note.startswith(STAGE_NOTE)]


def _matches(rule: Rule, error: BaseException, stage: str) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    return (
        (not rule.stage or rule.stage == stage)
        and (not rule.names or bool(rule.names & names))
        and (not rule.text or re.search(rule.text, str(error)) is not None)
    )
