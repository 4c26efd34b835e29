"""Requests in words, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from leaderboard.cli.client.api import duration
from leaderboard.errors import SubmissionFailed

ENDED = ("FINISHED", "FAILED", "CANCELLED")


def status_line(request: Mapping[str, Any]) -> str:
    """Where a request stands, in one line."""
    status = str(request.get("status"))
    words = ["waiting" if status == "PENDING" else status.lower()]
    if status == "PENDING":
        if request.get("obstacle"):
            words.append(str(request["obstacle"]))
        if request.get("queue_position"):
            words.append(f"number {request['queue_position']:,} in the queue")
        if start := until(request.get("expected_start")):
            words.append(f"expected start {start}")
    if status == "RUNNING":
        words.append(progress_words(request.get("progress")))
        if end := until(request.get("expected_end")):
            words.append(f"expected end {end}")
    return ", ".join(word for word in words if word)


def progress_words(progress: Mapping[str, Any] | None) -> str:
    """How far a run is."""
    if not progress:
        return ""
    share = f"{progress['done']:,} of {progress['total']:,}" if progress.get("total") else ""
    return ", ".join(part for part in (str(progress.get("task") or ""), share) if part)


def until(time: Any) -> str:
    """A time to come, relative to now; empty for none."""
    moment = parsed(time)
    return f"in {duration((moment - datetime.now(UTC)).total_seconds())}" if moment else ""


def ago(time: Any) -> str:
    """A time that has passed, relative to now."""
    moment = parsed(time)
    return f"{duration((datetime.now(UTC) - moment).total_seconds())} ago" if moment else "unknown"


def parsed(time: Any) -> datetime | None:
    """A time of the API; None for none."""
    try:
        moment = datetime.fromisoformat(str(time))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def raise_if_failed(request: Mapping[str, Any]) -> None:
    """Raises SubmissionFailed with the reason where the request failed or was cancelled."""
    name, status = request.get("model"), request.get("status")
    if status == "CANCELLED":
        raise SubmissionFailed(f"{name} was cancelled. Submit it again with `podium submit`.", request)
    if status == "FAILED":
        failure = request.get("failure") or {}
        why = failure.get("message") or "Its file gives no reason."
        code = f" [{failure['code']}]" if failure.get("code") else ""
        raise SubmissionFailed(f"{name} failed. {why}{code} Its log: podium logs {request.get('id')}", request)


def number(value: Any) -> str:
    """A score as it is shown; `unknown` for none."""
    return f"{value:.6g}" if isinstance(value, int | float) and not isinstance(value, bool) else "unknown"
