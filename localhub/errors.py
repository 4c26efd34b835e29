"""The exceptions of localhub, as one tree.

LocalHubError                 any of these; `status` is the HTTP status, `code` the X-Error-Code header
├── Unauthenticated           401  no token, or an unknown one
├── Forbidden                 403  a known user without the right
│   └── Gated                 403  a gated repo (401 for a stranger)
├── NotFound                  404
│   ├── RepoNotFound          404  (401 for a stranger: it does not reveal whether the repo exists)
│   ├── RevisionNotFound      404
│   └── EntryNotFound         404
├── AlreadyExists             409
├── StaleParent               412  the branch moved since `parent_commit`
├── Invalid                   400
│   └── InvalidPath           422  a path or a body that cannot be accepted
├── DiskFull                  507
└── Damaged                   500  a file in the folder is missing or damaged
"""

from collections.abc import Mapping


class LocalHubError(Exception):
    """Base of all localhub errors; the message is shown to the client."""

    status = 500
    code: str | None = None

    def __init__(self, message: str, *, status: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status or type(self).status
        self.headers = dict(headers or {})


class Unauthenticated(LocalHubError):
    """No token was sent, or it is unknown, expired or revoked."""

    status = 401


class Forbidden(LocalHubError):
    """The user is known but not allowed to do this."""

    status = 403


class Gated(Forbidden):
    """Only people with access may read the files of this repo."""

    code = "GatedRepo"


class NotFound(LocalHubError):
    """The requested object does not exist."""

    status = 404


class RepoNotFound(NotFound):
    """No such repo, or none that this visitor may see."""

    code = "RepoNotFound"


class RevisionNotFound(NotFound):
    """No such branch, tag or commit in the repo."""

    code = "RevisionNotFound"


class EntryNotFound(NotFound):
    """No such file or folder at that revision."""

    code = "EntryNotFound"


class AlreadyExists(LocalHubError):
    """The name is taken."""

    status = 409


class StaleParent(LocalHubError):
    """The branch moved since the commit that the client built on."""

    status = 412


class Invalid(LocalHubError):
    """The request cannot be understood or is not allowed as written."""

    status = 400


class InvalidPath(Invalid):
    """A path inside a repo that could leave it or could not be checked out."""

    status = 422


class DiskFull(LocalHubError):
    """The file system of the root is full, or its quota is used up."""

    status = 507


class Damaged(LocalHubError):
    """A file under the root is missing or damaged."""
