"""Large files: pointers as git-lfs writes them, and their contents, kept per repository where git-lfs keeps them."""

import fnmatch
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from localhub.errors import Invalid
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
    """What stands in git for a large file: sha256 and size in bytes."""

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

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "lfs" / "objects"

    def path(self, oid: str) -> Path:
        """Where the content with this sha256 is, or would be."""
        if not _OID.fullmatch(oid):
            raise Invalid("Invalid LFS oid: expected 64 hexadecimal digits")
        return self.folder / oid[:2] / oid[2:4] / oid

    def size(self, oid: str) -> int | None:
        """Size in bytes, None when the content is not here."""
        path = self.path(oid)
        return path.stat().st_size if path.is_file() else None

    def put(self, content: bytes) -> Pointer:
        """Store `content` and return its pointer."""
        oid = hashlib.sha256(content).hexdigest()
        if self.size(oid) != len(content):
            with self.receive(oid) as receiver:
                receiver.write(content)
        return Pointer(oid, len(content))

    def put_file(self, source: Path) -> Pointer:
        """Store the content of a file, without reading it whole."""
        with source.open("rb") as file:
            oid = hashlib.file_digest(file, "sha256").hexdigest()
            size = source.stat().st_size
            if self.size(oid) != size:
                file.seek(0)
                with self.receive(oid) as receiver:
                    receiver.write_all(iter(lambda: file.read(1 << 20), b""))
        return Pointer(oid, size)

    def receive(self, oid: str) -> "Receiver":
        """A context manager that takes the content in pieces and keeps it when its sha256 is `oid`."""
        return Receiver(self.path(oid), oid)


class Receiver:
    """Takes a large file in pieces; on leaving without an error the content is checked, made durable and kept."""

    def __init__(self, path: Path, oid: str) -> None:
        self._path, self._oid = path, oid
        self._sha = hashlib.sha256()
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix="tmp-")
        self._file, self._beside = os.fdopen(handle, "wb"), Path(beside)

    def write(self, piece: bytes) -> None:
        """Append a piece."""
        self._sha.update(piece)
        self._file.write(piece)

    def write_all(self, pieces: Iterable[bytes]) -> None:
        """Append many pieces."""
        for piece in pieces:
            self.write(piece)

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
        if kind is not None or self._sha.hexdigest() != self._oid:
            self._beside.unlink()
            if kind is None:
                raise Invalid(f"The content's sha256 is {self._sha.hexdigest()}, not the announced {self._oid}")
            return
        self._beside.chmod(0o644)
        self._beside.replace(self._path)
        fsync_folder(self._path.parent)
