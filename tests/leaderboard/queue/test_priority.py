"""The order in which waiting requests run: each term, what maintainers say, and that nothing starves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.queue.priority import (
    DAY,
    MOST_VOTES,
    OFFICIAL,
    SHARE,
    VOTE,
    Ranking,
    Standing,
    in_order,
    rank,
    waiting_since,
)
from leaderboard.queue.queue import Queue
from leaderboard.records import HistoryEntry, Request, Status, utc
from leaderboard.stores.local import LocalStore
from scripts import simulate_queue

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


def waits(name: str, days: float = 1.0, sender: str = "", **more: Any) -> Request:
    fields = {"id": name.rjust(16, "0"), "model": f"org/{name}", "benchmark": "tiny", "sender": sender or name}
    return Request.model_validate({**fields, "submitted_time": utc(NOW - timedelta(days=days)), "params": 10.0, **more})


def names(pending: list[Request], running: list[Request] | None = None) -> list[str]:
    return [request.model.removeprefix("org/") for request in in_order(pending, running or [], NOW)]


def only(request: Request, running: list[Request] | None = None) -> Standing:
    [standing] = rank([request], running or [], NOW)
    return standing


def points(request: Request, running: list[Request] | None = None) -> dict[str, float]:
    return {term.name: term.points for term in only(request, running).terms}


def test_of_one_second_the_first_to_arrive_comes_first(tmp_path: Path) -> None:
    times = iter(NOW + timedelta(milliseconds=number) for number in range(100))
    queue = Queue(LocalStore(tmp_path), clock=lambda: next(times))
    sent = [
        queue.submit(Request(model=f"org/{letter}", revision="1" * 40, benchmark="tiny", id=letter * 16))
        for letter in "fa7c2"
    ]
    assert [request.id for request in queue.pending()] == [request.id for request in sent]


def test_each_term_has_its_points_and_says_why() -> None:
    request = waits("a", days=3.0, params=40.0, votes=3, priority=2.0, official=True)
    standing = only(request, [waits("b", sender="a", status=Status.RUNNING)])
    assert {term.name: round(term.points, 2) for term in standing.terms} == {
        "waiting": 3 * DAY, "size": -1.5 * DAY, "votes": 2 * VOTE, "official": OFFICIAL, "share": -SHARE,
    }  # fmt: skip
    assert standing.points == pytest.approx(sum(term.points for term in standing.terms)) and standing.given == 0
    assert [term.why for term in standing.terms] == [
        "waiting for 3.0 days",
        "40 billion parameters: each day counts 0.5 times",
        "2 votes besides the sender's",
        "submitted for an official provider",
        "another request of its sender runs or comes first",
    ]


def test_what_cannot_run_is_left_out_and_asked_about_once() -> None:
    asked: list[str] = []

    def runs(request: Request) -> bool:
        asked.append(request.id)
        return request.benchmark != ""

    ranking, requests = Ranking(runs), [waits("a"), waits("b", benchmark="")]
    for _ in range(2):
        assert ranking.in_order(requests, [], NOW) == requests[:1]
    assert asked == [request.id for request in requests]


def test_ranking_again_sees_time_changed_requests_and_what_runs() -> None:
    ranking = Ranking()
    pending = [waits("small", days=1, params=1.0), waits("large", days=9, params=100.0), waits("ten", days=3)]
    voted = pending[2].model_copy(update={"votes": 3, "priority": 2.0})
    rounds = [
        (pending, [], NOW),
        (pending, [], NOW + timedelta(days=9)),
        ([*pending[:2], voted], [], NOW),
        (pending[1:], [waits(str(number), sender="ten") for number in range(9)], NOW),
        (pending, [], NOW),
    ]
    for requests, running, at in rounds:
        assert ranking.standings(requests, running, at) == rank(requests, running, at)
        assert ranking.in_order(requests, running, at) == in_order(requests, running, at)
    orders = {tuple(request.id for request in in_order(*each)) for each in rounds}
    assert len(orders) > 2


def test_small_ones_gain_faster_and_unknown_sizes_as_ten_billion() -> None:
    sizes = {"small": 0.5, "one": 1.0, "ten": 10.0, "hundred": 100.0, "huge": 900.0}
    paces = {name: only(waits(name, params=size)).pace for name, size in sizes.items()}
    assert paces["small"] == paces["one"] == pytest.approx(3.1623, abs=1e-4) and paces["ten"] == 1.0
    assert paces["hundred"] == paces["huge"] == pytest.approx(0.3162, abs=1e-4)
    assert [only(waits("x", params=size)).pace for size in (None, 0.0, -1.0)] == [1.0, 1.0, 1.0]
    assert names([waits("large", days=9, params=100.0), waits("small", days=1, params=1.0)]) == ["small", "large"]
    assert names([waits("large", days=11, params=100.0), waits("small", days=1, params=1.0)]) == ["large", "small"]


def test_votes_count_up_to_a_limit() -> None:
    assert points(waits("a", days=0, votes=2, priority=1.0)) == {"votes": VOTE}
    assert points(waits("a", days=0, votes=1000, priority=999.0)) == {"votes": MOST_VOTES}
    assert names([waits("a", days=1.2), waits("b", votes=2, priority=1.0)]) == ["b", "a"]


def test_what_a_maintainer_gave_comes_before_all_points() -> None:
    pending = [waits("old", days=400, votes=50, priority=49.0, official=True), waits("new", days=0, priority=0.5)]
    assert names(pending) == ["new", "old"]
    assert names([*pending, waits("last", days=900, priority=-1.0)]) == ["new", "old", "last"]


def test_requests_of_one_sender_alternate_with_those_of_others() -> None:
    many = [waits(f"a{number}", days=1.0 - number / 1000, sender="Ann") for number in range(4)]
    few = [waits(f"b{number}", days=0.9 - number / 1000, sender="bob") for number in range(2)]
    assert names([*many, *few]) == ["a0", "b0", "a1", "b1", "a2", "a3"]
    running = waits("a9", sender="ann", status=Status.RUNNING)
    assert names([*many, *few], [running])[0] == "b0", "one of Ann's runs already"


def test_waiting_begins_when_somebody_last_queued_it() -> None:
    days = {"submitted": 30.0, "failed": 20.0, "relaunched": 2.0, "claimed": 1.0, "came back": 0.5}
    at = {name: utc(NOW - timedelta(days=ago)) for name, ago in days.items()}
    history = [
        HistoryEntry(time=at["submitted"], to=Status.PENDING, by="ann"),
        HistoryEntry(time=at["failed"], from_=Status.RUNNING, to=Status.FAILED, by="w"),
        HistoryEntry(time=at["relaunched"], from_=Status.FAILED, to=Status.PENDING, by="mia"),
        HistoryEntry(time=at["claimed"], from_=Status.PENDING, to=Status.RUNNING, by="w"),
        HistoryEntry(time=at["came back"], from_=Status.RUNNING, to=Status.PENDING, by="w"),
    ]
    request = waits("a", days=30, history=history)
    assert waiting_since(request) == at["relaunched"]
    assert points(request)["waiting"] == pytest.approx(2 * DAY)
    assert points(waits("a", submitted_time="yesterday")) == {}


REQUESTS = st.lists(
    st.builds(
        waits, st.text("abcdef", min_size=3, max_size=3), days=st.floats(0, 400),
        sender=st.sampled_from(["ann", "bob", "cy"]), params=st.none() | st.floats(-1, 500),
        votes=st.integers(0, 30), official=st.booleans(),
    ),
    max_size=12, unique_by=lambda request: request.id,
)  # fmt: skip


@settings(deadline=None)
@given(REQUESTS, st.randoms())
def test_the_order_is_the_same_whatever_order_they_come_in_and_every_request_is_in_it(
    pending: list[Request], chance: Any
) -> None:
    mixed = list(pending)
    chance.shuffle(mixed)
    assert in_order(mixed, [], NOW) == in_order(pending, [], NOW)
    assert sorted(request.id for request in in_order(mixed, [], NOW)) == sorted(request.id for request in pending)


@settings(deadline=None)
@given(st.floats(1, 500), st.integers(0, 200))
def test_nothing_is_overtaken_for_ever(params: float, before: int) -> None:
    """After so many days nothing that was submitted later comes first; 10: the fastest pace over the slowest."""
    bonus = MOST_VOTES + OFFICIAL + SHARE * 8
    late = waits("late", days=5.0, params=1.0, votes=99, official=True, priority=98.0)
    old = waits("old", days=10 * 5.0 + bonus * 3.2, sender="ann", params=params)
    running = [waits(f"r{number}", sender="ann", status=Status.RUNNING) for number in range(before)]
    assert names([late, old], running) == ["old", "late"]


def test_the_queue_is_claimed_in_this_order(tmp_path: Path) -> None:
    queue = Queue(LocalStore(tmp_path), clock=lambda: NOW)
    for name, size, days in (("large", 70.0, 1.0), ("small", 1.0, 0.9), ("next", 1.0, 0.8)):
        more: dict[str, Any] = {"sender": "ann" if name != "next" else "bob", "revision": "a" * 40}
        request = waits(name, days=days, params=size, **more)
        queue.store.commit(
            {f"tiny/{request.model}_eval_request_{'a' * 12}_bfloat16_Original.json": request.to_json()}, ""
        )
    assert [request.model for request in queue.pending()] == ["org/small", "org/next", "org/large"]
    claimed = queue.claim_next("w", 60)
    assert claimed and claimed.model == "org/small"
    assert [request.model for request in queue.pending()] == ["org/next", "org/large"]


# --- the simulation


def month(count: int) -> list[simulate_queue.Arrival]:
    """Three senders, two of whom send many at a time; most of it small."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    sizes = (1.0, 7.0, 7.0, 13.0, 70.0)
    return [
        simulate_queue.Arrival(
            start + simulate_queue.MONTH * 2 * number / count,
            sizes[number * 7 % 5],
            ("ann", "ann", "bob", "cy")[number % 4],
        )
        for number in range(count)
    ]


def test_in_a_queue_that_is_never_empty_nobody_waits_for_more_than_three_medians() -> None:
    submitted = month(160)
    seconds_b = simulate_queue.seconds_per_billion(submitted, 3, 1.0)
    late = timedelta(days=10)

    def waiting(order: simulate_queue.Order) -> list[simulate_queue.Outcome]:
        return simulate_queue.outcomes(simulate_queue.simulate(submitted, 3, seconds_b, late, order))

    points, ageless, first = (waiting(order) for order in reversed(simulate_queue.ORDERS.values()))
    assert max(outcome.ratio for outcome in points) <= simulate_queue.BOUND
    assert max(outcome.ratio for outcome in ageless) > simulate_queue.BOUND, "ageing is what bounds it"
    assert points[0].median < first[0].median / 2, "small ones wait less than by order of submission"


@pytest.mark.skipif(not simulate_queue.DATA.exists(), reason="the real rows are not here")
def test_the_arrivals_are_those_of_the_busiest_month() -> None:
    rows = simulate_queue.busiest_month(simulate_queue.DATA)
    submitted = simulate_queue.arrivals(rows, 871, 1, 0)
    assert len(rows) == 210 and len(submitted) == 871
    assert {each.time.strftime("%Y-%m") for each in submitted} == {"2025-01"}
    assert simulate_queue.arrivals(rows, 871, 1, 0) == submitted != simulate_queue.arrivals(rows, 871, 1, 1)
