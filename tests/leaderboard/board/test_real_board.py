"""A thousand real rows of the Open LLM Leaderboard, with all their oddities, on our board."""

from __future__ import annotations

import pandas as pd
import pytest

from leaderboard.benchmarks import load_benchmark
from leaderboard.board.table import Board
from leaderboard.board.view import View
from leaderboard.records import ModelType
from leaderboard.settings import PROJECT
from tests.shared import shared_data

SCORES = {
    "ifeval": "IFEval",
    "bbh": "BBH",
    "math": "MATH Lvl 5",
    "gpqa": "GPQA",
    "musr": "MUSR",
    "mmlu_pro": "MMLU-PRO",
}
EVERYTHING = View(hide=())


@pytest.fixture(scope="module")
def upstream() -> pd.DataFrame:
    return pd.read_csv(shared_data("open_llm") / "contents_sample.csv")


@pytest.fixture(scope="module")
def board(upstream: pd.DataFrame) -> Board:
    return Board(upstream, load_benchmark(PROJECT / "benchmarks" / "open-llm-v2.yaml"))


def test_every_value_is_upstreams_in_the_order_of_its_average(board: Board, upstream: pd.DataFrame) -> None:
    selection = board.select(EVERYTHING)
    rows = board.rows(selection, selection.rows, EVERYTHING)
    assert len(rows) == 1000
    averages = [row["average"] for row in rows]
    assert averages == sorted(averages, reverse=True)
    by_name = upstream.set_index(["fullname", "Precision"])
    for row in rows:
        theirs = by_name.loc[(row["model"], row["precision"])]
        assert row["average"] == pytest.approx(theirs["Average ⬆️"], abs=1e-9)
        for key, title in SCORES.items():
            assert row["scores"][key]["value"] == theirs[title]
            assert row["scores"][key]["raw"] == theirs[f"{title} Raw"]


def test_every_type_filter_returns_its_rows(board: Board, upstream: pd.DataFrame) -> None:
    result = {kind: len(board.select(View(hide=(), types=(kind,))).rows) for kind in ModelType}
    words = upstream["Type"].str.replace(r"^[^A-Za-z]+", "", regex=True)
    assert result == {kind: int((words == kind.value).sum()) for kind in ModelType}
    assert result[ModelType.CONTINUOUSLY_PRETRAINED] == 48 and result[ModelType.OTHER] == 2
    assert sum(result.values()) == 1000


def test_every_precision_and_licence_filter_returns_its_rows(board: Board, upstream: pd.DataFrame) -> None:
    facets = board.facets(EVERYTHING)
    assert facets["precisions"] == upstream["Precision"].value_counts().to_dict()
    assert facets["license"] == upstream["Hub License"].value_counts().to_dict()
    for value, number in facets["license"].items():
        assert len(board.select(View(hide=(), license=(value,))).rows) == number


def names(board: Board, search: str) -> list[str]:
    return sorted(str(board.names[at]) for at in board.select(View(hide=(), search=search)).rows)


def test_a_search_narrows_and_widens_whatever_its_order(board: Board, upstream: pd.DataFrame) -> None:
    full, lower = upstream["fullname"], upstream["fullname"].str.lower()
    llama, precise = lower.str.contains("llama"), upstream["Precision"] == "bfloat16"
    assert names(board, "llama precision: bfloat16") == sorted(full[llama & precise])
    assert names(board, "precision: bfloat16 llama") == sorted(full[llama & precise])
    assert 0 < (llama & precise).sum() < llama.sum()
    assert names(board, "license: mit llama") == sorted(full[llama & (upstream["Hub License"] == "mit")])
    small = upstream["#Params (B)"].between(0, 10, inclusive="neither")
    assert names(board, "params:<10 llama") == sorted(full[small & llama])
    either = upstream["Hub License"].isin(["mit", "apache-2.0"])
    assert names(board, "Hub License: mit, apache-2.0") == sorted(full[either])
    assert names(board, 'license:""') == sorted(full[upstream["Hub License"].isna()])
    assert names(board, "-merge 7b") == sorted(full[lower.str.contains("7b") & ~lower.str.contains("merge")])
    assert names(board, "llama /instruct$/") == sorted(full[llama & lower.str.endswith("instruct")])


def test_sixty_names_and_pasted_addresses_find_their_models(board: Board, upstream: pd.DataFrame) -> None:
    chosen = upstream["fullname"].drop_duplicates()[:60]
    wanted = sorted(upstream["fullname"][upstream["fullname"].isin(chosen)])
    assert names(board, "; ".join(f'name:"{name}"' for name in chosen)) == wanted
    assert names(board, "; ".join(f"https://huggingface.co/{name}/tree/main" for name in chosen)) == wanted


def test_what_is_not_known_is_unknown(board: Board, upstream: pd.DataFrame) -> None:
    view = View(hide=(), columns=("params", "revision", "license", "available"))
    selection = board.select(view)
    rows = board.rows(selection, selection.rows, view)
    assert sum(row["params"] is None for row in rows) == int((upstream["#Params (B)"] <= 0).sum()) > 0
    assert min(row["params"] for row in rows if row["params"] is not None) > 0
    assert sum(row["license"] is None for row in rows) == int(upstream["Hub License"].isna().sum()) > 0
    assert sum(row["revision"] is None for row in rows) == int(upstream["Model sha"].isna().sum())
    assert sum(not row["available"] for row in rows) == int((~upstream["Available on the hub"]).sum()) > 0
    small = board.select(View(hide=(), size_max=3.0))
    assert all(board.numbers["params"][at] < 3 for at in small.rows)


def test_what_is_hidden_is_counted(board: Board, upstream: pd.DataFrame) -> None:
    assert board.select(View()).hidden == {"flagged": int(upstream["Flagged"].sum())}
