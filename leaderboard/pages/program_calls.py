"""Calls of programs through Gradio's queue (the pages' events do without it): bounded while nobody reads their answers.

Gradio keeps an answer until a client reads it. Gradio is not changed: calls beyond the limits are refused before
they reach the queue, and answers that nobody reads are read and dropped here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode

import gradio as gr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leaderboard.api.root_path import path_of
from leaderboard.pages.gradio_html import uncompressed
from leaderboard.pages.offered import GRADIO

MAX_OF_CLIENT = 8
"""Calls of one address that wait, run, or have an answer that was not read."""
MAX_IN_ALL = 64
"""The same of everybody; beyond it the oldest is dropped."""
UNREAD_S = 60.0
"""Seconds after which a call whose answer was not read is dropped; its event stream ends."""
DROP_S = 10.0
"""Seconds that a dropped call has to end; then Gradio sees its client hang up."""
JOIN, DATA, CALL = "queue/join", "queue/data", "call/"
"""Paths below GRADIO: to call, to read the answers of a session, and both for one call by its name."""


class Call(NamedTuple):
    """A call whose answer was not read."""

    client: str
    """Address of who made it."""
    path: str
    """Where its answer is read, below GRADIO."""
    session: str = ""
    """The session whose answers are read together; empty where the call is its own."""


def callable_by_programs(pages: gr.Blocks) -> frozenset[int | str]:
    """Number and name of every event of `pages` that goes through the queue."""
    queued = [event for event in pages.get_config_file()["dependencies"] if event["queue"]]
    return frozenset(value for event in queued for value in (event["id"], event["api_name"]))


class ProgramCalls:
    """ASGI middleware around Gradio's routes for programs; everything else passes through untouched."""

    def __init__(self, app: ASGIApp, offered: Collection[int | str], unread_s: float = UNREAD_S) -> None:
        """`offered`: what `callable_by_programs` says."""
        self.app = app
        self.offered = offered
        self.unread_s = unread_s
        self.calls: dict[str, Call] = {}
        """Event id -> call, the oldest first."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept or refuse a call; record which answers are read."""
        asked = path_of(scope) if scope["type"] == "http" else ""
        path = asked.removeprefix(GRADIO).rstrip("/")
        is_call = path.startswith(CALL) or path in (JOIN, DATA)
        if not is_call or not asked.startswith(GRADIO) or scope["method"] not in ("GET", "POST"):
            await self.app(scope, receive, send)
            return
        scope = {**scope, "headers": uncompressed(scope["headers"])}
        if scope["method"] == "POST":
            await self._join(path, Request(scope, receive), send)
        else:
            await self._read(path, scope, receive, send)

    async def _join(self, path: str, request: Request, send: Send) -> None:
        body = await request.body()
        fields = _fields(body)
        client = request.client.host if request.client else ""
        refusal = self._refusal(client, fields.get("fn_index") if path == JOIN else path.rpartition("/")[2])
        if refusal is not None:
            await refusal(request.scope, request.receive, send)
            return
        if len(self.calls) >= MAX_IN_ALL:
            self._drop(next(iter(self.calls)))
        answer = BufferedAnswer(send)
        await self.app(request.scope, ReplayedBody(body, request.receive).receive, answer.keep)
        event = _fields(answer.body).get("event_id")
        if isinstance(event, str):
            session = fields.get("session_hash") or ""
            self.calls[event] = Call(client, DATA if session else f"{path}/{event}", session)
            asyncio.get_running_loop().call_later(self.unread_s, self._drop, event)
        await answer.pass_on()

    def _refusal(self, client: str, event: object) -> Response | None:
        if not isinstance(event, int | str) or event not in self.offered:
            sentence = "Programs cannot make this call. /gradio_api/info lists the calls that they can make."
            return JSONResponse({"detail": sentence}, 400)
        if sum(call.client == client for call in self.calls.values()) >= MAX_OF_CLIENT:
            sentence = f"You have {MAX_OF_CLIENT} calls whose answers you did not read. Read them first."
            return JSONResponse({"detail": sentence}, 503)
        return None

    async def _read(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an event stream on; a session without a call has none, where Gradio would wait for one."""
        session = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
        if path == DATA and all(call.session != session for call in self.calls.values()):
            await NO_SESSION(scope, receive, send)
            return

        async def note(message: Message) -> None:
            body = message.get("body", b"")
            for event in _completed(body) if path == DATA else _completed_by_name(body, path):
                self.calls.pop(event, None)
            await send(message)

        await self.app(scope, receive, note)

    def _drop(self, event: str) -> None:
        """Forget the call with those of its session; their answers are read here, so that Gradio forgets them too."""
        call = self.calls.pop(event, None)
        if call is None:
            return
        for other in [other for other, its in self.calls.items() if call.session and its.session == call.session]:
            del self.calls[other]
        task = asyncio.create_task(self._read_dropped_answer(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read_dropped_answer(self, call: Call) -> None:
        async def read() -> None:
            await self.app(_reading_scope(call), _never_receive, _discard)

        reading = asyncio.create_task(read())
        _, unfinished = await asyncio.wait({reading}, timeout=DROP_S)
        if unfinished:
            reading.cancel()
            await asyncio.wait({reading})
        if not reading.cancelled():
            reading.exception()  # its client hung up before: then Gradio knows no such session any more


class BufferedAnswer:
    """Holds an answer back until `pass_on`."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._messages: list[Message] = []

    async def keep(self, message: Message) -> None:
        """Store a part of the answer."""
        self._messages.append(message)

    @property
    def body(self) -> bytes:
        """The answer's body."""
        return b"".join(message.get("body", b"") for message in self._messages)

    async def pass_on(self) -> None:
        """Send it."""
        for message in self._messages:
            await self._send(message)


class ReplayedBody:
    """Replays a request's body that was already read."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._first: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self._receive = receive

    async def receive(self) -> Message:
        """The body, then what comes after it."""
        message, self._first = self._first, None
        return message if message is not None else await self._receive()


NO_SESSION = Response(
    "data: "
    + json.dumps(
        {
            "msg": "unexpected_error",
            "event_id": None,
            "message": f"This session has no pending call. Answers are kept for {UNREAD_S:.0f} seconds.",
            "session_not_found": True,
            "success": False,
        }
    )
    + "\n\n",
    media_type="text/event-stream",
)
"""What Gradio sends for a session that it does not know."""


def _fields(body: bytes) -> dict[str, Any]:
    """The fields of a JSON object; none where it is something else, which Gradio itself refuses."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _completed(body: bytes) -> list[str]:
    """Ids of the calls whose answers are in this piece of a session's event stream."""
    messages = [_fields(line.removeprefix(b"data: ")) for line in body.splitlines() if b"process_completed" in line]
    return [str(message.get("event_id")) for message in messages if message.get("msg") == "process_completed"]


def _completed_by_name(body: bytes, path: str) -> list[str]:
    """The id of the call that is read at `path`, if its answer is in this piece of its event stream."""
    ended = any(line in (b"event: complete", b"event: error") for line in body.splitlines())
    return [path.rpartition("/")[2]] if ended else []


def _reading_scope(call: Call) -> Scope:
    path = GRADIO + call.path
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": urlencode({"session_hash": call.session}).encode() if call.session else b"",
        "root_path": "",
        "headers": [],
        "client": None,
        "server": None,
    }


async def _never_receive() -> Message:
    """A client that stays connected and sends nothing."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets this event")


async def _discard(_: Message) -> None:
    """A client that discards what it reads."""
