"""Following a request by server-sent events, through lost connections and restarts of the server."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from leaderboard.cli.client.session import Session, request_path
from leaderboard.cli.client.tell import ENDED, progress_words, status_line
from leaderboard.cli.output import Output, printable
from leaderboard.errors import Infrastructure, NotFound, TooMany

POLL_S = 5.0
"""Between two questions where there are no events."""


def follow(session: Session, request_id: str) -> dict[str, Any]:
    """The request once it has ended. Raises PodiumError, Infrastructure after an outage of `Patience.outage_s`."""
    board, patience = Board(session.out), session.api.patience
    silent_since: float | None = None
    attempt = 0
    with board:
        while True:
            try:
                request = session.request(request_id)
                silent_since, attempt = None, 0
                board.show(request)
                if request["status"] in ENDED:
                    return request
                pause = _listen(session, request, board)
            except (Infrastructure, TooMany) as error:
                silent_since = silent_since or time.monotonic()
                if time.monotonic() - silent_since > patience.outage_s:
                    raise
                attempt += 1
                pause = max(patience.before(attempt), error.retry_after_s if isinstance(error, TooMany) else 0.0)
                session.out.note(f"{error} The submission goes on meanwhile.")
            time.sleep(pause)


def _listen(session: Session, request: Mapping[str, Any], board: Board) -> float:
    """Show events until the stream ends; seconds to wait before asking again."""
    heard = False
    try:
        with session.api.events(request_path(request["id"], "/events")) as events:
            for name, data in events:
                heard = True
                if name == "end":
                    return 0.0
                board.hear(name, data)
    except TooMany as error:  # others follow too; questions are still answered
        return max(POLL_S, error.retry_after_s)
    except (Infrastructure, NotFound):
        if not heard:
            return POLL_S
    return session.api.patience.first_s


class Board:
    """What is shown of a request that is followed: a bar on a terminal, a line for each change otherwise."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._state: dict[str, Any] = {}
        self._line = ""
        self._bar: Any = None

    def __enter__(self) -> Board:
        if self._out.on_terminal:
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            from leaderboard.cli.output import console

            columns = TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()
            self._bar = Progress(*columns, console=console(error=True), transient=True)
            self._bar.start()
            self._bar.add_task("", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, request: Mapping[str, Any]) -> None:
        """The request as it stands."""
        self._state = dict(request)
        self._draw()

    def hear(self, name: str, data: Mapping[str, Any]) -> None:
        """An event of `GET /requests/{id}/events`."""
        if name in ("status", "position", "expected", "progress"):
            self._state |= data
            self._draw()

    def _draw(self) -> None:
        if self._bar is not None:
            progress = self._state.get("progress") or {}
            total = progress.get("total") or None
            line = printable(status_line(self._state))
            self._bar.update(self._bar.task_ids[0], description=line, total=total, completed=progress.get("done") or 0)
            return
        line = _coarse(self._state)
        if line != self._line:
            self._line = line
            self._out.note(line)


def _coarse(state: Mapping[str, Any]) -> str:
    """The line without times and counts, which change all the time."""
    progress = state.get("progress")
    task = progress_words({"task": progress.get("task")}) if progress else ""
    without = {"expected_start": None, "expected_end": None, "progress": {"task": task} if task else None}
    return status_line({**state, **without})
