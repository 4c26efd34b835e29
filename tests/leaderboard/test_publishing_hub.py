"""What is published on the Hub, and read from there with the clients that people use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import HfApi
from pydantic import SecretStr

import localhub
from leaderboard.benchmarks import Benchmark, Column, Part
from leaderboard.contents import Contents
from leaderboard.errors import BadSettings, HubUnavailable, NotFound
from leaderboard.queue import Queue
from leaderboard.records import PodiumBlock, Provenance, Score
from leaderboard.results import Results, details_table
from leaderboard.settings import Settings
from leaderboard.stores.details_card import BEGIN, merged
from leaderboard.stores.opening import Stores, open_stores
from localhub import Fault

TOKEN = "hf_board_token"
READ = """
import json, sys
import pandas, datasets
repo, results = sys.argv[1:3]
found = {}
for config, split in json.loads(sys.argv[3]):
    rows = datasets.load_dataset(repo, config, split=split)
    found[f"{config}/{split}"] = {"columns": rows.column_names, "rows": rows.to_list()}
if results:
    found["contents"] = pandas.read_parquet(results)["fullname"].tolist()
print(json.dumps(found))
"""


def benchmark(benchmark_id: str = "small", **said: Any) -> Benchmark:
    columns = [
        Column(key=key, title=key.title(), run=[key], parts=[Part(task=key, metrics=["acc,none"])])
        for key in ("sums", "words")
    ]
    return Benchmark(id=benchmark_id, version="1", title="Small", description="Small.", columns=columns, **said)


def block(stamp: str = "2026-11-20T10:00:00Z", request: str = "a", **said: Any) -> PodiumBlock:
    return PodiumBlock(
        **{
            "request_id": request, "attempt": 1, "benchmark": "small", "benchmark_version": "1", "model": "org/model",
            "revision": "a" * 40, "precision": "bfloat16", "weight_type": "Original", "use_chat_template": False,
            "time": stamp, "scores": {"sums": Score(raw=0.5, normalised=50.0, stderr=1.0, n=2)}, "average": 50.0,
            "provenance": Provenance(packages={"lm_eval": "0.4.13"}),
        } | said
    )  # fmt: skip


def table(answer: str, **metrics: float) -> bytes:
    metrics = metrics or {"acc": 1.0}
    return details_table([{
        "doc_id": 0, "doc": {"q": "1+1="}, "target": "2", "arguments": [["1+1=", " 2"]], "resps": [[answer]],
        "filtered_resps": [answer], "filter": "none", "doc_hash": "d", "prompt_hash": "p", "target_hash": "t",
        "metrics": list(metrics), **metrics,
    }])  # fmt: skip


class Board:
    """A board whose stores are datasets on a Hub of its own."""

    def __init__(self, served: localhub.Running, folder: Path, **said: Any) -> None:
        self.served = served
        self.folder = folder
        self.benchmarks = {"small": benchmark(), "gated": benchmark("gated", details="gated")}
        self.settings = Settings(
            store="hub", hub_namespace="board", hub_endpoint=served.endpoint, hub_token=SecretStr(TOKEN),
            work_dir=folder / "work", hub_look_s=0.0, **said,
        )  # fmt: skip
        self.stores = self.opened()
        self.results = Results(self.stores.results, self.stores.details)
        self.contents = Contents(self.stores.results, Queue(self.stores.requests), self.benchmarks)
        self.api = HfApi(endpoint=served.endpoint, token=TOKEN)

    def opened(self) -> Stores:
        return open_stores(self.settings, self.benchmarks)

    def publish(self, one: PodiumBlock, **details: bytes) -> str:
        return self.results.publish({"results": {}, "podium": one.model_dump()}, details, self.contents.changes)

    def commits(self, repo: str) -> list[str]:
        return [commit.title for commit in self.api.list_repo_commits(repo, repo_type="dataset")]

    def read(self, *asked: tuple[str, str], contents: str = "", token: str | None = None) -> dict[str, Any]:
        """What `load_dataset` and `read_parquet` give in a process of their own, as a reader has it."""
        environment = os.environ | {
            "HF_ENDPOINT": self.served.endpoint, "HF_HOME": str(self.folder / "home"), "HF_HUB_DISABLE_XET": "1",
        } | ({"HF_TOKEN": token} if token else {})  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", READ, "board/org__model-details", contents, json.dumps(asked)],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub"), tokens={"board": TOKEN, "else": "hf_else"}) as running:
        yield running


@pytest.fixture
def served(hub: localhub.Running) -> Iterator[localhub.Running]:
    """The Hub, without any dataset of another test."""
    yield hub
    hub.faults.set([])
    api = HfApi(endpoint=hub.endpoint, token=TOKEN)
    for found in api.list_datasets(author="board"):
        api.delete_repo(found.id, repo_type="dataset")


def test_details_are_read_as_datasets_after_one_run_and_after_several(served: localhub.Running, tmp_path: Path) -> None:
    board = Board(served, tmp_path)
    board.publish(block(), sums=table("2"), words=table("two"))
    found = board.read(
        ("sums", "latest"), ("words", "latest"), contents="hf://datasets/board/results/contents/small.parquet"
    )
    assert found["sums/latest"]["rows"][0]["resps"] == '[["2"]]' and found["contents"] == ["org/model"]
    assert json.loads(found["words/latest"]["rows"][0]["doc"]) == {"q": "1+1="}

    board.publish(block("2026-11-21T10:00:00Z", "b"), sums=table("3", exact_match=0.0, acc=0.5))
    board.publish(block("2026-11-19T10:00:00Z", "c"), sums=table("1"))
    splits = [f"2026_11_{day}T10_00_00Z" for day in (19, 20, 21)]
    found = board.read(
        ("sums", "latest"), *(("sums", split) for split in splits), ("words", "latest"), ("words", splits[1])
    )
    answers = {name: one["rows"][0]["resps"] for name, one in found.items()}
    assert answers == {
        "sums/latest": '[["3"]]', f"sums/{splits[0]}": '[["1"]]', f"sums/{splits[1]}": '[["2"]]',
        f"sums/{splits[2]}": '[["3"]]', "words/latest": '[["two"]]', f"words/{splits[1]}": '[["two"]]',
    }  # fmt: skip
    assert found["sums/latest"]["rows"][0]["exact_match"] == 0.0
    assert found[f"sums/{splits[1]}"]["rows"][0]["exact_match"] is None


def test_what_publishing_costs(served: localhub.Running, tmp_path: Path) -> None:
    board = Board(served, tmp_path)
    before = len(board.commits("board/results"))
    path = board.publish(block(), sums=table("2"), words=table("two"))
    assert len(board.commits("board/org__model-details")) == 2 and len(board.commits("board/results")) == before + 1
    assert board.publish(block(), sums=table("2"), words=table("two")) == path
    assert len(board.commits("board/org__model-details")) == 2 and len(board.commits("board/results")) == before + 1
