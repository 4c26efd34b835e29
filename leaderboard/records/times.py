"""Times as our files write them, and new names."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def utc(moment: datetime) -> str:
    """`moment` as our files write it."""
    return moment.astimezone(UTC).strftime(TIME_FORMAT)


def now() -> str:
    """The time now, as our files write it."""
    return utc(datetime.now(UTC))


def new_id() -> str:
    """A new unique name, 16 hex digits."""
    return secrets.token_hex(8)
