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
from huggingface_hub.errors import GatedRepoError
from pydantic import SecretStr

import localhub
from leaderboard.backup.restore import restore
from leaderboard.backup.save import parts, save
from leaderboard.benchmarks import Benchmark, Column, Part
from leaderboard.board.contents import Contents
from leaderboard.errors import BadSettings, HubUnavailable, NotFound
from leaderboard.hub.cards import CARD, card_of
from leaderboard.models.facts import facts_file, facts_path
from leaderboard.opening import Stores, open_stores
from leaderboard.queue.queue import Queue
from leaderboard.records import ModelFacts, PodiumBlock, Provenance, Score, is_repo_id
from leaderboard.results.details import details_table
from leaderboard.results.details_card import BEGIN, merged
from leaderboard.results.hub_details import HubDetails
from leaderboard.results.results import Results
from leaderboard.settings import Settings
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


def benchmark(benchmark_id: str = "small", **reply: Any) -> Benchmark:
    columns = [
        Column(key=key, title=key.title(), run=[key], parts=[Part(task=key, metrics=["acc,none"])])
        for key in ("sums", "words")
    ]
    return Benchmark(id=benchmark_id, version="1", title="Small", description="Small.", columns=columns, **reply)


def block(stamp: str = "2026-11-20T10:00:00Z", request: str = "a", **reply: Any) -> PodiumBlock:
    return PodiumBlock(
        **{
            "request_id": request, "attempt": 1, "benchmark": "small", "benchmark_version": "1", "model": "org/model",
            "revision": "a" * 40, "precision": "bfloat16", "weight_type": "Original", "use_chat_template": False,
            "time": stamp, "scores": {"sums": Score(raw=0.5, normalised=50.0, stderr=1.0, n=2)}, "average": 50.0,
            "provenance": Provenance(packages={"lm_eval": "0.4.13"}),
        } | reply
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

    def __init__(self, served: localhub.Running, folder: Path, **reply: Any) -> None:
        self.served = served
        self.folder = folder
        self.benchmarks = {"small": benchmark(), "gated": benchmark("gated", details="gated")}
        self.settings = Settings(
            store="hub", hub_namespace="board", hub_endpoint=served.endpoint, hub_token=SecretStr(TOKEN),
            work_dir=folder / "work", **{"hub_look_s": 0.0} | reply,
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

    def read(
        self,
        *asked: tuple[str, str],
        contents: str = "",
        token: str | None = None,
        repo: str = "board/org__model-details",
    ) -> dict[str, Any]:
        """What `load_dataset` and `read_parquet` give in a process of their own, as a reader has it."""
        environment = os.environ | {
            "HF_ENDPOINT": self.served.endpoint, "HF_HOME": str(self.folder / "home"), "HF_HUB_DISABLE_XET": "1",
        } | ({"HF_TOKEN": token} if token else {})  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", READ, repo, contents, json.dumps(asked)],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result


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
    for result in api.list_datasets(author="board"):
        api.delete_repo(result.id, repo_type="dataset")


def test_details_are_read_as_datasets_after_one_run_and_after_several(served: localhub.Running, tmp_path: Path) -> None:
    board = Board(served, tmp_path)
    board.publish(block(), sums=table("2"), words=table("two"))
    result = board.read(
        ("sums", "latest"), ("words", "latest"), contents="hf://datasets/board/results/contents/small.parquet"
    )
    assert result["sums/latest"]["rows"][0]["resps"] == '[["2"]]' and result["contents"] == ["org/model"]
    assert json.loads(result["words/latest"]["rows"][0]["doc"]) == {"q": "1+1="}

    board.publish(block("2026-11-21T10:00:00Z", "b"), sums=table("3", exact_match=0.0, acc=0.5))
    board.publish(block("2026-11-19T10:00:00Z", "c"), sums=table("1"))
    splits = [f"2026_11_{day}T10_00_00Z" for day in (19, 20, 21)]
    result = board.read(
        ("sums", "latest"), *(("sums", split) for split in splits), ("words", "latest"), ("words", splits[1])
    )
    answers = {name: item["rows"][0]["resps"] for name, item in result.items()}
    assert answers == {
        "sums/latest": '[["3"]]', f"sums/{splits[0]}": '[["1"]]', f"sums/{splits[1]}": '[["2"]]',
        f"sums/{splits[2]}": '[["3"]]', "words/latest": '[["two"]]', f"words/{splits[1]}": '[["two"]]',
    }  # fmt: skip
    assert result["sums/latest"]["rows"][0]["exact_match"] == 0.0
    assert result[f"sums/{splits[1]}"]["rows"][0]["exact_match"] is None


def test_what_publishing_costs(served: localhub.Running, tmp_path: Path) -> None:
    board = Board(served, tmp_path)
    before = len(board.commits("board/results"))
    path = board.publish(block(), sums=table("2"), words=table("two"))
    assert len(board.commits("board/org__model-details")) == 2 and len(board.commits("board/results")) == before + 1
    assert board.publish(block(), sums=table("2"), words=table("two")) == path
    assert len(board.commits("board/org__model-details")) == 2 and len(board.commits("board/results")) == before + 1


def test_who_takes_a_name_has_a_dataset_of_details_of_its_own(served: localhub.Running, tmp_path: Path) -> None:
    board = Board(served, tmp_path)
    renamed = ModelFacts(model="org/best", revision="a" * 40, aliases={"org/model": "2026-11-20T12:00:00Z"})
    first = board.publish(block(), sums=table("2"))
    board.stores.results.commit({facts_path("org/best"): facts_file(renamed)}, "org/model is called org/best now")
    second = board.publish(block("2026-11-21T10:00:00Z", "b"), sums=table("3"))
    own = "board/org__model-20261120T120000Z-details"
    assert {each.id for each in board.api.list_datasets(author="board")} >= {"board/org__model-details", own}
    for path, answer in ((first, "2"), (second, "3")):
        assert board.results.tasks_at(path) == ["sums"]
        assert board.results.details_at(path, "sums").rows(0, 1)[0]["resps"] == [[answer]]
    there = [path for path in board.api.list_repo_files(own, repo_type="dataset") if path.endswith(".parquet")]
    assert there == ["small/2026-11-21T10-00-00Z/sums.parquet"]
    assert {part for part, _ in parts(board.stores)} == {
        "requests", "results", "details/org__model", "details/org__model-20261120T120000Z",
    }  # fmt: skip
    save(board.stores, "hub", tmp_path / "backup")
    for dataset in board.api.list_datasets(author="board"):
        board.api.delete_repo(dataset.id, repo_type="dataset")
    again = Board(served, tmp_path / "again")
    restore(again.stores, "hub", tmp_path / "backup")
    assert again.results.details_at(second, "sums").rows(0, 1)[0]["resps"] == [["3"]]


def test_what_a_round_publishes_is_one_commit(served: localhub.Running, tmp_path: Path) -> None:
    board = Board(served, tmp_path)
    gathered = board.stores.gathered()
    results = Results(gathered.results, gathered.details)
    contents = Contents(gathered.results, Queue(gathered.requests), board.benchmarks)
    for number in range(3):
        one = block(request=f"{number}", model=f"org/model-{number}")
        results.publish({"results": {}, "podium": one.model_dump()}, {"sums": table("2")}, contents.changes)
    before = len(board.commits("board/results"))
    assert board.results.list("small") == []
    assert results.flush("three") == set()
    assert len(board.commits("board/results")) == before + 1
    assert len(board.results.list("small")) == 3 == len(board.contents.frame("small"))


@pytest.mark.parametrize("kind", ["lost-answer", "closed"])
def test_a_run_whose_answers_are_lost_is_there_once(served: localhub.Running, tmp_path: Path, kind: str) -> None:
    board = Board(served, tmp_path)
    served.faults.set([Fault(kind)])
    board.publish(block(), sums=table("2"))
    served.faults.set([])
    again = Board(served, tmp_path / "elsewhere")
    path = again.publish(block(), sums=table("2"))
    assert len(board.commits("board/org__model-details")) == 2
    assert again.results.tasks_at(path) == ["sums"] and len(again.results.list("small")) == 1


def test_runs_that_start_in_the_same_second_keep_their_details(served: localhub.Running, tmp_path: Path) -> None:
    one, other = Board(served, tmp_path), Board(served, tmp_path / "elsewhere", hub_look_s=600.0)
    assert other.results.list("small") == []
    paths = [one.publish(block(), sums=table("2")), other.publish(block(request="b"), sums=table("3"))]
    reader = Board(served, tmp_path / "new").results
    assert paths[1] == paths[0].replace(".json", "_b.json")
    assert [[row["resps"] for row in reader.details_at(path, "sums").rows(0, 9)] for path in paths] == [
        [[["2"]]], [[["3"]]],
    ]  # fmt: skip
    assert len(one.commits("board/org__model-details")) == 3
    assert reader.path_of(block(request="b")) == paths[1]
    assert other.publish(block(request="b"), sums=table("3")) == paths[1]


def test_pages_read_details_from_the_hub_and_keep_them(served: localhub.Running, tmp_path: Path) -> None:
    board = Board(served, tmp_path)
    path = board.publish(block(), sums=table("2"), **{"a/b:c": table("x")})
    reader = Board(served, tmp_path)
    assert reader.results.tasks(block()) == ["a/b:c", "sums"]
    assert reader.results.examples(block(), "sums", 0, 10)[0]["resps"] == [["2"]]
    served.faults.set([Fault("500")])
    assert reader.results.details_at(path, "sums").count() == 1
    served.faults.set([])
    with pytest.raises(NotFound, match="There are details of: a/b:c, sums"):
        reader.results.details_at(path, "other")


def test_hidden_questions_have_no_dataset(served: localhub.Running, tmp_path: Path) -> None:
    board = Board(served, tmp_path)
    path = board.publish(block())
    assert board.results.tasks_at(path) == []
    with pytest.raises(NotFound, match="There is no dataset board/org__model-details"):
        board.results.details_at(path, "sums")
    assert not board.api.repo_exists("board/org__model-details", repo_type="dataset")


def test_gated_details_are_for_people_who_say_who_they_are(served: localhub.Running, tmp_path: Path) -> None:
    board = Board(served, tmp_path)
    path = board.publish(block(benchmark="gated"), sums=table("2"))
    repo = "board/org__model-details"
    assert board.api.dataset_info(repo).gated == "auto"
    assert board.results.tasks_at(path) == []
    with pytest.raises(NotFound, match=f"says who they are: see the dataset {repo}"):
        board.results.details_at(path, "sums")
    stranger = HfApi(endpoint=served.endpoint, token="hf_else")
    with pytest.raises(GatedRepoError):
        stranger.hf_hub_download(
            repo, "gated/2026-11-20T10-00-00Z/sums.parquet", repo_type="dataset", local_dir=tmp_path
        )
    assert board.read(("sums", "latest"), token=TOKEN)["sums/latest"]["rows"]


def test_contents_in_a_dataset_of_their_own(served: localhub.Running, tmp_path: Path) -> None:
    board = Board(served, tmp_path, hub_contents="board/contents")
    board.publish(block(), sums=table("2"))
    assert board.api.list_repo_files("board/contents", repo_type="dataset") == [
        ".gitattributes", "README.md", "small.parquet",
    ]  # fmt: skip
    assert not [path for path in board.api.list_repo_files("board/results", repo_type="dataset") if "contents" in path]
    contents = "hf://datasets/board/contents/small.parquet"
    assert board.read(contents=contents)["contents"] == ["org/model"]
    assert len(Board(served, tmp_path / "new", hub_contents="board/contents").contents.frame("small")) == 1


@pytest.mark.parametrize("contents", ["", "board/contents"])
def test_contents_are_a_config_for_each_benchmark(served: localhub.Running, tmp_path: Path, contents: str) -> None:
    board = Board(served, tmp_path, hub_contents=contents)
    board.publish(block(), sums=table("2"))
    repo = contents or "board/results"
    result = board.read(("small", "train"), repo=repo)
    assert result["small/train"]["rows"][0]["fullname"] == "org/model"
    assert "viewer: false" in card_of(board.stores.requests.read)[0]


def test_a_boards_card_is_written_once_and_what_people_write_on_it_stays(
    served: localhub.Running, tmp_path: Path
) -> None:
    board = Board(served, tmp_path)
    before = board.commits("board/results")
    board.opened()
    assert board.commits("board/results") == before
    store = board.stores.results
    reply = card_of(store.read)[0].replace("# Podium: results", "# Ours").replace("tags:", "license: mit\ntags:")
    store.commit({CARD: reply.encode()}, "ours")
    board.benchmarks = {**board.benchmarks, "third": benchmark("third")}
    board.opened()
    now = card_of(board.opened().results.read)[0]
    assert "# Ours" in now and "license: mit" in now and "contents/third.parquet" in now
    assert now.count("config_name") == 3


def test_names_of_details_datasets_fit_the_hub(served: localhub.Running, tmp_path: Path) -> None:
    details = Board(served, tmp_path).stores.details
    assert isinstance(details, HubDetails)
    long = {details.repo_id(f"{'o' * 60}/{'m' * 90}{end}") for end in "ab"}
    assert len(long) == 2 and all(is_repo_id(item) and len(item.split("/")[1]) <= 96 for item in long)


# --- settings


def test_settings_say_all_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(
        BadSettings, match=r"HF_TOKEN: .*\n.*PODIUM_HUB_NAMESPACE: .*\n.*PODIUM_HUB_CONTENTS: 'x' is not"
    ):
        open_stores(Settings(store="hub", hub_token=None, hub_contents="x", work_dir=tmp_path), {})


def test_the_hub_sets_the_pace_unless_it_is_set(tmp_path: Path) -> None:
    assert Settings(store="hub").progress_s == 60 and Settings().progress_s == 5
    assert Settings(store="hub", progress_s=7).progress_s == 7


def test_a_token_that_may_not_write_stops_the_start(served: localhub.Running, tmp_path: Path) -> None:
    reply = {"hub_endpoint": served.endpoint, "hub_token": SecretStr("hf_else"), "work_dir": tmp_path}
    settings = Settings(store="hub", hub_namespace="board", **reply)  # type: ignore[arg-type]
    with pytest.raises(HubUnavailable, match="HF_TOKEN is valid and may write") as refused:
        open_stores(settings, {})
    assert "hf_else" not in str(refused.value) + repr(settings)


# --- the card


def card(text: str, *stamps: str, task: str = "sums", **reply: Any) -> str:
    """A card after runs of one task were added to it one by one."""
    files: list[str] = []
    for stamp in stamps:
        files.append(f"small/{stamp}/{task}.parquet")
        text = merged(text, "board/org__model-details", files, {task: {"acc": "float64"}}, block(**reply), stamp)
    return text


def head(text: str) -> dict[str, Any]:
    result = yaml.safe_load(text.split("---\n")[1])
    assert isinstance(result, dict)
    return result


def test_a_card_names_every_run_and_the_latest() -> None:
    [config] = head(card("", "2026-01-02T00-00-00Z", "2026-01-03T00-00-00Z", "2026-01-01T00-00-00Z"))["configs"]
    path = "small/2026-01-0{}T00-00-00Z/sums.parquet"
    splits = {file["split"]: file["path"] for file in config["data_files"]}
    assert config["config_name"] == "sums" and splits == {
        **{f"2026_01_0{day}T00_00_00Z": [path.format(day)] for day in (1, 2, 3)}, "latest": [path.format(3)],
    }  # fmt: skip


def test_what_people_write_on_a_card_stays() -> None:
    text = card("", "2026-01-01T00-00-00Z").replace("---\n", "---\nlicense: mit\n", 1) + "\nAsk us anything.\n"
    text = text.replace("# Evaluation", "# Our evaluation")
    fields = head(text)
    fields["configs"].append({"config_name": "mine", "data_files": "mine.csv"})
    text = f"---\n{yaml.safe_dump(fields)}---\n{text.split('---' + chr(10), 2)[2]}"
    after = card(text, "2026-01-01T00-00-00Z", "2026-01-02T00-00-00Z")
    assert head(after)["license"] == "mit" and len(head(after)["configs"]) == 2
    assert "# Our evaluation" in after and after.endswith("\nAsk us anything.\n")
    assert after.count("| small |") == 2 and card(after, "2026-01-01T00-00-00Z", "2026-01-02T00-00-00Z") == after


@pytest.mark.parametrize("text", ["---\n: [\n---\nHello\n", "---\n- list\n---\nHello\n", "Hello\n", ""])
def test_a_broken_card_is_made_anew(text: str) -> None:
    made = card(text, "2026-01-01T00-00-00Z")
    assert head(made)["configs"] and made.count(BEGIN) == 1 and made.endswith("\n")
    assert "Hello" in made or not text
