"""Putting a backup back: everything is checked before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from leaderboard import FileStore
from leaderboard.backup.manifest import Manifest, opened, read_manifest, verify
from leaderboard.backup.private import count_private, put_back, read_private
from leaderboard.backup.save import DETAILS, REQUESTS, RESULTS, details_part
from leaderboard.errors import BadBackup, Conflict, Infrastructure
from leaderboard.opening import Stores
from leaderboard.records import model_in
from leaderboard.results.details_store import RESULT_PATH, SINCE

CARD = "README.md"
"""The card of a dataset: a new one has it already."""
AT_ONCE = 500
"""Files of one commit where the store is the Hub; a folder takes all of them at once."""


def check(folder: Path, kind: str, *, private: bool = False) -> Manifest:
    """The manifest of a backup that is whole and fits stores of `kind`. Raises BadBackup.

    `private`: whether the private part is looked at too, where the backup has one.
    """
    manifest = read_manifest(folder)
    verify(folder, manifest)
    if manifest.store != kind:
        raise BadBackup(
            f"{folder} is of a board with PODIUM_STORE={manifest.store}; here it is {kind}. Set PODIUM_STORE="
            f"{manifest.store}."
        )
    if private and manifest.private is not None:
        read_private(folder, manifest)
    return manifest


def restore(stores: Stores, kind: str, folder: Path, *, replace: bool = False, private: Path | None = None) -> Manifest:
    """Put the backup in `folder` into `stores`, and its private part into the folder `private`, if that is given.

    Nothing may use them meanwhile. With `replace`, they then hold what the backup holds and nothing else; without, they
    must be empty. Requests come last, so that nobody works on half a board. Raises BadBackup, Conflict, Infrastructure.
    """
    manifest = check(folder, kind)
    secret = read_private(folder, manifest) if private is not None and manifest.private is not None else None
    targets = list(_targets(stores, manifest))
    there = {part: store.list() for part, store in targets}
    count = sum(path != CARD for paths in there.values() for path in paths)
    if private is not None and secret is not None:
        count += count_private(private)
    if count and not replace:
        raise BadBackup(
            f"The board is not empty: it has {count:,} files. Restore into a new one, or say --replace to lose them."
        )
    if private is not None and secret is not None:
        try:
            put_back(folder, secret, private)
        except OSError as error:
            raise Infrastructure(f"The private files cannot be written to {private} ({error.strerror}).") from error
    for part, store in targets:
        files = SavedFiles(folder / part, manifest.of(part))
        for changes in _commits(files, there[part], whole=not stores.remote):
            try:
                store.commit(changes, "Restore a backup", {path: there[part].get(path) for path in changes})
            except Conflict as error:
                raise BadBackup(
                    f"Something else writes to this board: stop every service and worker. {error}"
                ) from error
    return manifest


class SavedFiles(Mapping[str, bytes | None]):
    """Files of one part, read when they are asked for; None for those that are to be deleted."""

    def __init__(self, folder: Path, paths: list[str], gone: frozenset[str] = frozenset()) -> None:
        self._folder = folder
        self._paths = dict.fromkeys([*paths, *gone])
        self._gone = gone

    def __getitem__(self, path: str) -> bytes | None:
        if path not in self._paths:
            raise KeyError(path)
        if path in self._gone:
            return None
        with opened(self._folder / path) as file:
            return file.read()

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def part(self, paths: list[str], gone: frozenset[str] = frozenset()) -> SavedFiles:
        """Some of them."""
        return SavedFiles(self._folder, paths, gone)


def _targets(stores: Stores, manifest: Manifest) -> Iterator[tuple[str, FileStore]]:
    """Part -> store, in the order in which they are written."""
    models: dict[str, set[str]] = {}
    for path in manifest.of(RESULTS):
        if match := RESULT_PATH.fullmatch(path):
            models.setdefault(model_in(match["model"]), set()).add(match["benchmark"])
    named = {path.split("/")[0] for path in manifest.of(DETAILS)}
    for model, benchmarks in sorted(models.items()):
        own = details_part(model).removeprefix(f"{DETAILS}/")
        own_places = re.compile(rf"{re.escape(own)}({SINCE})?")
        for since in sorted(name.removeprefix(own) for name in filter(own_places.fullmatch, named)):
            yield details_part(model + since), stores.details.made_apart(model + since, benchmarks)
    yield RESULTS, stores.results
    yield REQUESTS, stores.requests


def _commits(files: SavedFiles, there: Mapping[str, str], *, whole: bool) -> Iterator[SavedFiles]:
    """The changes that make a store with the files `there` hold `files`, in the commits that they are made by."""
    paths, gone = list(files), frozenset(there.keys() - files.keys() - {CARD})
    if whole:
        if paths or gone:
            yield files.part(paths, gone)
        return
    for start in range(0, len(paths), AT_ONCE):
        yield files.part(paths[start : start + AT_ONCE])
    if gone:
        yield files.part([], gone)
