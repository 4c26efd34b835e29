"""Shared prefixes and the harness's own backend make the same board, for every weight type and with a chat template."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.executors.opening import open_executor
from backend.scheduler.loop import start
from leaderboard.benchmarks import load_benchmark
from leaderboard.queue.queue import Queue
from leaderboard.records import PodiumBlock, Request, Status
from leaderboard.results.results import Results
from leaderboard.settings import PROJECT, Settings
from leaderboard.stores.local import LocalStore
from scripts.bench_jobs import Site, site, wait_for

CHECKPOINTS = {
    "podium-demo/tiny-finetuned": {},
    "podium-demo/tiny-chat": {"use_chat_template": True},
    "podium-demo/tiny-lora": {"weight_type": "Adapter", "base_model": "podium-demo/tiny-base"},
}


def evaluated(place: Site, engine: str, folder: Path) -> dict[str, PodiumBlock]:
    """Model -> what was published of it with `engine`."""
    update = {"engine": engine, "requests_dir": folder / "requests", "results_dir": folder / "results"}
    settings: Settings = place.settings.model_copy(update=update | {"work_dir": folder / "work"})
    benchmark = load_benchmark(PROJECT / "benchmarks" / "tiny.yaml")
    queue, results = Queue(LocalStore(settings.requests_dir)), Results(LocalStore(settings.results_dir))
    scheduler = start(settings, queue, results, {benchmark.id: benchmark}, open_executor(settings))
    try:
        for model, answer in CHECKPOINTS.items():
            base = {"base_revision": place.commits["podium-demo/tiny-base"][-1]} if "base_model" in answer else {}
            revision = place.commits[model][-1]
            fixed = {"model": model, "revision": revision, "benchmark": "tiny", "precision": "float32"}
            queue.submit(Request.model_validate(fixed | answer | base))
        ended = {Status.FINISHED, Status.FAILED}
        wait_for(lambda: all(request.status in ended for request in queue.view().requests))
    finally:
        scheduler.stop()
    return {block.model: block for block in results.list("tiny")}


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_both_engines_make_the_same_board(tmp_path: Path) -> None:
    with site() as place:
        shared = evaluated(place, "shared", tmp_path / "shared")
        stock = evaluated(place, "stock", tmp_path / "stock")
    assert set(shared) == set(stock) == set(CHECKPOINTS)
    for model, block in shared.items():
        assert block.provenance.engine["engine"] == "shared-prefix", model
        assert block.provenance.engine["probe"]["passed"], model
        assert stock[model].provenance.engine["engine"] == "stock"
        assert block.scores == stock[model].scores, model
        assert block.provenance.task_hashes == stock[model].provenance.task_hashes
