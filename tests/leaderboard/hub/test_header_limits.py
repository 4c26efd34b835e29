"""How much of safetensors headers is read: what is over the limits is neither fetched nor parsed."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

import pytest

from leaderboard.hub.file_contents import HEADER_GUESS, MAX_HEADERS_BYTES, PARSING, ReadFile, read_contents
from leaderboard.hub.safetensors import MAX_HEADER_BYTES

NAME = "model.safetensors"
INDEX = "model.safetensors.index.json"


class Repository:
    """Files whose headers claim any length; it counts what is asked for."""

    def __init__(self, **files: bytes) -> None:
        self.files = files
        self.sizes: dict[str, int | None] = dict.fromkeys(files)
        self.sent = 0

    def fetch(self, name: str, limit: int, start: int | None = None) -> bytes:
        content = self.files[name][start or 0 :][:limit]
        self.sent += len(content)
        return content


def run(read: ReadFile, arguments: Iterable[tuple[str, int]]) -> list[Any]:
    return [read(*argument) for argument in arguments]


def claiming(length: int) -> bytes:
    """A file that claims a header of `length` bytes and goes on for as long."""
    return struct.pack("<Q", length) + b"{" + b" " * length


def test_a_header_over_the_limit_is_neither_fetched_nor_parsed() -> None:
    repository = Repository(**{NAME: claiming(MAX_HEADER_BYTES + 1)})
    contents = read_contents(repository.sizes, repository.fetch, run)
    assert "at most 8,000,000 are read" in contents.unreadable[NAME] and repository.sent == HEADER_GUESS


def test_all_headers_of_a_checkpoint_share_a_limit() -> None:
    parts = [f"model-{at}.safetensors" for at in range(20)]
    index = json.dumps({"metadata": {}, "weight_map": {part: part for part in parts}}).encode()
    files = dict.fromkeys(parts, claiming(MAX_HEADERS_BYTES // len(parts) + 1))
    repository = Repository(**{INDEX: index}, **files)
    contents = read_contents(repository.sizes, repository.fetch, run)
    assert set(contents.unreadable) == set(parts) and repository.sent == len(index) + 20 * HEADER_GUESS


def test_one_header_is_parsed_at_a_time() -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    repository = Repository(**{NAME: struct.pack("<Q", len(header)) + header + b"\0" * 4})
    with ThreadPoolExecutor(1) as pool:
        with PARSING:
            reading = pool.submit(read_contents, repository.sizes, repository.fetch, run)
            with pytest.raises(FutureTimeout):
                reading.result(timeout=0.05)
        assert reading.result(timeout=20).parameters == {"F32": 1}
