"""Columns of text say what plain lists say, and take memory for each distinct text once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.board import table
from leaderboard.board.table import Board
from leaderboard.board.text_column import TextColumn
from leaderboard.board.view import View
from tests.leaderboard.board.test_table import BOARD, FRAME, benchmark

WORDS = st.text(st.characters(codec="utf-8"), max_size=4)
TEXTS = st.lists(st.one_of(st.none(), st.sampled_from(["", "a", "A", "b", "Ab"]), WORDS), max_size=12)


@settings(deadline=None)
@given(TEXTS)
def test_a_column_is_the_list_it_was_made_of(texts: list[str | None]) -> None:
    column, plain = TextColumn.of(texts), [text or None for text in texts]
    assert list(column) == plain and [column[at] for at in range(len(plain))] == plain
    assert column[np.arange(len(plain))[::-1]].tolist() == plain[::-1]
    assert column.known.tolist() == [text is not None for text in plain]
    alphabetical = sorted({text.lower() for text in plain if text})
    assert column.order().tolist() == [alphabetical.index(text.lower()) if text else -1 for text in plain]
    assert column.where(lambda each: pc.starts_with(each, "a")).tolist() == [
        bool(text and text.lower().startswith("a")) for text in plain
    ]
    assert column.rows("a").tolist() == [at for at, text in enumerate(plain) if text == "a"]
    assert list(column.read(lambda text: text.lower() if text != "b" else None)) == [
        text.lower() if text and text != "b" else None for text in plain
    ]


def test_a_text_that_many_rows_share_is_kept_once() -> None:
    column = TextColumn.of(pd.Series(["a long licence text " * 50] * 10_000))
    assert column.codes.nbytes + column.values.nbytes < 5 * len(column)


def test_every_row_is_found_by_its_id_and_nothing_by_another() -> None:
    assert [BOARD.ids.position(name) for name in BOARD.ids] == list(range(BOARD.size))
    assert BOARD.ids.positions([BOARD.ids[3], "org/none@0_x_y", "", BOARD.ids[1]]) == [3, 1]
    assert BOARD.ids.position(BOARD.ids[0].partition("@")[0]) is None


def test_a_board_of_any_size_keeps_its_order_while_somebody_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_BYTES", 0)  # as if the board were so large that this is nothing
    board, sorted_by = Board(FRAME, benchmark("A", "B")), []
    monkeypatch.setattr(board, "_sort_values", lambda view, standing: sorted_by.append(view.sort) or standing)
    for at in range(12):
        view = View(search=f"org{at}")
        board.rows(board.select(view), [0], view)
    assert sorted_by == ["average"]
