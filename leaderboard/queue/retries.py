"""What follows a failed run that was not the submission's fault: when it is tried again, and the words for that."""

from __future__ import annotations

from datetime import datetime, timedelta

from leaderboard.records import Request, Status, moment

MAX_BACKOFF_S = 3600.0
PODIUM = "podium"
"""Who changed a status when nobody in particular did, as when a lease has expired."""
CLOCKS_DIFFER = timedelta(minutes=1)
"""What a change may lie in the future without saying that the clock which wrote it was wrong."""
NOT_COUNTED = "Nothing is wrong with the submission, and no attempt is used up."


def backoff(request: Request, first_s: float) -> float:
    """Seconds until `request` may be claimed again: `first_s`, doubled for every run in a row that came back."""
    return min(first_s * 2.0 ** min(setbacks(request), 32), MAX_BACKOFF_S)


def setbacks(request: Request) -> int:
    """How often in a row it came back from RUNNING to PENDING since somebody put it into the queue.

    Expired leases are left out: a worker that was lost says nothing of the request.
    """
    count = 0
    for entry in reversed(request.history):
        if entry.from_ is Status.RUNNING and entry.to is Status.PENDING:
            count += entry.by != PODIUM
        elif entry.to is not Status.RUNNING:
            break
    return count


def waits_until(request: Request, now: datetime) -> datetime | None:
    """The time before which it may not be claimed; None when it may be now."""
    until = moment(request.not_before)
    if until is None or until <= now:
        return None
    changed = moment(request.history[-1].time) if request.history else None
    clock_was_ahead = changed is not None and changed > now + CLOCKS_DIFFER  # it wrote both times
    return None if clock_was_ahead else until


def tried_again(not_before: datetime | None) -> str:
    """That it is tried again, and roughly when; None: as soon as a worker takes it."""
    when = f"at about {not_before:%Y-%m-%d %H:%M} UTC" if not_before else "as soon as a worker is free"
    return f"It is tried again {when}."


def attempt_failed(attempt: int, of: int) -> str:
    """Which attempt failed; more follow."""
    return f"This was attempt {attempt} of {of}."


def given_up(attempts: int) -> str:
    """That it is not tried again, and what to do."""
    times = "once" if attempts == 1 else f"{attempts} times"
    return (
        f"It was tried {times} and is not tried again. Submit it again, or ask this board's maintainers to relaunch it."
    )
