"""Discussions and pull requests: one JSON file each, in the repo's own folder.

A pull request is a discussion with a branch of its own, `refs/pr/N`, and a base to merge into.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from localhub.clock import now, stamp
from localhub.drafts import as_json
from localhub.errors import Forbidden, Invalid, NotFound
from localhub.files import fsync_folder, read_json
from localhub.repos import Repo

OPEN, CLOSED, DRAFT, MERGED = "open", "closed", "draft", "merged"
MAX_COMMENT = 65_536
_HIDDEN = "This comment has been hidden"
_PULL = re.compile(r"refs/pr/(\d+)")


@dataclass
class Discussion:
    """A discussion, or a pull request where `base` is set."""

    num: int
    title: str
    author: str
    created: str
    status: str = OPEN
    base: str | None = None
    """Reference that a pull request is to be merged into."""
    base_commit: str | None = None
    """The commit that the pull request started from."""
    merge_commit: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_pull_request(self) -> bool:
        """Whether it carries commits to merge."""
        return self.base is not None

    @property
    def ref(self) -> str:
        """The pull request's branch."""
        return f"refs/pr/{self.num}"

    def comment(self, author: str, text: str) -> dict[str, Any]:
        """Add a comment and return its event."""
        text = checked_comment(text)
        moment = stamp(now())
        latest = {"raw": text, "html": text, "updatedAt": moment, "author": person(author)}
        data = {"edited": False, "hidden": False, "latest": latest, "history": []}
        return self._event("comment", author, data)

    def edit(self, author: str, comment_id: str, text: str) -> dict[str, Any]:
        """Replace a comment's text, keeping the former one in its history; raises Forbidden for others."""
        event = self.find_comment(comment_id)
        if event["author"]["name"] != author:
            raise Forbidden("Only the author of a comment may edit it")
        data = event["data"]
        if data["hidden"]:
            raise Forbidden("A hidden comment cannot be edited")
        text = checked_comment(text)
        data["history"].append(data["latest"])
        data["latest"] = {"raw": text, "html": text, "updatedAt": stamp(now()), "author": person(author)}
        data["edited"] = True
        return event

    def hide(self, author: str, comment_id: str) -> dict[str, Any]:
        """Remove a comment's text permanently."""
        event = self.find_comment(comment_id)
        latest = {"raw": _HIDDEN, "html": _HIDDEN, "updatedAt": stamp(now()), "author": person(author)}
        event["data"] |= {"hidden": True, "hiddenBy": author, "latest": latest, "history": []}
        return event

    def set_status(self, author: str, status: str) -> dict[str, Any]:
        """Open or close; raises Forbidden for a merged pull request."""
        if status not in (OPEN, CLOSED):
            raise Invalid(f'Unknown status "{status}": expected {OPEN} or {CLOSED}')
        if self.status == MERGED:
            raise Forbidden("This pull request is merged: its status cannot change")
        self.status = status
        return self._event("status-change", author, {"status": status})

    def set_title(self, author: str, title: str) -> dict[str, Any]:
        """Change the title; raises Invalid."""
        former, self.title = self.title, checked_title(title)
        return self._event("title-change", author, {"from": former, "to": self.title})

    def add_commit(self, author: str, subject: str, oid: str) -> None:
        """Record a commit on the pull request."""
        self._event("commit", author, {"subject": subject, "oid": oid})

    def set_merged(self, author: str, commit: str) -> None:
        """Record that it was merged."""
        self.status, self.merge_commit = MERGED, commit
        self._event("status-change", author, {"status": MERGED})

    def find_comment(self, comment_id: str) -> dict[str, Any]:
        """The event of a comment; raises NotFound."""
        for event in self.events:
            if event["id"] == comment_id and event["type"] == "comment":
                return event
        raise NotFound("Comment not found")

    def _event(self, kind: str, author: str, data: dict[str, Any]) -> dict[str, Any]:
        event = {"id": secrets.token_hex(12), "type": kind, "createdAt": stamp(now()), "author": person(author)}
        event["data"] = data
        self.events.append(event)
        return event


def person(name: str) -> dict[str, Any]:
    """A user in the format of discussions."""
    return {"name": name, "fullname": name, "type": "user", "avatarUrl": "/avatars/user.svg", "isHf": False}


def checked_title(title: str) -> str:
    """The title without outer blanks; raises Invalid when it is too short or too long."""
    title = " ".join(title.split())
    if not 3 <= len(title) <= 200:
        raise Invalid("The title must have between 3 and 200 characters")
    return title


def checked_comment(text: str) -> str:
    """The text; raises Invalid when it is empty or too long."""
    if not text.strip():
        raise Invalid("A comment must not be empty")
    if len(text) > MAX_COMMENT:
        raise Invalid(f"A comment has at most {MAX_COMMENT:,} characters, this one has {len(text):,}")
    return text


class Discussions:
    """The discussions of one repo; change them only while its lock is held."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._folder = repo.folder / "localhub" / "discussions"

    def next_number(self) -> int:
        """One more than the last discussion or pull-request branch."""
        numbers = [int(path.stem) for path in self._folder.glob("*.json")]
        numbers += [int(ref.rpartition("/")[2]) for ref in self._repo.refs.under("refs/pr/")]
        return max(numbers, default=0) + 1

    def start(
        self,
        author: str,
        title: str,
        text: str,
        *,
        base: str | None = None,
        base_commit: str | None = None,
        status: str = OPEN,
    ) -> Discussion:
        """Open a discussion (a pull request, with `base`), written by `save`. The first comment may be empty."""
        number, title = self.next_number(), checked_title(title)
        new = Discussion(number, title, author, stamp(now()), status, base, base_commit)
        if text.strip():
            new.comment(author, text)
        return new

    def pull_of(self, ref: str) -> Discussion | None:
        """The pull request whose branch `ref` is, None for any other reference; raises NotFound."""
        number = _PULL.fullmatch(ref)
        return self.get(int(number[1])) if number else None

    def get(self, num: int) -> Discussion:
        """The discussion with a number; raises NotFound."""
        data = read_json(self._path(num))
        if data is None:
            raise NotFound(f"Discussion {num} not found")
        return Discussion(**data)

    def save(self, discussion: Discussion) -> None:
        """Write it durably."""
        self._repo.drafts.write_json(self._path(discussion.num), asdict(discussion))

    @contextmanager
    def saving(self, discussion: Discussion) -> Iterator[None]:
        """Write it durably when the block, which moves a reference, has succeeded; reserves the disk space before."""
        path = self._path(discussion.num)
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._repo.drafts.new() as draft:
            draft.write(as_json(asdict(discussion)))
            draft.sync()
            yield
            draft.keep(path)
        fsync_folder(path.parent)

    def all(self) -> list[Discussion]:
        """Every discussion, newest first."""
        numbers = sorted((int(path.stem) for path in self._folder.glob("*.json")), reverse=True)
        return [self.get(num) for num in numbers]

    def _path(self, num: int) -> Any:
        return self._folder / f"{num:06d}.json"
