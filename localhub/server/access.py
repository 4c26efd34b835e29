"""Routes about access: a visitor's rights on a repo, and the access requests of gated repos."""

import hashlib

from fastapi import APIRouter, Request
from starlette.responses import Response

from localhub import access, rights
from localhub.errors import Invalid
from localhub.repos import Repo
from localhub.server.context import REPO, Json, Served, Target, VisibleRepo, Who, answer, text_of
from localhub.server.paging import next_link, page_of

router = APIRouter()
_REQUESTS = REPO + "/user-access-request"


def _request_id(repo: Repo, user: str) -> str:
    return hashlib.sha256(f"{repo.uid} {user}".encode()).hexdigest()[:24]


@router.get(REPO + "/auth-check")
def may_read(repo: Target) -> Response:
    """Whether the visitor may read the repo."""
    return answer({})


@router.get(REPO + "/auth-check/write")
def may_write(who: Who, repo: Target) -> Response:
    """Whether the visitor may write to the repo."""
    rights.check_writes(who, repo)
    return answer({})


def ask_access(who: Who, repo: VisibleRepo) -> Response:
    """Request access to a gated repo."""
    return answer({"status": access.ask(repo, rights.check_signed_in(who))})


for prefix in ("/datasets", "/spaces", ""):
    address = f"{prefix}/{{namespace}}/{{name}}/ask-access"
    router.add_api_route(address, ask_access, methods=["POST"], name=f"ask-access{prefix}")


@router.get(_REQUESTS + "/{status}")
def listing(
    request: Request, site: Served, who: Who, repo: Target, status: str, limit: int = 100, cursor: str = ""
) -> Response:
    """The requests with one status, for people who may write to the repo."""
    rights.check_writes(who, repo)
    if status not in access.STATUSES:
        raise Invalid(f'Unknown status "{status}": expected one of {", ".join(access.STATUSES)}')
    requests = [(user, entry) for user, entry in sorted(repo.meta.access.items()) if entry["status"] == status]
    page, following = page_of(requests, cursor, limit)
    rows = []
    for user, entry in page:
        about = site.hub.accounts.user(user)
        shown = {"user": about["name"], "fullname": about["fullname"], "email": about["email"] or None}
        rows.append({"requestId": _request_id(repo, user), "user": shown, **entry})
    return answer(rows, headers=next_link(request, following))


@router.post(_REQUESTS + "/handle")
def handle(site: Served, who: Who, repo: Target, data: Json) -> Response:
    """Set the status of a request, identified by its user or its id."""
    rights.check_writes(who, repo)
    if isinstance(data.get("user"), str):
        user = site.hub.accounts.user(data["user"])["name"]
    else:
        request_id = text_of(data, "requestId")
        user = next((name for name in repo.meta.access if _request_id(repo, name) == request_id), request_id)
    access.decide(repo, user, text_of(data, "status"))
    return answer({})


@router.post(_REQUESTS + "/grant")
def grant(site: Served, who: Who, repo: Target, data: Json) -> Response:
    """Give access to a user who did not request it."""
    rights.check_writes(who, repo)
    access.grant(repo, site.hub.accounts.user(text_of(data, "user"))["name"])
    return answer({})
