"""Routes about the large files that a repo stores."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from localhub import rights
from localhub.clock import stamp
from localhub.errors import Invalid
from localhub.lfsfiles import delete_stored, stored_files
from localhub.server.context import REPO, Json, Served, Target, Who, answer
from localhub.server.paging import next_link, page_of

router = APIRouter()


@router.get(REPO + "/lfs-files")
def listing(request: Request, who: Who, repo: Target, limit: int = 1000, cursor: str = "") -> Response:
    """Every large file of the repo's whole history, latest first; for people who may write to it."""
    rights.check_writes(who, repo)
    page, following = page_of(stored_files(repo), cursor, limit)
    rows = [
        {
            "fileOid": file.oid,
            "oid": file.oid,
            "filename": file.path,
            "ref": file.ref.removeprefix("refs/heads/") if file.ref else None,
            "pushedAt": stamp(file.stored),
            "size": file.size,
        }
        for file in page
    ]
    return answer(rows, headers=next_link(request, following))


@router.post(REPO + "/lfs-files/batch")
def delete(site: Served, who: Who, repo: Target, data: Json) -> Response:
    """Delete large files permanently; `rewriteHistory` also removes them from every commit."""
    rights.check_writes(who, repo)
    deletions = data.get("deletions")
    oids = deletions.get("sha") if isinstance(deletions, dict) else None
    if not isinstance(deletions, dict) or not isinstance(oids, list) or not all(isinstance(oid, str) for oid in oids):
        raise Invalid('The body must be {"deletions": {"sha": [...], "rewriteHistory": true or false}}')
    for oid in oids:
        repo.lfs.path(oid)
    moves = delete_stored(repo, set(oids), rewrite_history=bool(deletions.get("rewriteHistory")))
    if moves:
        site.happened("update", "repo.content", repo, refs=list(moves))
    return answer({})
