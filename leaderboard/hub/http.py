"""Questions to the Hub over HTTP: bounded in time and size, asked again where that makes sense."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx2
from huggingface_hub.utils import build_hf_headers, get_session  # type: ignore[attr-defined]
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from leaderboard.errors import HubUnavailable
from leaderboard.hub.client import LIBRARY, settle_pool
from leaderboard.hub.errors import AGAIN_S, HubTrouble, answer_error, translated
from leaderboard.hub.outage import SHORT_S, outage_of

ATTEMPTS = 5
FIRST_WAIT_S = 0.2
NOTHING_WRONG = "Nothing is wrong with your submission"


class AnswerTooLong(Exception):
    """The answer is longer than was asked for; the rest was not read."""


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
class BoundedClient:
    """The Hub at `endpoint`, asked with `token` (None: without any, also when the machine has one lying about)."""

    endpoint: str
    token: str | None = field(default=None, repr=False)

    def get(self, url: str, deadline: Deadline, limit: int, headers: Mapping[str, str] | None = None) -> bytes:
        """The body of the answer. Raises HubRefusal, AnswerTooLong (over `limit` bytes), HubUnavailable."""
        attempts = 1 if outage_of(self.endpoint).is_on else ATTEMPTS
        retrying = Retrying(
            retry=retry_if_exception_type(HubTrouble),
            stop=lambda state: state.attempt_number >= attempts or state.upcoming_sleep >= deadline.left,
            wait=_wait,
            reraise=True,
        )
        try:
            return retrying(self._once, url, deadline, limit, headers or {})
        except HubTrouble as trouble:
            again = trouble.retry_after_s or AGAIN_S
            when = f"in {again:.0f} seconds" if again < 120 else f"in {again / 60:.0f} minutes"
            raise HubUnavailable(f"{trouble} {NOTHING_WRONG}; try again {when}.", again) from trouble

    def _once(self, url: str, deadline: Deadline, limit: int, headers: Mapping[str, str]) -> bytes:
        settle_pool(deadline.seconds)
        sent = build_hf_headers(token=self.token or False, library_name=LIBRARY) | {"accept-encoding": "identity"}
        patience = max(deadline.left / 2, min(deadline.left, 1.0))
        if outage_of(self.endpoint).is_on:
            patience = min(patience, SHORT_S)
        question = get_session().stream("GET", url, headers={**sent, **headers}, timeout=patience)
        with translated(), question as answer:
            if answer.status_code not in (200, 206):
                raise answer_error(answer.status_code, answer.headers)
            return _body(answer, deadline, limit)


def _body(answer: httpx2.Response, deadline: Deadline, limit: int) -> bytes:
    body = bytearray()
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > limit:
            raise AnswerTooLong
        if deadline.over:
            raise deadline.missed()
    return bytes(body)


def _wait(state: RetryCallState) -> float:
    trouble = state.outcome.exception() if state.outcome else None
    if isinstance(trouble, HubTrouble) and trouble.told_s is not None:
        return trouble.told_s
    return float(FIRST_WAIT_S * 2 ** (state.attempt_number - 1) * random.uniform(0.8, 1.2))
