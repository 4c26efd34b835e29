"""Which repository a name meant at a time: names on the Hub can be given up and taken by others.

A repository is told by its commits and by when it was made, which a new name does not change. Pure functions and views
over facts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

from leaderboard.records import ModelFacts, ModelSummary, PodiumBlock, is_commit


class Commits(Protocol):
    """The Hub, as far as it is asked here."""

    def has_commit(self, model: str, revision: str) -> bool:
        """Raises ModelUnavailable, HubUnavailable."""
        ...


class Repository(NamedTuple):
    """A repository as this board knows it."""

    name: str
    """What it is called now; where that is not known, what it was called last."""
    has_name: bool = True
    """Whether the name is still its own: False where another repository took it."""


class Repositories:
    """Names and the repositories that had them, as the facts say at one moment."""

    def __init__(self, facts: Mapping[str, ModelSummary]) -> None:
        self._facts = facts
        self._renamed: dict[str, list[tuple[str, str]]] = {}
        """Earlier name -> until when it was a repository's (UTC), and what that is called now."""
        for model, known in facts.items():
            for name, until in known.aliases.items():
                self._renamed.setdefault(name, []).append((until, model))
        for endings in self._renamed.values():
            endings.sort()

    def of(self, name: str, time: str, commits: Collection[str] = ()) -> Repository:
        """The repository that was called `name` at `time` (UTC); `commits` are some of its own.

        Where the commits tell, the time does not matter.
        """
        is_present = self._has_any(name, commits)
        for until, model in self._renamed.get(name, ()):
            is_own = self._has_any(model, commits)
            if is_own if is_own != is_present else time <= until:
                return Repository(model)
        facts = self._facts.get(name)
        has_name = facts is None or not facts.since or time > facts.since or is_present
        return Repository(name, has_name)

    def since(self, name: str, time: str) -> str:
        """From when on the repository that was called `name` at `time` had the name, where another had it before."""
        facts = self._facts.get(name)
        changes = [until for until, _ in self._renamed.get(name, ())]
        changes += [facts.since] if facts is not None and facts.since else []
        return max((change for change in changes if change < time), default="")

    def _has_any(self, model: str, commits: Collection[str]) -> bool:
        """Whether one of `commits` is known of what is called `model` now."""
        facts = self._facts.get(model)
        return facts is not None and not facts.commits.isdisjoint(commits)


def present_command(block: PodiumBlock, repositories: Repositories) -> str:
    """The command that reproduces a result, with what its repository is called now; empty where that is unknown."""
    repository = repositories.of(block.model, block.time, (block.revision,))
    own_name = rf"(?<![\w./-]){re.escape(block.model)}(?![\w/-])"
    return re.sub(own_name, repository.name, block.provenance.command or "") if repository.has_name else ""


def may_be_another(kept: ModelFacts | ModelSummary, seen: ModelFacts) -> bool:
    """Whether the repository `seen` may be another one than that of the same name which was `kept`."""
    if kept.model.casefold() != seen.model.casefold() or not (kept.created_at and seen.created_at):
        return False
    length = min(len(kept.created_at), len(seen.created_at), len("2026-01-01T00:00:00"))
    return kept.created_at[:length] != seen.created_at[:length]


def is_another(kept: ModelFacts | ModelSummary, seen: ModelFacts, hub: Commits) -> bool:
    """Whether another repository has taken the name of the one that was `kept`: it has not the commit that is known.

    Raises ModelUnavailable, HubUnavailable.
    """
    return (
        may_be_another(kept, seen)
        and is_commit(kept.revision)
        and kept.revision != seen.revision
        and not hub.has_commit(seen.model, kept.revision)
    )
