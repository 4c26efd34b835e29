"""One task of a bundle: ingestion, then scoring, each program seeing only what its step is given.

Reference data is mounted for the scoring program and for nothing else, also where the ingestion runs beside it: the
two share /app/shared, in which the ingestion can make no links.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from backend.evaluators.bundle_run.beside import SharedFolder, ended_well, wait_for_all, wait_for_scoring
from backend.evaluators.bundle_run.metadata import (
    INGESTION,
    INGESTION_DURING_SCORING,
    OWN_COMMAND,
    SCORING,
    command_of,
    words,
)
from backend.evaluators.bundle_run.plan import TaskFolders
from backend.evaluators.bundle_run.steps import (
    ORGANISERS,
    Limits,
    Step,
    check_limits,
    how,
    printed_last,
    report,
    running,
)
from backend.failures import JobFailed
from backend.sandbox.programs import CollectRefused, Ended, Mount, collect
from leaderboard.errors import Unreadable
from leaderboard.records import Fault
from leaderboard.results.terminal import shown_text

MOST_OUTPUT_BYTES = 2 << 30
MOST_OUTPUT_FILES = 10_000
MESSAGE = "message.txt"
"""What a scoring program that refuses a submission may write into its output for the submitter."""
MOST_MESSAGE = 1000
METADATA = "metadata"
"""File in which scoring programs find how long the step before them took."""


@dataclass(frozen=True)
class Submission:
    """What was submitted, as far as it matters here."""

    folder: Path
    runs: bool
    """Whether the ingestion is run on it; otherwise its files are the predictions."""
    command: str | None
    """The command of its own that it brings; None for none."""


class TaskRun:
    """One task of one run, in a folder of its own."""

    def __init__(
        self,
        task: TaskFolders,
        submission: Submission,
        folder: Path,
        limits: Limits,
        shown: Mapping[str, bool],
        image: str = "",
    ) -> None:
        """`shown`: `ingestion` and `scoring` -> whether the submitter may read what they print. `image`: what every
        program runs in; empty for this worker's Python."""
        self.task = task
        self.submission = submission
        self.limits = limits
        self._shown = shown
        self._image = image
        self._folder = folder
        for name in ("predictions", "ingestion", "scoring"):
            (folder / name).mkdir(parents=True)
        self._shared = SharedFolder(folder / "shared")
        self._joint_output = SharedFolder(folder / "joint")

    def ingest(self) -> None:
        """Make the predictions: by the ingestion, by the submission's own command, or from its files as they are.

        Raises JobFailed.
        """
        steps = self._ingestion_steps()
        output = self._folder / "ingestion" if steps else self.submission.folder
        ended = self._run_all(steps)
        self._take(output)
        self._describe(ended)

    def score(self) -> Path:
        """Run the scoring program, with the ingestion beside it where the task says so; the folder with its output.

        Raises JobFailed.
        """
        step = self._scoring_step()
        if self._ingests_beside:
            ended = self._score_beside_ingestion(step)
        else:
            with running(step, self.limits) as program:
                ended = program.wait()
        report(step, ended)
        self._check_scoring(step, ended)
        return self._folder / "scoring"

    # --- ingestion

    @property
    def _ingests_beside(self) -> bool:
        """Whether the ingestion runs beside the scoring program."""
        return self.task.during_scoring and self.task.ingestion is not None

    def _ingestion_steps(self) -> list[Step]:
        """What runs before the scoring: the ingestion, the submission's own command, both, or nothing."""
        ingests = self.submission.runs and self.task.ingestion is not None and not self.task.during_scoring
        both = ingests and self.submission.command is not None
        output = Mount(self._joint_output.path, "/app/output", True, True) if both else self._output("ingestion")
        data = _optional(self.task.input_data, "/app/input_data")
        steps = []
        if ingests:
            mounts = [*self._ingestion_mounts(), Mount(self.submission.folder, "/app/ingested_program"), output, *data]
            steps.append(
                self._step("ingestion", "The ingestion", self._command(self.task.ingestion, INGESTION), mounts)
            )
        if self.submission.command is not None:
            command = self._own_command(self.submission.command)
            mounts = [Mount(self.submission.folder, "/app/program"), output, *data]
            steps.append(self._step("own", "The submission's own command", command, mounts))
        return steps

    def _run_all(self, steps: Sequence[Step]) -> dict[str, Ended]:
        """Run the steps at the same time; how each ended, by its name. Raises JobFailed for the first that failed."""
        with ExitStack() as stack:
            programs = [stack.enter_context(running(step, self.limits)) for step in steps]
            ends = wait_for_all(programs, self._joint_output)
        ended = {}
        for step, end in zip(steps, ends, strict=True):
            if end is not None:
                ended[step.name] = end
                report(step, end)
                self._check_ingestion(step, end)
        if len(steps) > 1:
            self._collect(self._joint_output.path, self._folder / "ingestion", f"The output for {self.task.title}")
        return ended

    def _check_ingestion(self, step: Step, ended: Ended) -> None:
        """Raise JobFailed unless the step did its work."""
        check_limits(step, ended, self.limits, Fault.SUBMISSION)
        if not ended_well(ended):
            raise JobFailed("ingestion_failed", f"{step.title} stopped with {how(ended)}{printed_last(step)}")

    # --- scoring

    def _scoring_step(self) -> Step:
        mounts = [
            Mount(self.task.scoring, "/app/program"),
            Mount(self._folder / "predictions", "/app/input/res"),
            self._output("scoring"),
            *_optional(self.task.reference, "/app/input/ref"),
            *_optional(self.task.input_data, "/app/input_data"),
            self._shared_mount(),
        ]
        return self._step("scoring", "The scoring program", self._command(self.task.scoring, SCORING), mounts)

    def _beside_step(self) -> Step:
        """The ingestion that runs while the scoring program does; there is no reference data among its mounts."""
        mounts = [
            *self._ingestion_mounts(),
            Mount(self._folder / "predictions", "/app/ingested_program"),
            Mount(self._folder / "predictions", "/app/input/res"),
            self._output("ingestion"),
            *_optional(self.task.input_data, "/app/input_data"),
            self._shared_mount(),
        ]
        command = self._command(self.task.ingestion, INGESTION_DURING_SCORING)
        return self._step("ingestion", "The ingestion", command, mounts)

    def _score_beside_ingestion(self, scoring: Step) -> Ended:
        """Run both; an ingestion that failed is reported before what the scoring program made of that."""
        beside = self._beside_step()
        with running(beside, self.limits) as ingestion, running(scoring, self.limits) as program:
            ended, scored = wait_for_scoring(ingestion, program, self._shared)
        report(beside, ended)
        if scored is None or (not ended_well(scored) and ended.reason != "killed"):
            self._check_ingestion(beside, ended)
        assert scored is not None
        return scored

    def _check_scoring(self, step: Step, ended: Ended) -> None:
        """Raise JobFailed unless the scoring program did its work."""
        check_limits(step, ended, self.limits, Fault.INFRASTRUCTURE)
        if ended_well(ended):
            return
        message = self._message()
        if message:
            raise JobFailed("scoring_failed", f"{step.title} refused the submission: {message}")
        raise JobFailed(
            "scoring_failed",
            f"{step.title} stopped with {how(ended)}. {ORGANISERS}",
            Fault.INFRASTRUCTURE,
        )

    def _message(self) -> str:
        """What the scoring program wrote for the submitter; empty for nothing."""
        try:
            with (self._folder / "scoring" / MESSAGE).open("rb") as file:
                content = file.read(4 * MOST_MESSAGE)
        except OSError:
            return ""
        return " ".join(shown_text(content.decode(errors="replace")).split())[:MOST_MESSAGE]

    # --- what both have in common

    def _output(self, name: str) -> Mount:
        return Mount(self._folder / name, "/app/output", True)

    def _shared_mount(self) -> Mount:
        """The folder that scoring and ingestion share, as long as both run at the same time."""
        return Mount(self._shared.path, "/app/shared", True, self._ingests_beside)

    def _ingestion_mounts(self) -> list[Mount]:
        assert self.task.ingestion is not None
        return [Mount(self.task.ingestion, place) for place in ("/app/program", "/app/ingestion_program")]

    def _step(self, name: str, title: str, command: list[str], mounts: list[Mount]) -> Step:
        shown = self._shown["scoring" if name == "scoring" else "ingestion"]
        log = self._folder / f"{name}.log"
        return Step(name, f"{title} of {self.task.title}", command, mounts, log, shown, self._image)

    def _command(self, program: Path | None, places: Mapping[str, str]) -> list[str]:
        """The words of the command of an organiser's program. Raises JobFailed."""
        assert program is not None
        try:
            command = command_of(program)
            if command is None:
                raise Unreadable("metadata.yaml", "it has no `command`")
            return words(command, places)
        except Unreadable as error:
            sentence = f"A program of {self.task.title} cannot be started: {error}. {ORGANISERS}"
            raise JobFailed("bundle_broken", sentence, Fault.INFRASTRUCTURE) from error

    def _own_command(self, command: str) -> list[str]:
        try:
            return words(command, OWN_COMMAND)
        except Unreadable as error:
            raise JobFailed("ingestion_failed", f"The submission's own command cannot be run: {error}.") from error

    def _take(self, output: Path) -> None:
        """Make a participant's files the predictions: plain files only, copied. Raises JobFailed."""
        self._collect(output, self._folder / "predictions", f"The output for {self.task.title}")

    def _collect(self, source: Path, into: Path, title: str) -> None:
        try:
            collect(source, into, MOST_OUTPUT_BYTES, MOST_OUTPUT_FILES)
        except CollectRefused as error:
            raise JobFailed("output_refused", f"{title} cannot be used. {error}") from error

    def _describe(self, ended: Mapping[str, Ended]) -> None:
        """Write `metadata` beside the predictions, over whatever a participant may have put there."""
        own, ingestion = ended.get("own"), ended.get("ingestion")
        program = own or ingestion
        values = {
            "exitCode": program.code if program else 0,
            "elapsedTime": program.seconds if program else 0.0,
            "ingestionExitCode": ingestion.code if ingestion else None,
            "ingestionElapsedTime": ingestion.seconds if ingestion else None,
        }
        metadata = self._folder / "predictions" / METADATA
        if metadata.is_dir():
            raise JobFailed("output_refused", f"The output for {self.task.title} has a folder named {METADATA}.")
        text = "".join(f"{key}: {'null' if value is None else value}\n" for key, value in values.items())
        metadata.write_text(text, encoding="utf-8")


def _optional(folder: Path | None, target: str) -> list[Mount]:
    return [Mount(folder, target)] if folder is not None else []
