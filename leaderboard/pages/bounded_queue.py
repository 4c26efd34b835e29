"""Gradio's queue, which only programs use (the pages' events do without), with a bound on what stays in it unread."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import gradio as gr
from fastapi import Request
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Queue
from gradio.utils import run_coro_in_background

MAX_OF_CLIENT = 8
"""Calls of one address that wait, run, or have an answer that was not read."""
MAX_IN_ALL = 64
"""The same of everybody; beyond it the oldest is dropped."""
UNREAD_S = 60.0
"""Seconds after which a call whose answer was not read is dropped; its event stream ends."""


class Call(NamedTuple):
    """A call that was let in less than UNREAD_S ago."""

    client: str
    session: str


class BoundedQueue(Queue):
    """The queue of the Blocks that is given."""

    def __init__(self, blocks: gr.Blocks, unread_s: float = UNREAD_S) -> None:
        super().__init__(
            live_updates=True, concurrency_count=4, update_intervals=1, max_size=MAX_IN_ALL, blocks=blocks,
            default_concurrency_limit=2,
        )  # fmt: skip
        self._unread_s = unread_s
        self._calls: dict[str, Call] = {}
        """Event id -> call, the oldest first."""

    async def push(self, body: PredictBodyInternal, request: Request, username: str | None) -> Any:
        """Let a call in, or say why not; what Gradio's own does."""
        function = self.blocks.fns.get(body.fn_index) if body.fn_index is not None else None
        if function is None or not function.queue:
            return False, "This is no call that programs can make here. /gradio_api/info lists those.", "error"
        client = request.client.host if request.client else ""
        unread = [event for event in self._calls if self._is_unread(event)]
        if sum(self._calls[event].client == client for event in unread) >= MAX_OF_CLIENT:
            sentence = f"You have {MAX_OF_CLIENT} calls here whose answers you did not read. Read them first."
            return False, sentence, "queue_full"
        if len(unread) >= MAX_IN_ALL:
            await self._forget(unread[0])
        taken, event, state = await super().push(body, request, username)
        if taken:
            self._calls[str(event)] = Call(client, str(body.session_hash))
            asyncio.get_running_loop().call_later(self._unread_s, run_coro_in_background, self._forget, str(event))
        return taken, event, state

    def _is_unread(self, event: str) -> bool:
        return event in self.pending_event_ids_session.get(self._calls[event].session, ())

    async def _forget(self, event: str) -> None:
        """Drop the call; with its session where the answer was not read, or no other call of the session is known."""
        if event not in self._calls:
            return
        unread, (_, session) = self._is_unread(event), self._calls.pop(event)
        if unread or all(call.session != session for call in self._calls.values()):
            await self.clean_events(session_hash=session)
            self.pending_messages_per_session.pop(session, None)
            for left in self.pending_event_ids_session.pop(session, set()):
                self.event_ids_to_events.pop(left, None)
