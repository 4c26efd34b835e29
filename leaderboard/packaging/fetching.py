"""Starting kits fetched from a board, unpacked within limits."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx2

from leaderboard import __version__
from leaderboard.archives import ArchiveLimits, open_archive
from leaderboard.errors import Infrastructure, NotFound, NotPossible, PodiumError, TooLarge

LIMITS = ArchiveLimits(nested=True)
MOST_BYTES = LIMITS.total_bytes
TIMEOUT = httpx2.Timeout(30.0, read=120.0)
"""Seconds."""
HEADERS = {"User-Agent": f"podium/{__version__}", "Accept-Encoding": "identity"}


class OfferedKit(NamedTuple):
    """A benchmark of a board."""

    benchmark: str
    """Its id."""
    title: str
    kinds: list[str]
    """Of submissions."""
    has_kit: bool


def offered_kits(server: str) -> list[OfferedKit]:
    """The benchmarks of a board, in its order. Raises NotFound, Infrastructure."""
    with _answer(server, "/benchmarks") as answer:
        answer.read()
        try:
            listed = [_offered(benchmark) for benchmark in answer.json()]
        except (ValueError, TypeError, KeyError, AttributeError):
            raise NotFound(f"{server} does not answer as a Podium board does. Check its address.") from None
    return listed


def fetch_kit(server: str, benchmark_id: str, into: Path) -> list[str]:
    """Fetch the kit of a benchmark and unpack it into the folder `into`, which is not there yet or is empty; its files.

    Raises NotPossible where something is there, NotFound, BadArchive, TooLarge, Infrastructure, OSError. Then nothing
    is left behind.
    """
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise NotPossible(f"{into} is there already, and is left as it is. Name another folder.")
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="podium-init-") as scratch:
        file = Path(scratch) / "kit.zip"
        _download(server, f"/benchmarks/{quote(benchmark_id, safe='')}/kit", file)
        return [entry.path for entry in open_archive(file, into, LIMITS, unwrap=True)]


def _offered(benchmark: dict[str, Any]) -> OfferedKit:
    """A benchmark as the API lists it."""
    phases = (benchmark.get("bundle") or {}).get("phases", [])
    named = (benchmark.get("competition") or {}).get("kit") or any(phase.get("starting_kit") for phase in phases)
    return OfferedKit(benchmark["id"], benchmark["title"], list(benchmark["kinds"]), bool(named))


def _download(server: str, path: str, file: Path) -> None:
    size = 0
    with _answer(server, path) as answer, file.open("wb") as target:
        for chunk in answer.iter_bytes():
            size += len(chunk)
            if size > MOST_BYTES:
                raise TooLarge(f"The kit has more than {MOST_BYTES:,} bytes, which is the most that is fetched.")
            target.write(chunk)


@contextmanager
def _answer(server: str, path: str) -> Iterator[httpx2.Response]:
    """An answer of the API whose content is read as it comes. Raises NotFound, Infrastructure."""
    try:
        with (
            httpx2.Client(timeout=TIMEOUT, headers=HEADERS, follow_redirects=False) as client,
            client.stream("GET", f"{server.rstrip('/')}/api/v1{path}") as answer,
        ):
            if answer.status_code != 200:
                answer.read()
                raise _refusal(server, answer)
            yield answer
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise Infrastructure(f"{server} cannot be reached ({error}). Check the address and try again.") from error


def _refusal(server: str, answer: httpx2.Response) -> PodiumError:
    """The error that an answer tells of."""
    if answer.is_redirect:
        return NotFound(f"{server} sends on to {answer.headers.get('location')}. Name the address that it now has.")
    try:
        sentence = answer.json()["error"]
    except (ValueError, TypeError, KeyError):
        sentence = f"{server} does not answer as a Podium board does (status {answer.status_code}). Check its address."
    if answer.status_code == 429 or answer.status_code >= 500:
        return Infrastructure(f"{sentence} Try again later.")
    return NotFound(str(sentence))
