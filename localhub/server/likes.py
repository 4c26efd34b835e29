"""Routes about likes."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from localhub import likes, rights
from localhub.accounts import WRITE, Visitor
from localhub.errors import Forbidden
from localhub.names import Kind
from localhub.server.accounts import person
from localhub.server.context import REPO, Segment, Served, VisibleRepo, Who, answer
from localhub.server.paging import next_link, page_of

router = APIRouter()


def _fan(who: Visitor) -> str:
    name = rights.check_signed_in(who)
    if WRITE not in who.scopes:
        raise Forbidden("You don't have the rights to like repositories: the token is read-only")
    return name


@router.post(REPO + "/like")
def like(who: Who, repo: VisibleRepo) -> Response:
    """Like a repo."""
    likes.like(repo, _fan(who))
    return answer({})


@router.delete(REPO + "/like")
def unlike(who: Who, repo: VisibleRepo) -> Response:
    """Remove a like."""
    likes.unlike(repo, _fan(who))
    return answer({})


@router.get(REPO + "/likers")
def likers(request: Request, site: Served, repo: VisibleRepo, limit: int = 1000, cursor: str = "") -> Response:
    """The users who like a repo, latest first."""
    users = set(site.hub.accounts.users())
    names = [name for name in _latest_first(repo.meta.likers) if name in users]
    page, following = page_of(names, cursor, limit)
    return answer([person(site.hub.accounts.user(name)) for name in page], headers=next_link(request, following))


@router.get("/api/users/{username}/likes")
def liked(request: Request, site: Served, who: Who, username: Segment, limit: int = 1000, cursor: str = "") -> Response:
    """The repos that a user likes and the visitor may see, latest first."""
    user = site.hub.accounts.user(username)["name"]
    rows: list[dict[str, Any]] = [
        {"createdAt": repo.meta.likers[user], "repo": {"name": repo.id, "type": kind.singular}}
        for kind in Kind
        for repo in site.hub.repos.all(kind)
        if user in repo.meta.likers and rights.may_see(who, repo)
    ]
    rows.sort(key=lambda row: str(row["createdAt"]), reverse=True)
    page, following = page_of(rows, cursor, limit)
    return answer(page, headers=next_link(request, following))


def _latest_first(since: dict[str, str]) -> list[str]:
    return sorted(since, key=lambda name: since[name], reverse=True)
