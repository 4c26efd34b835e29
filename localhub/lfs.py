"""Large files: pointers as git-lfs writes them, and their contents, kept per repository where git-lfs keeps them."""

import fnmatch
import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from localhub.drafts import Draft, Drafts
from localhub.errors import Invalid, RepoNotFound
from localhub.files import fsync_folder

THRESHOLD = 10 * 1024 * 1024
_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n")
_OID = re.compile(r"[0-9a-f]{64}")
MAX_POINTER = 200

_LARGE = """
*.7z *.arrow *.bin *.ckpt *.gguf *.gz *.h5 *.msgpack *.npy *.npz *.onnx *.parquet *.pickle *.pkl *.pt *.pth
*.safetensors *.tar *.tar.* *.tflite *.tgz *.xz *.zip *.zst *tfevents*
"""
ATTRIBUTES = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in _LARGE.split())
"""The `.gitattributes` of a new repo."""


class Pointer(NamedTuple):
    """The pointer that git stores for a large file: sha256 and size in bytes."""

    oid: str
    size: int

    def encode(self) -> bytes:
        """The pointer file."""
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.oid}\nsize {self.size}\n".encode()

    @classmethod
    def decode(cls, content: bytes) -> "Pointer | None":
        """The pointer in `content`, None when it is an ordinary file."""
        match = _POINTER.fullmatch(content)
        return cls(match[1].decode(), int(match[2])) if match else None


class Attributes:
    """Which paths `.gitattributes` sends to LFS."""

    def __init__(self, text: str) -> None:
        rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        self._rules = [(row[0], "filter=lfs" in row) for row in rows if {"filter=lfs", "-filter", "!filter"} & set(row)]

    def is_lfs(self, path: str, size: int, sample: bytes = b"") -> bool:
        """Whether a file of `size` bytes starting with `sample` is stored as a large file."""
        if size == 0:
            return False
        if size > THRESHOLD:
            return True
        decided = [lfs for pattern, lfs in self._rules if _matches(pattern, path)]
        if decided:
            return decided[-1]
        return b"\0" in sample and size > 1024 * 1024


def _matches(pattern: str, path: str) -> bool:
    name = path if "/" in pattern.lstrip("/") else path.rpartition("/")[2]
    return fnmatch.fnmatchcase(name, pattern.lstrip("/"))


class LargeFiles:
    """Contents of large files of one repository, `lfs/objects/ab/cd/<sha256>` in its bare folder."""

    def __init__(self, folder: Path, drafts: Drafts) -> None:
        self.folder = folder / "lfs" / "objects"
        self._repo, self._drafts = folder, drafts

    def path(self, oid: str) -> Path:
        """The path for the content with this sha256, whether or not it exists; raises Invalid."""
        if not _OID.fullmatch(oid):
            raise Invalid("Invalid LFS oid: expected 64 hexadecimal digits")
        return self.folder / oid[:2] / oid[2:4] / oid

    def size(self, oid: str) -> int | None:
        """Size in bytes, None when the content is missing."""
        path = self.path(oid)
        return path.stat().st_size if path.is_file() else None

    def put(self, content: bytes) -> Pointer:
        """Store `content` and return its pointer."""
        return self._take(hashlib.sha256(content).hexdigest(), len(content), [content])

    def put_file(self, source: Path) -> Pointer:
        """Store the content of a file, without reading it whole."""
        with source.open("rb") as file:
            oid = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            return self._take(oid, source.stat().st_size, iter(lambda: file.read(1 << 20), b""))

    def _take(self, oid: str, size: int, pieces: Iterable[bytes]) -> Pointer:
        if self.size(oid) != size:
            receiver = self.receive(oid)
            try:
                for piece in pieces:
                    receiver.write(piece)
                receiver.keep()
            finally:
                receiver.drop()
        return Pointer(oid, size)

    def share(self, owner: "LargeFiles", oid: str) -> None:
        """Hard-link a content of another repository (contents never change). Raises RepoNotFound."""
        path = self.path(oid)
        if not self._repo.is_dir():
            raise RepoNotFound("The repository was moved or deleted meanwhile")
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.hardlink_to(owner.path(oid))
        fsync_folder(path.parent)

    def remove(self, oid: str) -> None:
        """Delete a content if it exists."""
        self.path(oid).unlink(missing_ok=True)

    def receive(self, oid: str) -> "Receiver":
        """Receive the content with this sha256 in pieces: `write` each, then `keep`; always call `drop`."""
        return Receiver(self._repo, self.path(oid), self._drafts.new())


class Receiver:
    """A large file during its upload."""

    def __init__(self, repo: Path, path: Path, draft: Draft) -> None:
        self._repo, self._path, self._draft = repo, path, draft
        self._sha = hashlib.sha256()

    def write(self, piece: bytes) -> None:
        """Append a piece."""
        self._sha.update(piece)
        self._draft.write(piece)

    def keep(self) -> None:
        """Store it durably; raises Invalid when the sha256 differs, RepoNotFound when the repository is gone."""
        if self._sha.hexdigest() != self._path.name:
            raise Invalid(f"The content's sha256 is {self._sha.hexdigest()}, not the announced {self._path.name}")
        if not self._repo.is_dir():
            raise RepoNotFound("The repository was moved or deleted while the file was uploaded")
        self._draft.sync()
        self._draft.keep(self._path)
        fsync_folder(self._path.parent)

    def drop(self) -> None:
        """Delete the draft unless it was kept."""
        self._draft.drop()
