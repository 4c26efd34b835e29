"""The files of a bundle, found by the paths that it names; zips in it are unpacked when they are asked for."""

from __future__ import annotations

import difflib
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from leaderboard.archives import ArchiveLimits, open_archive
from leaderboard.errors import BadArchive

GB = 10**9
LIMITS = ArchiveLimits(entries=100_000, file_bytes=10 * GB, total_bytes=20 * GB, seconds=1800, nested=True)
"""Of a bundle, and of each zip in it: programs and data may be large, and come as zips themselves."""
NAMES = ("competition.yaml", "competition.yml")
JUNK = {"__MACOSX", "__pycache__", ".DS_Store", "Thumbs.db", "desktop.ini"}
STORED_ELSEWHERE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Unusable(ValueError):
    """A path that names nothing usable; a sentence, without the name of the field."""


class BundleFiles:
    """`root`: the folder that holds the bundle's YAML file. `scratch`: an own folder for what is unpacked."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root = root.resolve()
        self._scratch = scratch
        self._unpacked: dict[Path, Path] = {}

    def anything(self, path: str) -> str:
        """A regular file or a folder, as its path is kept. Raises Unusable."""
        return self.folder(path) if self._entry(path)[1].is_dir() else self.file(path)

    def file(self, path: str) -> str:
        """A regular file, as its path is kept. Raises Unusable."""
        kept, place = self._entry(path)
        if not place.is_file():
            raise Unusable(f"{path!r} is a folder. Name a file.")
        return kept

    def folder(self, path: str) -> str:
        """A folder with files, or a zip, as its path is kept. Raises Unusable."""
        kept, place = self._entry(path)
        if place.is_file() and not zipfile.is_zipfile(place):
            raise Unusable(f"{path!r} is neither a zip nor a folder.")
        content = self.content(kept)
        every = list(walk(content))
        for inside in every:
            if inside.is_symlink() or not (inside.is_file() or inside.is_dir()):
                name = inside.relative_to(content).as_posix()
                raise Unusable(f"{path!r} holds {name!r}, which is a link or no regular file. Put a file in its place.")
        if not any(inside.is_file() for inside in every):
            raise Unusable(f"{path!r} holds no files. Put them into it.")
        return kept

    def content(self, kept: str) -> Path:
        """The folder of that path, or what its zip holds, unpacked once. Raises Unusable."""
        place = self.root / kept
        if place.is_dir():
            return place
        if place not in self._unpacked:
            into = self._scratch / str(len(self._unpacked))
            try:
                open_archive(place, into, LIMITS)
            except BadArchive as error:
                raise Unusable(f"{kept!r} cannot be unpacked. {' '.join(error.lines)}") from None
            self._unpacked[place] = into
        return self._unpacked[place]

    def _entry(self, path: str) -> tuple[str, Path]:
        """A path as it is kept, and where it leads. Raises Unusable."""
        kept = _normal(path)
        if STORED_ELSEWHERE.fullmatch(kept):
            raise Unusable(
                f"{path!r} is the id of a file that another site stores. Put the file into the bundle and write its "
                "path."
            )
        place = self.root / kept
        if not os.path.lexists(place):
            raise Unusable(f"There is no {path!r} in the bundle.{self._meant(kept)}")
        if place.resolve() != place:
            raise Unusable(f"{path!r} is behind a link. Put the file itself into the bundle.")
        return kept, place

    def _meant(self, path: str) -> str:
        """The file that was probably meant."""
        every = [file.relative_to(self.root).as_posix() for file in walk(self.root)]
        folded = {name.casefold(): name for name in every}
        same = [folded[path.casefold()]] if path.casefold() in folded else []
        close = same or difflib.get_close_matches(path, every[:1000], n=1, cutoff=0.75)
        return f" Is it {close[0]!r}?" if close else " Add it."


def walk(folder: Path) -> Iterator[Path]:
    """Everything below a folder, in one order everywhere, without following links; junk of file managers left out."""
    for child in sorted(folder.iterdir(), key=lambda path: path.name):
        if child.name in JUNK or child.name.startswith("._"):
            continue
        yield child
        if child.is_dir() and not child.is_symlink():
            yield from walk(child)


def _normal(path: str) -> str:
    """`./a//b/` and `a\\b` as `a/b`. Raises Unusable for a path that leaves the bundle."""
    if "\0" in path:
        raise Unusable("The path has a zero byte. Write it again.")
    parts = [part for part in path.strip().replace("\\", "/").split("/") if part not in ("", ".")]
    absolute = path.strip().startswith(("/", "\\")) or re.match(r"[A-Za-z]:[/\\]", path.strip())
    if absolute or ".." in parts or not parts:
        raise Unusable(f"{path!r} leaves the bundle. Write a path below the folder of its YAML file.")
    return "/".join(parts)
