"""What happened to a repo, as told to whoever listens (the webhooks)."""

from dataclasses import dataclass, field
from typing import Any

from localhub.repos import Repo


@dataclass(frozen=True)
class Event:
    """One change; `scope` is repo, repo.content, repo.config, discussion or discussion.comment."""

    action: str
    """create, update, delete or move."""
    scope: str
    repo: Repo
    refs: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    """(reference, old commit, new commit) of what moved."""
    head: str | None = None
    """The head of main afterwards, None when the repo is gone."""
    extra: dict[str, Any] = field(default_factory=dict)
    """`discussion` and `comment`, where the change is one of theirs."""
