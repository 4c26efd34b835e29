"""What is asked of an endpoint: one answer, again after what may pass, and what it says of itself on the way."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr

from backend.relay.caps import CHARACTERS, Caps, prompt_tokens, reported_tokens
from backend.relay.connection import Exchange, Head, pin, wait_asked_for
from backend.relay.faults import EndpointFault
from leaderboard.benchmarks.challenge import EndpointRules
from leaderboard.endpoints.addresses import AddressRules, Refusal, parse

ROUTES = ("completions", "chat/completions")
LONGEST_WAIT_S = 120.0
MOST_NAMES, MOST_NAME = 20, 200
"""Names of models and fingerprints that are kept, and their length."""
Answer = TypeVar("Answer")


class Task(BaseModel):
    """What the relay is started for; it comes over standard input, since it holds the key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    model: str
    key: SecretStr | None = None
    hosts: list[str] = []
    """Hosts that the operator allows, as `leaderboard.endpoints.addresses.AddressRules` has them."""
    http: bool = False
    rules: EndpointRules


class Caller:
    """Sends requests to the one endpoint. Safe for threads, each of which has a connection of its own."""

    def __init__(self, task: Task) -> None:
        """Raises EndpointFault where the address may not be used."""
        place = parse(task.url)
        if isinstance(place, Refusal):
            raise EndpointFault("endpoint_address")
        self._place, self._model, self._rules = place, task.model, task.rules
        self._key = task.key.get_secret_value() if task.key else ""
        self._allowed = AddressRules(frozenset(task.hosts), task.http)
        self._addresses = pin(place, self._allowed)
        self._context = ssl.create_default_context()
        self._local = threading.local()
        self._lock = threading.Lock()
        self.caps = Caps(task.rules)
        self.models: set[str] = set()
        self.fingerprints: set[str] = set()
        self.parameters: dict[str, Any] = {}
        """Sent with the last request of each route, without prompts."""

    def ask(self, route: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The endpoint's answer to one request, tried again as the benchmark says. Raises EndpointFault."""
        body = self._body(route, payload)

        def once(repeated: bool) -> dict[str, Any]:
            return self.exchange(route, payload, lambda exchange, head: self._answer(exchange.read()), body, repeated)

        return self._again(once)

    def models_listed(self) -> dict[str, Any] | None:
        """What `/models` says of the model; None where the endpoint has no such list. Raises EndpointFault."""

        def once(repeated: bool) -> dict[str, Any]:
            reserved = self.caps.begin({}, repeated)
            try:
                exchange = self._exchange()
                with exchange.within(self._seconds()):
                    self._refuse(exchange.send("GET", f"{self._place.path}/models", b"", self._headers()))
                    return self._parsed(exchange.read())
            finally:
                self.caps.settle(reserved, 0, 0)

        try:
            listed = self._again(once)
        except EndpointFault as fault:
            if fault.code in ("endpoint_not_found", "endpoint_rejected", "endpoint_garbage", "endpoint_server_error"):
                return None
            raise
        entries = listed.get("data")
        own = [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
        entry = next((each for each in own if each.get("id") == self._model), {})
        plain = {name: value for name, value in entry.items() if isinstance(value, str | int | float | bool)}
        return {str(name)[:MOST_NAME]: _cut(value) for name, value in list(plain.items())[:MOST_NAMES]}

    def exchange(
        self,
        route: str,
        payload: dict[str, Any],
        read: Callable[[Exchange, Head], tuple[Answer, int, int]],
        body: bytes = b"",
        repeated: bool = False,
    ) -> Answer:
        """Send one request and `read` its answer: what it is, and the tokens of prompt and answer.

        Raises EndpointFault.
        """
        reserved, spent = self.caps.begin(payload, repeated), (0, 0)
        try:
            exchange = self._exchange()
            with exchange.within(self._seconds()):
                spent = prompt_tokens(payload), 0
                content = body or self._body(route, payload)
                head = exchange.send("POST", f"{self._place.path}/{route}", content, self._headers())
                self._refuse(head)
                answer, prompt, answered = read(exchange, head)
                spent = max(spent[0], prompt), answered
            return answer
        except EndpointFault as fault:
            if fault.code == "endpoint_timeout":
                self.caps.refuse_late()
            raise
        finally:
            self.caps.settle(reserved, *spent)

    def account(self) -> dict[str, Any]:
        """What was spent and seen so far."""
        with self._lock:
            return {
                **self.caps.account(),
                "models": sorted(self.models),
                "fingerprints": sorted(self.fingerprints),
                "parameters": self.parameters,
            }

    def note(self, answer: dict[str, Any]) -> None:
        """Keep what an answer says of the model that gave it."""
        with self._lock:
            for name, seen in (("model", self.models), ("system_fingerprint", self.fingerprints)):
                value = answer.get(name)
                if isinstance(value, str) and value and len(seen) < MOST_NAMES:
                    seen.add(value[:MOST_NAME])

    def text(self, content: bytes) -> str:
        """An answer as text, without the key should it be repeated there."""
        text = content.decode("utf-8", "replace")
        return text.replace(self._key, "[key]") if self._key else text

    def _again(self, once: Callable[[bool], Answer]) -> Answer:
        for number in range(self._rules.retries + 1):
            try:
                return once(number > 0)
            except EndpointFault as fault:
                wait = min(self._rules.retry_seconds * 2**number, LONGEST_WAIT_S)
                wait = wait if fault.wait_s is None else fault.wait_s
                hopeless = wait > min(LONGEST_WAIT_S, self.caps.seconds_left())
                if not fault.again or number == self._rules.retries or hopeless:
                    raise
            time.sleep(wait)
        raise AssertionError("the last try either answers or raises")

    def _answer(self, content: bytes) -> tuple[dict[str, Any], int, int]:
        answer = self._parsed(content)
        self.note(answer)
        usage, written = answer.get("usage"), _characters(answer) // CHARACTERS
        answered = max(reported_tokens(usage, "completion_tokens"), written)
        return answer, reported_tokens(usage, "prompt_tokens"), answered

    def _parsed(self, content: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(self.text(content), parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            why = "a number is NaN or infinite" if isinstance(error, NotANumber) else "an answer is not JSON"
            raise EndpointFault("endpoint_garbage", why) from error
        if not isinstance(answer, dict):
            raise EndpointFault("endpoint_garbage", "an answer is no JSON object")
        return answer

    def _body(self, route: str, payload: dict[str, Any]) -> bytes:
        if route not in ROUTES:
            raise EndpointFault("endpoint_rejected", "of the relay")
        sent = {**payload, "model": self._model}
        with self._lock:
            kept = {name: value for name, value in sent.items() if name not in ("prompt", "messages", "model")}
            self.parameters[route] = {**self.parameters.get(route, {}), **kept}
        return json.dumps(sent, ensure_ascii=False).encode("utf-8", "replace")

    def _headers(self) -> dict[str, str]:
        fields = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "podium"}
        return {**fields, "Authorization": f"Bearer {self._key}"} if self._key else fields

    def _seconds(self) -> float:
        return max(0.0, min(self._rules.request_seconds, self.caps.seconds_left()))

    def _exchange(self) -> Exchange:
        if not hasattr(self._local, "exchange"):
            self._local.exchange = Exchange(self._place, self._addresses, self._allowed, self._context)
        exchange: Exchange = self._local.exchange
        return exchange

    def _refuse(self, head: Head) -> None:
        """Raise EndpointFault for a status that brings no answer."""
        status = head.status
        if 200 <= status < 300:
            return
        code = CODES.get(status) or CLASSES.get(status // 100, "endpoint_garbage")
        raise EndpointFault(code, status, wait_asked_for(head.headers) if SLOW_DOWN.get(status) else None)


CODES = {
    401: "endpoint_key_refused",
    403: "endpoint_key_refused",
    404: "endpoint_not_found",
    408: "endpoint_busy",
    425: "endpoint_busy",
    429: "endpoint_busy",
}
CLASSES = {3: "endpoint_redirect", 4: "endpoint_rejected", 5: "endpoint_server_error"}
SLOW_DOWN = {429: True, 503: True}
"""Statuses with which `Retry-After` is believed."""


class NotANumber(ValueError):
    """JSON with NaN or an infinity in it."""


def _no_number(name: str) -> NoReturn:
    raise NotANumber(name)


def _characters(answer: dict[str, Any]) -> int:
    """Length of the texts that an answer brings."""
    total = 0
    choices = answer.get("choices")
    for choice in choices if isinstance(choices, list) else []:
        message = choice.get("message") if isinstance(choice, dict) else None
        for text in (choice.get("text") if isinstance(choice, dict) else "",
                     message.get("content") if isinstance(message, dict) else ""):  # fmt: skip
            total += len(text) if isinstance(text, str) else 0
    return total


def _cut(value: Any) -> Any:
    return value[:MOST_NAME] if isinstance(value, str) else value
