"""Discussions of flags and of failed requests: public ones on the Hub where there is a place for them, else kept here.

`discussions/{flags|requests}/{first two characters}/{id}.json` of the results store says where a discussion is and,
for one that is kept here, what was said.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal, Protocol

from pydantic import BaseModel, Field, ValidationError

from leaderboard import FileStore
from leaderboard.community.comment_counts import CommentCounts
from leaderboard.community.texts import literal, plain, quoted
from leaderboard.errors import Conflict, HubUnavailable, NotAllowed, NotFound, NotPossible, Unreadable
from leaderboard.hub.discussions import OpenedDiscussion
from leaderboard.records import Versioned, is_same, new_id, utc
from leaderboard.stores.edit import EditedFiles, edit

log = logging.getLogger(__name__)

Kind = Literal["flags", "requests"]
MAX_COMMENTS = 500
MAX_OWN = 50
"""Comments of one person in one discussion."""


class Comment(BaseModel):
    """Something said in a discussion that is kept here."""

    id: str
    time: str
    by: str
    """Who said it; `podium` for the board itself."""
    text: str


class Discussion(Versioned):
    """A discussion: one file."""

    schema_version: int = 1
    kind: Kind
    subject: str
    """Id of the flag or the request that it is about."""
    title: str
    by: str
    """Who opened it, as the server knows them."""
    time: str
    url: str = ""
    """Where it is on the Hub; empty for one that is kept here."""
    num: int | None = None
    """Its number there."""
    opened: str
    """A sentence: in whose name, and why it is where it is."""
    closed: str = ""
    """When it was ended (UTC); empty while it is open."""
    comments: list[Comment] = Field(default_factory=list)
    """What was said here, and what the board says on the Hub for others, oldest first."""

    @property
    def path(self) -> str:
        """Of its file."""
        return discussion_path(self.kind, self.subject)

    def to_json(self) -> bytes:
        """The file's content."""
        return (self.model_dump_json(indent=2) + "\n").encode()


class PublicDiscussions(Protocol):
    """Where public discussions are: `leaderboard.hub.discussions.HubDiscussions`."""

    @property
    def repo(self) -> str: ...

    @property
    def token(self) -> str | None: ...

    def open(self, title: str, text: str, token: str | None = None) -> OpenedDiscussion: ...

    def say(self, num: int, text: str, token: str | None = None) -> None: ...

    def close(self, num: int, token: str | None = None) -> None: ...

    def comments(self, num: int) -> int: ...


class Discussions:
    """The discussions of a board. Safe for threads and processes."""

    def __init__(
        self,
        store: FileStore,
        forum: PublicDiscussions | None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Without a `place`, discussions are kept in the store."""
        self._store = store
        self._place = forum
        self._counts = CommentCounts(forum.comments) if forum else None
        self._clock = clock

    def get(self, kind: Kind, subject: str) -> Discussion | None:
        """The discussion of a flag or a request; None when there is none. Raises Unreadable."""
        try:
            return self._read(kind, subject)
        except NotFound:
            return None

    def prepare(
        self, kind: Kind, subject: str, title: str, text: str, by: str, token: str | None, remark: str = ""
    ) -> Discussion:
        """Open a discussion on the Hub with `text`, or here with `remark`; its file is for the caller to write.

        In the name of `token`'s owner where they gave one and the Hub lets them; else by the board, which says for
        whom. Where the Hub has trouble the discussion is kept here: nothing is lost with it.
        """
        opened, how = self._open(f"{title} [{subject[:8]}]", text, by, token)
        time = utc(self._clock())
        return Discussion(
            kind=kind,
            subject=subject,
            title=title,
            by=by,
            time=time,
            url=opened.url if opened else "",
            num=opened.num if opened else None,
            opened=how,
            comments=[Comment(id=new_id(), time=time, by=by, text=remark)] if remark and not opened else [],
        )

    def write(self, made: Discussion) -> Discussion:
        """Write what `prepare` made; the one that is there already, where somebody was faster."""
        try:
            self._store.commit({made.path: made.to_json()}, f"Discuss {made.title}", {made.path: None})
        except Conflict:  # one attempt: the first discussion stays
            return self._read(made.kind, made.subject)
        return made

    def say(self, discussion: Discussion, text: str, by: str, token: str | None = None) -> Discussion:
        """Add what `by` says. Raises NotPossible where enough was said or it is closed, NotAllowed, HubUnavailable."""
        if discussion.closed:
            raise NotPossible("This discussion is closed, because its flag was withdrawn.")
        if discussion.num is None:
            return self._say_here(discussion, text, by)
        if not (token and self._said_by_themselves(discussion.num, literal(text), token)):
            discussion = self._say_here(discussion, text, by)
            self._speaker().say(discussion.num or 0, f"**{literal(by)}** says on the board:\n\n{quoted(text)}")
        return discussion

    def _say_here(self, discussion: Discussion, text: str, by: str) -> Discussion:
        path = discussion.path

        def decide(files: EditedFiles) -> Discussion:
            current = _parsed(path, files.read(path))
            own = sum(is_same(comment.by, by) for comment in current.comments)
            if len(current.comments) >= MAX_COMMENTS or own >= MAX_OWN:
                raise NotPossible(
                    f"A discussion here has room for {MAX_COMMENTS} comments, {MAX_OWN} of them by one person."
                )
            current.comments.append(Comment(id=new_id(), time=utc(self._clock()), by=by, text=plain(text)))
            files.write(path, current.to_json())
            return current

        return edit(self._store, decide, f"{by} on {discussion.title}")

    def note(self, kind: Kind, subject: str, text: str, by: str, token: str | None = None) -> None:
        """Say what `by` decided, where there is a discussion; the decision stands whether or not that succeeds."""
        discussion = self.get(kind, subject)
        try:
            if discussion is None:
                return
            if discussion.num is None:
                self._say_here(discussion, text, by)
            elif not (token and self._said_by_themselves(discussion.num, text, token)):
                self._speaker().say(discussion.num, text)
        except (HubUnavailable, NotAllowed, NotPossible, Conflict) as trouble:
            log.warning("A decision could not be noted in the discussion of %s/%s: %s", kind, subject, trouble)

    def close(self, kind: Kind, subject: str, token: str | None = None) -> None:
        """End the discussion where there is one, here and on the Hub; trouble of the Hub is logged."""
        discussion = self.get(kind, subject)
        if discussion is None or discussion.closed:
            return
        path = discussion.path

        def decide(files: EditedFiles) -> None:
            current = _parsed(path, files.read(path))
            current.closed = current.closed or utc(self._clock())
            files.write(path, current.to_json())

        edit(self._store, decide, f"Close {discussion.title}")
        if discussion.num is not None:
            try:
                self._close_there(discussion.num, token)
            except (HubUnavailable, NotAllowed) as trouble:
                log.warning("The discussion of %s/%s could not be closed on the Hub: %s", kind, subject, trouble)

    def comments(self, discussion: Discussion) -> int | None:
        """How many comments it has; None while the Hub has not told."""
        if discussion.num is None:
            return len(discussion.comments)
        return self._counts.get(discussion.num) if self._counts else None

    # --- on the Hub

    def _close_there(self, num: int, token: str | None) -> None:
        """In the name of `token`'s owner where the Hub lets them, else in the board's."""
        with suppress(NotAllowed):
            if token:
                self._speaker().close(num, token)
                return
        self._speaker().close(num)

    def _open(self, title: str, text: str, by: str, token: str | None) -> tuple[OpenedDiscussion | None, str]:
        """The discussion on the Hub (None: it has to be kept here), and a sentence that says in whose name."""
        if self._place is None:
            return None, "This board keeps its discussions itself."
        refused = ""
        if token:
            try:
                return self._place.open(title, text, token), f"Opened on the Hub by {by}."
            except NotAllowed:
                refused = f", because the Hub did not let {by}'s token do it"
            except HubUnavailable as trouble:
                return None, f"It is kept here, because the Hub could not take it. {trouble}"
        if not self._place.token:
            return None, f"It is kept here: this board has no account on the Hub to open it for {by}{refused}."
        try:
            opened = self._place.open(title, f"**{literal(by)}** on the board:\n\n{text}", None)
        except (NotAllowed, HubUnavailable) as trouble:
            return None, f"It is kept here, because the Hub could not take it. {trouble}"
        return opened, f"Opened on the Hub by this board's account for {by}{refused}."

    def _said_by_themselves(self, num: int, text: str, token: str) -> bool:
        """Say `text` in the name of `token`'s owner; whether the Hub let them."""
        try:
            self._speaker().say(num, text, token)
        except NotAllowed:
            return False
        return True

    def _speaker(self) -> PublicDiscussions:
        if self._place is None:
            raise NotAllowed("This discussion is on the Hub, and this board has no place there any more.")
        return self._place

    # --- files

    def _read(self, kind: Kind, subject: str) -> Discussion:
        path = discussion_path(kind, subject)
        return _parsed(path, self._store.read(path)[0])


def _parsed(path: str, content: bytes) -> Discussion:
    try:
        return Discussion.model_validate_json(content)
    except ValidationError as error:
        raise Unreadable(path, f"it is not a discussion ({error.error_count()} problems)") from None


def discussion_path(kind: Kind, subject: str) -> str:
    """Path of a discussion's file in the results store."""
    return f"discussions/{kind}/{subject[:2]}/{subject}.json"
