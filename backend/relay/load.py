"""Behaviour under load: the same request many times, so many at a time, with each answer's times."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from backend.relay.calls import Caller
from backend.relay.caps import CHARACTERS, reported_tokens
from backend.relay.connection import Exchange, Head
from backend.relay.faults import EndpointFault

EVENT = b"data:"
DONE = b"[DONE]"
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
MANNERS: tuple[dict[str, Any], ...] = (STREAMED, {"stream": True}, {})
"""How a request asks for a stream: those that an endpoint does not take are left out, from the left."""


def measure(caller: Caller, route: str, payload: dict[str, Any], concurrency: int, requests: int) -> dict[str, Any]:
    """Send a request `requests` times, `concurrency` at a time, none of them twice.

    Returns `samples`, each with `seconds` from the first byte sent to the last received, `first` (seconds to the first
    token; None without a stream), `tokens` of the answer, and `fault` (a code, empty for none); and `seconds` of all
    together. Raises EndpointFault at a cost cap, and where the endpoint does not take the request at all.
    """
    manner = _manner(caller, route, payload)
    capped: list[EndpointFault] = []
    stop = threading.Event()

    def sample(number: int) -> dict[str, Any] | None:
        if stop.is_set():
            return None
        began = time.monotonic()
        try:
            first, tokens = once(caller, route, {**payload, **manner}, began)
            return {"seconds": time.monotonic() - began, "first": first, "tokens": tokens, "fault": ""}
        except EndpointFault as fault:
            if fault.code == "endpoint_cost_cap":
                capped.append(fault)
                stop.set()
            return {"seconds": time.monotonic() - began, "first": None, "tokens": 0, "fault": fault.code}

    began = time.monotonic()
    with ThreadPoolExecutor(concurrency, thread_name_prefix="load") as pool:
        samples = [each for each in pool.map(sample, range(requests)) if each]
    if capped:
        raise capped[0]
    return {"samples": samples, "seconds": time.monotonic() - began, "streams": bool(manner)}


def once(caller: Caller, route: str, payload: dict[str, Any], began: float) -> tuple[float | None, int]:
    """Seconds from `began` (monotonic) to the first token, None without a stream; tokens of the answer."""

    def read(exchange: Exchange, head: Head) -> tuple[tuple[float | None, int], int, int]:
        if not head.streams:
            content = exchange.read()
            tokens = _tokens([json.loads(caller.text(content))], payload)
            return (None, tokens), 0, tokens
        first, events = None, []
        for moment, line in exchange.lines():
            if not line.startswith(EVENT) or (data := line.removeprefix(EVENT).strip()) == DONE:
                continue
            event = json.loads(caller.text(data))
            events.append(event)
            if first is None and _text(event):
                first = moment - began
        if not events:
            raise EndpointFault("endpoint_garbage", "a stream has no events")
        tokens = _tokens(events, payload)
        return (first, tokens), 0, tokens

    return caller.exchange(route, payload, read)


def _manner(caller: Caller, route: str, payload: dict[str, Any]) -> dict[str, Any]:
    """How the endpoint takes to be asked for a stream, found out by asking; these answers are not measured."""
    rejected = EndpointFault("endpoint_rejected")
    for manner in MANNERS:
        try:
            once(caller, route, {**payload, **manner}, time.monotonic())
        except EndpointFault as fault:
            if fault.code == "endpoint_cost_cap":
                raise
            if fault.code == "endpoint_rejected":
                rejected = fault
                continue
        return manner
    raise rejected


def _text(event: Any) -> str:
    """The text that an event, or an answer, brings."""
    choices = event.get("choices") if isinstance(event, dict) else None
    for choice in choices if isinstance(choices, list) else []:
        for part in (choice, choice.get("delta"), choice.get("message")) if isinstance(choice, dict) else ():
            text = (part.get("text") or part.get("content")) if isinstance(part, dict) else None
            if isinstance(text, str) and text:
                return text
    return ""


def _tokens(events: list[Any], payload: dict[str, Any]) -> int:
    """Tokens of the answer: as reported, else one for each event with text, or by the length of a single one."""
    usages = [event.get("usage") for event in events if isinstance(event, dict)]
    reported = max((reported_tokens(usage, "completion_tokens") for usage in usages), default=0)
    texts = [text for text in map(_text, events) if text]
    counted = len(texts) if len(events) > 1 else sum(len(text) // CHARACTERS + 1 for text in texts)
    return min(reported or counted, int(payload["max_tokens"]))
