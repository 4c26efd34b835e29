"""The board of a challenge: its columns rank from left to right, less may be better, what is missing never leads."""

from __future__ import annotations

import pandas as pd
import pytest

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


def phased(rule: str) -> Benchmark:
    task = {"index": 0, "name": "T", "scoring_program": "scoring"}
    phases = [{"track": track, "name": track, "tasks": [0]} for track in ("first", "final")]
    bundle = {"folder": "bundle", "tasks": [task], "phases": phases, "submission_rule": rule}
    tracks = {track: {"title": track} for track in ("first", "final")}
    return Benchmark.model_validate({**FIELDS, "bundle": bundle, "tracks": tracks})


def in_phases(rule: str) -> Board:
    rows = [
        ("ada/a", "first", 0.1, "2026-01-01"), ("ada/b", "first", 0.3, "2026-01-02"),
        ("bob/a", "first", 0.2, "2026-01-01"),
        ("ada/c", "final", 0.9, "2026-02-02"), ("bob/b", "final", 0.8, "2026-02-01"),
        ("bob/c", "final", 0.7, "2026-02-03"),
    ]  # fmt: skip
    cells = [
        {"fullname": name, "kind": "predictions", "identity": f"{number:064x} 1", "request_id": name, "track": track,
         "Log-loss": loss, "AUC": 0.5, "result_time": time}
        for number, (name, track, loss, time) in enumerate(rows)
    ]  # fmt: skip
    return Board(pd.DataFrame(cells), phased(rule))


def test_phases_rank_by_themselves_the_last_one_first() -> None:
    made = in_phases("Add")
    assert ranks(made) == [
        ("bob/c", 1), ("bob/b", 2), ("ada/c", 3), ("ada/a", 1), ("bob/a", 2), ("ada/b", 3),
    ]  # fmt: skip
    assert made.place("bob/a") == (2, 3)
    only, _ = View.from_params({"tracks": "first"})
    assert [model for model, _ in ranks(made, only)] == ["ada/a", "bob/a", "ada/b"]
    assert "tracks" in [filter["name"] for filter in describe(phased("Add"))["filters"]]
    assert "tracks" not in [filter["name"] for filter in describe(BENCHMARK)["filters"]]


@pytest.mark.parametrize(
    ("rule", "kept"),
    [("Force_Last", ["bob/c", "ada/c", "bob/a", "ada/b"]), ("Force_Best", ["bob/c", "ada/c", "ada/a", "bob/a"])],
)
def test_one_submission_of_each_person_counts_where_the_bundle_says_so(rule: str, kept: list[str]) -> None:
    assert [model for model, _ in ranks(in_phases(rule))] == kept


def decided(made: Board, **columns: dict[str, object]) -> Board:
    """The board once organisers decided: column -> name -> cell."""
    names = made.frame["request_id"]
    return Board(made.frame.assign(**{key: names.map(cells) for key, cells in columns.items()}), made.benchmark)


def test_baselines_and_refused_rows_are_shown_without_a_rank_and_take_none_away() -> None:
    made = board(("best", 0.1, 0.5, ""), ("base", 0.2, 0.5, ""), ("good", 0.3, 0.5, ""), ("poor", 0.4, 0.5, ""))
    made = decided(made, review={"best": "refused", "good": "accepted"}, review_reason={"best": "It read the labels."},
                   baseline={"base": True})  # fmt: skip
    assert ranks(made) == [("ada/best", None), ("ada/base", None), ("ada/good", 1), ("ada/poor", 2)]
    assert made.place("good") == (1, 2) and made.place("best") is None
    selection = made.select(View())
    rows = {row["model"]: row for row in made.rows(selection, selection.rows, View())}
    assert [rows["ada/best"][key] for key in ("review", "review_reason", "baseline")] == [
        "refused", "It read the labels.", False,
    ]  # fmt: skip
    assert rows["ada/base"]["baseline"] is True and rows["ada/good"]["review"] == "accepted"
    dynamic = View.from_params({"rank": "dynamic", "search": "name: good"})[0]
    assert ranks(made, dynamic) == [("ada/good", 1)]


def test_a_refused_row_does_not_stand_for_its_person() -> None:
    made = decided(in_phases("Add"), review={"bob/c": "refused"})
    best = Board(made.frame, phased("Force_Best"))
    assert ranks(best) == [("bob/c", None), ("bob/b", 1), ("ada/c", 2), ("ada/a", 1), ("bob/a", 2)]
