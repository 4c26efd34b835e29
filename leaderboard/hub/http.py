"""Questions to the Hub over HTTP: bounded in time and size, asked again where that makes sense."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx2
from huggingface_hub.utils import build_hf_headers, get_session, parse_ratelimit_headers  # type: ignore[attr-defined]
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from leaderboard.errors import HubUnavailable

ATTEMPTS = 5
FIRST_WAIT_S = 0.2
TRANSIENT = {408, 425, 429}
NOTHING_WRONG = "Nothing is wrong with your submission"


class Refused(Exception):
    """The Hub answered with a status that asking again will not change."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(f"{status} {code}")


class TooLong(Exception):
    """The answer is longer than was asked for; the rest was not read."""


class Transient(Exception):
    """Trouble that may be over soon; the text is a sentence."""

    def __init__(self, sentence: str, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(sentence)


@dataclass(frozen=True)
class Deadline:
    """By when one question to us must be answered, over all the questions to the Hub that it takes."""

    seconds: float
    start: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds left, never below a millisecond so that it may stand as a timeout."""
        return max(self.start + self.seconds - time.monotonic(), 0.001)

    @property
    def over(self) -> bool:
        """Whether it has passed."""
        return time.monotonic() >= self.start + self.seconds

    def missed(self) -> HubUnavailable:
        """The error to raise when it has passed."""
        return HubUnavailable(
            f"The Hub did not answer for {self.seconds:.0f} seconds. {NOTHING_WRONG}; try again in a minute.", 60
        )


@dataclass(frozen=True)
class Client:
    """The Hub at `endpoint`, asked with `token` (None: without any, also when the machine has one lying about)."""

    endpoint: str
    token: str | None = field(default=None, repr=False)

    def get(self, url: str, deadline: Deadline, limit: int, headers: Mapping[str, str] | None = None) -> bytes:
        """The body of the answer. Raises Refused, TooLong (over `limit` bytes), HubUnavailable."""
        retrying = Retrying(
            retry=retry_if_exception_type(Transient),
            stop=lambda state: state.attempt_number >= ATTEMPTS or state.upcoming_sleep >= deadline.left,
            wait=_wait,
            reraise=True,
        )
        try:
            return retrying(self._once, url, deadline, limit, headers or {})
        except Transient as trouble:
            again = trouble.retry_after_s or 60
            when = f"in {again:.0f} seconds" if again < 120 else f"in {again / 60:.0f} minutes"
            raise HubUnavailable(f"{trouble} {NOTHING_WRONG}; try again {when}.", again) from trouble

    def _once(self, url: str, deadline: Deadline, limit: int, headers: Mapping[str, str]) -> bytes:
        sent = build_hf_headers(token=self.token or False, library_name="podium") | {"accept-encoding": "identity"}
        patience = max(deadline.left / 2, min(deadline.left, 1.0))
        try:
            with get_session().stream("GET", url, headers={**sent, **headers}, timeout=patience) as answer:
                if answer.status_code not in (200, 206):
                    raise _trouble(answer)
                return _body(answer, deadline, limit)
        except httpx2.TimeoutException:
            raise Transient(f"The Hub did not answer for {patience:.0f} seconds.") from None
        except (httpx2.TransportError, httpx2.TooManyRedirects, httpx2.DecodingError) as error:
            raise Transient(f"The connection to the Hub failed ({type(error).__name__}).") from error
        except ConnectionError:
            raise HubUnavailable(
                f"This board is set to work offline (HF_HUB_OFFLINE). {NOTHING_WRONG}; its operator can unset it."
            ) from None


def _body(answer: httpx2.Response, deadline: Deadline, limit: int) -> bytes:
    body = bytearray()
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > limit:
            raise TooLong
        if deadline.over:
            raise deadline.missed()
    return bytes(body)


def _trouble(answer: httpx2.Response) -> Transient | Refused:
    status = answer.status_code
    if status == 429:
        limit = parse_ratelimit_headers(answer.headers)
        after = answer.headers.get("retry-after", "")
        seconds = float(limit.reset_in_seconds) if limit else float(after) if after.isdecimal() else None
        return Transient("The Hub limits how often this board may ask it.", seconds)
    if status in TRANSIENT or status >= 500:
        return Transient(f"The Hub has trouble of its own (it answered {status}).")
    return Refused(status, answer.headers.get("x-error-code", ""), answer.headers.get("x-error-message", ""))


def _wait(state: RetryCallState) -> float:
    trouble = state.outcome.exception() if state.outcome else None
    if isinstance(trouble, Transient) and trouble.retry_after_s is not None:
        return trouble.retry_after_s
    return float(FIRST_WAIT_S * 2 ** (state.attempt_number - 1) * random.uniform(0.8, 1.2))
