"""The public API of a Podium server over HTTP: waits trouble out, and raises the project's errors."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, Self

import httpx2

from leaderboard import __version__
from leaderboard.cli.client.accounts import Account
from leaderboard.errors import (
    NotAccepted,
    NotAllowed,
    NotFound,
    NotPossible,
    NotSignedIn,
    PodiumError,
    ServerUnavailable,
    TooLarge,
    TooMany,
    WrongUse,
)

TIMEOUT = httpx2.Timeout(30.0, read=120.0)
"""Seconds. Looking a submission up waits for the Hub."""
AGAIN = (429, 500, 502, 503, 504)
"""Statuses after which the same may succeed."""
PERHAPS_DONE = (500, 502, 504)
"""Of these, those after which the server may have acted."""
NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
Event = tuple[str, dict[str, Any]]
"""Name and data of a server-sent event."""


@dataclass(frozen=True)
class Patience:
    """How long trouble of the server is waited out. All in seconds but `tries`."""

    tries: int = 4
    first_s: float = 1.0
    """Before the second try; doubled before each further one."""
    longest_s: float = 30.0
    """Most between two tries, unless the server asks for more."""
    asked_s: float = 120.0
    """Most that the server may ask for; beyond it the person is told when to come back."""
    outage_s: float = 1800.0
    """How long `watch` waits for a server that does not answer."""

    def before(self, attempt: int) -> float:
        """Seconds to wait after the try number `attempt`; at random, so that not all clients come at once."""
        return min(self.longest_s, self.first_s * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)


PATIENCE = Patience()


class Api:
    """One server's API, with one person's token. The token goes to this server only: redirects are not followed."""

    def __init__(self, account: Account, tell: Callable[[str], None]) -> None:
        """`tell` is told why something is waited for."""
        self.account = account
        self.patience = PATIENCE
        self.tell = tell
        headers = {"User-Agent": f"podium/{__version__}", "Accept": "application/json"}
        if account.token:
            headers["Authorization"] = f"Bearer {account.token}"
        base = f"{account.server}/api/v1"
        self._client = httpx2.Client(base_url=base, headers=headers, timeout=TIMEOUT, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON at `path`. Raises PodiumError."""
        return self.json_of(self.call("GET", path, params=params))

    def text(self, path: str, params: Mapping[str, Any] | None = None) -> str:
        """The text at `path`. Raises PodiumError."""
        return self.call("GET", path, params=params).text

    def post(self, path: str, body: Mapping[str, Any], repeatable: bool = True) -> Any:
        """The JSON that answers to `body`. Raises PodiumError."""
        return self.json_of(self.call("POST", path, json=body, repeatable=repeatable))

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: Callable[[], Iterator[bytes]] | None = None,
        headers: Mapping[str, str] | None = None,
        accepted: Collection[int] = (),
        repeatable: bool = True,
    ) -> httpx2.Response:
        """The answer, once it is a success or in `accepted`; trouble of the server is waited out. Raises PodiumError.

        Unless `repeatable`, what may have arrived is not sent again: ServerUnavailable says so (`may_have_arrived`).
        """
        for attempt in range(1, self.patience.tries + 1):
            last = attempt == self.patience.tries
            pause = self.patience.before(attempt)
            try:
                body = content() if content else None
                answer = self._client.request(method, path, params=params, json=json, content=body, headers=headers)
            except httpx2.TransportError as error:
                arrived = not isinstance(error, NEVER_SENT)
                if last or (arrived and not repeatable):
                    raise self._unreachable(error, arrived) from error
                self._wait(f"{self.account.server} cannot be reached", pause)
                continue
            if answer.status_code < 300 or answer.status_code in accepted:
                return answer
            arrived = answer.status_code in PERHAPS_DONE
            asked = asked_pause(answer)
            hopeless = answer.status_code not in AGAIN or (arrived and not repeatable)
            if last or hopeless or (asked or 0.0) > self.patience.asked_s:
                self.refuse(answer)
            self._wait(sentence_of(answer), max(pause, asked or 0.0) if asked is not None else pause)
        raise AssertionError("unreachable")

    @contextmanager
    def events(self, path: str) -> Iterator[Iterator[Event]]:
        """The server-sent events of `path`; they end when the connection does. Raises PodiumError."""
        headers = {"Accept": "text/event-stream"}
        try:
            with self._client.stream("GET", path, headers=headers, timeout=httpx2.Timeout(30.0, read=60.0)) as answer:
                if answer.status_code != 200:
                    answer.read()
                    self.refuse(answer)
                yield read_events(answer.iter_lines())
        except httpx2.TransportError as error:
            raise self._unreachable(error, True) from error

    def json_of(self, answer: httpx2.Response) -> Any:
        """The JSON of an answer. Raises NotFound for what no Podium server answers."""
        try:
            return answer.json()
        except ValueError:
            server = self.account.server
            raise NotFound(f"{server} does not answer as a Podium board does. Check its address.") from None

    def refuse(self, answer: httpx2.Response) -> NoReturn:
        """Raise the error that an answer tells of."""
        status, trouble = answer.status_code, trouble_of(answer)
        server = self.account.server
        if status < 400:
            place = answer.headers.get("location", "another address")
            raise WrongUse(f"{server} sends on to {place}. Name the address that it now has with --server.")
        sentence = sentence_of(answer)
        if status == 401:
            raise NotSignedIn(f"{sentence} Run `podium login --server {server}`.")
        if trouble is None and status < 500:
            raise NotFound(f"{server} does not answer as a Podium board does (status {status}). Check its address.")
        if status == 422 and trouble and trouble.get("problems"):
            raise NotAccepted(problems_of(trouble))
        if status == 429:
            pause = asked_pause(answer) or 60.0
            raise TooMany(f"{sentence} Try again in {duration(pause)}.", pause)
        if status >= 500:
            raise ServerUnavailable(f"{sentence} Try again later.", status in PERHAPS_DONE)
        kinds: dict[int, type[PodiumError]] = {403: NotAllowed, 404: NotFound, 409: NotPossible, 413: TooLarge}
        raise kinds.get(status, PodiumError)(sentence)

    def _unreachable(self, error: httpx2.TransportError, arrived: bool) -> ServerUnavailable:
        how = "ended the connection without an answer"
        if isinstance(error, httpx2.TimeoutException):
            how = "did not answer in time"
        elif isinstance(error, httpx2.ConnectError):
            how = f"cannot be reached ({error})"
        return ServerUnavailable(f"{self.account.server} {how}. Check its address and your network.", arrived)

    def _wait(self, why: str, seconds: float) -> None:
        self.tell(f"{why.rstrip('.')}. Trying again in {duration(seconds)}.")
        time.sleep(seconds)


def asked_pause(answer: httpx2.Response) -> float | None:
    """Seconds that `Retry-After` asks for, as a number or as a date; None when it says nothing."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def read_events(lines: Iterator[str]) -> Iterator[Event]:
    """Server-sent events of their lines; those whose data are no JSON object are left out."""
    name, data = "message", ""
    for line in lines:
        field, _, value = line.partition(":")
        if field == "event":
            name = value.strip()
        elif field == "data":
            data += value.removeprefix(" ")
        elif not line:
            try:
                told = json.loads(data) if data else None
            except ValueError:
                told = None
            if isinstance(told, dict):
                yield name, told
            name, data = "message", ""


def trouble_of(answer: httpx2.Response) -> dict[str, Any] | None:
    """What a Podium server says of its refusal; None where something else answered."""
    try:
        body = answer.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) and isinstance(body.get("error"), str) else None


def sentence_of(answer: httpx2.Response) -> str:
    """The refusal in a sentence."""
    trouble = trouble_of(answer)
    return trouble["error"] if trouble else f"The server answered with status {answer.status_code}."


def problems_of(trouble: Mapping[str, Any]) -> list[Any]:
    """The problems that a server lists. Raises ServerUnavailable where they are not in its format."""
    from pydantic import ValidationError

    from leaderboard.records import Problem

    try:
        return [Problem.model_validate(problem) for problem in trouble.get("problems", [])]
    except ValidationError:
        raise ServerUnavailable(f"{trouble.get('error')} (The server lists its problems in another format.)") from None


def duration(seconds: float) -> str:
    """A time as people say it."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} s" if seconds >= 1 else "a moment"
