"""A competition's board in its three stages: as published, exact at the end, and final on the private labels."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leaderboard.benchmarks import Benchmark
from leaderboard.board.boards import Boards, ContentsSource
from leaderboard.board.final import CompetitionBoards, Decided, Stage, opened_by_time
from leaderboard.board.rows import columns
from leaderboard.board.view import View
from leaderboard.columns import CHANGE
from leaderboard.records import Score
from leaderboard.results.private_results import PRIVATE_SCORES, PrivateResults
from leaderboard.results.private_scores import PrivateScores, Scores

ENDS = datetime(2026, 5, 1, tzinfo=UTC)
BEFORE, AFTER = datetime(2026, 4, 30, 23, 59, 59, tzinfo=UTC), ENDS
TEAMS = {"bob": "Team Rain", "cem": "Team Rain"}
Rows = list[tuple[str, str, float, float | None]]
ROWS: Rows = [
    # sender, request, public MAE, private MAE
    ("ada", "a1", 0.10, 0.50), ("ada", "a2", 0.30, 0.20), ("ada", "a3", 0.40, 0.10),
    ("bob", "b1", 0.20, 0.30), ("cem", "c1", 0.15, 0.60), ("dan", "d1", 0.35, 0.25), ("eva", "e1", 0.50, None),
]  # fmt: skip


def benchmark(**rules: Any) -> Benchmark:
    competition = {"ends": ENDS, "split": {"opens": ENDS}, "published_decimals": 1} | rules
    return Benchmark.model_validate(
        {
            "id": "rain", "version": "2", "title": "Rain", "description": "", "kinds": ["predictions"],
            "columns": [{"key": "mae", "title": "MAE", "score": "mae", "higher_is_better": False}],
            "competition": competition,
        }
    )  # fmt: skip


def published(of: Benchmark, rows: Rows) -> pd.DataFrame:
    dtypes = columns(of)
    cells: dict[str, list[Any]] = {name: [None] * len(rows) for name in dtypes}
    for at, (sender, request, public, _) in enumerate(rows):
        value = round(public, 1)
        known = {
            "fullname": f"{sender}/{request}", "sender": sender, "request_id": _id(request), "attempt": 1,
            "kind": "predictions", "identity": request, "MAE": value, "MAE Raw": value, "Average ⬆️": -value,
            "MAE n": 10, "result_time": f"2026-04-{at + 1:02}",
        }  # fmt: skip
        for name, cell in known.items():
            cells[name][at] = cell
    for name, dtype in dtypes.items():
        if dtype == "bool":
            cells[name] = [False] * len(rows)
    return pd.DataFrame(cells).astype(dtypes)


def _id(request: str) -> str:
    return request.rjust(16, "0")


def boards(
    folder: Path, rules: Benchmark, now: datetime, version: str = "2", baselines: Collection[str] = (), **decided: Any
) -> CompetitionBoards:
    results, rows = PrivateResults(folder / "results"), ROWS
    for _, request, public, private in rows:
        kept = PrivateScores(
            benchmark_version=version,
            exact=_scores(public, 10),
            private=None if private is None else _scores(private, 20),
        )
        results.write(_id(request), 1, {PRIVATE_SCORES: kept.model_dump_json().encode()})
    frame = published(rules, rows).assign(baseline=[request in baselines for _, request, _, _ in rows])
    settled = {"opened": opened_by_time, "chosen": lambda _: {}, "participant": lambda _, name: TEAMS.get(name, name)}
    return CompetitionBoards(
        ContentsSource(lambda _: "v1", lambda _: frame, lambda _: (frame, "v1")),
        {"rain": rules},
        results,
        lambda: now,
        Decided(**settled | decided),
    )


def _scores(value: float, n: int) -> Scores:
    score = Score(raw=value, normalised=value, stderr=0.01, n=n)
    return Scores(columns={"mae": score}, average=-value)


def final(of: CompetitionBoards) -> list[tuple[str, float | None, int | None]]:
    """Request, private score, change of rank, in the board's order."""
    made = Boards(ContentsSource(of.version, of.frame), {"rain": benchmark()})
    answer = made.answer("rain", {})
    assert answer["final"]
    return [(row["model"].split("/")[1], row["scores"]["mae"]["raw"], row["change"]) for row in answer["rows"]]


def test_nothing_changes_before_the_end_whoever_opened_it(tmp_path: Path) -> None:
    early = boards(tmp_path, benchmark(), BEFORE, opened=lambda _, at: True)
    assert early.stage("rain") is Stage.PUBLIC and early.version("rain") == "v1" and early.published("rain")
    frame = early.frame("rain")
    assert CHANGE not in frame and list(frame["MAE"]) == [round(row[2], 1) for row in ROWS]
    assert early.private_scores("rain", _id("a1"), 1) is None


def test_exact_scores_are_shown_from_the_end_on(tmp_path: Path) -> None:
    rules = benchmark(split={"opens": None})
    over = boards(tmp_path, rules, AFTER)
    assert over.stage("rain") is Stage.EXACT and over.version("rain") != "v1"
    frame = over.frame("rain")
    assert list(frame["MAE Raw"]) == [row[2] for row in ROWS] and CHANGE not in frame
    assert list(frame["Average ⬆️"]) == [-row[2] for row in ROWS] and list(frame["MAE stderr"]) == [0.01] * len(ROWS)
    assert over.private_scores("rain", _id("a1"), 1) is None
    assert boards(tmp_path, benchmark(split=None, ends=None), AFTER).stage("rain") is Stage.PUBLIC


def test_the_best_public_one_of_each_participant_counts_without_a_choice(tmp_path: Path) -> None:
    shown = boards(tmp_path, benchmark(), AFTER)
    assert shown.stage("rain") is Stage.FINAL
    # On the public labels: ada 0.10, Team Rain 0.15 (cem), dan 0.35, eva 0.50.
    assert final(shown) == [("d1", 0.25, 2), ("a1", 0.5, -1), ("c1", 0.6, -1), ("e1", None, None)]
    scores = shown.private_scores("rain", _id("a3"), 1)
    assert scores is not None and scores.columns["mae"].raw == 0.1


def test_the_best_private_one_of_the_chosen_ones_counts(tmp_path: Path) -> None:
    rules = benchmark(final_submissions=2)
    chosen = {"ADA": [_id("a1"), _id("a2"), _id("a3")], "Team Rain": [_id("b1")], "dan": [_id("a3")]}
    shown = boards(tmp_path, rules, AFTER, chosen=lambda _: chosen)
    # ada chose one too many: the first two count. dan chose somebody else's, which is no choice.
    assert final(shown) == [("a2", 0.2, 0), ("d1", 0.25, 1), ("b1", 0.3, -1), ("e1", None, None)]


def test_baselines_keep_their_rows(tmp_path: Path) -> None:
    shown = boards(tmp_path, benchmark(), AFTER, baselines={"a2", "a3"})
    assert {name for name, _, _ in final(shown)} == {"a3", "a2", "d1", "a1", "c1", "e1"}


def test_the_board_follows_what_is_decided(tmp_path: Path) -> None:
    chosen: dict[str, list[str]] = {}
    shown = boards(tmp_path, benchmark(), AFTER, chosen=lambda _: chosen)
    made = Boards(ContentsSource(shown.version, shown.frame), {"rain": benchmark()})
    before = made.get("rain")
    assert made.refresh("rain") is before
    chosen["ada"] = [_id("a3")]
    after = made.refresh("rain")
    assert after.version != before.version and after.board.place(_id("a3")) == (1, 3)
    assert CHANGE in after.board.frame and "Change of rank" in after.board.export(View()).columns


@pytest.mark.parametrize("spoil", ["another version", "damaged"])
def test_scores_that_cannot_be_used_leave_a_row_without_a_rank(spoil: str, tmp_path: Path) -> None:
    shown = boards(tmp_path, benchmark(), AFTER, version="1" if spoil == "another version" else "2")
    if spoil == "damaged":
        for file in (tmp_path / "results").rglob(PRIVATE_SCORES):
            file.write_bytes(b"{")
    assert {score for _, score, _ in final(shown)} == {None}
