"""Times as our files write them, and new names."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def utc(moment: datetime) -> str:
    """`moment` as our files write it."""
    return moment.astimezone(UTC).strftime(TIME_FORMAT)


def moment(text: str | None) -> datetime | None:
    """The time that a file of ours (or another board's) says; None when it says none."""
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        try:
            time = datetime.strptime(text, TIME_FORMAT)
        except ValueError:
            return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def now() -> str:
    """The time now, as our files write it."""
    return utc(datetime.now(UTC))


def new_id() -> str:
    """A new unique name, 16 hex digits."""
    return secrets.token_hex(8)
