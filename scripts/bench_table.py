"""The leaderboard page in a real Chromium, beside a static page, gr.Dataframe and gradio_leaderboard (on Gradio 5).

The limits are ratios to a static page with the same rows, and to a constant answer, from the same server in the same
run (`scripts.static_table`). Rows are resampled from the Open LLM Leaderboard's contents (PODIUM_SHARED_DATA,
../shared/data by default).
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pandas as pd
import psutil
from playwright.sync_api import Browser, BrowserContext, Page, TimeoutError, sync_playwright

from leaderboard.settings import PROJECT
from scripts.figures import Figure, Sections, at_most, reading
from scripts.processor_time import percent_of_core
from scripts.screenshots import CHROMIUM, FLAGS
from scripts.static_table import CONSTANT, CONSTANT_PAGE, PAGE

SHARED = Path(os.environ.get("PODIUM_SHARED_DATA", PROJECT.parent / "shared" / "data"))
SAMPLE = SHARED / "open_llm" / "contents_sample.csv"


class Size(NamedTuple):
    """How much is measured."""

    rows: tuple[int, ...]
    """Rows of the table, each number a measurement of its own."""
    limits: bool
    """Whether the figures have limits."""
    visits: int
    words: int
    """Number of words to type."""
    readers: int
    """Number of clients that filter at the same time."""
    peers: tuple[str, ...]
    idle_s: float
    """How long the service is left alone, to see what it uses."""


FULL = Size((5_000, 100_000, 1_000_000), True, 9, 60, 50, ("gr.Dataframe", "gradio_leaderboard"), 30.0)
TINY = Size((200,), False, 1, 1, 2, ("gr.Dataframe",), 1.0)
FIRST, TYPING, READERS = "first rows painted", "typing to filtered rows, p95", "{} readers filtering at once, p95"
PAINTED_STATIC, PAINTED_CONSTANT = "of the static page's", "of fetching and painting a constant answer"
FETCHED_CONSTANT = "of as many readers fetching a constant answer"
LIMITS = {
    f"{FIRST}, {PAINTED_STATIC}": (1.5, 1.5),
    f"{TYPING}, {PAINTED_CONSTANT}": (1.3, 1.5),
    "bytes of a first visit": (60.0, 60.0),
    "requests of a first visit": (12.0, 12.0),
    "rows on slow 3G": (2.5, 2.5),
    "server start to first answer": (800.0, 1500.0),
    f"{READERS}, {FETCHED_CONSTANT}": (2.0, 2.0),
    "memory at rest": (350.0, 500.0),
    "idle processor": (1.0, 1.0),
}
"""Figure -> limit at 5,000 and at 100,000 rows: times a peer's, kB, requests, s, ms, MB and percent of a processor."""
ROWS = "/api/v1/benchmarks/open-llm-v2/rows"
SLOW_3G = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
"""400 kbit/s and 400 ms, in bytes a second and ms."""
MAX_WAIT_MS = 60_000
"""Maximum wait for a page in ms; a slower page counts as this time, and its figure says "at least"."""
WORDS = [
    *("llama", "qwen", "mistral", "merge", "instruct", "gemma", "phi", "nous", "calme", "base"),
    *("7b", "8b", "chat", "code", "dpo", "sft", "slerp", "math", "smol", "falcon"),
]
LARGE = 1_000_000
"""Rows from which on there are only MOST, and neither peers, nor slow 3G, nor readers at once."""
MOST = {FIRST: 1000.0, TYPING: 400.0, "memory at rest": 2000.0}
"""Figure -> limit at LARGE rows: ms, ms, MB."""
PEER_VENV = PROJECT / ".venv" / "gradio5"
"""gradio_leaderboard needs Gradio 5, so it gets an environment of its own."""


@dataclass(frozen=True)
class Contestant:
    """A server of the table, and how to read in the browser what it shows."""

    name: str
    python: Path
    rows: str
    """JavaScript that is true once rows are drawn."""
    search: str
    """Selector of the search field."""
    filtered: Callable[[str], str]
    """Word -> JavaScript that is true once only rows with that word are drawn."""
    submit: bool = False
    """Whether Enter has to be pressed."""


def all_rows_hold(row: str) -> Callable[[str], str]:
    """For pages that draw rows as `row`: every drawn row but the heading holds the word."""
    drawn = (
        f"[...document.querySelectorAll('{row}')].map(r => r.innerText.toLowerCase())"
        ".filter(t => t.trim() && !t.includes('base model'))"
    )
    return lambda word: f"(rows => rows.length > 0 && rows.every(t => t.includes('{word}')))({drawn})"


ROWS_OF_THE_PAGE = "!!document.querySelector('.board .pt-name') && performance.getEntriesByType('paint').length > 0"
OURS = Contestant(
    "Podium", Path(sys.executable),
    ROWS_OF_THE_PAGE,
    ".board input[type=search]",
    lambda word: "(() => { const names = [...document.querySelectorAll('.board.live .pt-name')]"
    f".map(a => a.textContent.toLowerCase()); return names.length > 0 && names.every(t => t.includes('{word}')); }})()",
)  # fmt: skip
STATIC = Contestant(
    "the static page", Path(sys.executable), ROWS_OF_THE_PAGE, "input[type=search]",
    lambda word: f"document.querySelector('tbody').dataset.word === '{word}'",
)  # fmt: skip
DATAFRAME = Contestant(
    "gr.Dataframe", Path(sys.executable), "document.querySelectorAll('[role=row]').length > 3",
    "input.search-input", all_rows_hold("[role=row]"),
)  # fmt: skip
LEADERBOARD = Contestant(
    "gradio_leaderboard", PEER_VENV / "bin" / "python", "document.querySelectorAll('tbody tr').length > 3",
    "input[placeholder*='queries'], textarea[placeholder*='queries']", all_rows_hold("tbody tr"), submit=True,
)  # fmt: skip


def rows(number: int) -> pd.DataFrame:
    """A contents table of `number` rows with different names."""
    frame = pd.read_csv(SAMPLE).sample(number, replace=True, random_state=0).reset_index(drop=True)
    frame["fullname"] = [f"{name}-{at}" for at, name in enumerate(frame["fullname"])]
    return frame


class Served(NamedTuple):
    """A server that answers."""

    address: str
    start_ms: float
    """From its imports to its first answer; 0 for peers."""
    process: psutil.Process


@contextmanager
def serving(who: Contestant, table: Path) -> Iterator[Served]:
    """Start its server, and stop it in the end."""
    command = [str(who.python), str(PROJECT / "scripts" / "table_servers.py"), who.name, str(table)]
    env = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_XET": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, cwd=PROJECT)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("READY "):
                _, address, milliseconds = line.split()
                yield Served(address, float(milliseconds), psutil.Process(process.pid))
                break
        else:
            raise SystemExit(f"The server of {who.name} ended before it was ready.")
    finally:
        process.kill()
        process.wait()


@dataclass
class Reading:
    """The measurements of one contestant in the browser."""

    navigation_ms: float
    typing_ms: float
    html_kb: float
    heap_mb: float


def new_context(browser: Browser) -> BrowserContext:
    """A browser that has seen nothing yet. What is waited for is JavaScript, which the pages' policy would refuse."""
    return browser.new_context(viewport={"width": 1400, "height": 900}, bypass_csp=True)


class Side(NamedTuple):
    """A contestant in the browser."""

    who: Contestant
    address: str
    typing_at: str = ""
    """Page to type into, where it is another one."""


def in_browser(browser: Browser, sides: Sequence[Side], size: Size) -> list[Reading]:
    """Open each side's page some times, and type words into the last one.

    They take turns, so that whatever else the machine does slows all of them down.
    """
    navigation: list[list[float]] = [[] for _ in sides]
    pages: list[Page] = []
    for _ in range(size.visits):
        for page in pages:
            page.context.close()
        pages = []
        for side, times in zip(sides, navigation, strict=True):
            pages.append(new_context(browser).new_page())
            times.append(visit(pages[-1], side))
    heaps = [heap_mb(page) for page in pages]
    for side, page in zip(sides, pages, strict=True):
        if side.typing_at:
            page.goto(side.typing_at, timeout=MAX_WAIT_MS)
    typing: list[list[float]] = [[] for _ in sides]
    for word in islice(cycle(WORDS), size.words):
        for side, page, times in zip(sides, pages, typing, strict=True):
            if MAX_WAIT_MS not in times:
                times.append(type_word(page, side.who, word))
    for page in pages:
        page.context.close()
    return [
        Reading(min(opened), float(np.percentile(typed, 95)), document_kb(side.address), heap)
        for side, opened, typed, heap in zip(sides, navigation, typing, heaps, strict=True)
    ]


def visit(page: Page, side: Side) -> float:
    """Milliseconds until rows are painted, at most MAX_WAIT_MS."""
    begin = time.perf_counter()
    page.goto(side.address, wait_until="commit", timeout=MAX_WAIT_MS)
    return wait_for(page, side.who.rows, begin)


def document_kb(address: str) -> float:
    """The page's HTML as sent."""
    return httpx.get(address, trust_env=False, timeout=120).num_bytes_downloaded / 1000


def heap_mb(page: Page) -> float:
    """JavaScript heap in use, after a collection."""
    client = page.context.new_cdp_session(page)
    client.send("HeapProfiler.collectGarbage")
    client.send("Performance.enable")
    metrics = {metric["name"]: metric["value"] for metric in client.send("Performance.getMetrics")["metrics"]}
    return float(metrics["JSHeapUsedSize"]) / 1e6


def type_word(page: Page, who: Contestant, word: str) -> float:
    """Milliseconds from the last key to only matching rows, at most MAX_WAIT_MS."""
    field = page.locator(who.search).first
    field.fill("")
    if who.submit:
        field.press("Enter")
    page.wait_for_timeout(400)
    begin = time.perf_counter()
    field.fill(word)
    if who.submit:
        field.press("Enter")
    return wait_for(page, who.filtered(word), begin)


def wait_for(page: Page, shown: str, begin: float) -> float:
    """Milliseconds from `begin` until the JavaScript `shown` is true, at most MAX_WAIT_MS."""
    try:
        page.wait_for_function(shown, timeout=MAX_WAIT_MS, polling="raf")
    except TimeoutError:
        return MAX_WAIT_MS
    return 1000 * (time.perf_counter() - begin)


class Visit(NamedTuple):
    """What a first visit costs."""

    requests: int
    kilobytes: float
    """As sent, with headers."""


def first_visit(browser: Browser, address: str) -> Visit:
    """Open the page as somebody whose browser has nothing of it, until nothing more is loaded."""
    context = new_context(browser)
    page = context.new_page()
    client = page.context.new_cdp_session(page)
    client.send("Network.enable")
    loaded: list[float] = []
    client.on("Network.loadingFinished", lambda event: loaded.append(event["encodedDataLength"]))
    page.goto(address, timeout=MAX_WAIT_MS)
    page.wait_for_timeout(2000)
    context.close()
    return Visit(len(loaded), sum(loaded) / 1000)


def rows_on_slow_3g(browser: Browser, address: str) -> float:
    """Seconds until rows are painted where the connection is slow."""
    context = new_context(browser)
    page = context.new_page()
    client = page.context.new_cdp_session(page)
    client.send("Network.enable")
    client.send("Network.emulateNetworkConditions", SLOW_3G)
    begin = time.perf_counter()
    page.goto(address, wait_until="commit", timeout=MAX_WAIT_MS)
    took = wait_for(page, OURS.rows, begin)
    context.close()
    return took / 1000


async def readers(address: str, number: int) -> float:
    """95th percentile in ms of `number` different filters that are asked for at `address` at the same time."""

    async def read(client: httpx.AsyncClient, at: int) -> float:
        params = {
            "search": f"{WORDS[at % 10]} {at % 7}",
            "size_min": str(at % 5),
            "facets": "true",
            "limit": "50",
        }
        begin = time.perf_counter()
        answer = await client.get(address, params=params)
        answer.raise_for_status()
        return 1000 * (time.perf_counter() - begin)

    limits = httpx.Limits(max_connections=number)
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
        await asyncio.gather(*(client.get(address, params={"limit": "1"}) for _ in range(number)))
        took = await asyncio.gather(*(read(client, at) for at in range(number)))
    return float(np.percentile(took, 95))


def peers(names: Sequence[str]) -> list[Contestant]:
    """The peers with these names; installs gradio_leaderboard into its own environment the first time."""
    if LEADERBOARD.name in names and not LEADERBOARD.python.exists():
        uv = PROJECT / ".venv" / "bin" / "uv"
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, PEER_VENV], check=True)
        requirements = ["gradio==5.50.0", "gradio_leaderboard==0.0.14", "pandas<3", "pyarrow"]
        subprocess.run([uv, "pip", "install", "--quiet", "--python", LEADERBOARD.python, *requirements], check=True)
    return [peer for peer in (DATAFRAME, LEADERBOARD) if peer.name in names]


def sections(size: Size) -> Sections:
    """For each number of rows our figures, and each peer's with its ratio to ours."""
    others = peers(size.peers)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for at, number in enumerate(size.rows):
            table = Path(folder) / f"{number}.parquet"
            rows(number).to_parquet(table)
            if number >= LARGE:
                with serving(OURS, table) as served:
                    yield f"{number:,} rows, Podium alone", large_figures(browser, served, size, number)
                continue
            with serving(OURS, table) as served:
                ours, figures = podium_figures(browser, served, size, at)
            for peer in others:
                with serving(peer, table) as served:
                    [theirs] = in_browser(browser, [Side(peer, served.address)], of_peers(size))
                figures += peer_figures(peer.name, theirs, ours, number)
            yield f"{number:,} rows", figures


def of_peers(size: Size) -> Size:
    """A peer may need a minute for each page and word, and its figures have no limits: a few show how slow it is."""
    return size._replace(visits=min(size.visits, 2), words=min(size.words, 2))


def podium_figures(browser: Browser, served: Served, size: Size, at: int) -> tuple[Reading, list[Figure]]:
    """Our readings in the browser, and each figure against its limit."""
    address = served.address
    ours, static = in_browser(
        browser, [Side(OURS, address), Side(STATIC, address + PAGE, address + CONSTANT_PAGE)], size
    )
    cost, slow_s = first_visit(browser, address), rows_on_slow_3g(browser, address)
    together, constant = together_ms([address + path for path in (ROWS, CONSTANT)], size)
    idle = percent_of_core(served.process, size.idle_s)
    values = [
        (ours.navigation_ms / static.navigation_ms, "x"),
        (ours.typing_ms / static.typing_ms, "x"),
        (cost.kilobytes, "kB"),
        (cost.requests, ""),
        (slow_s, "s"),
        (served.start_ms, "ms"),
        (together / constant, "x"),
        (memory_mb(served.process), "MB"),
        (idle, "%"),
    ]
    rows = f"{size.rows[at]:,} rows"
    figures = [
        at_most(f"{rows}: {name.format(size.readers)}", value, unit, limits[at] if size.limits else None)
        for (name, limits), (value, unit) in zip(LIMITS.items(), values, strict=True)
    ]
    absolute = {
        FIRST: ours.navigation_ms, f"{FIRST}, {STATIC.name}": static.navigation_ms,
        TYPING: ours.typing_ms, f"{TYPING}, constant answer": static.typing_ms,
        READERS.format(size.readers): together, f"{READERS.format(size.readers)}, constant answer": constant,
    }  # fmt: skip
    figures += [reading(f"{rows}: {name}", value, "ms") for name, value in absolute.items()]
    figures += [
        at_most(f"{rows}: HTML document", ours.html_kb, "kB", 60.0 if size.limits else None),
        at_most(f"{rows}: JS heap after first rows", ours.heap_mb, "MB", 10.0 if size.limits else None),
    ]
    return ours, figures


def large_figures(browser: Browser, served: Served, size: Size, number: int) -> list[Figure]:
    """The figures of a board of LARGE rows against their limits."""
    [ours] = in_browser(browser, [Side(OURS, served.address)], size)
    values = {FIRST: (ours.navigation_ms, "ms"), TYPING: (ours.typing_ms, "ms")}
    values["memory at rest"] = (memory_mb(served.process), "MB")
    figures = [at_most(f"{number:,} rows: {name}", *values[name], limit) for name, limit in MOST.items()]
    return [*figures, reading(f"{number:,} rows: server start to first answer", served.start_ms, "ms")]


def memory_mb(process: psutil.Process) -> float:
    """Memory that it has, measured while nobody asks."""
    return float(process.memory_info().rss) / 1e6


def together_ms(addresses: Sequence[str], size: Size) -> list[float]:
    """For each address the median of some readings of `readers`, in turns; in a thread without Playwright's loop."""
    with ThreadPoolExecutor(1) as aside:
        rounds = [
            [aside.submit(asyncio.run, readers(address, size.readers)).result() for address in addresses]
            for _ in range(size.visits)
        ]
    return [statistics.median(readings) for readings in zip(*rounds, strict=True)]


def peer_figures(name: str, peer: Reading, ours: Reading, rows: int) -> list[Figure]:
    """A peer's readings and how many times ours they are."""
    pairs = {
        FIRST: (peer.navigation_ms, ours.navigation_ms, "ms"),
        TYPING: (peer.typing_ms, ours.typing_ms, "ms"),
        "HTML document": (peer.html_kb, ours.html_kb, "kB"),
        "JS heap after first rows": (peer.heap_mb, ours.heap_mb, "MB"),
    }
    figures = []
    for what, (value, own, unit) in pairs.items():
        label = f"{rows:,} rows, {name}: {what}" + (", at least" if unit == "ms" and value >= MAX_WAIT_MS else "")
        figures.append(reading(label, value, unit))
        figures.append(reading(f"{label}, ratio to Podium", value / own, "x"))
    return figures
