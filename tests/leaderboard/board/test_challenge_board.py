"""The board of a challenge: its columns rank from left to right, less may be better, what is missing never leads."""

from __future__ import annotations

import pandas as pd

from leaderboard.benchmarks import Benchmark
from leaderboard.board.boards import describe
from leaderboard.board.table import Board
from leaderboard.board.view import View

FIELDS = {
    "id": "pairs",
    "version": "1",
    "title": "Pairs",
    "description": "Which pairs match.",
    "kinds": ["predictions"],
    "columns": [
        {"key": "loss", "title": "Log-loss", "score": "log_loss", "higher_is_better": False},
        {"key": "auc", "title": "AUC", "score": "auc", "in_average": False, "decimals": 3},
    ],
}
BENCHMARK = Benchmark.model_validate(FIELDS)


def board(*rows: tuple[str, float | None, float | None, str], benchmark: Benchmark = BENCHMARK) -> Board:
    """`rows`: name, log-loss, AUC, time of the result."""
    cells = [
        {
            "fullname": f"ada/{name}", "kind": "predictions", "identity": f"{number:064x} 1", "request_id": name,
            "Log-loss": loss, "AUC": auc, "result_time": time,
        }
        for number, (name, loss, auc, time) in enumerate(rows)
    ]  # fmt: skip
    return Board(pd.DataFrame(cells), benchmark)


def ranks(made: Board, view: View = View()) -> list[tuple[str, int | None]]:
    selection = made.select(view)
    return [(row["model"], row["rank"]) for row in made.rows(selection, selection.rows, view)]


def test_less_is_better_ties_go_on_to_the_right_and_then_to_the_earlier() -> None:
    made = board(
        ("late", 0.5, 0.8, "2026-01-03"), ("early", 0.5, 0.8, "2026-01-02"), ("sharp", 0.5, 0.9, "2026-01-04"),
        ("best", 0.25, 0.5, "2026-01-05"), ("worst", 0.75, 1.0, "2026-01-01"),
    )  # fmt: skip
    assert ranks(made) == [("ada/best", 1), ("ada/sharp", 2), ("ada/early", 3), ("ada/late", 4), ("ada/worst", 5)]
    assert made.best == {"loss": 0.25, "auc": 1.0}
    assert made.place("early") == (3, 5) and made.place("nobody") is None


def test_what_has_no_score_is_last_and_has_no_rank() -> None:
    made = board(("none", None, 1.0, "2026-01-01"), ("poor", 9.0, None, "2026-01-02"), ("nan", float("nan"), 1.0, ""))
    assert ranks(made) == [("ada/poor", 1), ("ada/nan", None), ("ada/none", None)]
    assert made.place("none") is None
    by_loss = ranks(made, View.from_params({"sort": "loss", "ascending": "true"})[0])
    assert by_loss[0] == ("ada/poor", 1)


def test_several_columns_that_count_are_averaged_the_less_the_better_ones_as_negative() -> None:
    columns = [FIELDS["columns"][0], {**FIELDS["columns"][1], "in_average": True}]  # type: ignore[index,dict-item]
    both = Benchmark.model_validate({**FIELDS, "columns": columns})
    made = board(("a", 0.5, 1.0, ""), ("b", 0.25, 0.5, ""), benchmark=both)
    selection = made.select(View())
    assert [row["average"] for row in made.rows(selection, selection.rows, View())] == [0.25, 0.125]
    assert describe(both)["average"] == "Mean of Log-loss, AUC; values of which less is better count negative."
    assert describe(BENCHMARK)["average"] == "", "one column alone ranks"


def test_rows_of_the_same_file_are_told_apart_and_have_no_link_to_the_hub() -> None:
    made = board(("a", 0.5, 1.0, "2026-01-01"))
    again = made.frame.assign(identity=f"{0:064x} 2", result_time="2026-01-02")
    twice = Board(pd.concat([made.frame, again]), BENCHMARK)
    assert len(set(twice.ids)) == 2
    selection = twice.select(View())
    assert [row["on_hub"] for row in twice.rows(selection, selection.rows, View())] == [False, False]
