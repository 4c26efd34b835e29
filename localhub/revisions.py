"""Revisions in clients' spelling: `HEAD`, and the branch to write to."""

from localhub.errors import Invalid
from localhub.names import check_ref_name
from localhub.refs import HEAD, MAIN

_BRANCHES = ("refs/heads/", "refs/convert/", "refs/pr/")


def branch_of(revision: str) -> str:
    """The full name of the branch to write to: a branch, `HEAD` (main), or a pull request's `refs/pr/1`.

    Raises Invalid for other references: tags do not move.
    """
    if revision == HEAD:
        return MAIN
    check_ref_name(revision)
    if not revision.startswith("refs/"):
        return f"refs/heads/{revision}"
    if not revision.startswith(_BRANCHES):
        raise Invalid(f'"{revision}" is neither a branch nor a pull request: only these take commits')
    return revision
