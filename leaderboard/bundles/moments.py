"""Dates as organisers write them, as moments in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

ISO_DATE = r"(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})"
US_DATE = r"(?P<month>\d{1,2})[-/](?P<day>\d{1,2})[-/](?P<year>\d{4})"
TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(:(?P<second>\d{2})([.,]\d+)?)?"
ZONE = r"(?P<zone>Z|UTC|GMT|[+-]\d{1,2}(:?\d{2})?)"
FORMS = [re.compile(rf"{date}([T ]\s*{TIME}\s*{ZONE}?)?", re.IGNORECASE) for date in (ISO_DATE, US_DATE)]
ALLOWED = "2026-12-31, 2026-12-31 23:59:00 or 2026-12-31T23:59:00+02:00; without a zone it is UTC"


def moment(text: str) -> datetime:
    """The moment in UTC. A date alone is its first moment; `12-31-2026` has the month first; without a zone it is UTC.

    Raises ValueError with a sentence.
    """
    match = next((match for form in FORMS if (match := form.fullmatch(text.strip()))), None)
    if match is None:
        raise ValueError(f"{text!r} is not a date. Write it as {ALLOWED}.")
    numbers = {name: int(match[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")}
    try:
        return datetime(**numbers, tzinfo=_zone(match["zone"])).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        american = f"{numbers['month']}-{numbers['day']}-" in text.replace("/", "-")
        first = " The month comes first in such a date." if american and numbers["month"] > 12 else ""
        raise ValueError(f"{text!r} is not a date: {error}.{first} Write it as {ALLOWED}.") from None


def _zone(text: str | None) -> timezone:
    """`Z`, `+02:00`, `+0200`, `+2`; UTC for none."""
    if text is None or text.upper() in {"Z", "UTC", "GMT"}:
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = (int(digits), 0) if len(digits) <= 2 else (int(digits[:-2]), int(digits[-2:]))
    if hours > 23 or minutes > 59:
        raise ValueError(f"there is no zone {text}")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
