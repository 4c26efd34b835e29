"""A month of a board's queue, with the order of `leaderboard.queue.priority` and others; prints how long requests wait.

    python -m scripts.simulate_queue [--requests 871] [--workers 8] [--load 1] [--backlog 14] [--seed 0]

Arrivals, sizes and senders are those of the busiest month in a sample of the Open LLM Leaderboard's contents table
(its days' shares of the month, the models' owners as senders), scaled to `--requests`. A run takes time in proportion
to the parameters, such that the workers would be busy for `--load` of the month; they begin `--backlog` days late, and
the requests of the month after that are judged.
"""

from __future__ import annotations

import argparse
import csv
import heapq
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from leaderboard.queue.priority import rank
from leaderboard.records import Request, utc
from leaderboard.settings import PROJECT

DATA = PROJECT.parent / "shared" / "data" / "open_llm" / "contents_sample.csv"
CLASSES = (2.0, 5.0, 9.0, 20.0, 40.0, float("inf"))
"""Upper ends of the size classes, in billions of parameters."""
MONTH = timedelta(days=31)
BOUND = 3.0
"""How many times the median of its size class a request may wait at most."""
Order = Callable[[Sequence[Request], Sequence[Request], datetime], Request]
"""From what waits, what runs and the time to the one that runs next."""


class Arrival(NamedTuple):
    """A request that is submitted."""

    time: datetime
    params: float
    sender: str


def busiest_month(data: Path) -> list[dict[str, str]]:
    """Rows of the month with the most submissions, in their order."""
    with data.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["Submission Date"] and float(row["#Params (B)"]) > 0]
    months = Counter(row["Submission Date"][:7] for row in rows)
    month = max(months, key=lambda name: months[name])
    return sorted((row for row in rows if row["Submission Date"][:7] == month), key=lambda row: row["Submission Date"])


def arrivals(rows: Iterable[dict[str, str]], count: int, months: int, seed: int) -> list[Arrival]:
    """`months` months of `count` submissions: each row as often as it takes, at a random time of its day."""
    chance, known = random.Random(seed), list(rows)
    made = []
    for number in range(count * months):
        row = known[number % count * len(known) // count]
        day = datetime.fromisoformat(row["Submission Date"]).replace(tzinfo=UTC) + MONTH * (number // count)
        time = day + timedelta(seconds=chance.randrange(86400))
        made.append(Arrival(time, float(row["#Params (B)"]), row["fullname"].partition("/")[0]))
    return sorted(made)


def simulate(
    submitted: Sequence[Arrival], workers: int, seconds_b: float, late: timedelta, order: Order
) -> list[tuple[float, float]]:
    """Parameters and hours of waiting of each request of the month after the workers began, `late` after the first.

    `seconds_b`: how long a run takes for a billion parameters.
    """
    coming = [
        Request(id=f"{number:016x}", model=f"{each.sender}/m{number}", sender=each.sender, params=each.params,
                benchmark="b", submitted_time=utc(each.time))
        for number, each in enumerate(submitted)
    ]  # fmt: skip
    times = {request.id: each.time for request, each in zip(coming, submitted, strict=True)}
    coming.reverse()
    waiting: list[Request] = []
    running: list[tuple[datetime, str, Request]] = []
    waits = []
    began = now = submitted[0].time + late
    while coming or waiting:
        while coming and times[coming[-1].id] <= now:
            waiting.append(coming.pop())
        while running and running[0][0] <= now:
            heapq.heappop(running)
        while waiting and len(running) < workers:
            chosen = order(waiting, [request for _, _, request in running], now)
            waiting.remove(chosen)
            params = chosen.params or 0.0
            if began <= times[chosen.id] < began + MONTH:
                waits.append((params, (now - times[chosen.id]).total_seconds() / 3600))
            heapq.heappush(running, (now + timedelta(seconds=seconds_b * params), chosen.id, chosen))
        ends = [running[0][0]] if running else []
        now = min([*ends, *([times[coming[-1].id]] if coming else [])], default=now)
    return waits


def first_come(waiting: Sequence[Request], running: Sequence[Request], now: datetime) -> Request:
    """The one that waits longest."""
    return waiting[0]


def by_points(waiting: Sequence[Request], running: Sequence[Request], now: datetime) -> Request:
    """The order of `leaderboard.queue.priority`."""
    return rank(waiting, running, now)[0].request


def without_ageing(waiting: Sequence[Request], running: Sequence[Request], now: datetime) -> Request:
    """The same, as if everything had waited for a day."""
    at = {request.id: request for request in waiting}
    day_ago = utc(now - timedelta(days=1))
    same = [request.model_copy(update={"submitted_time": day_ago}) for request in waiting]
    return at[rank(same, running, now)[0].request.id]


ORDERS: dict[str, Order] = {
    "first come, first served": first_come,
    "points without ageing": without_ageing,
    "points": by_points,
}


class Outcome(NamedTuple):
    """How long the requests of one size class waited, in hours."""

    upper: float
    """Upper end of the class, in billions of parameters."""
    requests: int
    median: float
    longest: float

    @property
    def ratio(self) -> float:
        """The longest wait in medians."""
        return self.longest / self.median if self.median else float("inf") if self.longest else 0.0


def outcomes(waits: Iterable[tuple[float, float]]) -> list[Outcome]:
    """By size class."""
    classes: dict[float, list[float]] = defaultdict(list)
    for params, hours in waits:
        classes[next(upper for upper in CLASSES if params <= upper)].append(hours)
    return [
        Outcome(upper, len(hours), statistics.median(hours), max(hours)) for upper, hours in sorted(classes.items())
    ]


def seconds_per_billion(submitted: Sequence[Arrival], workers: int, load: float) -> float:
    """How long a run takes for each billion parameters, if the workers are busy for `load` of the time."""
    span = (submitted[-1].time - submitted[0].time).total_seconds()
    return load * workers * span / sum(each.params for each in submitted)


def table(submitted: Sequence[Arrival], workers: int, seconds_b: float, late: timedelta) -> list[str]:
    """Lines of a Markdown table: for each order and class the median and the longest wait, and their ratio."""
    names = [f"up to {upper:g} B" for upper in CLASSES[:-1]] + ["larger"]
    lines = [f"| order | {' | '.join(names)} | mean |", "|---|" + "---|" * (len(names) + 1)]
    for name, order in ORDERS.items():
        waits = simulate(submitted, workers, seconds_b, late, order)
        cells = [f"{each.median:.0f} h, {each.longest:.0f} h, {each.ratio:.1f}" for each in outcomes(waits)]
        lines.append(f"| {name} | {' | '.join(cells)} | {statistics.mean(hours for _, hours in waits):.0f} h |")
    return lines


def main() -> None:
    """Simulate and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--requests", type=int, default=871, help="in a month")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--load", type=float, default=1.0, help="work that arrives, as a share of what can be done")
    parser.add_argument("--backlog", type=float, default=14.0, help="days of work that wait when the month begins")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    submitted = arrivals(busiest_month(options.data), options.requests, 3, options.seed)
    seconds_b = seconds_per_billion(submitted, options.workers, options.load)
    print(f"{options.requests} requests a month, {seconds_b / 60:.0f} min for a billion parameters")
    print("\n".join(table(submitted, options.workers, seconds_b, timedelta(days=options.backlog))))


if __name__ == "__main__":
    main()
