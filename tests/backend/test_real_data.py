"""Real benchmarks over local data, through the queue: the published scores are those of the plain command."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backend.evaluators.data_root import DataRoot
from backend.evaluators.tasks import needs, task_manager
from backend.executors.opening import open_executor
from backend.scheduler.loop import start
from leaderboard.benchmarks import Benchmark, Column, Harness, Part
from leaderboard.board.contents import Contents
from leaderboard.queue.queue import Queue
from leaderboard.records import Request, Status
from leaderboard.results.results import Results
from leaderboard.stores.local import LocalStore
from scripts.bench_jobs import MODEL, site, wait_for
from tests.shared import shared_data

BBH = [f"leaderboard_bbh_{name}" for name in ("boolean_expressions", "navigate", "sports_understanding")]
ROWS = 20


def column(key: str, tasks: list[str], *metrics: str) -> Column:
    return Column(
        key=key, title=key, run=tasks, parts=[Part(task=task, metrics=list(metrics)) for task in tasks]
    )  # fmt: skip


def real_benchmark() -> Benchmark:
    return Benchmark(
        id="real", version="1", title="Real", description="Parts of real benchmarks.",
        columns=[
            column("bbh", BBH, "acc_norm,none"),
            column("ifeval", ["leaderboard_ifeval"], "prompt_level_strict_acc,none", "inst_level_strict_acc,none"),
            column("gsm8k", ["gsm8k"], "exact_match,strict-match"),
        ],
        harness=Harness(gen_kwargs={"max_gen_toks": 24}),
    )  # fmt: skip


def first_rows(folder: Path) -> Path:
    """The real data, cut to a few questions."""
    source = shared_data("benchmarks")
    for name in ("bbh", "ifeval", "gsm8k"):
        (folder / name).mkdir(parents=True)
        for file in (source / name).glob("*.jsonl"):
            lines = file.read_text().splitlines(keepends=True)
            (folder / name / file.name).write_text("".join(lines[: None if file.stem == "train" else ROWS]))
    shutil.copytree(source / "nltk_data", folder / "nltk_data")
    return folder


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_published_scores_are_those_of_the_plain_command(tmp_path: Path) -> None:
    benchmark, data = real_benchmark(), first_rows(tmp_path / "data")
    with site() as place:
        settings = place.settings.model_copy(update={"data_root": data})
        queue, store = Queue(LocalStore(settings.requests_dir)), LocalStore(settings.results_dir)
        benchmarks = {benchmark.id: benchmark}
        executor = open_executor(settings)
        scheduler = start(
            settings, queue, Results(store), benchmarks, executor, Contents(store, queue, benchmarks)
        )  # fmt: skip
        try:
            revision = place.commits[MODEL][-1]
            request = queue.submit(Request(model=MODEL, revision=revision, benchmark="real", precision="float32"))
            scheduler.wake()
            wait_for(lambda: queue.get(request.id).status in (Status.FINISHED, Status.FAILED), 400)
        finally:
            scheduler.stop()
        now = queue.get(request.id)
        assert now.status is Status.FINISHED, now.failure
        ours = Results(store).read(str(Results(store).published(now)))
        manager = task_manager(benchmark)
        mirror = DataRoot(data, tmp_path / "mirror").prepare(needs(manager, [*BBH, "leaderboard_ifeval", "gsm8k"]))
        words = shlex.split(ours["podium"]["provenance"]["command"])[1:]
        subprocess.run(
            [Path(sys.executable).parent / "lm_eval", *words, "--output_path", str(tmp_path / "out"), "--log_samples"],
            env=place.environment() | {"NLTK_DATA": str(data / "nltk_data")}, cwd=mirror, check=True, timeout=400,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    [file] = (tmp_path / "out").rglob("results_*.json")
    theirs = json.loads(file.read_text())
    assert theirs["results"].keys() == ours["results"].keys()
    for task, row in theirs["results"].items():
        for metric, value in row.items():
            if isinstance(value, float):
                assert ours["results"][task][metric] == pytest.approx(value, abs=1e-6), (task, metric)
    assert theirs["task_hashes"] == ours["podium"]["provenance"]["task_hashes"]
    assert {task: size["effective"] for task, size in ours["n-samples"].items()} == dict.fromkeys(
        theirs["configs"], ROWS
    )
