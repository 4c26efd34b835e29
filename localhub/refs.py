"""Branches, tags and pull-request heads of a bare repository, loose or packed."""

import re
from pathlib import Path

from localhub.errors import AlreadyExists, RevisionNotFound
from localhub.files import fsync_folder, write_atomic
from localhub.gitobjects import Objects

MAIN = "refs/heads/main"
_HEX = re.compile(r"[0-9a-f]{7,40}")


class Refs:
    """References of one bare repository; write only while the repository's lock is held."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, ref: str) -> str | None:
        """The commit that a full reference name points to."""
        path = self.folder / ref
        if path.is_file():
            return path.read_text().strip()
        return self._packed().get(ref)

    def set(self, ref: str, oid: str) -> None:
        """Point `ref` to a commit, durably. Raises AlreadyExists when another name is in its way."""
        path = self.folder / ref
        taken = [parent for parent in path.relative_to(self.folder).parents if (self.folder / parent).is_file()]
        if taken or (path.is_dir() and any(child.is_file() for child in path.rglob("*"))):
            raise AlreadyExists(
                f"Reference {ref} is in conflict with an existing reference of a longer or shorter name"
            )
        if path.is_dir():
            for child in sorted(path.rglob("*"), reverse=True):
                child.rmdir()
            path.rmdir()
        write_atomic(path, oid.encode() + b"\n")

    def delete(self, ref: str) -> None:
        """Forget `ref`, wherever it is kept."""
        packed = self._packed()
        if packed.pop(ref, None):
            lines = [f"{oid} {name}\n" for name, oid in sorted(packed.items())]
            write_atomic(self.folder / "packed-refs", "".join(lines).encode())
        path = self.folder / ref
        if path.is_file():
            path.unlink()
            fsync_folder(path.parent)

    def under(self, prefix: str) -> dict[str, str]:
        """Reference name -> commit of all references below `prefix`, sorted."""
        found = {name: oid for name, oid in self._packed().items() if name.startswith(prefix)}
        base = self.folder / prefix
        for path in base.rglob("*") if base.is_dir() else ():
            if path.is_file() and not path.name.startswith(".tmp-"):
                found[path.relative_to(self.folder).as_posix()] = path.read_text().strip()
        return dict(sorted(found.items()))

    def resolve(self, revision: str, objects: Objects) -> str:
        """The commit named by a branch, a tag, a full reference or (part of) a commit id."""
        for ref in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if ref.startswith("refs/") and ".." not in ref and (oid := self.get(ref)):
                return oid
        if _HEX.fullmatch(revision):
            commits = [oid for oid in objects.starting_with(revision) if objects.kind(oid) == "commit"]
            if len(commits) == 1:
                return commits[0]
        raise RevisionNotFound(f"Invalid rev id: {revision[:200]}")

    def _packed(self) -> dict[str, str]:
        try:
            text = (self.folder / "packed-refs").read_text()
        except FileNotFoundError:
            return {}
        lines = [line.split(" ", 1) for line in text.splitlines() if line and line[0] not in "#^"]
        return {name: oid for oid, name in lines}
