"""Random samples that anybody with the seed draws again: by a keyed hash of each id, whatever order they come in."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

Positions = list[int]
SEED_BYTES = 16
"""Shorter seeds could be guessed."""


def draw(seed: str, ids: Sequence[str], strata: Sequence[str], size: int) -> Positions:
    """Positions of `size` of the ids, in their order; each value of `strata` has its share, exact to rounding.

    `seed`: hexadecimal. `strata`: one for each id. Of each stratum those are drawn whose keyed hash is the smallest.
    Raises ValueError where there are fewer than `size`, and for a seed that could be guessed.
    """
    key = bytes.fromhex(seed)
    if len(key) < SEED_BYTES:
        raise ValueError("its seed is missing")
    if size > len(ids):
        raise ValueError(f"a sample of {size:,} was asked for, and there are {len(ids):,} examples")
    members: dict[str, list[tuple[bytes, int]]] = {}
    for at, (name, stratum) in enumerate(zip(ids, strata, strict=True)):
        members.setdefault(stratum, []).append((hashlib.blake2b(name.encode(), key=key).digest(), at))
    shares = quotas({stratum: len(rows) for stratum, rows in members.items()}, size)
    return sorted(at for stratum, rows in members.items() for _, at in heapq.nsmallest(shares[stratum], rows))


def quotas(counts: Mapping[str, int], size: int) -> dict[str, int]:
    """How many of each stratum are drawn: its share rounded down, and one more for the largest remainders.

    Equal remainders go by the strata's names.
    """
    total = sum(counts.values())
    exact = {stratum: Fraction(size * count, total) for stratum, count in counts.items()}
    whole = {stratum: int(share) for stratum, share in exact.items()}
    order = sorted(counts, key=lambda stratum: (whole[stratum] - exact[stratum], stratum))
    for stratum in order[: size - sum(whole.values())]:
        whole[stratum] += 1
    return whole


def digest_of(ids: Iterable[str]) -> str:
    """A digest of the ids of a sample, whatever order they are in."""
    return hashlib.sha256("\0".join(sorted(ids)).encode()).hexdigest()
