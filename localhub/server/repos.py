"""Routes about repos as a whole: create, delete, rename, settings, info, card validation."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from localhub import rights
from localhub.accounts import Visitor
from localhub.cards import validate
from localhub.errors import AlreadyExists, Invalid, RepoNotFound
from localhub.facts import listed_info, repo_info
from localhub.names import Kind, RepoName
from localhub.refs import HEAD
from localhub.repos import Repo
from localhub.server.context import (
    REPO,
    Expand,
    Json,
    Segment,
    Served,
    Site,
    Target,
    VisibleRepo,
    Who,
    answer,
    base_url,
    flag,
    snapshot_at,
    text_of,
)
from localhub.spaces import check_sdk

router = APIRouter()
_VISIBILITIES = {"public": False, "private": True}


def _name(data: dict[str, Any], who: Visitor) -> RepoName:
    kind = Kind.parse(data.get("type"))
    name = text_of(data, "name")
    if "/" in name:
        return RepoName.parse(kind, name)
    namespace = data.get("organization") or rights.check_signed_in(who)
    return RepoName.parse(kind, f"{namespace}/{name}")


def privacy(data: dict[str, Any]) -> bool | None:
    """Whether a body requests a private repo, None when it does not say; raises Invalid."""
    if isinstance(data.get("private"), bool):
        return bool(data["private"])
    visibility = data.get("visibility")
    if visibility is None:
        return None
    if visibility not in _VISIBILITIES:
        raise Invalid(f'Unknown visibility "{visibility}": expected one of {", ".join(_VISIBILITIES)}')
    return _VISIBILITIES[visibility]


@router.post("/api/repos/create")
def create(request: Request, site: Served, who: Who, data: Json) -> Response:
    """Create a repo; 409 with its address when it exists."""
    name = _name(data, who)
    name = RepoName(name.kind, site.hub.accounts.spelled(name.namespace), name.name)
    url = f"{base_url(request)}/{name.kind.web_prefix}{name.id}"
    try:
        user = rights.check_creates(who, name.namespace, name.kind.singular)
        sdk = check_sdk(text_of(data, "sdk")) if name.kind is Kind.SPACE and data.get("sdk") else None
        repo = site.hub.repos.create(name, user, private=bool(privacy(data)), sdk=sdk)
    except AlreadyExists as error:
        return answer({"error": error.message, "url": url}, error.status, {"X-Error-Message": error.message})
    site.happened("create", "repo", repo)
    return answer({"url": url, "name": repo.id, "id": repo.uid})


@router.delete("/api/repos/delete")
def delete(site: Served, who: Who, data: Json) -> Response:
    """Delete a repo with everything in it."""
    name = _name(data, who)
    repo = visible_repo(site, who, name)
    rights.check_writes(who, repo)
    site.hub.repos.delete(repo)
    site.happened("delete", "repo", repo, gone=True)
    return Response("OK")


@router.post("/api/repos/move")
def move(site: Served, who: Who, data: Json) -> Response:
    """Rename a repo; the old name redirects to it."""
    kind = Kind.parse(data.get("type"))
    repo = visible_repo(site, who, RepoName.parse(kind, text_of(data, "fromRepo")))
    to = RepoName.parse(kind, text_of(data, "toRepo"))
    to = RepoName(kind, site.hub.accounts.spelled(to.namespace), to.name)
    rights.check_writes(who, repo)
    rights.check_creates(who, to.namespace, kind.singular)
    site.hub.repos.move(repo, to)
    site.happened("move", "repo", site.hub.repos.get(kind, to.id))
    return answer({})


def visible_repo(site: Site, who: Visitor, name: RepoName) -> Repo:
    """The repo that a body names; raises RepoNotFound when the visitor may not see it."""
    try:
        repo = site.hub.repos.get(name.kind, name.id)
    except RepoNotFound:
        raise rights.hidden(who) from None
    rights.check_sees(who, repo)
    return repo


@router.put(REPO + "/settings")
def settings(site: Served, who: Who, repo: Target, data: Json) -> Response:
    """Change visibility and gating."""
    rights.check_writes(who, repo)
    changes: dict[str, Any] = {}
    if (private := privacy(data)) is not None:
        changes["private"] = private
    if "gated" in data:
        if data["gated"] not in (False, "auto", "manual"):
            raise Invalid('"gated" must be false, "auto" or "manual"')
        changes["gated"] = data["gated"]
    if changes:
        repo.update(**changes)
        site.happened("update", "repo.config", repo)
    return answer({"private": repo.meta.private, "gated": repo.meta.gated})


@router.post("/api/validate-yaml")
def validate_yaml(request: Request, data: Json) -> Response:
    """Check a README's YAML head before a commit; 400 when it has errors."""
    errors, warnings = validate(text_of(data, "content"))
    status = 400 if errors else 200
    if request.headers.get("accept") == "text/plain":
        lines = [f"- Error: {text}" for text in errors] + [f"- Warning: {text}" for text in warnings]
        return PlainTextResponse("\n".join(lines), status)
    report = {"errors": [{"message": text} for text in errors], "warnings": [{"message": text} for text in warnings]}
    return answer(report, status)


@router.get(REPO)
def info(
    request: Request,
    who: Who,
    repo: VisibleRepo,
    expand: Expand,
    blobs: str = "",
) -> Response:
    """Everything about a repo at the head of main."""
    return info_at(request, who, repo, HEAD, expand, blobs)


@router.get(REPO + "/revision/{revision}")
def info_at(
    request: Request,
    who: Who,
    repo: VisibleRepo,
    revision: Segment,
    expand: Expand,
    blobs: str = "",
) -> Response:
    """Everything about a repo at a revision; facts from its files only for visitors who may read them."""
    info_of = repo_info if rights.may_read_files(who, repo) else listed_info
    return answer(info_of(snapshot_at(request, repo, revision), blobs=flag(blobs), expand=expand))
