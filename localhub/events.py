"""Events about repos, for listeners such as the webhooks."""

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
    """(reference, old commit, new commit) of each moved reference."""
    head: str | None = None
    """The head of main afterwards, None when the repo is gone."""
    extra: dict[str, Any] = field(default_factory=dict)
    """`discussion` and `comment`, for changes of these."""
