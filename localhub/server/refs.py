"""Routes that create, squash and delete branches and tags."""

from contextlib import ExitStack

from fastapi import APIRouter
from starlette.responses import Response

from localhub import rights
from localhub.commits import prepare_squash
from localhub.discussions import Discussions
from localhub.errors import AlreadyExists, Forbidden, RevisionNotFound
from localhub.names import check_ref_name
from localhub.refs import MAIN
from localhub.repos import Repo
from localhub.revisions import branch_of
from localhub.server.context import REPO, Json, Segment, Served, Site, Target, Who, answer, text_of

router = APIRouter()


def _point(site: Site, repo: Repo, ref: str, revision: str, *, overwrite: bool = False) -> Response:
    with repo.lock():
        before = repo.refs.get(ref)
        if before and not overwrite:
            raise AlreadyExists(f"Reference {ref} already exists")
        oid = repo.refs.resolve(revision)
        repo.refs.move(ref, before, oid)
    site.happened("update", "repo.content", repo, refs=[(ref, before, oid)])
    return answer({})


def _remove(site: Site, repo: Repo, ref: str) -> Response:
    if ref == MAIN:
        raise Forbidden(f"Cannot delete {ref}")
    with repo.lock():
        before = repo.refs.get(ref)
        if not before:
            raise RevisionNotFound(f"Invalid rev id: {ref}")
        repo.refs.delete(ref)
    site.happened("update", "repo.content", repo, refs=[(ref, before, None)])
    return answer({})


@router.post(REPO + "/branch/{branch}")
def create_branch(site: Served, who: Who, repo: Target, branch: Segment, data: Json) -> Response:
    """Create a branch at `startingPoint` (main by default)."""
    rights.check_writes(who, repo)
    start = text_of(data, "startingPoint", "main")
    return _point(site, repo, f"refs/heads/{check_ref_name(branch)}", start, overwrite=bool(data.get("overwrite")))


@router.delete(REPO + "/branch/{branch}")
def delete_branch(site: Served, who: Who, repo: Target, branch: Segment) -> Response:
    """Delete a branch; main cannot be deleted."""
    rights.check_writes(who, repo)
    return _remove(site, repo, f"refs/heads/{check_ref_name(branch)}")


@router.post(REPO + "/tag/{revision}")
def create_tag(site: Served, who: Who, repo: Target, revision: Segment, data: Json) -> Response:
    """Create a tag at a revision."""
    rights.check_writes(who, repo)
    return _point(site, repo, f"refs/tags/{check_ref_name(text_of(data, 'tag'))}", revision)


@router.delete(REPO + "/tag/{tag}")
def delete_tag(site: Served, who: Who, repo: Target, tag: Segment) -> Response:
    """Delete a tag."""
    rights.check_writes(who, repo)
    return _remove(site, repo, f"refs/tags/{check_ref_name(tag)}")


@router.post(REPO + "/super-squash/{branch}")
def super_squash(site: Served, who: Who, repo: Target, branch: Segment, data: Json) -> Response:
    """Squash the history of a branch, or of a pull request, into one commit with the same files."""
    ref = branch_of(branch)
    author = rights.check_commits(who, repo, ref)
    message = text_of(data, "message", "") or f"Super-squash branch '{branch}'"
    discussions = Discussions(repo)
    with repo.lock(), ExitStack() as saved:
        move = prepare_squash(repo, ref, message, author)
        if pull := discussions.pull_of(ref):
            pull.add_commit(author, message.partition("\n")[0], move.new)
            saved.enter_context(discussions.saving(pull))
        repo.refs.move(*move)
    site.happened("update", "repo.content", repo, refs=[move])
    return answer({})
