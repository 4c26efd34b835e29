"""Rights on repos. Organisation roles: read < contributor < write < admin."""

from localhub.access import ACCEPTED, access_of
from localhub.accounts import DISCUSS, READ, WRITE, Visitor
from localhub.discussions import Discussions
from localhub.errors import Forbidden, Gated, RepoNotFound, Unauthenticated
from localhub.repos import Repo


def may_see(visitor: Visitor, repo: Repo) -> bool:
    """Whether the visitor may see the repo: it is public, or in one of their namespaces."""
    return not repo.meta.private or _is_member(visitor, repo)


def _is_member(visitor: Visitor, repo: Repo) -> bool:
    return READ in visitor.scopes and visitor.role_in(repo.name.namespace) is not None


def may_read_files(visitor: Visitor, repo: Repo) -> bool:
    """Whether the visitor may read the files: of a gated repo only with access, or as a member."""
    if not may_see(visitor, repo):
        return False
    if not repo.meta.gated or _is_member(visitor, repo):
        return True
    return READ in visitor.scopes and access_of(repo, visitor.name or "") == ACCEPTED


def may_write(visitor: Visitor, repo: Repo) -> bool:
    """Whether the visitor may commit, and change or delete the repo."""
    if WRITE not in visitor.scopes:
        return False
    role = visitor.role_in(repo.name.namespace)
    return role in ("write", "admin") or (role == "contributor" and repo.meta.creator == visitor.name)


def check_sees(visitor: Visitor, repo: Repo) -> None:
    """Raise RepoNotFound unless the visitor may see the repo."""
    if not may_see(visitor, repo):
        raise hidden(visitor)


def hidden(visitor: Visitor) -> RepoNotFound:
    """The error for a repo that is missing or private: 401 for a stranger, 404 for a user."""
    if visitor.is_stranger:
        return RepoNotFound("Invalid username or password.", status=401)
    return RepoNotFound("Repository not found")


def check_reads_files(visitor: Visitor, repo: Repo) -> None:
    """Raise Gated unless the visitor may read the files."""
    if not may_read_files(visitor, repo):
        what = f"Access to {repo.kind.singular} {repo.id} is restricted"
        if visitor.is_stranger:
            raise Gated(
                f"{what}. You must have access to it and be authenticated to access it. Please log in.", status=401
            )
        raise Gated(f"{what} and you are not in the authorized list. Ask for access on the repo's page.")


def check_signed_in(visitor: Visitor) -> str:
    """The user's name; raises Unauthenticated for a stranger."""
    if visitor.name is None:
        raise Unauthenticated("Invalid username or password.")
    return visitor.name


def check_writes(visitor: Visitor, repo: Repo) -> str:
    """The user's name; raises Forbidden when they may not change this repo."""
    check_sees(visitor, repo)
    name = check_signed_in(visitor)
    if not may_write(visitor, repo):
        raise Forbidden(_refusal(visitor, f"You don't have the rights to write to {repo.kind.singular} {repo.id}"))
    return name


def check_commits(visitor: Visitor, repo: Repo, ref: str) -> str:
    """The user's name; raises Forbidden when they may not commit to `ref`.

    Writers may, and the author of a pull request to its branch.
    """
    pull = Discussions(repo).pull_of(ref)
    if pull and pull.author == visitor.name:
        return check_discusses(visitor, repo)
    return check_writes(visitor, repo)


def check_discusses(visitor: Visitor, repo: Repo) -> str:
    """The user's name; raises Forbidden when they may not take part in discussions."""
    check_sees(visitor, repo)
    name = check_signed_in(visitor)
    if not {WRITE, DISCUSS} & visitor.scopes:
        raise Forbidden(_refusal(visitor, f"You don't have the rights to take part in discussions of {repo.id}"))
    return name


def check_creates(visitor: Visitor, namespace: str, what: str) -> str:
    """The user's name; raises Forbidden when they may not create a repo in the namespace."""
    name = check_signed_in(visitor)
    if WRITE not in visitor.scopes or visitor.role_in(namespace) not in ("contributor", "write", "admin"):
        raise Forbidden(
            _refusal(visitor, f'You don\'t have the rights to create a {what} under the namespace "{namespace}"')
        )
    return name


def _refusal(visitor: Visitor, sentence: str) -> str:
    return sentence if WRITE in visitor.scopes else f"{sentence}: the token is read-only"
