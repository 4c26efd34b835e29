"""What a participant needs: a board that answers, a token that it knows, a clock that agrees, submissions left.

Needs no extra.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx2

from backend.doctor.line import Line, failed, ok, warning
from leaderboard import __version__

TIMEOUT_S = 20.0
SKEW_S = 30.0
"""Seconds by which clocks may differ: a limit that is reset, or a deadline, is then not where one expects it."""
MOST_QUOTAS = 20
"""Benchmarks that are asked for."""


class Account(NamedTuple):
    """Who one is at a board."""

    server: str
    """Its address; empty where none is known."""
    token: str
    """Empty where one has not signed in."""
    trouble: str = ""
    """Why no board is known, a sentence."""


def check_participant(account: Account) -> Iterator[Line]:
    """A line for each thing."""
    if not account.server:
        yield warning("board", account.trouble, "Run: podium login --server URL")
        return
    headers = {"User-Agent": f"podium/{__version__}"}
    if account.token:
        headers["Authorization"] = f"Bearer {account.token}"
    base = f"{account.server}/api/v1"
    with httpx2.Client(base_url=base, headers=headers, timeout=TIMEOUT_S, follow_redirects=False) as client:
        try:
            begin = datetime.now(UTC)
            answer = client.get("/me")
            middle = begin + (datetime.now(UTC) - begin) / 2
            yield from _lines(account, client, answer, middle)
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            why = str(error) or type(error).__name__
            fix = "Check the address, the network and its proxy (HTTPS_PROXY); try again later."
            yield failed("board", f"{account.server} cannot be reached: {why}.", fix)


def _lines(account: Account, client: httpx2.Client, answer: httpx2.Response, here: datetime) -> Iterator[Line]:
    """What the board answers."""
    me = _json(answer)
    if not isinstance(me, dict) or answer.status_code not in (200, 401):
        sentence = f"{account.server} does not answer as a Podium board does (status {answer.status_code})."
        yield failed("board", sentence, "Check its address; if it is right, try again later.")
        return
    yield ok("board", f"{account.server} answers.")
    yield check_board_clock(answer.headers.get("date", ""), here)
    yield _account_line(account, answer.status_code, me)
    if answer.status_code == 200 and me.get("sender"):
        yield from _quota_lines(client)


def check_board_clock(date: str, here: datetime) -> Line:
    """Whether this machine's clock agrees with the board's, which says `date` in the header of that name."""
    try:
        there = parsedate_to_datetime(date)
    except ValueError:
        return ok("board clock", "The board does not say its time; the clock was not compared.")
    skew = ((there if there.tzinfo else there.replace(tzinfo=UTC)) - here).total_seconds()
    if abs(skew) <= SKEW_S:
        return ok("board clock", "The clock agrees with the board's.")
    way = "behind" if skew > 0 else "ahead of"
    sentence = f"This machine's clock is {abs(skew):,.0f} s {way} the board's, by which limits and deadlines go."
    return warning("board clock", sentence, "Let the clock be set from the network, such as: timedatectl set-ntp true")


def _account_line(account: Account, status: int, me: Mapping[str, Any]) -> Line:
    """Whose the token is."""
    sign_in = f"Run: podium login --server {account.server}"
    if status == 401:
        return failed("account", "The board does not know your token: it was revoked or has expired.", sign_in)
    if me.get("name"):
        return ok("account", f"You are {me['name']} there.")
    if account.token:
        return failed("account", "The board takes your token for nobody's.", sign_in)
    if me.get("sender"):
        return ok("account", f"You are not signed in, and may submit as {me['sender']}.")
    return warning("account", "You are not signed in, and submitting needs it there.", sign_in)


def _quota_lines(client: httpx2.Client) -> Iterator[Line]:
    """What is left of each limit. A board of an earlier version does not tell it."""
    listed = _json(client.get("/benchmarks"))
    names = [entry.get("id") for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    for name in names[:MOST_QUOTAS]:
        answer = client.get("/quota", params={"benchmark": name})
        told = _json(answer)
        if answer.status_code != 200 or not isinstance(told, dict):
            return
        yield from (quota_line(str(name), quota) for quota in told.get("quota") or [] if isinstance(quota, dict))


def quota_line(benchmark: str, quota: Mapping[str, Any]) -> Line:
    """What is left of a limit, which the board tells as `GET /api/v1/quota` does."""
    what = "failures" if quota.get("counts") == "failures" else "submissions"
    period = quota.get("period") or f"in {quota.get('period_days')} days"
    sentence = f"{quota.get('left')} of {quota.get('limit')} {what} are left {period} for {quota.get('name')}."
    if quota.get("left"):
        return ok(f"quota {benchmark}", sentence)
    when = quota.get("frees_at")
    return warning(f"quota {benchmark}", sentence, f"Submit again from {when} on." if when else "None becomes free.")


def _json(answer: httpx2.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
