"""What a job reads, put in place before it starts: its checkpoint's files, and the data of its benchmark's tasks."""

from __future__ import annotations

import hashlib
import importlib
import logging
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

from pydantic import BaseModel, ValidationError

from backend import Executor, Job, Resources
from backend.environment import hub_cache, tasks_data
from backend.evaluators import DATA_NEEDS
from backend.executors.images import Images
from backend.executors.waiting import run_to_end
from backend.failures import Stage
from backend.relay.start import start_relay
from backend.workdir import DataNeeds, JobOptions, Workdir
from leaderboard import __version__
from leaderboard.artifacts.places import open_artifacts
from leaderboard.benchmarks import Benchmark
from leaderboard.errors import DownloadFailed, Infrastructure
from leaderboard.hub.downloads import HubDownloads
from leaderboard.hub.hub import Hub
from leaderboard.hub.loaded_files import pinned_files
from leaderboard.records import ArtifactRequest, CodeRequest, EndpointRequest, Progress, Request, WeightType
from leaderboard.records.submission import CHECKPOINT
from leaderboard.settings import Settings

NEEDS = Resources(cpus=1, memory_bytes=8_000_000_000, wall_seconds=600)
"""Of the job that finds out which data tasks read: it loads the harness."""
KEPT_S = 86_400.0
"""Seconds for which what it found is relied upon: nodes may get another harness that reads other data."""

log = logging.getLogger(__name__)


class InputStage:
    """Downloads without a token, since what jobs read is public, into the worker's caches and the job's folder."""

    def __init__(self, settings: Settings, executor: Executor) -> None:
        """`executor` runs the small job that finds out which data a benchmark's tasks read."""
        self.settings = settings
        self.source = HubDownloads(settings.hub_endpoint, hub_cache(settings), settings.hub_timeout_s)
        self.artifacts = open_artifacts(settings)
        self.images = Images()
        self.data = TasksData(settings, self.source, executor)

    def __call__(self, workdir: Workdir) -> None:
        """Put everything in place that the job in `workdir` reads. Raises Infrastructure, ModelUnavailable, OSError."""
        if not (workdir.path / "request.json").exists():
            return
        request, benchmark = workdir.request(), workdir.benchmark()
        if isinstance(request, ArtifactRequest):
            workdir.write_progress(Progress(task="fetching the uploaded file"))
            self.artifacts.fetch(request.artifact.sha256, workdir.artifact)
            if isinstance(request, CodeRequest):
                self._fetch_models(request, workdir)
            if benchmark.bundle and benchmark.bundle.docker_image:
                workdir.write_progress(Progress(task="fetching the benchmark's image"))
                self.images.ensure(benchmark.bundle.docker_image)
        elif isinstance(request, EndpointRequest):
            if request.files:
                workdir.write_progress(Progress(task="downloading the tokenizer"))
                self._fetch(request.tokenizer, request.tokenizer_revision, request.files, workdir.checkpoint)
        elif request.kind == CHECKPOINT:
            workdir.write_progress(Progress(task="downloading the checkpoint"))
            self._fetch_checkpoint(request, workdir)
        if self.settings.data_root is None and any(column.run for column in benchmark.columns):
            workdir.write_progress(Progress(task="downloading the tasks' data"))
            self.data.ensure(benchmark, workdir.options())
        if isinstance(request, EndpointRequest):
            start_relay(workdir, request, self.settings)

    def _fetch_checkpoint(self, request: Request, workdir: Workdir) -> None:
        self._fetch(request.model, request.revision, request.files, workdir.checkpoint)
        if request.weight_type in (WeightType.ADAPTER, WeightType.DELTA):
            self._fetch(request.base_model, request.base_revision or "main", request.base_files, workdir.base)

    def _fetch_models(self, request: CodeRequest, workdir: Workdir) -> None:
        for model in request.models:
            workdir.write_progress(Progress(task=f"downloading {model.model}"))
            self.source.fetch(model.model, model.revision, model.files, workdir.models / model.model)

    def _fetch(self, model: str, revision: str, pins: dict[str, str], folder: Path) -> None:
        if not pins:  # a request that is older than the list of its files
            with closing(Hub(self.settings.hub_endpoint, timeout_s=self.settings.hub_timeout_s)) as hub:
                facts = hub.facts(model, revision)
            pins, revision = pinned_files(facts), facts.revision
        self.source.fetch(model, revision, pins, folder)


class KeptNeeds(BaseModel):
    """What a job found out, for the next process."""

    definitions: str
    """Digest of the definitions that it was found out from."""
    needs: DataNeeds


def definitions_of(benchmark: Benchmark) -> str:
    """A digest that changes whenever the tasks of a benchmark may read something else."""
    folder = benchmark.include_path
    files = sorted(folder.rglob("*.*")) if folder else []
    seen = [f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files if file.suffix != ".pyc"]
    return hashlib.sha256("\n".join([__version__, benchmark.model_dump_json(), *seen]).encode()).hexdigest()


class TasksData:
    """The data root that the worker makes itself where the operator gives none: datasets as the Hub has them."""

    def __init__(self, settings: Settings, source: HubDownloads, executor: Executor) -> None:
        self.folder = tasks_data(settings)
        self.work_dir = settings.work_dir.absolute()
        self._source = source
        self._executor = executor
        self._lock = threading.Lock()
        self._ready: set[str] = set()

    def ensure(self, benchmark: Benchmark, options: JobOptions) -> None:
        """Have what the tasks of `benchmark` read, looked for on the Hub once in the life of this worker.

        Raises Infrastructure, OSError.
        """
        key = benchmark.model_dump_json()
        with self._lock:
            if key in self._ready:
                return
            with Stage("tasks"):
                self._fetch_all(self._needs(benchmark, options))
            self._ready.add(key)

    def _fetch_all(self, needs: DataNeeds) -> None:
        for dataset, revision in sorted(needs.datasets.items()):
            self._source.fetch_dataset(dataset, revision or None, self.folder / dataset)
        for name in needs.nltk:
            self._fetch_nltk(name)

    def _needs(self, benchmark: Benchmark, options: JobOptions) -> DataNeeds:
        """What the tasks read: as an earlier process found out lately, so that its successor waits for no job."""
        file, definitions = self.work_dir / "needs" / f"{benchmark.id}.json", definitions_of(benchmark)
        with suppress(OSError, ValidationError):
            kept = KeptNeeds.model_validate_json(file.read_bytes())
            if kept.definitions == definitions and time.time() - file.stat().st_mtime < KEPT_S:
                return kept.needs
        needs = self._find_needs(benchmark, options)
        file.write_text(KeptNeeds(definitions=definitions, needs=needs).model_dump_json(indent=2))
        return needs

    def _find_needs(self, benchmark: Benchmark, options: JobOptions) -> DataNeeds:
        """What the tasks read, found out by a job: the scheduler does not load the harness."""
        workdir = Workdir(self.work_dir / "needs" / benchmark.id)
        workdir.prepare(options.model_copy(update={"evaluator": DATA_NEEDS}), None, benchmark)
        run_to_end(self._executor, Job(f"needs-{benchmark.id}", workdir.path, NEEDS))
        if not workdir.done:
            raise Infrastructure(
                f"Which data {benchmark.id} needs could not be found out; {workdir.log} has the reason."
            )
        return workdir.needs()

    def _fetch_nltk(self, name: str) -> None:
        """A package of NLTK's data, such as `tokenizers/punkt_tab`."""
        folder = self.folder / "nltk_data"
        if (folder / name).exists():
            return
        nltk = importlib.import_module("nltk")
        if not nltk.download(Path(name).name, download_dir=str(folder), quiet=True):
            raise DownloadFailed(f"NLTK's {name} could not be downloaded. Put it into nltk_data of a data root.")
