"""From a claimed request to a job: its work folder, its resources, its engine and the operator's limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from backend import Job, Resources
from backend.engines import engine_for, vllm_of
from backend.environment import tasks_data
from backend.evaluators import ABILITIES, EVALUATORS, evaluator_name, starts_programs
from backend.resources import Sizes
from backend.sandbox import View
from backend.workdir import JobOptions, Workdir
from leaderboard.artifacts.keys import BenchmarkKey
from leaderboard.artifacts.places import fetch_private_data, private_data
from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.task_data import outside_places
from leaderboard.records import ArtifactRequest, CodeRequest, Engine, NamedRequest, Request, Status
from leaderboard.settings import Settings

MOST_ACCELERATORS = 8
"""Accelerators that limits leave room for, where a job may have as many as the machine has."""
PROGRAMS = 4
"""By how much more processes a job may have that starts programs, each of which has a limit of its own."""
SHARED_MEMORY_BYTES = 1 << 30
"""What vLLM's processes share for each accelerator."""
TRIAL_S = 600
PREDICTIONS = "predictions"
"""The kind whose jobs score files in the sandbox themselves."""


class Launcher:
    """Prepares jobs in work folders below `folder`.

    Making one raises BadSettings for a wrong table of sizes and for an environment of vLLM that does not start.
    """

    def __init__(self, settings: Settings, benchmarks: Mapping[str, Benchmark], folder: Path) -> None:
        self._settings = settings
        self._benchmarks = benchmarks
        self._folder = folder
        self._sizes = Sizes.from_settings(settings)
        self._vllm = vllm_of(settings)
        self._outside: dict[Path, list[Path]] = {}

    def workdir(self, request: Request) -> Workdir:
        """The folder of the request's current attempt."""
        return Workdir(self._folder / f"{request.id}-{request.attempts}")

    def prepare(self, request: Request) -> Job:
        """The job of a claimed request, its work folder written. Raises OSError and PodiumError."""
        benchmark = self._benchmarks[request.benchmark]
        evaluator = EVALUATORS[request.kind]
        if isinstance(request, ArtifactRequest):
            fetch_private_data(self._settings, benchmark.id)
        resources = self._resources(evaluator().resources(request, benchmark), request)
        workdir = self.workdir(request)
        engine = engine_for(benchmark, self._sizes.engine(request, benchmark.id), self._settings)
        options = self.options(evaluator_name(evaluator), resources, benchmark, engine)
        if isinstance(request, ArtifactRequest):
            key = BenchmarkKey(self._settings, benchmark.id)
            derived = {"sample_seed": key.sample_seed(request.id), "digest_key": key.digest_key()}
            options = options.model_copy(update=derived)
        if starts_programs(request.kind, benchmark):
            options = options.model_copy(update={"view": supervising(options.view)})
        elif request.kind == PREDICTIONS:
            options = _with_labels(options, benchmark)
        workdir.prepare(options, request, benchmark)
        for number in range(first_of_this_go(request), request.attempts):
            earlier = Workdir(self._folder / f"{request.id}-{number}")
            if earlier.path.is_dir():
                workdir.take_over(earlier)
        return Job(workdir.name, workdir.path, resources)

    def prepare_trial(self, workdir: Workdir) -> Job:
        """A job of the smallest size, which finds out what jobs can do; its work folder is written. Raises OSError."""
        resources = self._sizes.smallest()._replace(wall_seconds=TRIAL_S)
        workdir.prepare(self.options(ABILITIES, resources))
        return Job(workdir.name, workdir.path, resources)

    def options(
        self, evaluator: str, resources: Resources, benchmark: Benchmark | None = None, engine: Engine = "stock"
    ) -> JobOptions:
        """What job.json says of a job that `evaluator` (`module:Class`) does."""
        settings, data = self._settings, tasks_data(self._settings)
        return JobOptions(
            evaluator=evaluator,
            worker=settings.worker,
            device=settings.device,
            threads=settings.threads,
            gpus=resources.gpus,
            engine=engine,
            environment=self._vllm.environment if self._vllm and engine == "vllm" else None,
            private=private_data(settings, benchmark.id) if benchmark else None,
            data_root=data,
            batch_size=settings.batch_size,
            limit=settings.limit,
            keep_examples=settings.resume_examples,
            wall_seconds=resources.wall_seconds,
            max_params_b=settings.max_params_b,
            view=self._view(resources, benchmark, engine),
        )

    def _view(self, resources: Resources, benchmark: Benchmark | None, engine: Engine) -> View:
        """What a job sees beside its folder, and what it may use: its accelerators' processes talk to each other."""
        tasks = benchmark.include_path if benchmark else None
        own = (tasks, *self._outside_places(tasks)) if tasks else ()
        vllm = self._vllm if engine == "vllm" else None
        accelerators = 0 if self._settings.device == "cpu" else resources.gpus or MOST_ACCELERATORS
        return View(
            read=(tasks_data(self._settings), *own, *(vllm.folders if vllm else ())),
            gpu=self._settings.device != "cpu",
            sockets=vllm is not None,
            shared_memory_bytes=SHARED_MEMORY_BYTES * max(1, accelerators) if vllm else View.shared_memory_bytes,
            memory_bytes=resources.memory_bytes,
            disk_bytes=int(self._settings.job_disk_gb * 1e9),
            processes=View.processes * (1 + accelerators),
        )

    def _outside_places(self, tasks: Path) -> list[Path]:
        """Where tasks read local data from elsewhere, read from their definitions at their first job."""
        if tasks not in self._outside:
            self._outside[tasks] = outside_places(tasks)
        return self._outside[tasks]

    def _resources(self, wanted: Resources, request: Request) -> Resources:
        """What an evaluator wants, or what the operator gives to jobs of that size where it says nothing."""
        given = self._sizes.of(request, request.benchmark)
        if not may_use_accelerators(request):
            given = given._replace(gpus=0)
        return Resources(*(own or table for own, table in zip(wanted, given, strict=True)))


def may_use_accelerators(request: Request) -> bool:
    """Whether its job may: that of a checkpoint, and of code that names Hub models."""
    return not isinstance(request, NamedRequest) or (isinstance(request, CodeRequest) and bool(request.models))


def supervising(view: View) -> View:
    """The view of a job that starts programs of strangers: its limits hold for all of them together."""
    return dataclasses.replace(view, supervises=True, processes=view.processes * PROGRAMS)


def first_of_this_go(request: Request) -> int:
    """Number of the first attempt since the request was last finished: a re-run makes everything anew."""
    before = [entry.to for entry in request.history]
    if Status.FINISHED not in before:
        return 1
    last = len(before) - before[::-1].index(Status.FINISHED)
    return 1 + before[:last].count(Status.RUNNING)


def _with_labels(options: JobOptions, benchmark: Benchmark) -> JobOptions:
    """The options of a job that may read the benchmark's labels, and nothing else of its private data."""
    rules = benchmark.predictions
    if options.private is None or rules is None or rules.labels is None:
        return options
    labels = options.private / rules.labels.file
    return options.model_copy(update={"view": dataclasses.replace(options.view, read=(*options.view.read, labels))})
