"""Plots: what they show agrees with the board, and the drawings are figures that plotly takes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard import plots
from leaderboard.benchmarks import load_benchmark
from leaderboard.board.table import Board
from leaderboard.plots.figures import POINTS, figure, size_label, to_json
from leaderboard.records import ModelType
from leaderboard.settings import PROJECT
from tests.leaderboard.compared import BENCHMARK

ROOT = PROJECT
SHARED = Path(os.environ.get("PODIUM_SHARED_DATA", ROOT.parent / "shared" / "data"))
SAMPLE = SHARED / "open_llm" / "contents_sample.csv"
NAMES: list[plots.Name] = ["progress", "size", "spread", "correlation"]


def board(size: int, seed: int = 0) -> Board:
    """Rows with ties, missing scores, dates and sizes, and names that try to be markup."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2026-01-01", periods=12).strftime("%Y-%m-%d").to_numpy(dtype=object)
    plain = np.round(rng.uniform(0, 100, size), 0)
    plain[rng.random(size) < 0.1] = np.nan
    frame = pd.DataFrame(
        {
            "fullname": [f"org/<b>model</b>-{at}" for at in range(size)],
            "Model sha": [f"{at:040x}" for at in range(size)],
            "Precision": "float32",
            "Weight type": "Original",
            "Type": rng.choice([kind.value for kind in ModelType], size),
            "#Params (B)": np.where(rng.random(size) < 0.2, np.nan, np.round(rng.lognormal(1, 1, size), 1)),
            "Submission Date": np.where(rng.random(size) < 0.1, None, rng.choice(days, size)),
            "Upload To Hub Date": rng.choice(days, size),
            "Flagged": rng.random(size) < 0.1,
            "Plain": plain,
            "Mixed": np.round(plain / 2 + rng.uniform(0, 50, size), 0),
        }
    )
    return Board(frame, BENCHMARK)


BOARD = board(300)
POINT = st.tuples(st.integers(1, 9).map(float), st.integers(0, 9).map(float))


@settings(deadline=None, max_examples=60)
@given(st.lists(POINT, max_size=40))
def test_the_front_is_what_nothing_beats(points: list[tuple[float, float]]) -> None:
    costs, scores = (np.array([point[at] for point in points], dtype=float) for at in (0, 1))
    front = plots.pareto(costs, scores)
    for point, there in zip(points, front, strict=True):
        beaten = any(c <= point[0] and s >= point[1] and (c, s) != point for c, s in points)
        assert there == (not beaten)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), max_size=40))
def test_a_record_is_above_all_before_it(rows: list[tuple[int, int]]) -> None:
    days, scores = np.array([day for day, _ in rows], dtype=np.int64), np.array([s for _, s in rows], dtype=float)
    result = plots.records(days, scores)
    for (day, score), record in zip(rows, result, strict=True):
        earlier = [s for d, s in rows if d < day]
        best = max(s for d, s in rows if d == day)
        assert record == (score == best and all(score > s for s in earlier))


@pytest.mark.parametrize("key", ["average", "plain", "mixed"])
@pytest.mark.parametrize("when", ["submitted", "uploaded"])
def test_the_best_score_only_rises(key: str, when: plots.When) -> None:
    result = plots.progress(BOARD, key, when)
    rows = BOARD.frame[~BOARD.flagged]
    for kind, part in result.groupby("type"):
        assert part["date"].is_monotonic_increasing and part["date"].is_unique
        assert (part["score"].diff().dropna() > 0).all()
        own = [name for name, item, out in zip(BOARD.names, BOARD.texts["type"], BOARD.flagged, strict=True)
               if not out and kind in (item, plots.ALL_TYPES)]  # fmt: skip
        assert set(part["model"]) <= set(own)
    dated = pd.notna(BOARD.texts[when]) & ~BOARD.flagged
    highest = np.nanmax(plots.scores_of(BOARD, key)[dated])
    assert result.loc[result["type"] == plots.ALL_TYPES, "score"].max() == highest
    assert len(rows) > len(result)


def test_size_leaves_out_what_is_unknown() -> None:
    result = plots.size(BOARD, "plain")
    known = (BOARD.numbers["params"] > 0) & ~BOARD.flagged & ~np.isnan(BOARD.normalised["plain"])
    assert len(result) == known.sum() and result["params"].is_monotonic_increasing
    assert result.loc[result["front"], "score"].is_monotonic_increasing


def test_spread_is_the_quantiles_of_what_is_shown() -> None:
    result = plots.spread(BOARD).set_index("task")
    values = pd.Series(BOARD.normalised["mixed"][~BOARD.flagged]).dropna()
    assert list(result.index) == ["average", "plain", "mixed"]
    assert result.at["mixed", "n"] == len(values)
    assert result.at["mixed", "median"] == values.median()
    assert (result.at["mixed", "lowest"], result.at["mixed", "highest"]) == (values.min(), values.max())


def test_correlation_is_symmetric_and_of_ranks() -> None:
    result = plots.correlation(BOARD).set_index(["first", "second"])["correlation"]
    assert result["plain", "plain"] == pytest.approx(1) and result["plain", "mixed"] == result["mixed", "plain"]
    keep = ~BOARD.flagged & ~np.isnan(BOARD.normalised["plain"])
    ranks = [pd.Series(BOARD.normalised[key][keep]).rank() for key in ("plain", "mixed")]
    assert result["plain", "mixed"] == pytest.approx(ranks[0].corr(ranks[1]))


@pytest.mark.parametrize("size", [0, 1, 300])
@pytest.mark.parametrize("name", NAMES)
def test_plotly_takes_the_drawings(name: plots.Name, size: int) -> None:
    of = board(size)
    drawn = json.loads(to_json(figure(of, name, "plain", ids=of.ids[:3])))
    shown = json.dumps([{key: value for key, value in item.items() if key != "customdata"} for item in drawn["data"]])
    assert "<b>model" not in shown, "names are not markup"
    go.Figure(coloured(drawn))


def coloured(value: object) -> object:
    """The figure with black for every token, as the page's script puts in a colour."""
    if isinstance(value, str):
        return "#000000" if value.startswith("var(--") else value
    if isinstance(value, list):
        return [coloured(entry) for entry in value]
    return {key: coloured(item) for key, item in value.items()} if isinstance(value, dict) else value


def test_chosen_rows_are_marked_wherever_they_have_a_place() -> None:
    at = next(at for at in range(BOARD.size) if BOARD.numbers["params"][at] > 0 and BOARD.texts["submitted"][at]
              and not np.isnan(BOARD.normalised["plain"][at]))  # fmt: skip
    name = "org/&lt;b&gt;model&lt;/b&gt;-" + str(at)
    for plot in ("progress", "size", "spread"):
        marks = [trace for trace in figure(BOARD, plot, "plain", ids=[BOARD.ids[at], "unknown"])["data"]
                 if trace.get("marker", {}).get("symbol") == "diamond"]  # fmt: skip
        assert [text for trace in marks for text in set(trace["text"])] == [name], plot
        assert marks[0]["customdata"][0] == f"/model/{BOARD.names[at]}"


@pytest.mark.parametrize(
    ("billions", "said"), [(7.24, "7.24 B"), (0.000188, "188 k"), (1.0, "1 B"), (0.1, "100 M"), (1e-8, "10")]
)
def test_sizes_have_their_unit(billions: float, said: str) -> None:
    assert size_label(billions) == said


def test_a_large_board_is_thinned_but_keeps_its_front() -> None:
    large = board(4 * POINTS)
    drawn = figure(large, "size", "plain")
    dots = sum(len(trace["x"]) for trace in drawn["data"] if trace["mode"] == "markers")
    front = plots.size(large, "plain")["front"].sum()
    assert dots <= POINTS + front
    assert len(next(trace for trace in drawn["data"] if trace["mode"] == "lines")["x"]) == front


@pytest.mark.skipif(not SAMPLE.exists(), reason="the real rows are not here")
def test_the_real_rows() -> None:
    real = Board(pd.read_csv(SAMPLE), load_benchmark(ROOT / "benchmarks" / "open-llm-v2.yaml"))
    result = plots.progress(real)
    assert set(result["type"]) > {plots.ALL_TYPES, "pretrained", "chat models (RLHF, DPO, IFT, ...)"}
    assert (plots.size(real)["params"] > 0).all()
    assert len(plots.correlation(real)) == 36
