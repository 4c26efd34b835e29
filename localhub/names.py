"""Checks of untrusted names: repo ids, paths in a repo, branches and tags."""

import re
from dataclasses import dataclass
from enum import StrEnum

from localhub.errors import Invalid, InvalidPath, RepoNotFound

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
NO_NAMESPACE = "-"
"""What stands for the namespace of repos without one, in folders and in addresses within this Hub."""
_RESERVED = {"api", "avatars", "datasets", "models", "oauth", "spaces", "zero-gpu", "_lfs", "_localhub"}
_REF = re.compile(r"[^\s~^:?*\[\\\x00-\x1f\x7f]{1,200}")
_MAX_PATH_BYTES = 1024
_MAX_SEGMENT_BYTES = 255
_MAX_DEPTH = 100


class Kind(StrEnum):
    """The three kinds of repo, spelled as the API's plural."""

    MODEL = "models"
    DATASET = "datasets"
    SPACE = "spaces"

    @property
    def singular(self) -> str:
        """`model`, `dataset` or `space`."""
        return self.value[:-1]

    @property
    def web_prefix(self) -> str:
        """What precedes the repo id in a page's address: nothing for models."""
        return "" if self is Kind.MODEL else f"{self.value}/"

    @classmethod
    def parse(cls, name: str | None) -> "Kind":
        """The kind named by the singular or the plural; a model by default."""
        plural = (name or "model").rstrip("s") + "s"
        if plural not in {kind.value for kind in cls}:
            raise Invalid(f'Invalid repo type "{name}": expected model, dataset or space')
        return cls(plural)


@dataclass(frozen=True)
class RepoName:
    """A kind and an id `namespace/name`, spelled as the owner spells it; old repos have no namespace."""

    kind: Kind
    namespace: str
    """Empty for `gpt2`."""
    name: str

    @property
    def id(self) -> str:
        """`namespace/name`, or `name`."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def key(self) -> str:
        """The folder of this repo under the root: ids are case-insensitive."""
        return f"{self.kind.value}/{self.namespace or NO_NAMESPACE}/{self.name}".lower()

    @classmethod
    def parse(cls, kind: Kind, repo_id: str) -> "RepoName":
        """Split `namespace/name`, or take `name` (also as `-/name`) as one without a namespace; raises Invalid."""
        namespace, slash, name = repo_id.rpartition("/")
        if namespace == NO_NAMESPACE:
            namespace, slash = "", ""
        if is_reserved(namespace or name):
            raise Invalid(f'"{namespace or name}" is part of this Hub\'s own addresses and cannot be a namespace')
        if (slash and not valid_name(namespace)) or not valid_name(name):
            raise Invalid(
                f'Invalid repo id "{repo_id[:200]}": expected "namespace/name", letters, digits, "-", "_" and ".", '
                'at most 96 characters each, no "--" or "..", not ending in ".git"'
            )
        return cls(kind, namespace, name)

    @classmethod
    def parse_for_lookup(cls, kind: Kind, repo_id: str) -> "RepoName":
        """As `parse`, for look-ups: raises RepoNotFound for an impossible id."""
        try:
            return cls.parse(kind, repo_id)
        except Invalid:
            raise RepoNotFound("Repository not found") from None


def is_reserved(namespace: str) -> bool:
    """Whether the word starts one of the Hub's own addresses and cannot be a namespace."""
    return namespace.lower() in _RESERVED


def valid_name(name: str) -> bool:
    """Whether `name` may be a namespace or a repo's own name."""
    return bool(_NAME.fullmatch(name)) and "--" not in name and ".." not in name and not name.lower().endswith(".git")


def check_path(path: str) -> str:
    """`path` unchanged if it is a plain relative path inside a repo; raises InvalidPath."""
    segments = path.split("/")
    bad = (
        "\\" in path
        or any(ord(char) < 32 or ord(char) == 127 for char in path)
        or any(segment in ("", ".", "..") or segment.lower() == ".git" for segment in segments)
    )
    if bad:
        raise InvalidPath(f'Invalid path "{path[:200]}": expected a relative path without "..", ".git" or backslashes')
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        raise InvalidPath("Invalid path: it is not valid Unicode") from None
    longest = max(len(segment.encode()) for segment in segments)
    if len(encoded) > _MAX_PATH_BYTES or longest > _MAX_SEGMENT_BYTES or len(segments) > _MAX_DEPTH:
        raise InvalidPath(
            f"Invalid path: over {_MAX_PATH_BYTES} bytes, a name over {_MAX_SEGMENT_BYTES}, or deeper than {_MAX_DEPTH}"
        )
    return path


def check_ref_name(name: str) -> str:
    """`name` unchanged if git accepts it as a branch or tag; raises Invalid."""
    segments = name.split("/")
    bad = (
        not _REF.fullmatch(name)
        or ".." in name
        or "@{" in name
        or name in ("@", "HEAD")
        or any(not part or part.startswith(".") or part.endswith((".", ".lock")) for part in segments)
    )
    if bad:
        raise Invalid(f'Invalid reference name: "{name[:200]}"')
    return name
