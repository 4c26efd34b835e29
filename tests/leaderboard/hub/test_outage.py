"""When a Hub counts as not responding, and who then asks it."""

from __future__ import annotations

from pathlib import Path

import pytest

import localhub
from leaderboard.errors import HubUnavailable
from leaderboard.hub.hub import Hub
from leaderboard.hub.outage import FORGOTTEN_S, PROBE_S, SURE_AFTER_S, HubOutage, outage_of
from localhub import Fault


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def begun() -> tuple[HubOutage, Clock]:
    """An outage that has just begun."""
    clock = Clock()
    outage = HubOutage(clock)
    outage.failed()
    clock.now += SURE_AFTER_S
    outage.failed()
    return outage, clock


def test_one_failure_is_no_outage_and_an_answer_ends_one() -> None:
    clock = Clock()
    outage = HubOutage(clock)
    outage.failed()
    assert not outage.is_on and outage.answered_at is None
    clock.now += SURE_AFTER_S
    outage.failed()
    assert outage.is_on and outage.lasts_s == SURE_AFTER_S
    outage.answered()
    assert not outage.is_on and outage.answered_at is not None


def test_during_an_outage_one_at_a_time_finds_out_whether_it_is_over() -> None:
    outage, clock = begun()
    assert not outage.may_probe()
    clock.now += PROBE_S
    assert [outage.may_probe() for _ in range(3)] == [True, False, False]


def test_an_outage_that_nobody_saw_lately_is_forgotten() -> None:
    outage, clock = begun()
    clock.now += FORGOTTEN_S
    assert outage.is_on
    clock.now += 0.1
    assert not outage.is_on


def test_an_answer_of_any_status_shows_that_the_hub_responds(tmp_path: Path) -> None:
    with localhub.running(tmp_path) as served:
        outage = outage_of(f"{served.endpoint}/api")
        assert outage is Hub(served.endpoint).outage is not outage_of("http://127.0.0.1:9")
        outage.failed()
        served.faults.set([Fault("503")])
        with pytest.raises(HubUnavailable, match="has trouble of its own"):
            Hub(served.endpoint, timeout_s=0.5).facts("org/name")
        assert not outage.is_on and outage.answered_at is not None
