"""What a job reads, in place before it starts: from a Hub over HTTP, by pinned content."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import threading
import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import nltk.downloader
import nltk.pathsec
import pytest

import localhub
from backend import Job, JobState, JobStatus, Resources
from backend.environment import tasks_data
from backend.executors.inputs import InputStage, TasksData
from backend.executors.slurm.cluster import SlurmSilent
from backend.executors.staging import StagingExecutor
from backend.failures import classify, rule_of
from backend.workdir import DataNeeds, JobOptions, Workdir
from leaderboard.benchmarks import Benchmark, Column, Harness, Part
from leaderboard.errors import DownloadFailed, Infrastructure
from leaderboard.hub.downloads import HubDownloads
from leaderboard.hub.hub import Hub
from leaderboard.hub.loaded_files import pinned_files
from leaderboard.records import Request
from leaderboard.settings import Settings
from localhub.store import Hub as HubFolder
from tests.backend.attacks import DEMO
from tests.contracts.test_executor import until

NAME = "podium-demo/tiny-base"


class Place:
    """A Hub with one checkpoint and one dataset, and a worker's settings."""

    def __init__(self, folder: Path, hub: localhub.Running) -> None:
        store = HubFolder(folder / "hub")
        self.commit = store.commit_folder(NAME, DEMO / "tiny-base" / "1")
        store.commit("ada/data", {"README.md": "Data.", "test.jsonl": '{"a": 1}\n'}, "Add", kind="dataset")
        self.settings = Settings(work_dir=folder / "work", hub_endpoint=hub.endpoint, hub_timeout_s=5)
        self.source = HubDownloads(hub.endpoint, folder / "cache", 5)
        self.pins = pinned_files(Hub(hub.endpoint).facts(NAME, self.commit))
        self.hub = hub


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("staging")
    with localhub.running(folder / "hub") as hub:
        yield Place(folder, hub)


def test_the_pinned_files_are_there_and_no_others(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    place.source.fetch(NAME, place.commit, place.pins, folder)
    assert {path.name for path in folder.iterdir()} == set(place.pins) and "README.md" not in place.pins
    for path in folder.iterdir():
        assert path.read_bytes() == (DEMO / "tiny-base" / "1" / path.name).read_bytes() and not path.is_symlink()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_that_is_not_what_was_pinned_is_not_used(place: Place, tmp_path: Path, name: str) -> None:
    kind, _, digits = place.pins[name].partition(":")
    changed = place.pins | {name: f"{kind}:{'0' * len(digits)}"}
    with pytest.raises(DownloadFailed, match=f"{name} .*is not the file that was checked"):
        place.source.fetch(NAME, place.commit, changed, tmp_path / "checkpoint")


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", "a//b", "a\\b", "."])
def test_a_name_that_leads_elsewhere_is_refused(place: Place, tmp_path: Path, name: str) -> None:
    with pytest.raises(DownloadFailed, match="no file of a repository"):
        place.source.fetch(NAME, place.commit, {name: "git:" + "0" * 40}, tmp_path / "a" / "checkpoint")
    assert not list(tmp_path.iterdir())


def prepared(folder: Path, request: Request) -> Workdir:
    workdir = Workdir(folder / "jobs" / "0-1")
    workdir.prepare(JobOptions(evaluator="x:Y"), request, benchmark(folder))
    return workdir


def benchmark(folder: Path) -> Benchmark:
    column = Column(key="a", title="A", run=["a"], parts=[Part(task="a", metrics=["acc,none"])])
    return Benchmark(id="own", version="1", title="Own", description="", columns=[column], folder=folder)


class Needs:
    """An executor for the job that finds out which data tasks read: it answers at once, and counts."""

    def __init__(self, needs: DataNeeds) -> None:
        self.needs, self.asked = needs, 0

    def submit(self, job: Job) -> str:
        self.asked += 1
        Workdir(job.workdir).write_needs(self.needs)
        Workdir(job.workdir).finish()
        return "needs"

    def poll(self, handles: Sequence[str]) -> dict[str, JobStatus]:
        return {handle: JobStatus(JobState.ENDED) for handle in handles}


def test_a_job_has_its_checkpoint_and_the_tasks_data(place: Place, tmp_path: Path) -> None:
    settings = place.settings.model_copy(update={"work_dir": tmp_path / "work"})
    executor = Needs(DataNeeds(datasets={"ada/data": ""}))
    stage = InputStage(settings, executor)  # type: ignore[arg-type]
    request = Request(model=NAME, revision=place.commit, benchmark="own", files=place.pins)
    for _ in range(2):
        workdir = prepared(tmp_path, request)
        stage(workdir)
        assert {path.name for path in workdir.checkpoint.iterdir()} == set(place.pins)
    assert (tasks_data(settings) / "ada" / "data" / "test.jsonl").read_text() == '{"a": 1}\n'
    assert executor.asked == 1


def test_an_older_request_without_a_list_gets_the_files_that_would_be_pinned(place: Place, tmp_path: Path) -> None:
    settings = place.settings.model_copy(update={"data_root": tmp_path})
    workdir = prepared(tmp_path, Request(model=NAME, revision=place.commit, benchmark="own"))
    InputStage(settings, Needs(DataNeeds()))(workdir)  # type: ignore[arg-type]
    assert {path.name for path in workdir.checkpoint.iterdir()} == set(place.pins)


class Counting:
    """An executor that runs nothing."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def slots(self) -> int:
        return 2 - len(self.jobs)

    def submit(self, job: Job) -> str:
        self.jobs.append(job)
        return "counted"

    def poll(self, handles: Sequence[str]) -> dict[str, JobStatus]:
        return {handle: JobStatus(JobState.RUNNING) for handle in handles}

    def watch(self, wake: object) -> None:
        return None

    def close(self) -> None:
        return None


def test_a_download_that_fails_is_the_job_s_failure_and_nothing_is_started(place: Place, tmp_path: Path) -> None:
    inner, woken = Counting(), threading.Event()
    executor = StagingExecutor(inner, InputStage(place.settings, inner), tmp_path / "jobs")  # type: ignore[arg-type]
    executor.watch(woken.set)
    gone = Request(model="ada/nothing", revision="0" * 40, benchmark="own", files={"config.json": "git:" + "0" * 40})
    workdir = prepared(tmp_path, gone)
    handle = executor.submit(Job("0-1", workdir.path, Resources()))
    assert woken.wait(60) and executor.poll([handle])[handle].state is JobState.ENDED
    failure = workdir.failure()
    assert failure is not None and failure.code == "model_gone" and not inner.jobs
    assert executor.slots() == 2


def test_a_job_cancelled_while_its_inputs_come_is_never_started(tmp_path: Path) -> None:
    inner, go_on, staged = Counting(), threading.Event(), threading.Event()

    def stage(workdir: Workdir) -> None:
        go_on.wait(60)
        staged.set()

    executor = StagingExecutor(inner, stage, tmp_path / "jobs")  # type: ignore[arg-type]
    handle = executor.submit(Job("0-1", tmp_path, Resources()))
    assert executor.slots() == 1 and executor.poll([handle])[handle].state is JobState.QUEUED
    executor.cancel(handle)
    go_on.set()
    assert staged.wait(60)
    assert executor.poll([handle])[handle] == JobStatus(JobState.KILLED, "cancelled") and not inner.jobs
    other = executor.submit(Job("1-1", tmp_path, Resources()))
    until(lambda: inner.jobs)
    assert executor.poll([other])[other].state is JobState.RUNNING
    assert executor.poll(["unknown"])["unknown"].state is JobState.UNKNOWN


class Outliving(Counting):
    """An executor whose jobs go on without the scheduler; it keeps them elsewhere."""

    outlives_scheduler = True

    def poll(self, handles: Sequence[str]) -> dict[str, JobStatus]:
        known = {"counted": JobStatus(JobState.RUNNING)}
        return {handle: known.get(handle, JobStatus(JobState.UNKNOWN)) for handle in handles}

    def logs(self, handle: str) -> str:
        return f"log of {handle}"


def test_a_job_that_was_handed_on_is_found_again_after_a_restart(tmp_path: Path) -> None:
    inner, jobs = Outliving(), tmp_path / "jobs"
    workdir = Workdir(jobs / f"{'a' * 16}-1")
    workdir.prepare(JobOptions(evaluator="x:Y"))
    first = StagingExecutor(inner, lambda workdir: None, jobs)  # type: ignore[arg-type]
    handle = first.submit(Job(workdir.name, workdir.path, Resources()))
    workdir.set_handle(handle)
    until(lambda: inner.jobs and workdir.handed_on)
    second = StagingExecutor(inner, lambda workdir: None, jobs)  # type: ignore[arg-type]
    assert second.outlives_scheduler and second.poll([handle])[handle].state is JobState.RUNNING
    assert second.logs(handle) == "log of counted"
    forged = handle.replace("a" * 16, "../../../../etc")
    assert second.poll([forged])[forged].state is JobState.UNKNOWN and second.logs(forged) == ""
    workdir.settle()
    assert second.poll([handle])[handle].state is JobState.UNKNOWN


@pytest.fixture
def nltk_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """NLTK's index with one package, served on loopback."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("tiny/words.txt", "hello")
    folder = tmp_path / "index"
    folder.mkdir()
    (folder / "tiny.zip").write_bytes(content.getvalue())
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        (folder / "index.xml").write_text(
            f'<nltk_data><packages><package id="tiny" subdir="tokenizers" unzip="1" size="{len(content.getvalue())}" '
            f'unzipped_size="5" checksum="{hashlib.md5(content.getvalue(), usedforsecurity=False).hexdigest()}" '
            f'url="{address}/tiny.zip"/></packages><collections/></nltk_data>'
        )
        monkeypatch.setattr(nltk.pathsec, "ENFORCE", False)  # it refuses servers of this machine
        monkeypatch.setattr(nltk.downloader._downloader, "_url", f"{address}/index.xml")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("nltk_server")
def test_data_of_nltk_is_downloaded_once(place: Place, tmp_path: Path) -> None:
    settings = place.settings.model_copy(update={"work_dir": tmp_path / "work"})
    executor = Needs(DataNeeds(nltk=["tokenizers/tiny"]))
    data = TasksData(settings, place.source, executor)  # type: ignore[arg-type]
    data.ensure(benchmark(tmp_path), JobOptions(evaluator="x:Y"))
    assert (data.folder / "nltk_data" / "tokenizers" / "tiny" / "words.txt").read_text() == "hello"
    missing = Needs(DataNeeds(nltk=["tokenizers/none"]))
    with pytest.raises(DownloadFailed, match="tokenizers/none"):
        TasksData(settings, place.source, missing).ensure(  # type: ignore[arg-type]
            benchmark(tmp_path).model_copy(update={"id": "other"}), JobOptions(evaluator="x:Y")
        )


def test_what_tasks_read_is_found_out_again_where_they_have_changed_or_a_day_later(
    place: Place, tmp_path: Path
) -> None:
    """Not at every start: on a cluster the job that finds it out may wait for hours."""
    settings = place.settings.model_copy(update={"work_dir": tmp_path / "work"})
    executor, tasks = Needs(DataNeeds(datasets={"ada/data": ""})), tmp_path / "tasks"
    tasks.mkdir()
    own = benchmark(tmp_path).model_copy(update={"harness": Harness(include_path="tasks")})

    def start() -> int:
        TasksData(settings, place.source, executor).ensure(own, JobOptions(evaluator="x:Y"))  # type: ignore[arg-type]
        return executor.asked

    assert [start(), start()] == [1, 1]
    (tasks / "more.yaml").write_text("task: more\n")
    assert [start(), start()] == [2, 2]
    [kept] = (tmp_path / "work" / "needs").glob("*.json")
    os.utime(kept, (0, 0))
    assert [start(), start()] == [3, 3]
    kept.write_text("{")
    assert start() == 4


def test_what_tasks_read_is_found_by_a_job(tmp_path: Path) -> None:
    from backend.evaluators.needs import DataNeedsProbe
    from leaderboard.benchmarks import load_benchmark
    from leaderboard.settings import PROJECT

    workdir = Workdir(tmp_path / "needs")
    workdir.prepare(JobOptions(evaluator="x:Y"), None, load_benchmark(PROJECT / "benchmarks" / "open-llm-v2.yaml"))
    DataNeedsProbe().run(workdir.path)
    needs = workdir.needs()
    assert "SaylorTwift/bbh" in needs.datasets and "TIGER-Lab/MMLU-Pro" in needs.datasets
    assert needs.nltk == ["tokenizers/punkt_tab"]
    assert json.loads(workdir.read("needs.json"))["datasets"] == needs.datasets


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), TypeError("an index that is none")])
def test_a_job_never_stays_queued_when_its_failure_cannot_be_written(tmp_path: Path, error: Exception) -> None:
    """A full disk takes neither the inputs nor the sentence about them; a library may raise anything."""
    inner, woken = Counting(), threading.Event()

    def stage(workdir: Workdir) -> None:
        raise error

    executor = StagingExecutor(inner, stage, tmp_path / "jobs")  # type: ignore[arg-type]
    executor.watch(woken.set)
    handle = executor.submit(Job("0-1", tmp_path / "nowhere", Resources()))
    assert woken.wait(60) and executor.poll([handle])[handle].state is JobState.ENDED
    assert executor.slots() == 2 and not inner.jobs


def test_data_that_nobody_knows_is_no_fault_of_the_request(place: Place, tmp_path: Path) -> None:
    class Broken(Needs):
        def submit(self, job: Job) -> str:
            return "broken"

    settings = place.settings.model_copy(update={"work_dir": tmp_path / "work"})
    request = Request(model=NAME, revision=place.commit, benchmark="own", files=place.pins)
    workdir = prepared(tmp_path, request)
    with pytest.raises(Infrastructure) as caught:
        InputStage(settings, Broken(DataNeeds()))(workdir)  # type: ignore[arg-type]
    failure = classify(caught.value, workdir)
    assert failure.code == "benchmark_data" and not rule_of(failure).counts


def test_a_cluster_that_does_not_answer_is_no_fault_of_the_request(tmp_path: Path) -> None:
    class Away(Counting):
        def submit(self, job: Job) -> str:
            raise SlurmSilent("sbatch failed: Unable to contact slurm controller")

    executor, woken = StagingExecutor(Away(), lambda _: None, tmp_path / "jobs"), threading.Event()  # type: ignore[arg-type]
    executor.watch(woken.set)
    workdir = prepared(tmp_path, Request(model=NAME, revision="0" * 40, benchmark="own"))
    executor.submit(Job("0-1", workdir.path, Resources()))
    assert woken.wait(60)
    failure = workdir.failure()
    assert failure is not None and failure.code == "not_started" and not rule_of(failure).counts
