"""The folders of a dataset repository at a new commit, from what is known of an earlier one.

Two ways, with the same result. Listing asks for every folder that differs, and large ones come in many pages. Comparing
asks the Hub which files differ and what they are now, two questions in all; the answer counts only if the folders that
follow from it have the git object ids that the new commit has.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from leaderboard.errors import HubUnavailable
from leaderboard.hub.dataset_repo import HubRepo
from leaderboard.hub.trees import Folders, TreeEntry, join, split, with_changes, without

MANY = 10
"""From this many changed folders in a folder on, everything below it is listed at once."""
PAGE = 1000
"""Entries of a folder that the Hub tells in one answer."""
FEW_QUESTIONS = 2
"""Where listing may take no more questions than so many, it is not worth comparing."""
MAX_COMPARED = 200
"""Files that differ; where they are more, the folders are listed."""

log = logging.getLogger(__name__)


class Newer(NamedTuple):
    """The folders at the new commit."""

    folders: Folders
    changed: int
    """How many were listed or made anew, below the root."""


def folders_at(repo: HubRepo, commit: str, root: Mapping[str, TreeEntry], known: str, before: Folders) -> Newer:
    """The folders at `commit`, whose root folder is `root`; `before` are those at the commit `known`.

    Raises HubUnavailable.
    """
    changed = changed_folders(before.get("", {}), root)
    if least_questions(before, changed) > FEW_QUESTIONS:
        newer = _by_comparing(repo, commit, root, known, before)
        if newer:
            return newer
    return _by_listing(repo, commit, root, before)


def changed_folders(before: Mapping[str, TreeEntry], after: Mapping[str, TreeEntry]) -> list[str]:
    """Names of the folders that are new or have other contents."""
    return [name for name, node in after.items() if node.is_folder and before.get(name) != node]


def least_questions(before: Folders, changed: Iterable[str]) -> int:
    """How many questions it takes at least to list these folders of the root, by what is known of them."""
    questions = 0
    for name in changed:
        entries = before.get(name, {})
        questions += -(-len(entries) // PAGE) or 1
        questions += any(node.is_folder for node in entries.values())
    return questions


# --- listing


def _by_listing(repo: HubRepo, commit: str, root: Mapping[str, TreeEntry], before: Folders) -> Newer:
    folders, asked = dict(before), 0
    waiting: list[tuple[str, Mapping[str, TreeEntry]]] = [("", root)]
    while waiting:
        path, entries = waiting.pop()
        old = folders.get(path, {})
        for name, node in old.items():
            if node.is_folder and not entries.get(name, TreeEntry("")).is_folder:
                folders = without(folders, join(path, name))
        folders[path] = entries
        changed = changed_folders(old, entries)
        if len(changed) > MANY:
            folders = (without(folders, path) if path else {}) | dict(repo.below(commit, path))
        else:
            waiting += [(join(path, name), repo.folder(commit, join(path, name))) for name in changed]
        asked += len(changed)
    return Newer(folders, asked)


# --- comparing


def _by_comparing(
    repo: HubRepo, commit: str, root: Mapping[str, TreeEntry], known: str, before: Folders
) -> Newer | None:
    """None where the Hub does not compare, too much differs, or the outcome is not what is at the commit."""
    try:
        paths = repo.compared(known, commit, MAX_COMPARED)
        if not paths:
            return None
        now = repo.files(commit, sorted(paths))
    except HubUnavailable as trouble:
        log.info("%s The changed folders are listed instead.", trouble)
        return None
    folders = with_changes(before, {path: now.get(path) for path in paths})
    if folders.get("") != root or not all(_fits(folders, path) for path in paths):
        log.info("The Hub's comparison of two commits of %s is incomplete; the folders are listed.", repo.repo_id)
        return None
    return Newer(folders, len({split(path)[0] for path in paths}))


def _fits(folders: Folders, path: str) -> bool:
    """Whether nothing is left of a folder where a file is now, or nothing: the ids of what is above do not tell."""
    folder, name = split(path)
    entry = folders.get(folder, {}).get(name)
    return (path in folders) == (entry is not None and entry.is_folder)
