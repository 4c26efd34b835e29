"""Every file of a job, named once. A job is files in, files out; whatever is written appears whole or not at all.

request.json     the request, as it was claimed
benchmark.json   the benchmark, and where its folder is
job.json         what the operator says (JobOptions)
handle           the executor's name of the job, while the scheduler has yet to settle it
progress.json    how far it is, rewritten while it runs
log.txt          its standard output and error
results.json     the harness's aggregated result with the `podium` block
details/         one Parquet file a task
abilities.json   what this machine can do, when that was the job
failure.json     whose fault, when it failed
done             written last, when everything else is
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote, unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leaderboard.benchmarks import Benchmark
from leaderboard.errors import Unreadable
from leaderboard.records import Abilities, Failure, Progress, Request

LOG_TAIL_BYTES = 64 * 1024
Model = TypeVar("Model", bound=BaseModel)


class JobOptions(BaseModel):
    """What the operator says of a job. The job can read it, so it holds no secrets."""

    model_config = ConfigDict(extra="forbid")

    evaluator: str
    """What does the work: `module:Class` of an Evaluator."""
    worker: str = ""
    """Name of the worker that started it."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    threads: int = 1
    """Processor threads; 0 leaves it to torch."""
    engine: Literal["shared", "stock"] = "stock"
    """Which engine forwards tokens."""
    data_root: Path | None = None
    """Folder of local data files that stands in for the tasks' Hub datasets."""
    batch_size: str = "auto"
    """A number, or `auto`."""
    limit: int | None = None
    """Examples per task, for trying things out; a result with a limit is never published."""
    memory_bytes: int = 0
    """Private memory at which it is ended; 0 when there is no limit."""
    wall_seconds: int = 0
    """Time after which it is ended; 0 when there is no limit."""
    max_params_b: float = 0.0
    """Largest checkpoint (billions of parameters) that this machine takes; 0 when there is no limit."""
    environment: dict[str, str] = Field(default_factory=dict)
    """The job's whole environment."""


class Workdir:
    """The folder of one job; creating the object touches nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def name(self) -> str:
        """`{request id}-{attempt}`."""
        return self.path.name

    @property
    def log(self) -> Path:
        """Standard output and error of the job."""
        return self.path / "log.txt"

    @property
    def scratch(self) -> Path:
        """Folder in which the job runs and may leave what it likes."""
        return self.path / "scratch"

    def prepare(self, options: JobOptions, request: Request | None = None, benchmark: Benchmark | None = None) -> None:
        """Write a job's inputs into a folder that may hold an earlier try's files."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        for name in ("done", "failure.json", "handle", "progress.json"):
            (self.path / name).unlink(missing_ok=True)
        self.write("job.json", options.model_dump_json(indent=2).encode())
        if request is not None:
            self.write("request.json", request.to_json())
        if benchmark is not None:
            place = {"folder": str(benchmark.folder.resolve()), "benchmark": benchmark.model_dump(mode="json")}
            self.write("benchmark.json", json.dumps(place, indent=2).encode())

    def options(self) -> JobOptions:
        """What the operator says. Raises Unreadable."""
        return self._model("job.json", JobOptions)

    def request(self) -> Request:
        """The request as it was claimed. Raises Unreadable."""
        return self._model("request.json", Request)

    def benchmark(self) -> Benchmark:
        """The benchmark, with its folder. Raises Unreadable."""
        place = self._json("benchmark.json")
        try:
            benchmark = Benchmark.model_validate(place["benchmark"])
            return benchmark.model_copy(update={"folder": Path(place["folder"])})
        except (KeyError, TypeError, ValidationError) as error:
            raise Unreadable(str(self.path / "benchmark.json"), str(error)) from error

    def write_progress(self, progress: Progress) -> None:
        """Say how far the job is."""
        self.write("progress.json", progress.model_dump_json().encode())

    def progress(self) -> Progress | None:
        """How far the job is, None while it has said nothing that can be read."""
        try:
            return self._model("progress.json", Progress)
        except Unreadable:
            return None

    def write_failure(self, failure: Failure) -> None:
        """Say why the job failed."""
        self.write("failure.json", failure.model_dump_json(indent=2).encode())

    def failure(self) -> Failure | None:
        """Why the job failed, None when it has not said so. Raises Unreadable."""
        return self._model("failure.json", Failure) if (self.path / "failure.json").exists() else None

    def write_results(self, results: bytes, details: dict[str, bytes]) -> None:
        """Write the aggregated result and a Parquet file for each task."""
        (self.path / "details").mkdir(exist_ok=True)
        for task, content in details.items():
            self.write(f"details/{quote(task, safe='')}.parquet", content)
        self.write("results.json", results)

    def results(self) -> dict[str, Any]:
        """The aggregated result. Raises Unreadable."""
        return self._json("results.json")

    def details(self) -> dict[str, bytes]:
        """Task -> its Parquet file's content."""
        files = sorted((self.path / "details").glob("*.parquet"))
        return {unquote(file.stem): file.read_bytes() for file in files}

    def write_abilities(self, abilities: Abilities) -> None:
        """Say what this machine can do."""
        self.write("abilities.json", abilities.model_dump_json(indent=2).encode())

    def abilities(self) -> Abilities:
        """What the machine of the job can do. Raises Unreadable."""
        return self._model("abilities.json", Abilities)

    def finish(self) -> None:
        """Say that all outputs are written."""
        self.write("done", b"")

    @property
    def done(self) -> bool:
        """Whether the job has written all its outputs."""
        return (self.path / "done").exists()

    def set_handle(self, handle: str) -> None:
        """Remember the executor's name of the job."""
        self.write("handle", handle.encode())

    @property
    def handle(self) -> str | None:
        """The executor's name of the job; None before it was started and once it is settled."""
        try:
            return (self.path / "handle").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def settle(self) -> None:
        """Forget the handle: whatever came of the job is in the queue and the results."""
        (self.path / "handle").unlink(missing_ok=True)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def log_tail(self) -> str:
        """The last 64 KiB of the log; empty when there is none."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - LOG_TAIL_BYTES))
                return file.read(LOG_TAIL_BYTES).decode(errors="replace")
        except FileNotFoundError:
            return ""

    def write(self, name: str, content: bytes) -> None:
        """Write a file beside its place, then move it there."""
        place = self.path / name
        beside = place.with_name(f".{place.name}.{os.getpid()}")
        beside.write_bytes(content)
        beside.replace(place)

    def _model(self, name: str, kind: type[Model]) -> Model:
        try:
            return kind.model_validate_json((self.path / name).read_bytes())
        except (OSError, ValidationError) as error:
            raise Unreadable(str(self.path / name), str(error)) from error

    def _json(self, name: str) -> dict[str, Any]:
        try:
            content = json.loads((self.path / name).read_bytes())
        except (OSError, ValueError) as error:
            raise Unreadable(str(self.path / name), str(error)) from error
        if not isinstance(content, dict):
            raise Unreadable(str(self.path / name), "it is not a JSON object")
        return content


def unsettled(jobs: Path) -> list[Workdir]:
    """The jobs in folder `jobs` that were started and not settled yet."""
    return [Workdir(file.parent) for file in sorted(jobs.glob("*/handle"))]
