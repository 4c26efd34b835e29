"""Routes that copy on the server: a whole repo, or large files into another repo."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from localhub import rights
from localhub.duplicates import duplicate
from localhub.errors import AlreadyExists, Invalid
from localhub.names import Kind, RepoName
from localhub.server.context import REPO, Json, Served, Target, Who, answer, base_url, text_of
from localhub.server.repos import privacy, visible_repo

router = APIRouter()


@router.post(REPO + "/duplicate")
def duplicate_repo(request: Request, site: Served, who: Who, repo: Target, data: Json) -> Response:
    """Copy a repo with its history and large files, by default with the same privacy; 409 when the name is taken."""
    name = RepoName.parse(repo.kind, text_of(data, "repository"))
    name = RepoName(name.kind, site.hub.accounts.spelled(name.namespace), name.name)
    user = rights.check_creates(who, name.namespace, name.kind.singular)
    private = privacy(data)
    url = f"{base_url(request)}/{name.kind.web_prefix}{name.id}"
    try:
        copy = duplicate(site.hub.repos, repo, name, user, private=repo.meta.private if private is None else private)
    except AlreadyExists as error:
        return answer({"error": error.message, "url": url}, error.status, {"X-Error-Message": error.message})
    site.happened("create", "repo", copy)
    return answer({"url": url, "name": copy.id, "id": copy.uid, "filesCopyPending": False})


@router.post(REPO + "/lfs-files/duplicate")
def share_files(site: Served, who: Who, repo: Target, data: Json) -> Response:
    """Share large files of this repo with the `target`, so that a commit there can refer to them."""
    destination, files = data.get("target"), data.get("files")
    if not isinstance(destination, dict):
        raise Invalid('"target" must be an object with "type" and "name"')
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        raise Invalid('"files" must be a list of objects')
    name = RepoName.parse(Kind.parse(text_of(destination, "type")), text_of(destination, "name"))
    target = visible_repo(site, who, name)
    rights.check_reads_files(who, target)
    rights.check_discusses(who, target)
    failed: list[dict[str, Any]] = []
    for oid in (text_of(file, "sha256") for file in files):
        if repo.lfs.size(oid) is None:
            failed.append({"sha256": oid, "error": f"{repo.id} has no such large file"})
        else:
            target.lfs.share(repo.lfs, oid)
    return answer({"failed": failed})
