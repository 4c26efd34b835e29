"""The contents table is what the files say, however it came to be up to date."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.benchmarks import Policy, load_benchmarks
from leaderboard.board.boards import Boards, ContentsSource
from leaderboard.board.contents import Contents, contents_path, rebuild
from leaderboard.board.rows import KnownFacts, columns
from leaderboard.columns import RESERVED_TITLES
from leaderboard.community.flags import Category, Draft, Flags, State
from leaderboard.competitions.baselines import Baselines
from leaderboard.competitions.reviews import Reviews, ReviewState
from leaderboard.errors import NotFound, Unreadable
from leaderboard.models.summary import summary
from leaderboard.queue.queue import Queue as RequestFiles
from leaderboard.records import ModelFacts, ModelType, Person, PodiumBlock, Provenance, Request, Score
from leaderboard.results.details import details_table
from leaderboard.results.details_store import RESULT_PATH
from leaderboard.results.result_files import read_block
from leaderboard.results.results import Results
from leaderboard.stores.local import LocalStore
from leaderboard.submissions.policy import Policies
from tests.shared import ROOT, shared_data

BENCHMARKS = load_benchmarks(ROOT / "benchmarks")
TINY, V2 = BENCHMARKS["tiny"], BENCHMARKS["open-llm-v2"]
SHA = "0123456789abcdef0123456789abcdef01234567"


class Queue:
    """The requests that a test has put there."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def view(self) -> SimpleNamespace:
        return SimpleNamespace(by_id={request.id: request for request in self.requests})


def block(number: int = 0, benchmark: str = "tiny", **changes: Any) -> PodiumBlock:
    served = BENCHMARKS[benchmark]
    scores = {
        column.key: Score(raw=0.5 + number / 100, normalised=40.0 + number, stderr=1.0, n=200)
        for column in served.columns
    }
    fields: dict[str, Any] = {
        "request_id": f"{number:016x}",
        "attempt": 1,
        "benchmark": benchmark,
        "benchmark_version": served.version,
        "model": f"org/model{number}",
        "revision": SHA,
        "precision": "bfloat16",
        "weight_type": "Original",
        "use_chat_template": False,
        "time": f"2026-11-20T10:00:{number:02}Z",
        "scores": scores,
        "average": 40.0 + number,
        "provenance": Provenance(wall_seconds=12.5, energy_kwh=0.5),
    }
    return PodiumBlock(**{**fields, **changes})


def publish(store: LocalStore, one: PodiumBlock, contents: Contents | None = None) -> str:
    more = {"extra_changes": contents.changes} if contents else {}
    return Results(store).publish(
        {"results": {}, "podium": one.model_dump(mode="json")}, {"t": details_table([])}, **more
    )


def facts(store: LocalStore, model: str, **fields: Any) -> None:
    content = json.dumps({"model": model, "revision": SHA, **fields}).encode()
    store.commit({f"facts/{model}.json": content}, "facts")


def opened(store: LocalStore, queue: Queue | None = None) -> Contents:
    return Contents(LocalStore(store.root), queue or Queue(), BENCHMARKS)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "results")


# Columns and cells


def test_the_first_36_columns_are_those_of_the_open_llm_leaderboard(store: LocalStore) -> None:
    with shared_data("open_llm/contents_sample.csv").open(newline="") as file:
        published = next(csv.reader(file))
    publish(store, block(benchmark="open-llm-v2"))
    contents = opened(store)
    assert contents.save("open-llm-v2")
    saved = pd.read_parquet(io.BytesIO(store.read(contents_path("open-llm-v2"))[0]))
    assert list(saved.columns[:36]) == list(contents.frame("open-llm-v2").columns[:36]) == published
    assert saved["Type"][0] == "❓ other" and contents.frame("open-llm-v2")["Type"][0] == "other"


def test_headings_of_the_table_are_no_titles_of_columns() -> None:
    own = set(columns(TINY)) - {
        f"{column.title}{end}" for column in TINY.columns for end in ("", " Raw", " stderr", " n")
    }
    assert {name.lower() for name in own} <= RESERVED_TITLES


def test_a_row_says_what_result_request_and_hub_say(store: LocalStore) -> None:
    publish(store, block(3))
    facts(
        store,
        "org/model3",
        likes=7,
        created_at="2026-01-02T03:04:05Z",
        tags=["mergekit"],
        card={"license": "mit", "base_model": ["org/base"]},
        configs={"config.json": {"num_local_experts": 8}},
        parameters={"BF16": 1_500_000_000},
    )
    facts(store, "org/base", card={"base_model": "org/root"})
    queue = Queue()
    queue.requests = [
        Request(
            model="org/model3",
            id=f"{3:016x}",
            model_type=ModelType.CHAT,
            architectures="LlamaForCausalLM",
            sender="somebody",
            submitted_time="2026-11-19T10:00:00Z",
            params=1.6,
        )
    ]
    row = opened(store, queue).frame("tiny").iloc[0].to_dict()
    expected = {
        "eval_name": "org_model3_bfloat16",
        "Precision": "bfloat16",
        "Type": "chat models (RLHF, DPO, IFT, ...)",
        "T": "💬",
        "Weight type": "Original",
        "Architecture": "LlamaForCausalLM",
        "fullname": "org/model3",
        "Model sha": SHA,
        "Average ⬆️": 43.0,
        "Hub License": "mit",
        "Hub ❤️": 7,
        "#Params (B)": 1.6,
        "Available on the hub": True,
        "MoE": True,
        "Flagged": False,
        "Chat Template": False,
        "CO₂ cost (kg)": pytest.approx(0.1349),
        "Arithmetic Raw": 0.53,
        "Arithmetic": 43.0,
        "Arithmetic stderr": 1.0,
        "Arithmetic n": 200,
        "Merged": True,
        "Official Providers": False,
        "Upload To Hub Date": "2026-01-02",
        "Submission Date": "2026-11-19",
        "Generation": 2,
        "Base Model": "org/base",
        "request_id": f"{3:016x}",
        "attempt": 1,
        "result_path": "tiny/org/model3/results_2026-11-20T10-00-03Z.json",
        "evaluation_time_s": 12.5,
        "sender": "somebody",
    }
    assert {name: row[name] for name in expected} == expected
    assert ">org/model3</a>" in row["Model"]


def test_what_is_not_known_is_missing(store: LocalStore) -> None:
    publish(store, block(provenance=Provenance()))
    row = opened(store).frame("tiny").iloc[0]
    unknown = ["Hub ❤️", "#Params (B)", "CO₂ cost (kg)", "Generation", "Base Model", "Hub License", "sender",
               "Upload To Hub Date", "Submission Date", "evaluation_time_s", "Architecture"]  # fmt: skip
    assert [name for name in unknown if not pd.isna(row[name])] == []


def test_names_are_escaped_in_the_html_column(store: LocalStore) -> None:
    name = 'a"b/<img src=x onerror=1>'
    row = rebuild([(f"tiny/{name}/results_x.json", "v", block(model=name))], [], KnownFacts(), TINY).iloc[0]
    assert "<img" not in row["Model"] and 'a"b' not in row["Model"] and row["fullname"] == name


def test_a_row_with_a_missing_score_is_shown(store: LocalStore) -> None:
    scores = {"arithmetic": Score(raw=None, normalised=None), "compare": Score(raw=0.5, normalised=0.0)}
    publish(store, block(scores=scores, average=None))
    row = opened(store).frame("tiny").iloc[0]
    assert pd.isna(row["Arithmetic"]) and pd.isna(row["Average ⬆️"]) and row["Comparison"] == 0


def test_an_empty_table_has_its_columns_and_types(store: LocalStore) -> None:
    empty = opened(store).frame("tiny")
    publish(store, block())
    assert len(empty) == 0
    assert dict(empty.dtypes) == dict(opened(store).frame("tiny").dtypes)


def test_a_model_that_left_the_hub_and_a_flagged_one(store: LocalStore) -> None:
    publish(store, block(1))
    publish(store, block(2))
    official = BENCHMARKS["tiny"].model_copy(update={"policy": Policy(official_providers=["Org"])})
    contents = Contents(store, Queue(), BENCHMARKS | {"tiny": official})
    flags = Flags(store)
    why = Draft(model="org/model2", category=Category.COPY, evidence="The hashes of the weights are equal.")
    flags.decide(flags.add(flags.draft(why, "ann")).id, State.ACCEPTED, "mia")
    facts(store, "org/model1", available=False)
    table = contents.frame("tiny")
    assert table["Available on the hub"].tolist() == [False, True]
    assert table["Flagged"].tolist() == [False, True]
    assert table["Official Providers"].all()
    Policies(store, BENCHMARKS).decide("tiny", "official_provider", "org", "lift", Person(name="mia"), "It was sold.")
    assert not contents.frame("tiny")["Official Providers"].any()


@pytest.mark.parametrize(("first", "second"), [("org/a", "org/b"), ("org/model0", "org/model0")])
def test_a_lineage_that_goes_in_a_circle_has_no_generation(store: LocalStore, first: str, second: str) -> None:
    publish(store, block())
    facts(store, "org/model0", card={"base_model": first})
    facts(store, "org/a", card={"base_model": second})
    facts(store, "org/b", card={"base_model": "org/a"})
    assert opened(store).frame("tiny")["Generation"].isna().all()


# Which evaluations


def test_the_latest_attempt_of_a_checkpoint_counts_and_other_checkpoints_have_their_own_row(store: LocalStore) -> None:
    publish(store, block(1, attempt=1, average=10.0))
    publish(store, block(1, attempt=2, average=20.0, time="2026-11-21T10:00:00Z"))
    for changes in (
        {"precision": "float16"},
        {"revision": "f" * 40},
        {"use_chat_template": True},
        {"weight_type": "Delta"},
    ):
        publish(store, block(1, request_id=str(changes)[:16].replace("/", "_"), **changes))
    table = opened(store).frame("tiny")
    assert len(table) == 5
    assert table["Average ⬆️"].max() == 41.0
    assert 20.0 in table["Average ⬆️"].tolist() and 10.0 not in table["Average ⬆️"].tolist()


def test_a_run_with_a_limit_is_never_in_the_table(store: LocalStore) -> None:
    contents = opened(store)
    publish(store, block(1, limit=10), contents)
    assert len(contents.frame("tiny")) == 0
    assert contents_path("tiny") not in store.list()


def test_scores_of_another_version_of_the_benchmark_are_left_out_and_the_row_stays(store: LocalStore) -> None:
    publish(store, block(benchmark_version="0"))
    row = opened(store).frame("tiny").iloc[0]
    assert row["benchmark_version"] == "0" and pd.isna(row["Average ⬆️"]) and pd.isna(row["Arithmetic"])


def test_unreadable_files_are_reported_and_stop_nothing(store: LocalStore) -> None:
    publish(store, block())
    bad = {"tiny/org/x/results_1.json": b"\xff{", "facts/org/model0.json": b"[]", "facts/org/y.json": b"{"}
    store.commit({**bad, contents_path("tiny"): b"not Parquet"}, "by hand")
    contents = opened(store)
    assert len(contents.frame("tiny")) == 1
    assert [problem.path for problem in contents.unreadable] == sorted(bad)
    store.commit(dict.fromkeys(bad), "mended")
    contents.frame("tiny")
    assert contents.unreadable == []


def test_a_benchmark_that_is_not_served_is_not_found(store: LocalStore) -> None:
    with pytest.raises(NotFound, match="There are: open-llm-v1, open-llm-v2, tiny"):
        opened(store).frame("other")


# Up to date


def test_the_version_changes_with_the_table_and_only_then(store: LocalStore) -> None:
    queue = Queue()
    contents = Contents(store, queue, BENCHMARKS)
    publish(store, block())
    first = contents.version("tiny")
    queue.requests = [Request(model="org/other", id="f" * 16)]
    store.commit({"votes/x.json": b"{}"}, "elsewhere")
    assert contents.version("tiny") == first and contents.frame("tiny") is contents.frame("tiny")
    queue.requests.append(Request(model="org/model0", id=f"{0:016x}", license="mit"))
    second = contents.version("tiny")
    assert second != first and contents.frame("tiny")["Hub License"].tolist() == ["mit"]
    facts(store, "org/model0", likes=3)
    assert contents.version("tiny") != second and contents.frame("tiny")["Hub ❤️"].tolist() == [3]


def test_a_published_table_is_complete_and_saved_once(store: LocalStore) -> None:
    contents = opened(store)
    for number in range(3):
        publish(store, block(number), contents)
    saved = pd.read_parquet(io.BytesIO(store.read(contents_path("tiny"))[0]))
    assert saved["fullname"].tolist() == ["org/model0", "org/model1", "org/model2"]
    assert not contents.save("tiny")
    publish(store, block(4))
    assert contents.save("tiny") and not contents.save("tiny")


def test_the_published_table_is_the_one_that_was_saved(store: LocalStore) -> None:
    contents = opened(store)
    assert contents.published("tiny") is None
    publish(store, block(1), contents)
    table, version = contents.published("tiny") or (None, "")
    pd.testing.assert_frame_equal(table, contents.frame("tiny"))
    assert version == store.read(contents_path("tiny"))[1]
    store.commit({contents_path("tiny"): b"broken"}, "by hand")
    assert contents.published("tiny") is None
    with pytest.raises(NotFound):
        contents.published("nothing")


def test_the_first_board_is_what_was_published_and_soon_what_there_is(store: LocalStore) -> None:
    publish(store, block(1), opened(store))
    publish(store, block(2))  # not in the table that was saved
    contents = opened(store)
    may_look, looked = threading.Event(), threading.Event()
    boards = Boards(
        ContentsSource(
            lambda name: contents.version(name) if may_look.wait(60) else "", contents.frame, contents.published
        ),
        BENCHMARKS,
    )
    boards.on_change.append(lambda _: looked.set())
    assert Boards(ContentsSource(contents.version, contents.frame), BENCHMARKS).get("tiny").board.size == 2
    boards.watch(every_s=0.01)
    assert boards.get("tiny").board.size == 1
    may_look.set()
    assert looked.wait(60)
    boards.close()
    assert boards.get("tiny").board.size == 2 and boards.get("tiny").version == contents.version("tiny")


def test_a_reader_that_starts_takes_the_saved_rows_and_reads_only_the_other_files(store: LocalStore) -> None:
    contents = opened(store)
    for number in range(3):
        publish(store, block(number), contents)
    publish(store, block(4))
    reads = []

    class Counting(LocalStore):
        def read(self, path: str) -> tuple[bytes, str]:
            reads.append(path)
            return super().read(path)

    table = Contents(Counting(store.root), Queue(), BENCHMARKS).frame("tiny")
    assert reads == [contents_path("tiny"), "tiny/org/model4/results_2026-11-20T10-00-04Z.json"]
    pd.testing.assert_frame_equal(table, contents.frame("tiny"))


@pytest.mark.parametrize("content", [None, b"{"])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_result_that_is_gone_or_broken_has_no_row(store: LocalStore, content: bytes | None, restarted: bool) -> None:
    contents = opened(store)
    paths = [publish(store, block(number), contents) for number in range(2)]
    assert len(contents.frame("tiny")) == 2
    store.commit({paths[0]: content}, "by hand")
    table = (opened(store) if restarted else contents).frame("tiny")
    assert table["fullname"].tolist() == ["org/model1"]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_result_that_was_changed_has_its_new_row(store: LocalStore, restarted: bool) -> None:
    contents = opened(store)
    path = publish(store, block(), contents)
    content = {"podium": block(average=77.0).model_dump(mode="json")}
    store.commit({path: json.dumps(content).encode()}, "by hand")
    assert (opened(store) if restarted else contents).frame("tiny")["Average ⬆️"].tolist() == [77.0]


def test_saved_rows_of_another_layout_are_read_again(store: LocalStore) -> None:
    publish(store, block(), opened(store))
    renamed = TINY.model_copy(
        update={"columns": [TINY.columns[0].model_copy(update={"title": "Sums"}), *TINY.columns[1:]]}
    )
    table = Contents(LocalStore(store.root), Queue(), {"tiny": renamed}).frame("tiny")
    assert table["Sums"].tolist() == [40.0]


def test_what_organisers_decide_is_on_the_row_as_soon_as_it_is_written(store: LocalStore, tmp_path: Path) -> None:
    queue = RequestFiles(LocalStore(tmp_path / "requests"))
    contents = opened(store)
    publish(store, block(), contents)
    request = queue.submit(Request(id=f"{0:016x}", model="org/model0", benchmark="tiny", revision=SHA))
    queue.finish(queue.claim(request, "worker", 60))
    before = contents.version("tiny")
    Baselines(store, queue).mark(TINY, request.id, True, "mia")
    Reviews(store, queue).decide(TINY, request.id, ReviewState.REFUSED, "mia", "It read the labels.")
    for reader in (contents, opened(store)):
        row = reader.frame("tiny").iloc[0]
        assert (row["review"], row["review_reason"], row["baseline"]) == ("refused", "It read the labels.", True)
    assert contents.version("tiny") != before
    store.commit({"competition/tiny/reviews.json": b"{"}, "by hand")
    assert contents.frame("tiny")["review"].tolist() == ["refused"], "the last one that could be read holds"
    assert [problem.path for problem in contents.unreadable] == ["competition/tiny/reviews.json"]


def from_files(store: LocalStore, queue: Queue) -> pd.DataFrame:
    """The table by another way: every file read, nothing remembered."""
    result, known = [], {}
    for path, version in LocalStore(store.root).list().items():
        content = store.read(path)[0]
        try:
            if path.startswith("tiny/") and RESULT_PATH.fullmatch(path):
                result.append((path, version, read_block(path, content)))
            if path.startswith("facts/"):
                known[path[6:-5]] = summary(ModelFacts.model_validate_json(content))
        except (Unreadable, ValueError):
            continue
    return rebuild(result, queue.requests, KnownFacts(facts=known), TINY)


numbers = st.integers(0, 4)
steps = st.one_of(
    st.tuples(st.just("publish"), numbers, st.integers(1, 3)),
    st.tuples(st.just("break"), numbers, st.just(0)),
    st.tuples(st.just("delete"), numbers, st.just(0)),
    st.tuples(st.just("facts"), numbers, st.integers(0, 2)),
    st.tuples(st.just("request"), numbers, st.integers(0, 2)),
    st.tuples(st.just("look"), st.just(0), st.just(0)),
    st.tuples(st.just("save"), st.just(0), st.just(0)),
    st.tuples(st.just("restart"), st.just(0), st.just(0)),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(steps, max_size=14))
def test_the_incremental_table_is_the_one_built_from_all_files(history: list[tuple[str, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store, queue = LocalStore(Path(folder)), Queue()
        contents = opened(store, queue)
        for step, number, value in history:
            results = [path for path in store.list("tiny/") if f"model{number}/" in path]
            if step == "publish":
                publish(store, block(number, attempt=value, time=f"2026-11-2{value}T10:00:00Z"), contents)
            elif step in ("break", "delete") and results:
                store.commit({results[0]: b"{" if step == "break" else None}, "by hand")
            elif step == "facts" and value:
                facts(store, f"org/model{number}", likes=value, card={"base_model": f"org/model{number - value}"})
            elif step == "request":
                queue.requests = [request for request in queue.requests if request.id != f"{number:016x}"]
                queue.requests.append(Request(model=f"org/model{number}", id=f"{number:016x}", params=value or None))
            elif step == "look":
                contents.frame("tiny")
            elif step == "save":
                contents.save("tiny")
            elif step == "restart":
                contents = opened(store, queue)
        pd.testing.assert_frame_equal(contents.frame("tiny"), from_files(store, queue))
