"""The folders of a git repository at one commit, by object id: equal ids, equal contents, all the way down."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class TreeEntry(NamedTuple):
    """An entry of a folder."""

    oid: str
    """Git object id: of the tree for a folder, of the blob (of the pointer, in LFS) for a file."""
    is_folder: bool = False
    sha256: str | None = None
    """Of the content, for a file that the Hub keeps in LFS."""
    size: int | None = None
    """Bytes of a file's content; None for a folder, and where the Hub does not say it."""


Folders = Mapping[str, Mapping[str, TreeEntry]]
"""Path of a folder (the root is "") -> name -> entry."""


def blob_version(content: bytes) -> str:
    """The git blob id of `content`: the version of a file, the same in every store."""
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def split(path: str) -> tuple[str, str]:
    """Folder and name."""
    folder, _, name = path.rpartition("/")
    return folder, name


def join(folder: str, name: str) -> str:
    """Path of `name` in `folder`."""
    return f"{folder}/{name}" if folder else name


def tree_oid(entries: Mapping[str, TreeEntry]) -> str:
    """The git object id of a folder of plain files and folders (mode 100644 and 40000)."""
    rows = [
        (name + "/", b"40000 %b\0%b" % (name.encode(), bytes.fromhex(node.oid)))
        if node.is_folder
        else (name, b"100644 %b\0%b" % (name.encode(), bytes.fromhex(node.oid)))
        for name, node in entries.items()
    ]
    body = b"".join([row for _, row in sorted(rows)])
    return hashlib.sha1(b"tree %d\0%b" % (len(body), body), usedforsecurity=False).hexdigest()


def from_listing(listing: Iterable[tuple[str, TreeEntry]], top: str = "") -> dict[str, dict[str, TreeEntry]]:
    """The folders below and with `top`, from every path below it."""
    folders: dict[str, dict[str, TreeEntry]] = {top: {}}
    for path, node in listing:
        folder, name = split(path)
        folders.setdefault(folder, {})[name] = node
        if node.is_folder:
            folders.setdefault(path, {})
    return folders


def without(folders: Folders, top: str) -> dict[str, Mapping[str, TreeEntry]]:
    """`folders` less `top` and everything below it."""
    return {path: entries for path, entries in folders.items() if path != top and not path.startswith(top + "/")}


def with_changes(folders: Folders, changes: Mapping[str, TreeEntry | None]) -> dict[str, Mapping[str, TreeEntry]]:
    """`folders` after files were written and (None) deleted, with the ids that git will give to the folders."""
    new: dict[str, dict[str, TreeEntry]] = {}
    result = dict(folders)

    def editable(folder: str) -> dict[str, TreeEntry]:
        if folder not in new:
            result[folder] = new[folder] = dict(result.get(folder, {}))
            if folder:
                editable(split(folder)[0])
        return new[folder]

    for path, node in changes.items():
        folder, name = split(path)
        if node is None:
            editable(folder).pop(name, None)
        else:
            editable(folder)[name] = node
    for folder in sorted(new, key=lambda path: -path.count("/") if path else 1):
        if folder:
            above, name = split(folder)
            if new[folder]:
                new[above][name] = TreeEntry(tree_oid(new[folder]), is_folder=True)
            else:
                new[above].pop(name, None)
                del result[folder]
    return result


def files(folders: Folders, prefix: str = "") -> dict[str, TreeEntry]:
    """Path -> entry of every file whose path begins with `prefix`."""
    top = split(prefix)[0]
    inside = [folder for folder in folders if not top or folder == top or folder.startswith(f"{top}/")]
    return {
        path: node
        for folder in inside
        for name, node in folders[folder].items()
        if not node.is_folder and (path := join(folder, name)).startswith(prefix)
    }


def file_at(folders: Folders, path: str) -> TreeEntry | None:
    """The entry of a file; None where there is none."""
    folder, name = split(path)
    return _file(folders.get(folder, {}).get(name))


def changed_files(before: Folders, after: Folders) -> dict[str, TreeEntry | None]:
    """Path -> entry (None: gone) of every file that differs; folders that are the same object are not looked into."""
    changed: dict[str, TreeEntry | None] = {}
    if before is after:  # nearly always: nobody has committed anything
        return changed
    for folder in _differing(before, after):
        old, new = before.get(folder, {}), after.get(folder, {})
        for name in _differing(old, new):
            was, now = _file(old.get(name)), _file(new.get(name))
            if was != now:
                changed[join(folder, name)] = now
    return changed


def _differing(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    """Keys of values that are not the same object; equal ones may be among them."""
    return {key for key, value in after.items() if before.get(key) is not value} | (before.keys() - after.keys())


def _file(node: TreeEntry | None) -> TreeEntry | None:
    return None if node is None or node.is_folder else node
