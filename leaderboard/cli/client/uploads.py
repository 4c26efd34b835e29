"""Sending a file in pieces; what has arrived is never sent again, also after the command was interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leaderboard.cli.client.api import Api
from leaderboard.cli.output import Output
from leaderboard.errors import NotFound, NotPossible, ServerUnavailable, WrongUse
from leaderboard.records.artifact import digest_of

PIECE_BYTES = 8_000_000
"""Sent in one request: little is lost with a connection, and proxies take it."""
BLOCK_BYTES = 1 << 16
STALLED_S = 150.0
"""Seconds without a new byte after which an upload is given up. A server keeps a connection that was lost for 60."""
Artifact = dict[str, Any]
State = dict[str, Any]
"""How far an upload is, as the server says."""


def artifact_of(file: Path) -> Artifact:
    """What is announced of a file: digest, size, name. Raises WrongUse where it cannot be read."""
    try:
        return {"sha256": digest_of(file), "bytes": file.stat().st_size, "filename": file.name}
    except OSError as error:
        raise WrongUse(f"{file} cannot be read: {error.strerror}.") from None


class Upload:
    """One file on its way to the server."""

    def __init__(self, api: Api, file: Path, artifact: Artifact, show: Callable[[int], None]) -> None:
        self._api = api
        self._file = file
        self._artifact = artifact
        self._show = show

    def send(self) -> None:
        """Bring the whole file there, going on where an earlier try ended. Raises PodiumError."""
        state = self._begin()
        failures, moved = 0, time.monotonic()
        while not state["done"]:
            offset = state["offset"]
            self._show(offset)
            try:
                state = self._send_piece(state["id"], offset)
            except NotFound:  # the server has forgotten it: it was given up, or swept as too old
                state = self._begin()
            except (ServerUnavailable, NotPossible) as error:
                if time.monotonic() - moved > STALLED_S:
                    raise
                failures += 1
                why = "The connection was lost" if isinstance(error, ServerUnavailable) else str(error).rstrip(".")
                self._api.tell(f"{why}. The upload goes on.")
                time.sleep(self._api.patience.before(failures))
                state = self._state(state)
            if state["offset"] > offset:
                failures, moved = 0, time.monotonic()
        self._show(self._artifact["bytes"])

    def _begin(self) -> State:
        state: State = self._api.post("/uploads", self._artifact)
        return state

    def _state(self, last: State) -> State:
        """How far it is; as it was, while the server does not say."""
        try:
            state: State = self._api.get(f"/uploads/{last['id']}")
        except NotFound:
            return self._begin()
        except ServerUnavailable:
            return last
        return state

    def _send_piece(self, upload_id: str, offset: int) -> State:
        size = min(PIECE_BYTES, self._artifact["bytes"] - offset)
        headers = {"Upload-Offset": str(offset), "Content-Length": str(size)}
        answer = self._api.call(
            "PATCH",
            f"/uploads/{upload_id}",
            content=lambda: self._blocks(offset, size),
            headers=headers,
            repeatable=False,
        )
        state: State = self._api.json_of(answer)
        return state

    def _blocks(self, offset: int, size: int) -> Iterator[bytes]:
        """The bytes of a piece. Raises WrongUse where the file has become shorter."""
        with self._file.open("rb") as content:
            content.seek(offset)
            sent = 0
            while sent < size:
                block = content.read(min(BLOCK_BYTES, size - sent))
                if not block:
                    raise WrongUse(f"{self._file} changed while it was sent. Submit it again.")
                yield block
                sent += len(block)
                self._show(offset + sent)


def upload(api: Api, out: Output, file: Path, artifact: Artifact) -> None:
    """Send a file, with a bar on a terminal. Raises PodiumError."""
    with _bar(out, file.name, artifact["bytes"]) as show:
        Upload(api, file, artifact, show).send()
    out.done(f"{file.name} is uploaded, {artifact['bytes']:,} bytes")


@contextmanager
def _bar(out: Output, name: str, size: int) -> Iterator[Callable[[int], None]]:
    if not out.on_terminal:
        out.note(f"Uploading {name}, {size:,} bytes")
        yield lambda _: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from leaderboard.cli.output import console, printable

    columns = BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    label = TextColumn("{task.description}", markup=False)
    with Progress(label, *columns, console=console(error=True), transient=True) as progress:
        task = progress.add_task(printable(name), total=size)
        yield lambda sent: progress.update(task, completed=sent)
