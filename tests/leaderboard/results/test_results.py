"""Results are published once, whole, and can be read a piece at a time."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leaderboard.errors import Conflict, NotFound, Unreadable
from leaderboard.records import PodiumBlock, Provenance, Request, Score, Status
from leaderboard.results.details import Details, details_table
from leaderboard.results.result_files import read_block
from leaderboard.results.results import Results
from leaderboard.stores.local import LocalStore

SHA = "0123456789abcdef0123456789abcdef01234567"


def block(request_id: str = "a" * 16, attempt: int = 1, **changes: Any) -> PodiumBlock:
    fields: dict[str, Any] = {
        "request_id": request_id,
        "attempt": attempt,
        "benchmark": "tiny",
        "benchmark_version": "1",
        "model": "org/model",
        "revision": SHA,
        "precision": "bfloat16",
        "weight_type": "Original",
        "use_chat_template": False,
        "time": "2026-11-20T10:00:00Z",
        "scores": {"arithmetic": Score(raw=0.5, normalised=33.3, stderr=2.0, n=200)},
        "average": 33.3,
        "provenance": Provenance(wall_seconds=12.5, task_hashes={"t": "abc"}),
    }
    return PodiumBlock(**{**fields, **changes})


def harness_result(podium: PodiumBlock) -> dict[str, Any]:
    """What lm-eval returns, with its oddities."""
    return {
        "results": {"t": {"alias": "t", "acc,none": np.float64(0.5), "acc_stderr,none": "N/A", "odd,none": math.nan}},
        "configs": {"t": {"task": "t", "process_docs": harness_result, "n": np.int64(3), "until": ("a", "b")}},
        "n-samples": {"t": {"original": 200, "effective": 200}},
        "config": {"model": "hf", "model_dtype": torch.float32, "device": None},
        "pretty_env_info": "Hostname: secret-host\npip list ...",
        "samples": {"t": [{"doc": "hidden"}]},
        "versions": {"t": 1.0},
        "podium": podium.model_dump(mode="json"),
    }


def sample(doc_id: int, acc: float, **changes: Any) -> dict[str, Any]:
    return {
        "doc_id": doc_id,
        "doc": {"question": f"What is {doc_id}?", "choices": ["ä", "b"]},
        "target": 1,
        "arguments": [(f"Question {doc_id}\nAnswer:", " ä"), ("q", {"until": ["\n"], "do_sample": False})],
        "resps": [[(np.float64(-1.5), True)], [(-math.inf, False)]],
        "filtered_resps": [(-1.5, True)],
        "filter": "none",
        "metrics": ["acc", "acc_norm"],
        "doc_hash": "d",
        "prompt_hash": "p",
        "target_hash": "t",
        "acc": acc,
        "acc_norm": 1 - acc,
        **changes,
    }


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "results")


@pytest.fixture
def results(store: LocalStore) -> Results:
    return Results(store)


# Publishing


def test_a_published_result_keeps_the_harness_keys_and_drops_the_host(results: Results, store: LocalStore) -> None:
    path = results.publish(harness_result(block()), {})
    assert path == "tiny/org/model/results_2026-11-20T10-00-00Z.json"
    text = store.read(path)[0].decode()
    assert "secret-host" not in text and "hidden" not in text and "NaN" not in text and " at 0x" not in text
    result = results.read(path)
    assert result["results"]["t"] == {"alias": "t", "acc,none": 0.5, "acc_stderr,none": "N/A", "odd,none": None}
    assert result["config"] == {"model": "hf", "model_dtype": "torch.float32", "device": None}
    assert result["configs"]["t"]["until"] == ["a", "b"]
    assert result["configs"]["t"]["process_docs"].endswith(".harness_result")
    assert (result["model_name"], result["model_name_sanitized"]) == ("org/model", "org__model")
    assert result["total_evaluation_time_seconds"] == "12.5"
    assert PodiumBlock.model_validate(result["podium"]) == block()


def test_publishing_twice_changes_nothing(results: Results, store: LocalStore) -> None:
    first = results.publish(harness_result(block()), {"t": b"one"})
    before = store.list()
    again = harness_result(block(average=99.0))
    assert results.publish(again, {"t": b"two"}, {"contents/tiny.parquet": b"x"}) == first
    assert store.list() == before


def test_everything_is_in_one_commit(store: LocalStore) -> None:
    commits = []

    class Counting(LocalStore):
        def commit(self, changes: Any, message: str, expected: Any = None) -> str:
            commits.append(sorted(changes))
            return super().commit(changes, message, expected)

    Results(Counting(store.root)).publish(harness_result(block()), {"a/b": b"1"}, {"contents/tiny.parquet": b"2"})
    assert commits == [
        [
            "contents/tiny.parquet",
            "details/tiny/org__model/2026-11-20T10-00-00Z/a%2Fb.parquet",
            "tiny/org/model/results_2026-11-20T10-00-00Z.json",
        ]
    ]


def test_two_requests_of_the_same_second_both_have_their_place(results: Results) -> None:
    one, two = block("a" * 16), block("b" * 16, precision="float16")
    again = block("b" * 16, attempt=2, precision="float16")
    paths = [
        results.publish(harness_result(each), {each.request_id[0]: details_table([])}) for each in (one, two, again)
    ]
    assert len(set(paths)) == 3
    assert [results.path_of(each) for each in (one, two, again)] == paths
    assert results.tasks(one) == ["a"] and results.tasks(two) == ["b"]
    assert results.list("tiny") == [one, two, again]


def test_a_lost_race_for_the_place_is_decided_again(store: LocalStore) -> None:
    other = block("b" * 16)

    class Racing(LocalStore):
        raced = False

        def commit(self, changes: Any, message: str, expected: Any = None) -> str:
            if not self.raced:
                self.raced = True
                Results(store).publish(harness_result(other), {})
            return super().commit(changes, message, expected)

    racing = Results(Racing(store.root))
    path = racing.publish(harness_result(block()), {})
    assert path == f"tiny/org/model/results_2026-11-20T10-00-00Z_{'a' * 16}.json"
    assert len(racing.list("tiny")) == 2


def test_a_store_that_always_refuses_is_an_error(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leaderboard.stores.edit.TRIES", 3)

    class Refusing(LocalStore):
        def commit(self, changes: Any, message: str, expected: Any = None) -> str:
            raise Conflict(changes)

    with pytest.raises(Conflict):
        Results(Refusing(store.root)).publish(harness_result(block()), {})


def test_published_finds_the_latest_attempt_only(results: Results) -> None:
    request = Request(
        model="org/model",
        benchmark="tiny",
        id="a" * 16,
        attempts=1,
        job_start_time="2026-11-20T10:00:00Z",
        revision=SHA,
    )
    assert results.published(request) is None
    path = results.publish(harness_result(block()), {})
    assert results.published(request) == path
    assert results.published(request.model_copy(update={"attempts": 2})) is None
    assert results.published(request.model_copy(update={"id": "b" * 16})) is None
    assert results.published(Request(model="org/model", status=Status.PENDING)) is None


# Reading


def test_files_that_cannot_be_read_are_set_aside_and_named(results: Results, store: LocalStore) -> None:
    results.publish(harness_result(block()), {})
    good = store.read("tiny/org/model/results_2026-11-20T10-00-00Z.json")[0]
    bad = {
        "tiny/org/model/results_1.json": b"{",
        "tiny/org/model/results_2.json": b'{"results": {}}',
        "tiny/org/model/results_3.json": b'{"podium": {"model": "org/model"}}',
        "tiny/other/model/results_4.json": good,
        "tiny/org/model/results_5.json": b"[" * 100_000,
    }
    store.commit({**bad, "tiny/org/model/notes.txt": b"x"}, "by hand")
    assert len(results.list("tiny")) == 1
    assert {problem.path for problem in results.unreadable} == set(bad)
    assert "request_id" in next(str(item) for item in results.unreadable if item.path.endswith("_3.json"))
    store.commit(dict.fromkeys(bad), "mended")
    assert len(results.list("tiny")) == 1 and results.unreadable == []
    with pytest.raises(Unreadable):
        read_block("tiny/org/model/results_1.json", b"\xff")


@pytest.mark.parametrize("path", ["contents/tiny.parquet", "../secret", "tiny/org/model/notes.txt", "x"])
def test_only_result_files_are_read_as_such(results: Results, path: str) -> None:
    with pytest.raises(NotFound):
        results.read(path)


def test_list_reads_each_file_once(store: LocalStore) -> None:
    reads = []

    class Counting(LocalStore):
        def read(self, path: str) -> tuple[bytes, str]:
            reads.append(path)
            return super().read(path)

    results = Results(Counting(store.root))
    results.publish(harness_result(block()), {})
    reads.clear()
    assert results.list("tiny") == results.list("tiny") == [block()]
    assert len(reads) == 1


# Details


def test_details_are_a_parquet_file_that_anyone_can_read() -> None:
    frame = pd.read_parquet(io.BytesIO(details_table([sample(0, 1.0), sample(1, 0.0)])))
    assert list(frame.columns[:6]) == ["doc_id", "doc", "target", "arguments", "resps", "filtered_resps"]
    assert set(frame.columns) >= {"filter", "doc_hash", "prompt_hash", "target_hash", "acc", "acc_norm"}
    assert frame["acc"].tolist() == [1.0, 0.0]
    assert json.loads(frame["doc"][0]) == {"question": "What is 0?", "choices": ["ä", "b"]}
    assert json.loads(frame["resps"][0]) == [[[-1.5, True]], [[None, False]]]


def test_examples_come_back_as_they_were(results: Results) -> None:
    result = block()
    results.publish(harness_result(result), {"t": details_table([sample(0, 1.0), sample(1, 0.0)])})
    first, second = results.examples(result, "t", 0, 10)
    assert first["doc"] == {"question": "What is 0?", "choices": ["ä", "b"]}
    assert first["arguments"][1] == ["q", {"until": ["\n"], "do_sample": False}]
    assert first["metrics"] == {"acc_norm": 0.0, "acc": 1.0}
    assert (first["right"], second["right"]) == (False, True)


def test_details_that_are_not_there_are_not_found_by_name(results: Results) -> None:
    result = block()
    results.publish(harness_result(result), {"t": details_table([]), "u": b"not Parquet"})
    with pytest.raises(NotFound, match="There are details of: t, u"):
        results.examples(result, "v", 0, 10)
    with pytest.raises(NotFound):
        results.examples(result, "../../../requests/x", 0, 10)
    with pytest.raises(Unreadable):
        results.examples(result, "u", 0, 10)
    with pytest.raises(NotFound):
        results.tasks(block("c" * 16))


@settings(max_examples=40, deadline=None)
@example(right=[at % 3 == 0 for at in range(1200)], offset=620, limit=30, wrong_only=False, text="")
@example(right=[at % 3 == 0 for at in range(1200)], offset=450, limit=300, wrong_only=True, text="7")
@given(
    st.lists(st.booleans(), max_size=1200),
    st.integers(0, 1300),
    st.integers(1, 700),
    st.booleans(),
    st.sampled_from(["", "7", 'say "x"', "ÄPFEL"]),
)
def test_a_page_of_examples_is_a_slice_of_all(
    right: list[bool], offset: int, limit: int, wrong_only: bool, text: str
) -> None:
    samples = [
        {
            "doc_id": at,
            "doc": {"q": f"{at} äpfel" if at % 3 else f'{at} say "x"\n'},
            "metrics": ["exact_match"],
            "exact_match": float(ok),
        }
        for at, ok in enumerate(right)
    ]
    expected = [
        item["doc_id"]
        for item in samples
        if (not wrong_only or item["exact_match"] < 1) and text.lower() in str(item["doc"]["q"]).lower()
    ]
    details = Details(details_table(samples))
    assert details.count(wrong_only, text) == len(expected)
    assert [row["doc_id"] for row in details.rows(offset, limit, wrong_only, text)] == expected[offset : offset + limit]


def test_metrics_of_any_shape_become_numbers_or_nothing() -> None:
    shapes = [True, 0.25, [True, False], (-3.0, 4), math.nan, "text", None, np.float32(0.5), []]
    rows = [{"doc_id": at, "metrics": ["m"], "m": value} for at, value in enumerate(shapes)]
    result = [row["metrics"]["m"] for row in Details(details_table(rows)).rows(0, 20)]
    assert result == [1.0, 0.25, 0.5, 0.5, None, None, None, 0.5, None]


def test_text_that_is_not_unicode_does_not_stop_a_publication() -> None:
    content = details_table([{"doc_id": 0, "resps": [["\ud800 broken"]], "metrics": []}])
    assert Details(content).rows(0, 1)[0]["resps"] == [["? broken"]]
