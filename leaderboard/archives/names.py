"""The names in an archive: those that are refused, those that are dropped, and those that collide."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from leaderboard.archives.entry import ArchiveLimits, Entry, EntryType, shown

DRIVE = re.compile(r"[A-Za-z]:")
INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: control and format characters, bytes that are no text, separators of lines and paragraphs."""
PART_BYTES = 255
"""The longest name of a file or folder on Linux."""
JUNK_FOLDERS = frozenset({"__MACOSX", "__pycache__"})
JUNK_FILES = frozenset({".DS_Store", "Icon\r"})
ARCHIVES = (
    *(".zip", ".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".7z", ".rar"),
    *(".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"),
)


def parts_of(name: str) -> list[str]:
    """The folders of a name and its last part; empty for the archive's own root."""
    return [part for part in name.split("/") if part not in ("", ".")]


def is_junk(name: str) -> bool:
    """Whether an entry is dropped: what macOS and Python leave beside the files. It is never looked into."""
    parts = parts_of(name)
    if not parts or ".." in parts or name.startswith("/"):
        return False
    return not JUNK_FOLDERS.isdisjoint(parts) or parts[-1] in JUNK_FILES or parts[-1].startswith("._")


def is_archive(name: str) -> bool:
    """Whether a file calls itself an archive."""
    return name.lower().endswith(ARCHIVES)


def name_problems(name: str, limits: ArchiveLimits) -> Iterator[str]:
    """What is wrong with the name of an entry: ends of sentences that begin with it."""
    parts = parts_of(name)
    if any(unicodedata.category(character) in INVISIBLE for character in name):
        yield "has control characters, invisible characters or bytes that are no UTF-8 in its name"
    if "\\" in name:
        yield "has a backslash in its name; folders are separated by /"
    if name.startswith("/") or DRIVE.match(name):
        yield "has an absolute name; names have to be relative to the root of the archive"
    elif not name or "//" in name:
        yield "has an empty part in its name"
    if ".." in parts:
        yield "leads out of the archive with its .."
    if len(name) > limits.name_characters:
        yield f"has a name of {len(name):,} characters; at most {limits.name_characters:,} are allowed"
    elif any(len(part.encode(errors="replace")) > PART_BYTES for part in parts):
        yield f"has a part of more than {PART_BYTES} bytes in its name"
    if len(parts) > limits.depth:
        yield f"lies {len(parts):,} folders deep; at most {limits.depth:,} are allowed"


def collisions(entries: Iterable[Entry]) -> Iterator[str]:
    """Sentences about entries that cannot be beside each other on every file system; at most one an entry."""
    tree = _Tree()
    for entry in entries:
        if problem := tree.add(parts_of(entry.name), entry.type is not EntryType.FOLDER):
            yield entry.line(problem)


class _Tree:
    """The paths so far, with the folders above them."""

    def __init__(self) -> None:
        self._nodes: dict[str, tuple[str, bool]] = {}

    def add(self, parts: list[str], is_file: bool) -> str:
        """Add a path; what is wrong with it beside the earlier ones, or empty."""
        for depth in range(1, len(parts)):
            if problem := self._add_node("/".join(parts[:depth]), is_file=False):
                return problem
        return self._add_node("/".join(parts), is_file)

    def _add_node(self, path: str, is_file: bool) -> str:
        key = _folded(path)
        if key not in self._nodes:
            self._nodes[key] = (path, is_file)
            return ""
        first, was_file = self._nodes[key]
        if first != path:
            return f"differs from {shown(first)} only in upper and lower case or in how letters are composed"
        if was_file != is_file:
            return "is both a file and a folder"
        return "is there more than once" if is_file else ""


def _folded(path: str) -> str:
    """Equal for two paths that some file systems take for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
