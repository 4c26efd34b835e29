"""The board in memory: what is shown, counted, ranked, ordered and exported agrees with itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.benchmarks import Benchmark, Column, Part
from leaderboard.board.table import Board
from leaderboard.board.view import View
from leaderboard.columns import SIZES
from leaderboard.records import ModelType, Precision


def benchmark(*titles: str) -> Benchmark:
    columns = [
        Column(key=title.lower(), title=title, run=[title], parts=[Part(task=title, metrics=["acc,none"])])
        for title in titles
    ]
    return Benchmark(id="demo", version="1", title="Demo", description="", columns=columns)


def make_frame(size: int, seed: int = 0) -> pd.DataFrame:
    """Rows with every oddity: ties, missing scores, unknown sizes and licences, all types and precisions."""
    rng = np.random.default_rng(seed)
    a, b = (np.round(rng.uniform(0, 100, size), 1) for _ in range(2))
    a[rng.random(size) < 0.1] = np.nan
    types = [kind.value for kind in ModelType]
    frame = pd.DataFrame(
        {
            "fullname": [f"org{at % 7}/Model-{at:04d}" for at in range(size)],
            "Model sha": [f"{at:040x}" for at in range(size)],
            "T": "?",
            "Type": rng.choice(types, size),
            "Precision": rng.choice([precision.value for precision in Precision], size),
            "Weight type": "Original",
            "Architecture": "LlamaForCausalLM",
            "Hub License": rng.choice(["mit", "apache-2.0", None], size),
            "#Params (B)": np.where(rng.random(size) < 0.1, np.nan, rng.uniform(0, 100, size)),
            "Chat Template": rng.random(size) < 0.5,
            "Flagged": rng.random(size) < 0.1,
            "Merged": rng.random(size) < 0.2,
            "MoE": rng.random(size) < 0.1,
            "Available on the hub": rng.random(size) < 0.9,
            "Official Providers": rng.random(size) < 0.1,
            "A": a,
            "A Raw": a / 100,
            "B": b,
            "B Raw": b / 100,
        }
    )
    return frame


FRAME = make_frame(300)
BOARD = Board(FRAME, benchmark("A", "B"))


def shown(view: View) -> list[dict[str, Any]]:
    selection = BOARD.select(view)
    return BOARD.rows(selection, selection.rows, view)


VIEWS = st.builds(
    View,
    search=st.sampled_from(["", "org1", "org1; org2", "license: mit", "params:<10", "-org3", "nothing-of-this"]),
    types=st.lists(st.sampled_from(list(ModelType)), max_size=3, unique=True).map(tuple),
    precisions=st.lists(st.sampled_from([p.value for p in Precision]), max_size=3, unique=True).map(tuple),
    size_min=st.none() | st.sampled_from([0.0, 3.0, 50.0]),
    size_max=st.none() | st.sampled_from([7.0, 65.0]),
    hide=st.lists(
        st.sampled_from(["flagged", "merged", "moe", "unavailable", "chat", "non_chat"]), max_size=3, unique=True
    ).map(tuple),
    official=st.booleans(),
    sort=st.sampled_from(["average", "a", "b", "model", "license", "params", "merged", "unknown column"]),
    ascending=st.booleans(),
    pins=st.lists(st.sampled_from(BOARD.ids[:5]), max_size=2, unique=True).map(tuple),
    columns=st.lists(st.sampled_from(["a", "b", "type", "license", "merged"]), max_size=3, unique=True).map(tuple),
    scores=st.sampled_from(["normalised", "raw"]),
    errors=st.booleans(),
    average=st.sampled_from(["all", "visible"]),
    rank=st.sampled_from(["static", "dynamic"]),
)


def test_a_missing_score_ranks_last_and_stays_in_view() -> None:
    for ascending in (False, True):
        rows = shown(View(hide=(), ascending=ascending))
        assert len(rows) == len(FRAME)
        missing = [row["average"] is None for row in rows]
        assert any(missing) and missing == sorted(missing)
        assert all(row["rank"] is None for row in rows if row["average"] is None)


def test_equal_averages_share_a_rank_and_the_next_one_counts_them() -> None:
    frame = make_frame(4).assign(A=[50.0, 70.0, 50.0, 10.0], B=[50.0, 70.0, 50.0, 10.0], Flagged=False)
    board = Board(frame, benchmark("A", "B"))
    selection = board.select(View())
    assert [row["rank"] for row in board.rows(selection, selection.rows, View())] == [1, 2, 2, 4]


def test_flagged_rows_are_hidden_by_default_and_counted() -> None:
    selection = BOARD.select(View())
    assert selection.hidden == {"flagged": int(FRAME["Flagged"].sum())}
    assert len(selection.rows) == len(FRAME) - selection.hidden["flagged"]


@pytest.mark.parametrize("kind", list(ModelType))
def test_a_type_filter_matches_exactly_its_rows(kind: ModelType) -> None:
    rows = shown(View(types=(kind,), hide=()))
    assert len(rows) == int((FRAME["Type"] == kind.value).sum()) > 0
    assert {row["type"] for row in rows} == {kind.value}


def test_presets_split_all_known_sizes() -> None:
    sizes = [len(BOARD.select(View(size_min=low, size_max=high, hide=())).rows) for low, high in SIZES.values()]
    assert sum(sizes) == int(FRAME["#Params (B)"].notna().sum())


def test_nothing_found_says_which_filter_is_to_blame() -> None:
    selection = BOARD.select(View(search="nothing-of-this", precisions=("float16",)))
    assert len(selection.rows) == 0
    assert selection.blame["search"] > 0 and selection.blame["precisions"] == 0


def test_the_average_over_visible_columns() -> None:
    view = View(columns=("b", "license"), average="visible", hide=())
    for row in shown(view)[:20]:
        assert row["average"] == pytest.approx(row["scores"]["b"]["value"])


@settings(max_examples=60, deadline=None)
@given(VIEWS)
def test_counts_beside_choices_agree_with_the_table(view: View) -> None:
    facets = BOARD.facets(view)
    for name, values in {"types": list(ModelType), "precisions": [p.value for p in Precision]}.items():
        for value in values[:3]:
            chosen = view.model_copy(update={name: (value,), "pins": ()})
            assert facets[name].get(str(value), 0) == len(BOARD.select(chosen).rows)


@settings(max_examples=60, deadline=None)
@given(VIEWS)
def test_rows_pins_ranks_and_export_agree(view: View) -> None:
    selection = BOARD.select(view)
    assert not set(selection.rows) & set(selection.pinned)
    assert [BOARD.ids[at] for at in selection.pinned] == list(view.pins)
    rows = BOARD.rows(selection, [*selection.pinned, *selection.rows], view)
    exported = BOARD.export(view)
    assert list(exported["Model"]) == [row["model"] for row in rows]
    for row, average in zip(rows, exported["Average"], strict=True):
        assert (row["average"] is None and np.isnan(average)) or row["average"] == average
    if view.rank == "dynamic" and not view.pins:
        ranks = sorted(row["rank"] for row in rows if row["rank"])
        assert not ranks or ranks[0] == 1


@settings(max_examples=60, deadline=None)
@given(VIEWS)
def test_a_view_comes_back_from_its_address(view: View) -> None:
    assert View.from_params(view.to_params()) == (view, [])


def test_an_address_with_nonsense_says_so_and_shows_the_rest() -> None:
    view, warnings = View.from_params({"size_min": "many", "types": "robots", "search": "llama", "foreign": "1"})
    assert view == View(search="llama")
    assert sorted(warning.split("”")[0] for warning in warnings) == ["“size_min", "“types"]


def test_an_empty_board_is_a_board() -> None:
    board = Board(FRAME.iloc[:0], benchmark("A", "B"))
    assert len(board.select(View()).rows) == 0 and board.best == {}
    assert board.export(View()).empty
