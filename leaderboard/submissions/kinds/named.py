"""What the intakes of uploaded files have in common: the file is there, and is what the submission says."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from leaderboard.benchmarks import Benchmark
from leaderboard.errors import NotFound
from leaderboard.packaging.problems import UPLOADED
from leaderboard.queue.workers import RunNeeds, refusals
from leaderboard.records import CodeSubmission, PredictionsSubmission, Problem, Request, new_id, now
from leaderboard.records.kinds.named import ArtifactRequest
from leaderboard.submissions.case import Case, Context
from leaderboard.submissions.catalogue import Catalogue, Template, shown
from leaderboard.submissions.kinds.kind import KindIntake

UPLOADS = Catalogue(
    {
        "artifact_missing": Template(
            "artifact", "You have not uploaded the file {filename}.", "Upload it first, then submit its SHA-256."
        ),
        "no_phase_is_open": Template(
            "benchmark", "{benchmark} takes no submissions now: {when}.", "Submit it while a phase is open."
        ),
        "other_phase": Template(
            "track",
            "{benchmark} takes submissions for the phase {open} now, not for {value}.",
            "Leave the phase out, or name the one that is open.",
        ),
        "artifact_size": Template(
            "artifact.bytes", "The uploaded file has {found} bytes, the submission says {said}.", "Upload it again."
        ),
        "no_worker_runs_it": Template(
            "kind",
            "No worker of this board can run a submission of the kind {kind} now: {why}",
            "Submit it again once the maintainers of this board have seen to that.",
        ),
        **UPLOADED,
    }
)
ArtifactSubmission = PredictionsSubmission | CodeSubmission
ArtifactSubmissionT = TypeVar("ArtifactSubmissionT", PredictionsSubmission, CodeSubmission)


@dataclass(frozen=True, kw_only=True)
class ArtifactCase(Case):
    """An uploaded file, where it is, and who sends it."""

    submission: ArtifactSubmission
    owner: str
    """The sender's name."""
    file: Path | None
    """Its content on this machine; None when the sender has not uploaded it."""
    max_bytes: int | None
    """The largest that the benchmark takes; None when it takes none of this kind."""
    private: Path | None
    """Folder of the benchmark's private data."""
    file_problems: tuple[Problem, ...] = ()
    """What is wrong inside the file."""

    @property
    def name(self) -> str:
        """`sender/name`."""
        return f"{self.owner}/{self.submission.name}"

    @property
    def may_repeat(self) -> bool:
        """As the benchmark says of files of this kind."""
        rules = self.benchmark.upload_rules(self.submission.kind) if self.benchmark else None
        return rules is not None and rules.same_again


class ArtifactIntake(KindIntake[ArtifactSubmissionT, ArtifactCase]):
    """Takes uploaded files; a kind says what has to be in one."""

    def look(self, submission: ArtifactSubmissionT, context: Context) -> ArtifactCase:
        """Find the file, and look into it where it may be taken at all."""
        rules = context.benchmark.upload_rules(submission.kind) if context.benchmark else None
        submission = in_phase(submission, context.benchmark, context.at)
        case = ArtifactCase(
            submission=submission,
            benchmark=context.benchmark,
            known_benchmarks=context.known_benchmarks,
            abilities=context.abilities,
            owner=context.sender.name,
            file=_file(context, submission.artifact.sha256),
            max_bytes=rules.max_bytes if rules else None,
            private=context.private,
            at=context.at,
        )
        if case.file is None or case.benchmark is None or any(_upload(case)):
            return case
        return dataclasses.replace(case, file_problems=tuple(self.inside(case)))

    def inside(self, case: ArtifactCase) -> list[Problem]:
        """Every problem inside the file, which is there and not too large."""
        return []

    def check(self, case: ArtifactCase) -> list[Problem]:
        """Every problem of the file."""
        return [*_phase(case), *_upload(case), *_workers(case), *case.file_problems]

    def request(self, case: ArtifactCase, context: Context) -> Request | None:
        """The request; its digest is that of the file."""
        submission = case.submission
        if case.file is None:
            return None
        return ArtifactRequest(
            kind=submission.kind,
            model=case.name,
            revision=submission.artifact.sha256,
            description=submission.description,
            local_scores=submission.local_scores,
            artifact=submission.artifact,
            submitted_time=now(),
            sender=context.sender.name,
            id=new_id(),
            benchmark=submission.benchmark,
            track=submission.track,
        )


def in_phase(submission: ArtifactSubmissionT, benchmark: Benchmark | None, at: datetime) -> ArtifactSubmissionT:
    """The submission in the phase that is open at `at`, where the benchmark has phases and it names none."""
    bundle = benchmark.bundle if benchmark else None
    if bundle is None or "track" in submission.model_fields_set:
        return submission
    phase = bundle.phase_at(at) or bundle.phases[-1]
    return submission.model_copy(update={"track": phase.track})


def _phase(case: ArtifactCase) -> Iterator[Problem]:
    """A bundle takes submissions in its phases, each in its own time."""
    bundle = case.benchmark.bundle if case.benchmark else None
    if case.benchmark is None or bundle is None:
        return
    at, title = case.at, case.benchmark.title
    open_now = bundle.phase_at(at)
    if open_now is None:
        starts = [phase for phase in bundle.phases if phase.start is not None and phase.start > at]
        coming = min(starts, key=lambda phase: phase.start or at, default=None)
        when = f"{coming.name} begins at {coming.start:%Y-%m-%d %H:%M} UTC" if coming else "no phase follows"
        yield UPLOADS.problem("no_phase_is_open", benchmark=title, when=when)
    elif case.submission.track != open_now.track:
        yield UPLOADS.problem("other_phase", benchmark=title, value=case.submission.track, open=open_now.track)


def _file(context: Context, sha256: str) -> Path | None:
    """The content where the sender has uploaded it: to know a digest is no right to what somebody else has sent."""
    if context.artifacts is None or not context.artifacts.owns(context.sender.name, sha256):
        return None
    try:
        return context.artifacts.path(sha256)
    except NotFound:
        return None


def _workers(case: ArtifactCase) -> Iterator[Problem]:
    """At least one worker can run it, as far as they say."""
    submission = case.submission
    wanted = RunNeeds(submission.benchmark, precision=None, weight_type=None, params_b=None, kind=submission.kind)
    reasons = {worker.worker: refusals(worker, wanted) for worker in case.abilities}
    if reasons and all(reasons.values()):
        told = " ".join(f"{shown(name)}: {' '.join(refused.values())}" for name, refused in reasons.items())
        yield UPLOADS.problem_with("no_worker_runs_it", {"why": told}, kind=submission.kind)


def _upload(case: ArtifactCase) -> Iterator[Problem]:
    """What is wrong with the file as a whole."""
    artifact = case.submission.artifact
    if case.file is None:
        yield UPLOADS.problem("artifact_missing", filename=artifact.filename)
        return
    size = case.file.stat().st_size
    if size != artifact.bytes:
        yield UPLOADS.problem("artifact_size", found=size, said=artifact.bytes)
    if case.benchmark is not None and case.max_bytes is not None and size > case.max_bytes:
        yield UPLOADS.problem(
            "artifact_too_large",
            filename=artifact.filename, found=size, limit=case.max_bytes, benchmark=case.benchmark.title,
        )  # fmt: skip
