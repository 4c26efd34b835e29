"""Making a backup while the service runs."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leaderboard import FileStore, __version__
from leaderboard.backup.manifest import NAME, PRIVATE, Manifest, Saved
from leaderboard.backup.private import save_private
from leaderboard.errors import BadBackup
from leaderboard.opening import Stores
from leaderboard.records import model_file_name, now
from leaderboard.results.details_store import RESULT_PATH
from leaderboard.stores.local import sync_folder, write_synced

REQUESTS, RESULTS, DETAILS = "requests", "results", "details"
"""Parts of a backup; DETAILS has a folder for each model."""
AT_ONCE = 500
"""Files that are read in one go."""


def save(stores: Stores, kind: str, folder: Path, private: Path | None = None) -> Manifest:
    """Write everything in `stores` (of the kind PODIUM_STORE=`kind`) into `folder`, which is new or empty.

    `private` is the folder of private files, where it is to be saved too: after the results, which name what is in it.

    Requests are read before results: a request that ends meanwhile is in the backup as running, with its result, and
    is finished without another run after a restore. Raises BadBackup, Infrastructure; then there is no folder.
    """
    manifest = Manifest(podium=__version__, time=now(), store=kind, files={})
    with _drafted(folder) as draft:
        for part, store in parts(stores):
            for path, content in contents(store):
                manifest.files[f"{part}/{path}"] = _write(draft / part / path, content)
        if private is not None:
            manifest.private = save_private(private, draft / PRIVATE)
        _write(draft / NAME, (manifest.model_dump_json(indent=1) + "\n").encode())
    return manifest


def parts(stores: Stores) -> Iterator[tuple[str, FileStore]]:
    """Part of a backup -> the store that it is of, in the order in which they are read."""
    yield REQUESTS, stores.requests
    yield RESULTS, stores.results
    for place in sorted({stores.details.place(path) for path in filter(RESULT_PATH.fullmatch, stores.results.list())}):
        store = stores.details.apart(place)
        if store is not None:
            yield details_part(place), store


def details_part(place: str) -> str:
    """The part with the details of one place, where these have a store of their own."""
    return f"{DETAILS}/{model_file_name(place)}"


def contents(store: FileStore) -> Iterator[tuple[str, bytes]]:
    """Path and content of every file."""
    paths = sorted(store.list())
    for start in range(0, len(paths), AT_ONCE):
        for path, content, _ in store.read_many(paths[start : start + AT_ONCE]):
            yield path, content


@contextmanager
def _drafted(folder: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `folder` when the block ends well and is removed when it does not."""
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise BadBackup(f"{folder} is there already and not empty. Name a folder that is new or empty.")
    draft = folder.absolute().with_name(f".{folder.absolute().name}.{secrets.token_hex(6)}")
    try:
        draft.mkdir(parents=True, mode=0o700)
        yield draft
        draft.rename(folder)
        sync_folder(folder.absolute().parent)
    except OSError as error:
        raise BadBackup(f"The backup could not be written to {folder} ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(place: Path, content: bytes) -> Saved:
    place.parent.mkdir(parents=True, exist_ok=True)
    write_synced(place, content)
    return Saved(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
