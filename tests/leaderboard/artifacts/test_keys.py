"""The secret keys of benchmarks: made once, read by their owner only, the same for every process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from leaderboard.artifacts.keys import KEY_BYTES, BenchmarkKey
from leaderboard.errors import Infrastructure
from leaderboard.settings import Settings


def test_a_key_is_made_once_and_gives_each_request_its_seed(tmp_path: Path) -> None:
    settings = Settings(private_dir=tmp_path / "private")
    with ThreadPoolExecutor(8) as threads:
        seeds = set(threads.map(lambda _: BenchmarkKey(settings, "one").sample_seed("a" * 16), range(8)))
    assert len(seeds) == 1
    [file] = (tmp_path / "private" / "keys").iterdir()
    assert file.stat().st_mode & 0o077 == 0 and file.parent.stat().st_mode & 0o077 == 0
    assert len(file.read_bytes()) == KEY_BYTES and file.read_bytes().hex() not in seeds
    key = BenchmarkKey(settings, "one")
    others = {key.sample_seed("b" * 16), key.digest_key(), BenchmarkKey(settings, "two").sample_seed("a" * 16)}
    assert len(seeds | others) == 4 and all(len(seed) == 64 for seed in seeds | others)


def test_a_damaged_key_is_not_replaced(tmp_path: Path) -> None:
    settings = Settings(private_dir=tmp_path)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "one").write_bytes(b"short")
    with pytest.raises(Infrastructure, match="The key of the benchmark one is damaged"):
        BenchmarkKey(settings, "one").sample_seed("a" * 16)
    assert (tmp_path / "keys" / "one").read_bytes() == b"short"
