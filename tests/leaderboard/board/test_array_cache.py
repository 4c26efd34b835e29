"""What a board remembers stays within its bound, whatever readers choose, and changes no answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.board.array_cache import ArrayCache, array_bytes
from leaderboard.board.table import Board
from leaderboard.board.view import View
from tests.leaderboard.board.test_table import FRAME, VIEWS, benchmark

ARRAY = np.zeros(10)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 12))))
def test_both_bounds_hold_and_the_last_ones_stay(asked: list[tuple[int, int]]) -> None:
    cache = ArrayCache(max_bytes=100, max_entries=5)
    for key, size in asked:
        before = len(cache)
        made = cache.get(key, lambda size=size: np.zeros(size))  # type: ignore[misc]
        assert cache.size <= 100 and len(cache) <= min(5, before + 1)
        if made.nbytes <= 100:
            assert cache.get(key, lambda: pytest.fail("it was kept a moment ago")) is made


def test_a_value_over_the_whole_bound_is_not_kept() -> None:
    cache = ArrayCache(max_bytes=79)
    cache.get("a", lambda: ARRAY)
    assert (cache.size, len(cache)) == (0, 0)
    assert array_bytes((ARRAY, {"n": 1}, (ARRAY, 2))) == 160


def test_what_readers_choose_never_adds_up() -> None:
    board, bound = Board(FRAME, benchmark("A", "B")), 20 * 8 * len(FRAME)
    board.cache = ArrayCache(bound)
    for at in range(300):
        columns = ("a", "b", "license", "params")[: at % 4 + 1]
        sort = ("a", "b", "params", "license", "model", "likes")[at % 6]
        view = View(
            columns=(*columns, f"x{at}"), sort=sort, average="visible", search=f"org{at}", ascending=at % 2 == 1
        )
        board.select(view)
        assert board.cache.size <= bound
    kept = sum(
        array_bytes(value) for name, value in vars(board).items() if name not in vars(Board(FRAME, board.benchmark))
    )
    assert kept <= 8 * len(FRAME), "nothing else grows but the order of the names"


@settings(deadline=None, max_examples=30)
@given(st.lists(VIEWS, max_size=4))
def test_a_small_cache_changes_no_answer(views: list[View]) -> None:
    small, fresh = Board(FRAME, benchmark("A", "B")), Board(FRAME, benchmark("A", "B"))
    small.cache = ArrayCache(max_bytes=3 * 8 * len(FRAME), max_entries=3)
    for view in [*views, *views]:
        ours, theirs = small.select(view), fresh.select(view)
        for item, other in zip(ours[:4], theirs[:4], strict=True):
            assert np.array_equal(item, other, equal_nan=True)
