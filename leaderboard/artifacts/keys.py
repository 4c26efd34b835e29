"""A secret key for each benchmark, made when it is first needed: seeds and keyed digests come from it.

Nobody outside can compute what is made from it beforehand, and the organiser can compute it again.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from leaderboard.errors import Infrastructure
from leaderboard.settings import Settings

KEY_BYTES = 32


class BenchmarkKey:
    """The key of one benchmark, `{private folder}/keys/{benchmark}`: 32 random bytes that only its owner reads."""

    def __init__(self, settings: Settings, benchmark_id: str) -> None:
        self._file = settings.private_dir.absolute() / "keys" / benchmark_id

    def sample_seed(self, request_id: str) -> str:
        """The seed of a submission's hidden sample, hexadecimal; the same for each of its runs. Raises OSError."""
        return self._derived(f"sample {request_id}")

    def digest_key(self) -> str:
        """The key for digests of labels, hexadecimal: a plain digest would confirm guesses. Raises OSError."""
        return self._derived("labels")

    def _derived(self, purpose: str) -> str:
        return hmac.new(self._key(), purpose.encode(), hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        """The key; made where there is none, by whoever comes first. Raises OSError, Infrastructure."""
        try:
            key = self._file.read_bytes()
        except FileNotFoundError:
            _make(self._file)
            key = self._file.read_bytes()
        if len(key) != KEY_BYTES:
            raise Infrastructure(f"The key of the benchmark {self._file.name} is damaged. Restore it from a backup.")
        return key


def _make(file: Path) -> None:
    """Write a new key, whole or not at all, unless somebody else has done so meanwhile."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = file.parent / f".{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            new.write(secrets.token_bytes(KEY_BYTES))
            new.flush()
            os.fsync(new.fileno())
        with suppress(FileExistsError):
            os.link(beside, file)
    finally:
        beside.unlink(missing_ok=True)
