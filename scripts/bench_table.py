"""The leaderboard page in a real Chromium, beside gr.Dataframe and gradio_leaderboard (on the Gradio 5 it needs).

Rows are resampled from the Open LLM Leaderboard's contents (PODIUM_SHARED_DATA, ../shared/data by default).
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
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pandas as pd
from playwright.sync_api import Browser, Page, TimeoutError, sync_playwright

from leaderboard.settings import PROJECT
from scripts.figures import Figure, Sections, at_most, reading
from scripts.screenshots import CHROMIUM, FLAGS

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


FULL = Size((5_000, 100_000), limits=True, visits=3, words=10, readers=50, peers=("gr.Dataframe", "gradio_leaderboard"))
TINY = Size((200,), limits=False, visits=1, words=1, readers=2, peers=("gr.Dataframe",))
LIMITS = {
    "navigation to first rows": (800.0, 1000.0),
    "typing to filtered rows, p95": (120.0, 150.0),
    "HTML document": (60.0, 60.0),
    "JS heap after first rows": (10.0, 10.0),
    "server cold start to first answer": (1000.0, 2000.0),
    "{readers} readers filtering at once, p95": (300.0, 500.0),
}
"""Figure -> limit at 5,000 and at 100,000 rows, in ms, kB and MB."""
MAX_WAIT_MS = 60_000
"""Maximum wait for a page in ms; a slower page counts as this time, and its figure says "at least"."""
WORDS = ["llama", "qwen", "mistral", "merge", "instruct", "gemma", "phi", "nous", "calme", "base"]
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


OURS = Contestant(
    "Podium", Path(sys.executable),
    "!!document.querySelector('.board .pt-name')",
    ".board input[type=search]",
    lambda word: "(() => { const names = [...document.querySelectorAll('.board.live .pt-name')]"
    f".map(a => a.textContent.toLowerCase()); return names.length > 0 && names.every(t => t.includes('{word}')); }})()",
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


@contextmanager
def serving(who: Contestant, table: Path) -> Iterator[tuple[str, float]]:
    """Start its server; yields the address and milliseconds from its imports to its first answer (0 for peers)."""
    command = [str(who.python), str(PROJECT / "scripts" / "table_servers.py"), who.name, str(table)]
    env = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_XET": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, cwd=PROJECT)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("READY "):
                _, address, milliseconds = line.split()
                yield address, float(milliseconds)
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


def in_browser(browser: Browser, who: Contestant, address: str, size: Size) -> Reading:
    """Open the page some times, type words into the last one."""
    navigation = []
    for _ in range(size.visits):
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        page = context.new_page()
        begin = time.perf_counter()
        page.goto(address, wait_until="commit", timeout=MAX_WAIT_MS)
        navigation.append(wait_for(page, who.rows, begin))
        heap = heap_mb(page)
        if len(navigation) < size.visits:
            context.close()
    typing: list[float] = []
    for word in WORDS[: size.words]:
        typing.append(type_word(page, who, word))
        if typing[-1] >= MAX_WAIT_MS:
            break
    document = httpx.get(address, trust_env=False, timeout=120)
    return Reading(min(navigation), float(np.percentile(typing, 95)), document.num_bytes_downloaded / 1000, heap)


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


async def readers(address: str, number: int) -> float:
    """95th percentile in ms of `number` different filters that are sent at the same time."""

    async def read(client: httpx.AsyncClient, at: int) -> float:
        params = {
            "search": f"{WORDS[at % len(WORDS)]} {at % 7}",
            "size_min": str(at % 5),
            "facets": "true",
            "limit": "100",
        }
        begin = time.perf_counter()
        answer = await client.get(f"{address}/api/v1/benchmarks/open-llm-v2/rows", params=params)
        answer.raise_for_status()
        return 1000 * (time.perf_counter() - begin)

    limits = httpx.Limits(max_connections=number)
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
        await asyncio.gather(*(client.get(f"{address}/api/v1/benchmarks") for _ in range(number)))
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
            with serving(OURS, table) as (address, cold):
                ours = in_browser(browser, OURS, address, size)
                # Playwright runs an event loop in this thread, so the readers have one of their own.
                with ThreadPoolExecutor(1) as aside:
                    calls = (aside.submit(asyncio.run, readers(address, size.readers)) for _ in range(size.visits))
                    together = statistics.median(call.result() for call in calls)
            figures = our_figures(ours, cold, together, size, at)
            for peer in others:
                with serving(peer, table) as (address, _):
                    figures += peer_figures(peer.name, in_browser(browser, peer, address, size), ours, number)
            yield f"{number:,} rows", figures


def our_figures(ours: Reading, cold_ms: float, together_ms: float, size: Size, at: int) -> list[Figure]:
    """Each figure against its limit."""
    readings = [
        (ours.navigation_ms, "ms"),
        (ours.typing_ms, "ms"),
        (ours.html_kb, "kB"),
        (ours.heap_mb, "MB"),
        (cold_ms, "ms"),
        (together_ms, "ms"),
    ]
    return [
        at_most(
            f"{size.rows[at]:,} rows: {name.format(readers=size.readers)}",
            value,
            unit,
            limits[at] if size.limits else None,
        )
        for (name, limits), (value, unit) in zip(LIMITS.items(), readings, strict=True)
    ]


def peer_figures(name: str, peer: Reading, ours: Reading, rows: int) -> list[Figure]:
    """A peer's readings and how many times ours they are."""
    pairs = {
        "navigation to first rows": (peer.navigation_ms, ours.navigation_ms, "ms"),
        "typing to filtered rows, p95": (peer.typing_ms, ours.typing_ms, "ms"),
        "HTML document": (peer.html_kb, ours.html_kb, "kB"),
        "JS heap after first rows": (peer.heap_mb, ours.heap_mb, "MB"),
    }
    figures = []
    for what, (value, own, unit) in pairs.items():
        label = f"{rows:,} rows, {name}: {what}" + (", at least" if unit == "ms" and value >= MAX_WAIT_MS else "")
        figures.append(reading(label, value, unit))
        figures.append(reading(f"{label}, ratio to Podium", value / own, "x"))
    return figures
