"""Standard errors of averages, and the ranks that they allow."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.board.uncertainty import Z95, mean_stderr, rank_ranges


def test_the_error_of_a_mean_is_that_of_independent_scores() -> None:
    errors = [np.array([3.0, 1.0, np.nan]), np.array([4.0, 1.0, 2.0])]
    assert mean_stderr(errors, 3)[:2] == pytest.approx([2.5, np.sqrt(2) / 2])
    assert np.isnan(mean_stderr(errors, 3)[2]) and np.isnan(mean_stderr([], 3)).all()


def test_ranks_are_apart_where_intervals_do_not_overlap() -> None:
    average = np.array([90.0, 89.0, 50.0, 10.0, np.nan, 60.0])
    stderr = np.array([1.0, 1.0, 1.0, np.nan, 1.0, 0.0])
    among = np.array([True, True, True, True, True, False])
    best, worst = rank_ranges(average, stderr, among)
    assert list(best[:3]) == [1, 1, 3] and list(worst[:3]) == [2, 2, 3]
    assert np.isnan(best[3:]).all() and np.isnan(worst[3:]).all()


def test_a_range_holds_the_rank_and_every_rank_in_it_can_be_had() -> None:
    rng = np.random.default_rng(0)
    average, stderr = rng.uniform(0, 100, 200), rng.uniform(0.5, 4, 200)
    best, worst = rank_ranges(average, stderr, np.ones(200, dtype=bool))
    rank = 1 + (average[None, :] > average[:, None]).sum(axis=1)
    assert ((best <= rank) & (rank <= worst)).all()
    low, high = average - Z95 * stderr, average + Z95 * stderr
    assert list(best) == list(1 + (low[None, :] > high[:, None]).sum(axis=1))
    assert list(worst) == list((high[None, :] >= low[:, None]).sum(axis=1))
