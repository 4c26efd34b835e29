"""Routes that write content: preupload, LFS, commit."""

from contextlib import ExitStack
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from localhub import rights
from localhub.accounts import Visitor
from localhub.commits import CommitRequest, prepare, preupload
from localhub.discussions import Discussion, Discussions
from localhub.errors import EntryNotFound, Invalid, NotFound, RevisionNotFound
from localhub.names import Kind
from localhub.repos import Repo
from localhub.revisions import branch_of
from localhub.server.context import (
    REPO,
    Body,
    Json,
    Segment,
    Served,
    Site,
    Target,
    Who,
    answer,
    base_url,
    flag,
    repo_url,
    snapshot_at,
    text_of,
)
from localhub.server.discussions import notify
from localhub.server.sending import send_file

router = APIRouter()
LFS_JSON = "application/vnd.git-lfs+json"


@router.post(REPO + "/preupload/{revision}")
def announce(request: Request, who: Who, repo: Target, revision: Segment, data: Json, create_pr: str = "") -> Response:
    """How to upload each file, and which object the branch has at its path."""
    _check_uploads(who, repo, revision, flag(create_pr))
    files = data.get("files")
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        raise Invalid('"files" must be a list of objects')
    ignore = data.get("gitIgnore")
    snapshot = snapshot_at(request, repo, revision)
    answers = preupload(snapshot, files, ignore if isinstance(ignore, str) else None)
    return answer({"files": answers, "commitOid": snapshot.oid})


def _check_uploads(who: Visitor, repo: Repo, revision: str, create_pr: bool) -> str:
    """Writers upload anywhere; other members only to a new pull request or to one of their own."""
    if create_pr:
        return rights.check_discusses(who, repo)
    return rights.check_commits(who, repo, revision)


async def lfs_batch(request: Request, site: Served, who: Who, repo: Target, data: Json) -> Response:
    """The upload or download address of each large file; none for uploads that are already stored."""
    download = data.get("operation") == "download"
    if not download:
        rights.check_discusses(who, repo)
    objects = data.get("objects")
    if not isinstance(objects, list) or not all(isinstance(item, dict) for item in objects):
        raise Invalid('"objects" must be a list of objects')
    rows = [_lfs_actions(request, site, repo, item, download) for item in objects]
    return JSONResponse({"transfer": "basic", "objects": rows, "hash_algo": "sha256"}, media_type=LFS_JSON)


def _lfs_actions(request: Request, site: Site, repo: Repo, item: dict[str, Any], download: bool) -> dict[str, Any]:
    oid, size = text_of(item, "oid"), item.get("size")
    row: dict[str, Any] = {"oid": oid, "size": size}
    is_stored = repo.lfs.size(oid) is not None

    def link(verb: str) -> dict[str, Any]:
        path = f"/_lfs/{repo.kind}/{repo.id}/{oid}/{verb}"
        return {"href": f"{base_url(request)}{path}?{site.signer.query(path)}", "header": {}}

    if download:
        missing = {"error": {"code": 404, "message": "This large file was never uploaded"}}
        return row | ({"actions": {"download": link("download")}} if is_stored else missing)
    return row if is_stored else row | {"actions": {"upload": link("upload"), "verify": link("verify")}}


for prefix in ("/datasets", "/spaces", ""):
    address = f"{prefix}/{{namespace}}/{{name}}.git/info/lfs/objects/batch"
    router.add_api_route(address, lfs_batch, methods=["POST"], name=f"lfs{prefix}")


def _signed(request: Request, site: Site, expires: int, signature: str) -> None:
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    site.signer.check(path, expires, signature)


def _stored(site: Site, kind: str, namespace: str, name: str) -> Repo:
    return site.hub.repos.get(Kind(kind), f"{namespace}/{name}")


_LFS = "/_lfs/{kind:kind}/{namespace}/{name}/{oid}"


@router.put(_LFS + "/upload")
async def lfs_upload(
    request: Request, site: Served, kind: str, namespace: str, name: str, oid: str, expires: int, signature: str
) -> Response:
    """Receive the content of a large file; refused when its sha256 differs."""
    _signed(request, site, expires, signature)
    receiver = _stored(site, kind, namespace, name).lfs.receive(oid)
    try:
        async for piece in request.stream():
            await run_in_threadpool(receiver.write, piece)
        await run_in_threadpool(receiver.keep)
    finally:
        receiver.drop()
    return Response(status_code=200)


@router.post(_LFS + "/verify")
def lfs_verify(
    request: Request,
    site: Served,
    kind: str,
    namespace: str,
    name: str,
    oid: str,
    expires: int,
    signature: str,
    data: Json,
) -> Response:
    """Whether a large file has arrived whole."""
    _signed(request, site, expires, signature)
    if _stored(site, kind, namespace, name).lfs.size(oid) != data.get("size"):
        raise EntryNotFound("The large file did not arrive whole: upload it again")
    return answer({})


@router.get(_LFS + "/download")
def lfs_download(
    request: Request, site: Served, kind: str, namespace: str, name: str, oid: str, expires: int, signature: str
) -> Response:
    """The content of a large file, for git-lfs."""
    _signed(request, site, expires, signature)
    path = _stored(site, kind, namespace, name).lfs.path(oid)
    if not path.is_file():
        raise EntryNotFound("This large file was never uploaded")
    return send_file(request, path, {"ETag": f'"{oid}"'})


@router.get(REPO + "/xet-{mode}-token/{revision}")
def no_xet(repo: Target) -> Response:
    """Tell a client with Xet switched on what to change: localhub has no Xet storage."""
    raise NotFound(
        "This Hub has no Xet storage: set HF_HUB_DISABLE_XET=1 in the client's environment, before it starts"
    )


@router.post(REPO + "/commit/{revision}")
def make_commit(
    request: Request, site: Served, who: Who, repo: Target, revision: Segment, body: Body, create_pr: str = ""
) -> Response:
    """Apply a list of changes to a branch atomically; 412 when it moved since `parentCommit`."""
    author = _check_uploads(who, repo, revision, flag(create_pr))
    commit = CommitRequest.parse(body)
    ref = branch_of(revision)
    pull_url = None
    if flag(create_pr):
        pull, oid = _commit_to_new_pull(repo, ref, commit, author)
        pull_url = f"{repo_url(request, repo)}/discussions/{pull.num}"
        site.happened("update", "repo.content", repo, refs=[(pull.ref, None, oid)])
        notify(site, "create", repo, pull)
    else:
        before, oid = _commit_to_branch(repo, ref, commit, author)
        site.happened("update", "repo.content", repo, refs=[(ref, before, oid)])
    result = {"success": True, "commitOid": oid, "commitUrl": f"{repo_url(request, repo)}/commit/{oid}"}
    return answer(result | {"pullRequestUrl": pull_url, "hookOutput": ""})


def _commit_to_branch(repo: Repo, ref: str, commit: CommitRequest, author: str) -> tuple[str | None, str]:
    discussions = Discussions(repo)
    with repo.lock(), ExitStack() as saved:
        move = prepare(repo, ref, commit.operations, commit.message, author, parent=commit.parent)
        if pull := discussions.pull_of(ref):
            pull.add_commit(author, commit.summary, move.new)
            saved.enter_context(discussions.saving(pull))
        repo.refs.move(*move)
    return move.old, move.new


def _commit_to_new_pull(repo: Repo, base: str, commit: CommitRequest, author: str) -> tuple[Discussion, str]:
    """Open a pull request with one commit; it starts at `parentCommit` if given, else at the base's head."""
    discussions = Discussions(repo)
    with repo.lock():
        head = repo.refs.get(base)
        if not base.startswith("refs/heads/") or head is None:
            raise RevisionNotFound(f"Invalid rev id: {base}: a pull request starts from a branch")
        start = repo.refs.resolve(commit.parent) if commit.parent else head
        title = commit.summary if len(commit.summary) >= 3 else f"Upload: {commit.summary}"
        pull = discussions.start(author, title[:200], commit.description, base=base, base_commit=start)
        move = prepare(repo, pull.ref, commit.operations, commit.message, author, onto=start)
        pull.add_commit(author, commit.summary, move.new)
        with discussions.saving(pull):
            repo.refs.move(*move)
    return pull, move.new
