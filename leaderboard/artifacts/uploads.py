"""Uploads under way: streamed to disk, going on where they broke off, kept once their SHA-256 agrees.

An upload is two files in a folder of its sender's: a ticket with what was announced, and the bytes that have come. The
tickets of a day, ended ones too, are what a sender's limits are counted by.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from leaderboard.artifacts.part import Part, exclusively
from leaderboard.artifacts.store import ArtifactStore
from leaderboard.errors import Infrastructure, NotAccepted, NotFound, NotPossible, TooMany
from leaderboard.records import Artifact, Problem
from leaderboard.records.artifact import digest_of

DAY = timedelta(days=1)
ID_BYTES = 16
ID = re.compile(rf"[0-9a-f]{{{2 * ID_BYTES}}}")
SWEEP_EVERY = timedelta(minutes=10)
RETRY_S = 60.0


class State(StrEnum):
    """What became of an upload."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"


class Sender(NamedTuple):
    """Who uploads."""

    key: str
    """Tells senders apart: people by name, strangers by address."""
    name: str
    """Whom the content belongs to."""
    is_one_person: bool
    """Whether nobody else has that name."""


class Ticket(BaseModel):
    """What was announced, and what became of it."""

    model_config = ConfigDict(frozen=True)

    id: str
    artifact: Artifact
    begun: datetime
    state: State = State.OPEN


class Upload(NamedTuple):
    """How far an upload is."""

    id: str
    """Empty for a content that was there before."""
    artifact: Artifact
    offset: int
    """Bytes that have come."""
    done: bool
    """Whether the content is kept, its SHA-256 compared."""


@dataclass(frozen=True)
class UploadLimits:
    """How much one sender may send."""

    open: int
    """Uploads under way."""
    day_bytes: int
    """Bytes announced in 24 hours."""
    free_bytes: int
    """Disk space that stays free."""
    day_uploads: int = 500
    """Uploads announced in 24 hours."""


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class Uploads:
    """In `folder`; finished ones go to `store`. Safe for threads and processes that share the folder."""

    def __init__(
        self, folder: Path, store: ArtifactStore, limits: UploadLimits, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.folder = folder
        self.store = store
        self._limits = limits
        self._clock = clock
        self._swept = datetime.min.replace(tzinfo=UTC)

    def begin(self, sender: Sender, artifact: Artifact) -> Upload:
        """Take an upload that is announced, or go on with the same one of theirs.

        What is there already is said only to a person who has sent it. Raises TooMany, Infrastructure, OSError.
        """
        if sender.is_one_person and self.store.owns(sender.name, artifact.sha256):
            size = self.store.size(artifact.sha256)
            if size == artifact.bytes:
                return Upload("", artifact, size, done=True)
        place = self._place(sender)
        with self._lock():
            self._sweep()
            tickets = list(_tickets(place))
            for ticket in tickets:
                if ticket.state is State.OPEN and ticket.artifact == artifact:
                    return self._upload(place, ticket)
            self._check(tickets, artifact)
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            ticket = Ticket(id=secrets.token_hex(ID_BYTES), artifact=artifact, begun=self._clock())
            _bytes_of(place, ticket.id).touch(mode=0o600)
            _keep(place, ticket)
            return self._upload(place, ticket)

    def under_way(self, sender: Sender) -> list[Upload]:
        """Their uploads that have not ended, the first one first."""
        place = self._place(sender)
        uploads = []
        for ticket in sorted(_tickets(place), key=lambda ticket: ticket.begun):
            if ticket.state is State.OPEN:
                with contextlib.suppress(NotFound):  # it ended in the meantime
                    uploads.append(self._upload(place, ticket))
        return uploads

    def get(self, sender: Sender, upload_id: str) -> Upload:
        """How far an upload of theirs is. Raises NotFound, also for one of somebody else."""
        place = self._place(sender)
        return self._upload(place, _ticket(place, upload_id))

    def drop(self, sender: Sender, upload_id: str) -> None:
        """Give an upload up; it still counts for the day. Raises NotFound, NotPossible."""
        place = self._place(sender)
        with exclusively(_bytes_of(place, _open_ticket(place, upload_id).id)):
            self._end(place, _open_ticket(place, upload_id), State.FAILED)

    @contextmanager
    def receive(self, sender: Sender, upload_id: str, offset: int) -> Iterator[Part]:
        """Take the bytes from `offset` on. Raises NotFound, NotPossible (another one sends it; it is elsewhere)."""
        place = self._place(sender)
        ticket = _open_ticket(place, upload_id)
        with exclusively(_bytes_of(place, ticket.id)) as file:
            part = Part(file, _open_ticket(place, upload_id).artifact.bytes)
            if part.offset != offset:
                raise NotPossible(
                    f"The upload has {part.offset:,} bytes so far, and you send what follows byte {offset:,}. "
                    f"Ask for its offset and go on there."
                )
            yield part

    def finish(self, sender: Sender, upload_id: str) -> Upload:
        """Keep an upload whose bytes have all come. Raises NotAccepted when they are not those that were announced.

        Raises NotFound, NotPossible, Infrastructure, OSError too; after the last two it can be finished again.
        """
        place = self._place(sender)
        ticket = _ticket(place, upload_id)
        if ticket.state is State.DONE:
            return self._upload(place, ticket)
        content = _bytes_of(place, ticket.id)
        with exclusively(content) as file:
            ticket = _open_ticket(place, upload_id)  # another connection may just have finished it
            if missing := Part(file, ticket.artifact.bytes).left:
                raise NotPossible(f"The upload is not complete: {missing:,} bytes are missing.")
            digest = digest_of(content)
            if digest != ticket.artifact.sha256:
                self._end(place, ticket, State.FAILED)
                raise NotAccepted([_other_content(ticket.artifact, digest)])
            self.store.add(content, sender.name)
            return self._upload(place, self._end(place, ticket, State.DONE))

    # --- limits

    def _check(self, tickets: list[Ticket], artifact: Artifact) -> None:
        """Raises TooMany, Infrastructure."""
        open_now = [ticket for ticket in tickets if ticket.state is State.OPEN]
        if len(open_now) >= self._limits.open:
            raise TooMany(
                f"You have {len(open_now)} uploads under way, and one person may have {self._limits.open}. Finish one "
                "of them or give it up.",
                RETRY_S,
            )
        today = [ticket for ticket in tickets if ticket.begun > self._clock() - DAY]
        sent = sum(ticket.artifact.bytes for ticket in today)
        if sent + artifact.bytes > self._limits.day_bytes or len(today) >= self._limits.day_uploads:
            frees = min((ticket.begun for ticket in today), default=self._clock()) + DAY - self._clock()
            raise TooMany(
                f"You have announced {sent:,} bytes in {len(today)} uploads in the last 24 hours; one person may send "
                f"{self._limits.day_bytes:,} bytes in {self._limits.day_uploads} uploads. Send this one later.",
                max(1.0, frees.total_seconds()),
            )
        self._check_disk(artifact)

    def _check_disk(self, artifact: Artifact) -> None:
        """Raises Infrastructure where the disk has no room for it and for what else is under way."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        pending = sum(
            ticket.artifact.bytes - _come(place, ticket)
            for place in self._places()
            for ticket in _tickets(place)
            if ticket.state is State.OPEN
        )
        needed = 2 * artifact.bytes + pending  # it is copied into the store before the upload is removed
        if shutil.disk_usage(self.folder).free - needed < self._limits.free_bytes:
            raise Infrastructure(
                "This board has no disk space left for your file. Nothing is wrong with it; its operator has to make "
                "room."
            )

    # --- files

    def _end(self, place: Path, ticket: Ticket, state: State) -> Ticket:
        ended = ticket.model_copy(update={"state": state})
        _keep(place, ended)
        _bytes_of(place, ticket.id).unlink(missing_ok=True)
        return ended

    def _upload(self, place: Path, ticket: Ticket) -> Upload:
        if ticket.state is State.FAILED:
            raise _not_there()
        if ticket.state is State.DONE:
            return Upload(ticket.id, ticket.artifact, ticket.artifact.bytes, done=True)
        if not _bytes_of(place, ticket.id).exists():
            raise _not_there()
        return Upload(ticket.id, ticket.artifact, _come(place, ticket), done=False)

    def _place(self, sender: Sender) -> Path:
        return self.folder / hashlib.sha256(sender.key.encode()).hexdigest()[:32]

    def _places(self) -> list[Path]:
        return [place for place in self.folder.iterdir() if place.is_dir()]

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One announcement at a time, over all processes, so that nobody slips past a limit."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _sweep(self) -> None:
        """Remove uploads that nothing has come of for a day, and tickets that count no more."""
        if self._clock() - self._swept < SWEEP_EVERY:
            return
        self._swept = self._clock()
        for place in self._places():
            for upload_id in {file.name.partition(".")[0] for file in place.iterdir()}:
                with contextlib.suppress(FileNotFoundError, NotFound, NotPossible):  # it ends, or goes on
                    self._remove_old(place, upload_id)
            with contextlib.suppress(OSError):  # others are in it
                place.rmdir()

    def _remove_old(self, place: Path, upload_id: str) -> None:
        """Remove an upload that did not change for a day. Raises NotPossible, NotFound, FileNotFoundError."""
        files = list(place.glob(f"{upload_id}.*"))
        changed = max(file.stat().st_mtime for file in files)
        if datetime.fromtimestamp(changed, UTC) >= self._clock() - DAY:
            return
        content = _bytes_of(place, upload_id)
        with exclusively(content) if content in files else contextlib.nullcontext():
            for file in files:
                file.unlink()


def _tickets(place: Path) -> Iterator[Ticket]:
    for file in place.glob("*.json"):
        with contextlib.suppress(ValidationError, FileNotFoundError):
            yield Ticket.model_validate_json(file.read_bytes())


def _ticket(place: Path, upload_id: str) -> Ticket:
    """The ticket of an upload that did not fail. Raises NotFound."""
    if not ID.fullmatch(upload_id):
        raise _not_there()
    try:
        ticket = Ticket.model_validate_json((place / f"{upload_id}.json").read_bytes())
    except (FileNotFoundError, ValidationError):
        raise _not_there() from None
    if ticket.state is State.FAILED:
        raise _not_there()
    return ticket


def _open_ticket(place: Path, upload_id: str) -> Ticket:
    """The ticket of an upload under way. Raises NotFound, NotPossible when it is done."""
    ticket = _ticket(place, upload_id)
    if ticket.state is not State.OPEN:
        raise NotPossible("This upload is finished; the file is here.")
    return ticket


def _keep(place: Path, ticket: Ticket) -> None:
    new = place / f"{ticket.id}.new"
    new.write_text(ticket.model_dump_json())
    new.replace(place / f"{ticket.id}.json")


def _bytes_of(place: Path, upload_id: str) -> Path:
    return place / f"{upload_id}.part"


def _come(place: Path, ticket: Ticket) -> int:
    """How many bytes have come; all of them for one that ended in the meantime."""
    try:
        return _bytes_of(place, ticket.id).stat().st_size
    except FileNotFoundError:
        return ticket.artifact.bytes


def _not_there() -> NotFound:
    return NotFound("You have no such upload: it was never begun, was given up, or nothing came for a day. Begin anew.")


def _other_content(artifact: Artifact, digest: str) -> Problem:
    return Problem(
        code="upload_digest",
        field="sha256",
        message=(
            f"The {artifact.bytes:,} bytes that came have the SHA-256 {digest}, and {artifact.sha256} was announced. "
            "They were deleted."
        ),
        fix="Upload the file again; where it was changed in the meantime, announce it anew.",
    )
