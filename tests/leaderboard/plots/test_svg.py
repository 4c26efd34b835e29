"""Plots as SVG: every figure is drawn, in the place that its values say, and what submitters write stays text."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from leaderboard.benchmarks import load_benchmark
from leaderboard.board.table import Board
from leaderboard.plots.figures import figure
from leaderboard.plots.svg import to_svg
from leaderboard.settings import PROJECT

HOSTILE = "<img src=x onerror=alert(1)>\"'&"
NAMES = ("progress", "size", "spread", "correlation")


def board(rows: int, **changes: Any) -> Board:
    rng = np.random.default_rng(1)
    benchmark = load_benchmark(PROJECT / "benchmarks" / "open-llm-v2.yaml")
    frame = pd.DataFrame(
        {
            "fullname": [f"org/model-{at}" for at in range(rows)],
            "Type": np.where(np.arange(rows) % 2, "pretrained", "chat models (RLHF, DPO, IFT, ...)"),
            "#Params (B)": np.geomspace(0.1, 90, rows) if rows else [],
            "Submission Date": [f"2026-{1 + at % 9:02}-11" for at in range(rows)],
        }
        | {column.title: rng.uniform(5, 60, rows) for column in benchmark.columns}
        | changes
    )
    return Board(frame, benchmark)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [1, 2, 60])
def test_every_plot_is_drawn_for_few_rows_and_for_many(name: Any, rows: int) -> None:
    some = board(rows)
    drawn = to_svg(figure(some, name, ids=some.ids[:2]), "What it shows")
    root = ElementTree.fromstring(drawn)
    assert root.attrib["aria-label"] == "What it shows" and root.attrib["viewBox"].startswith("0 0 980 ")
    assert len(root) > 5 and "nan" not in drawn and "var(--" in drawn
    places = [float(number) for number in re.findall(r"[ MHVL](\d+\.\d)", drawn)]
    assert all(0 <= place <= 980 for place in places)


def test_greater_values_are_further_right_and_further_up() -> None:
    some = board(30)
    drawn = to_svg(figure(some, "size", ids=[some.ids[0], some.ids[29]]), "")
    diamonds = [(float(x), float(y)) for x, y in re.findall(r'"M([\d.]+) ([\d.]+)m0-6.5l6.5 6.5', drawn)]
    assert len(diamonds) == 2
    (small, _), (large, _) = diamonds
    assert small < 200 and large > 900
    averages = some.average(some.keys)
    higher = 0 if averages[0] > averages[29] else 1
    assert diamonds[higher][1] < diamonds[1 - higher][1]


def test_a_correlation_has_its_number_in_the_cell() -> None:
    some = board(40)
    drawn = to_svg(figure(some, "correlation"), "")
    assert drawn.count(">1.00<") == len(some.keys) and drawn.count("<rect") == len(some.keys) ** 2


@pytest.mark.parametrize("name", NAMES)
def test_what_submitters_write_stays_text(name: Any) -> None:
    some = board(6, **{"fullname": [f"{HOSTILE}{at}" for at in range(6)], "Type": HOSTILE})
    drawn = to_svg(figure(some, name, ids=some.ids[:3]), HOSTILE)
    assert "<img" not in drawn and ElementTree.fromstring(drawn).attrib["aria-label"] == HOSTILE
