"""Every file of a job, named once. A job is files in, files out; whatever is written appears whole or not at all.

What the job may read and not change:
request.json     the request, as it was claimed
benchmark.json   the benchmark, and where its folder is
job.json         what the operator says (JobOptions), its View among it
artifact         the file that was uploaded, for kinds that have one
models/          the Hub models that a package of code loads, by their names
checkpoint/      the checkpoint's files
base/            the base model's, for an adapter or a delta
kept/            what earlier runs of the request kept (backend/kept.py)
handle           the executor's name of the job, while the scheduler has yet to settle it
handed_on        the name that the executor behind the staging gave it, once its inputs are in place
node.json        how a node of a cluster runs it (NodeOptions)
ticket           the cluster's number of the job; without it nobody follows the job, and its node ends it
start            how often the cluster had started the job again when a node last took it up
ended.json       how the job ended, by the account of the node that ran it
log.txt          its standard output and error, which it appends to

What it writes, and whoever reads it takes for hostile, in out/:
progress.json    how far it is, rewritten while it runs
results.json     the harness's aggregated result with the `podium` block
details/         one Parquet file a task
private/         what of the result is not for everybody (leaderboard/results/private_results.py)
kept/            what this run keeps for the next one, should it be interrupted
abilities.json   what this machine can do, when that was the job
needs.json       which data a benchmark's tasks read from outside, when that was the job
failure.json     whose fault, when it failed
done             written last, when everything else is
scratch/         beside out/: where it runs, and may leave what it likes
"""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend import JobState, JobStatus, kept
from backend.sandbox import View
from leaderboard.benchmarks import Benchmark
from leaderboard.errors import Unreadable
from leaderboard.records import Abilities, Engine, Failure, Progress, Request, request_of

LOG_TAIL_BYTES = 64 * 1024
MOST_SMALL_BYTES = 1 << 20
"""Of progress, failure and the like."""
MOST_RESULT_BYTES = 1 << 30
"""Of results.json, and of all details together: they are read into memory."""
MOST_FILES = 100_000
"""More files than a job has any use for."""
Model = TypeVar("Model", bound=BaseModel)


class EngineEnvironment(BaseModel):
    """An environment with an engine whose packages cannot be in ours."""

    model_config = ConfigDict(extra="forbid")

    python: list[str]
    """The command that starts its interpreter."""
    maker: str
    """What makes the engine there: `module:function` (see backend/evaluators/remote/serve.py)."""


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
    gpus: int = 0
    """Accelerators that it may compute on; 0 for all that it sees."""
    engine: Engine = "stock"
    """Which engine forwards tokens."""
    environment: EngineEnvironment | None = None
    """Where the engine is, if it is not in this environment."""
    private: Path | None = None
    """Folder of the benchmark's private data."""
    sample_seed: str = ""
    """Seed of the submission's hidden sample. No submitted code reads this file."""
    digest_key: str = ""
    """Key for the published digest of the labels."""
    data_root: Path | None = None
    """Folder of local data files that stands in for the tasks' Hub datasets."""
    batch_size: str = "auto"
    """A number, or `auto`."""
    limit: int | None = None
    """Examples per task, for trying things out; a result with a limit is never published."""
    keep_examples: int = 0
    """Examples of a task after which its answers are kept for a run that goes on with them; 0 keeps none."""
    wall_seconds: int = 0
    """Time after which it is ended; 0 when there is no limit."""
    max_params_b: float = 0.0
    """Largest checkpoint (billions of parameters) that this machine takes; 0 when there is no limit."""
    view: View = View()
    """What it may see and use."""


class NodeOptions(BaseModel):
    """How a node runs a job that was submitted elsewhere. It holds no secrets."""

    model_config = ConfigDict(extra="forbid")

    environment: dict[str, str]
    """The job's whole environment, but for what every machine has of its own."""
    preload: list[str]
    """Modules that are imported before the job is confined."""
    sandbox: str
    """What confines jobs, as in the settings."""
    memory_bytes: int
    """Private memory at which the job is ended; 0 for no limit."""
    wall_seconds: int
    """Seconds after which the job is ended; 0 for no limit."""


class DataNeeds(BaseModel):
    """What a benchmark's tasks read from outside."""

    model_config = ConfigDict(extra="forbid")

    datasets: dict[str, str] = Field(default_factory=dict)
    """Dataset id on the Hub -> its revision; empty for the newest."""
    nltk: list[str] = Field(default_factory=list)
    """Packages of NLTK's data, `tokenizers/punkt_tab`."""


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

    @property
    def out(self) -> Path:
        """Folder of what the job writes for us."""
        return self.path / "out"

    @property
    def checkpoint(self) -> Path:
        """Folder of the checkpoint's files."""
        return self.path / "checkpoint"

    @property
    def artifact(self) -> Path:
        """The uploaded file, under this name whatever it was called."""
        return self.path / "artifact"

    @property
    def models(self) -> Path:
        """Folder of the Hub models that a package of code loads."""
        return self.path / "models"

    @property
    def base(self) -> Path:
        """Folder of the base model's files."""
        return self.path / "base"

    @property
    def kept(self) -> Path:
        """Folder of what earlier runs of the request kept, for the job to go on with."""
        return self.path / kept.FOLDER

    def prepare(self, options: JobOptions, request: Request | None = None, benchmark: Benchmark | None = None) -> None:
        """Write a job's inputs into a folder that may hold an earlier try's files."""
        self._forget_handles()
        self.start_again()
        view = dataclasses.replace(options.view, read=(self.path, *options.view.read), write=(self.out, self.scratch))
        self._put("job.json", options.model_copy(update={"view": view}).model_dump_json(indent=2).encode())
        if request is not None:
            self._put("request.json", request.to_json())
        if benchmark is not None:
            place = {"folder": str(benchmark.folder.resolve()), "benchmark": benchmark.model_dump(mode="json")}
            self._put("benchmark.json", json.dumps(place, indent=2).encode())

    def start_again(self) -> None:
        """Remove what an earlier try has written, but for what it kept: the next one goes on with that."""
        (self.path / "ended.json").unlink(missing_ok=True)
        kept.copy(self.out / kept.FOLDER, self.kept)
        remove_trees(self.out, self.scratch)
        for folder in (self.out, self.scratch):
            folder.mkdir(parents=True)

    def options(self) -> JobOptions:
        """What the operator says. Raises Unreadable."""
        return self._input("job.json", JobOptions)

    def request(self) -> Request:
        """The request as it was claimed. Raises Unreadable."""
        return request_of(dict(self._input("request.json", Request)))

    def benchmark(self) -> Benchmark:
        """The benchmark, with its folder. Raises Unreadable."""
        try:
            place = json.loads((self.path / "benchmark.json").read_bytes())
            benchmark = Benchmark.model_validate(place["benchmark"])
            return benchmark.model_copy(update={"folder": Path(place["folder"])})
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise Unreadable(str(self.path / "benchmark.json"), str(error)) from error

    def write_progress(self, progress: Progress) -> None:
        """Say how far the job is."""
        self.write("progress.json", progress.model_dump_json().encode())

    def progress(self) -> Progress | None:
        """How far the job is, None while it has written nothing that can be read."""
        try:
            return self._output("progress.json", Progress)
        except Unreadable:
            return None

    def keep(self, name: str, content: bytes) -> None:
        """Keep something for a later run of the request. Raises OSError."""
        kept.put(self.out / kept.FOLDER, name, content)

    def take_over(self, earlier: Workdir) -> None:
        """Let this run go on with what another run of the request kept, whose folder then has it no more.

        Raises OSError.
        """
        for folder in (earlier.kept, earlier.out / kept.FOLDER):
            kept.copy(folder, self.kept)
        earlier.forget_kept()

    def forget_kept(self) -> None:
        """Remove what was kept: nobody goes on with it."""
        remove_trees(self.kept, self.out / kept.FOLDER)

    def write_failure(self, failure: Failure) -> None:
        """Say why the job failed."""
        self.write("failure.json", failure.model_dump_json(indent=2).encode())

    def failure(self) -> Failure | None:
        """Why the job failed, None when it has not said so. Raises Unreadable."""
        return self._output("failure.json", Failure) if os.path.lexists(self.out / "failure.json") else None

    def write_results(self, results: bytes, details: dict[str, bytes]) -> None:
        """Write the aggregated result and a Parquet file for each task."""
        (self.out / "details").mkdir(exist_ok=True)
        for task, content in details.items():
            self.write(f"details/{quote(task, safe='')}.parquet", content)
        self.write("results.json", results)

    def results(self) -> dict[str, Any]:
        """The aggregated result. Raises Unreadable."""
        try:
            content = json.loads(self.read("results.json", MOST_RESULT_BYTES))
        except (ValueError, RecursionError) as error:
            raise Unreadable(str(self.out / "results.json"), str(error)) from error
        if not isinstance(content, dict):
            raise Unreadable(str(self.out / "results.json"), "it is not a JSON object")
        return content

    def details(self) -> dict[str, bytes]:
        """Task -> its Parquet file's content. Raises Unreadable."""
        tables: dict[str, bytes] = {}
        left = MOST_RESULT_BYTES
        folder = self.out / "details"
        if folder.is_symlink():
            raise Unreadable(str(folder), "it is a link")
        for file in sorted(folder.glob("*.parquet")):
            content = self.read(f"details/{file.name}", left)
            left -= len(content)
            tables[unquote(file.stem)] = content
        return tables

    def write_private(self, name: str, content: bytes) -> None:
        """Write something of the result that is not for everybody."""
        (self.out / "private").mkdir(exist_ok=True)
        self.write(f"private/{name}", content)

    def private(self, most_bytes: Mapping[str, int]) -> dict[str, bytes]:
        """What of the result is not for everybody: the files that `most_bytes` names. Raises Unreadable."""
        folder = self.out / "private"
        if folder.is_symlink():
            raise Unreadable(str(folder), "it is a link")
        there = [name for name in most_bytes if os.path.lexists(folder / name)]
        return {name: self.read(f"private/{name}", most_bytes[name]) for name in there}

    def write_abilities(self, abilities: Abilities) -> None:
        """Say what this machine can do."""
        self.write("abilities.json", abilities.model_dump_json(indent=2).encode())

    def abilities(self) -> Abilities:
        """What the machine of the job can do. Raises Unreadable."""
        return self._output("abilities.json", Abilities)

    def write_needs(self, needs: DataNeeds) -> None:
        """Say what a benchmark's tasks read from outside."""
        self.write("needs.json", needs.model_dump_json(indent=2).encode())

    def needs(self) -> DataNeeds:
        """What a benchmark's tasks read from outside. Raises Unreadable."""
        return self._output("needs.json", DataNeeds)

    def finish(self) -> None:
        """Say that all outputs are written."""
        self.write("done", b"")

    @property
    def done(self) -> bool:
        """Whether the job has written all its outputs."""
        return os.path.lexists(self.out / "done")

    def set_handle(self, handle: str) -> None:
        """Remember the executor's name of the job."""
        self._put("handle", handle.encode())

    @property
    def handle(self) -> str | None:
        """The executor's name of the job; None before it was started and once it is settled."""
        return self._name("handle")

    def set_handed_on(self, handle: str) -> None:
        """Remember the name that the executor behind the staging gave the job."""
        self._put("handed_on", handle.encode())

    @property
    def handed_on(self) -> str | None:
        """That name; None before the job was handed on and once it is settled."""
        return self._name("handed_on")

    def set_node_options(self, options: NodeOptions) -> None:
        """Say how a node runs the job."""
        self._put("node.json", options.model_dump_json(indent=2).encode())

    def node_options(self) -> NodeOptions:
        """How a node runs the job. Raises Unreadable."""
        return self._input("node.json", NodeOptions)

    def set_ticket(self, number: str) -> None:
        """Tell the node that the job of this number is followed."""
        self._put("ticket", number.encode())

    def ticket(self) -> str | None:
        """The number of the job that is followed; None when none is (any more)."""
        return self._name("ticket")

    def remove_ticket(self) -> None:
        """Tell the node that nobody follows the job any more."""
        (self.path / "ticket").unlink(missing_ok=True)

    def set_start(self, number: int) -> None:
        """Say which start of the job this is: 0, or how often the cluster had started it again."""
        self._put("start", str(number).encode())

    def start(self) -> int:
        """Which start of the job was the last one, -1 before the first."""
        return int(self._name("start") or -1)

    def set_ended(self, status: JobStatus) -> None:
        """Say how the job ended, on its node."""
        self._put("ended.json", json.dumps(status._asdict()).encode())

    def ended(self) -> JobStatus | None:
        """How the job ended, by its node's account; None while there is none."""
        try:
            word = json.loads((self.path / "ended.json").read_bytes())
            return JobStatus(JobState(word["state"]), word["reason"])
        except (OSError, KeyError, TypeError, ValueError):
            return None

    def settle(self) -> None:
        """Forget the handle: whatever came of the job is in the queue and the results. The log and outputs stay."""
        self._forget_handles()
        self.remove_ticket()
        remove_trees(self.scratch, self.checkpoint, self.base, self.artifact, self.models)

    def written(self, enough: int) -> int:
        """Bytes on the disk that the job has written, counted until they are more than `enough`.

        A folder that cannot be looked into, or too many files, count as more.
        """
        total = 0
        for count, place in enumerate(_tree(self.out, self.scratch, self.log)):
            total += place.st_blocks * 512 if place else enough + 1
            if total > enough or count > MOST_FILES:
                return enough + 1
        return total

    def log_tail(self) -> str:
        """The last 64 KiB of the log, from the beginning of a line; empty when there is none."""
        try:
            with self.log.open("rb") as file:
                start = max(0, os.fstat(file.fileno()).st_size - LOG_TAIL_BYTES)
                file.seek(start)
                text = file.read(LOG_TAIL_BYTES).decode(errors="replace")
        except FileNotFoundError:
            return ""
        return text.partition("\n")[2] if start else text

    def write(self, name: str, content: bytes) -> None:
        """Write an output."""
        _write(self.out / name, content)

    def read(self, name: str, most: int = MOST_SMALL_BYTES) -> bytes:
        """An output of at most `most` bytes, which must be a plain file: the job may have made anything of it.

        Raises Unreadable.
        """
        place = self.out / name
        try:
            with os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Unreadable(str(place), "it is not a plain file")
                content = file.read(most + 1)
        except OSError as error:
            raise Unreadable(str(place), str(error)) from error
        if len(content) > most:
            raise Unreadable(str(place), f"it is larger than {most:,} bytes")
        return content

    def _name(self, file: str) -> str | None:
        try:
            return (self.path / file).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def _forget_handles(self) -> None:
        for file in ("handle", "handed_on", "start"):
            (self.path / file).unlink(missing_ok=True)

    def _put(self, name: str, content: bytes) -> None:
        _write(self.path / name, content)

    def _input(self, name: str, kind: type[Model]) -> Model:
        try:
            return kind.model_validate_json((self.path / name).read_bytes())
        except (OSError, ValidationError) as error:
            raise Unreadable(str(self.path / name), str(error)) from error

    def _output(self, name: str, kind: type[Model]) -> Model:
        try:
            return kind.model_validate_json(self.read(name))
        except ValidationError as error:
            raise Unreadable(str(self.out / name), str(error)) from error


def remove_trees(*folders: Path) -> None:
    """Delete folders as far as possible, however deep a job has made them: Python's own way recurses."""
    subprocess.run(["rm", "-rf", "--", *folders], stderr=subprocess.DEVNULL, check=False)


def _write(place: Path, content: bytes) -> None:
    """Write a file beside its place, then move it there."""
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(place)


def _tree(*places: Path) -> Iterator[os.stat_result | None]:
    """What is in files and folders, itself included; None for what cannot be looked at."""
    todo = [os.fspath(place) for place in places]
    while todo:
        path = todo.pop()
        try:
            status = os.lstat(path)
            if stat.S_ISDIR(status.st_mode):
                todo += [entry.path for entry in os.scandir(path)]
            yield status
        except FileNotFoundError:
            continue
        except OSError:
            yield None


def unsettled(jobs: Path) -> list[Workdir]:
    """The jobs in folder `jobs` that were started and not settled yet."""
    return [Workdir(file.parent) for file in sorted(jobs.glob("*/handle"))]
