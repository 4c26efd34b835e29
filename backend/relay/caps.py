"""What an evaluation may cost: requests, tokens, seconds; counted here, where a job cannot change it."""

from __future__ import annotations

import threading
import time
from typing import Any

from backend.relay.faults import EndpointFault
from leaderboard.benchmarks.challenge import EndpointRules

CHARACTERS = 4
"""Characters of a token, about, where nothing says how many tokens a text has."""


class Caps:
    """Counts what was spent, and refuses more than the benchmark allows. Safe for threads."""

    def __init__(self, rules: EndpointRules) -> None:
        self._rules = rules
        self._lock = threading.Lock()
        self._began: float | None = None
        self.requests = 0
        self.retries = 0
        self.prompt_tokens = 0
        self.answer_tokens = 0
        self._reserved = 0

    def begin(self, payload: dict[str, Any], repeated: bool = False) -> int:
        """Count a request that is about to be sent; the tokens kept for it. Raises EndpointFault at a cap."""
        wanted = prompt_tokens(payload) + int(payload.get("max_tokens") or 0)
        with self._lock:
            self._began = self._began if self._began is not None else time.monotonic()
            if self.requests >= self._rules.max_requests:
                raise EndpointFault("endpoint_cost_cap", f"{self._rules.max_requests:,} requests")
            if self.prompt_tokens + self.answer_tokens + self._reserved + wanted > self._rules.max_tokens:
                raise EndpointFault("endpoint_cost_cap", f"{self._rules.max_tokens:,} tokens")
            self._refuse_late()
            self.requests += 1
            self.retries += repeated
            self._reserved += wanted
        return wanted

    def settle(self, reserved: int, prompt: int, answer: int) -> None:
        """Count the tokens of a request that was sent, in the place of those that were kept for it."""
        with self._lock:
            self._reserved -= reserved
            self.prompt_tokens += prompt
            self.answer_tokens += answer

    def refuse_late(self) -> None:
        """Raise EndpointFault when the time is over."""
        with self._lock:
            self._refuse_late()

    def seconds_left(self) -> float:
        """Until the cap."""
        with self._lock:
            return self._left()

    def account(self) -> dict[str, Any]:
        """What was spent so far."""
        with self._lock:
            spent = 0.0 if self._began is None else time.monotonic() - self._began
            return {
                "requests": self.requests,
                "retries": self.retries,
                "prompt_tokens": self.prompt_tokens,
                "answer_tokens": self.answer_tokens,
                "seconds": round(spent, 3),
            }

    def _refuse_late(self) -> None:
        if self._left() <= 0:
            raise EndpointFault("endpoint_cost_cap", f"{self._rules.max_seconds:,} seconds")

    def _left(self) -> float:
        return self._rules.max_seconds - (0.0 if self._began is None else time.monotonic() - self._began)


def prompt_tokens(payload: dict[str, Any]) -> int:
    """Tokens of a request's prompt: counted where it is sent as tokens, else estimated from its length."""
    prompt = payload.get("prompt")
    if isinstance(prompt, list):
        return sum(len(each) if isinstance(each, list) else len(str(each)) // CHARACTERS + 1 for each in prompt)
    messages = payload.get("messages") or []
    texts = [str(message.get("content", "")) for message in messages if isinstance(message, dict)]
    return sum(len(text) // CHARACTERS + 1 for text in [str(prompt or ""), *texts])


def reported_tokens(usage: object, name: str) -> int:
    """A number of tokens that the endpoint reports; 0 where it reports none, or nonsense."""
    number = usage.get(name) if isinstance(usage, dict) else None
    return number if type(number) is int and 0 <= number < 10**9 else 0
