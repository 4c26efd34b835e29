"""Routes about discussions and pull requests."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from localhub import merging, rights
from localhub.accounts import Visitor
from localhub.discussions import CLOSED, DRAFT, OPEN, Discussion, Discussions, person
from localhub.errors import Forbidden, Invalid
from localhub.refs import MAIN
from localhub.repos import Repo
from localhub.server.context import REPO, Json, Served, Site, Target, VisibleRepo, Who, answer, flag, repo_url, text_of

router = APIRouter()
PAGE = 50


def summary(repo: Repo, discussion: Discussion) -> dict[str, Any]:
    """A discussion as it appears in lists."""
    comments = [event for event in discussion.events if event["type"] == "comment"]
    row: dict[str, Any] = {
        "num": discussion.num,
        "title": discussion.title,
        "status": discussion.status,
        "author": person(discussion.author),
        "createdAt": discussion.created,
        "isPullRequest": discussion.is_pull_request,
        "repo": {"name": repo.id, "type": repo.kind.singular},
        "repoOwner": {"name": repo.name.namespace},
        "numComments": len(comments),
        "pinned": False,
        "locked": False,
    }
    return row


def details(repo: Repo, discussion: Discussion, *, diff: bool) -> dict[str, Any]:
    """A discussion with its events, and a pull request with its conflicts."""
    row = summary(repo, discussion) | {"events": discussion.events}
    if discussion.is_pull_request:
        waiting = discussion.status in (OPEN, DRAFT)
        row |= {
            "changes": {"base": discussion.base, "mergeCommitId": discussion.merge_commit},
            "filesWithConflicts": merging.conflicts(repo, discussion) if waiting else [],
            "diff": merging.unified_diff(repo, discussion) if diff else "",
        }
    return row


@router.get(REPO + "/discussions")
def listing(repo: VisibleRepo, p: int = 0, type: str = "all", status: str = "all", author: str = "") -> Response:
    """A page of 50, newest first; `status` open includes drafts."""
    discussions = Discussions(repo).all()
    if type in ("discussion", "pull_request"):
        discussions = [
            discussion for discussion in discussions if discussion.is_pull_request == (type == "pull_request")
        ]
    if status in (OPEN, CLOSED):
        discussions = [
            discussion for discussion in discussions if (discussion.status in (OPEN, DRAFT)) == (status == OPEN)
        ]
    if author:
        discussions = [discussion for discussion in discussions if discussion.author.lower() == author.lower()]
    start = max(p, 0) * PAGE
    page = [summary(repo, discussion) for discussion in discussions[start : start + PAGE]]
    return answer({"count": len(discussions), "start": start, "discussions": page, "numClosedDiscussions": 0})


@router.post(REPO + "/discussions")
def create(request: Request, site: Served, who: Who, repo: VisibleRepo, data: Json) -> Response:
    """Open a discussion, or a pull request (a draft, with a branch to commit to)."""
    author = rights.check_discusses(who, repo)
    title, text = text_of(data, "title"), text_of(data, "description", "")
    is_pull = bool(data.get("pullRequest"))
    discussions = Discussions(repo)
    with repo.lock():
        head = repo.refs.get(MAIN)
        base = {"base": MAIN, "base_commit": head, "status": DRAFT} if is_pull and head else {}
        new = discussions.start(author, title, text, **base)
        with discussions.saving(new):
            if is_pull and head:
                repo.refs.move(new.ref, None, head)
    notify(site, "create", repo, new)
    url = f"{repo_url(request, repo)}/discussions/{new.num}"
    return answer({"num": new.num, "url": url, "pullRequest": is_pull})


@router.get(REPO + "/discussions/{num}")
def get(who: Who, repo: VisibleRepo, num: int, diff: str = "") -> Response:
    """One discussion with its events; the diff only for visitors who may read the files."""
    with_diff = flag(diff) and rights.may_read_files(who, repo)
    return answer(details(repo, Discussions(repo).get(num), diff=with_diff))


def _changed(
    site: Site,
    who: Visitor,
    repo: Repo,
    num: int,
    change: Callable[[Discussion, str], dict[str, Any]],
    *,
    mine: bool = True,
) -> tuple[Discussion, dict[str, Any]]:
    """Apply `change` under the lock; `mine`: only for the discussion's author and those who may write to the repo."""
    author = rights.check_discusses(who, repo)
    discussions = Discussions(repo)
    with repo.lock():
        discussion = discussions.get(num)
        if mine and discussion.author != author and not rights.may_write(who, repo):
            raise Forbidden("Only the author and people who may write to the repo can do this")
        event = change(discussion, author)
        discussions.save(discussion)
    return discussion, event


@router.post(REPO + "/discussions/{num}/comment")
def comment(site: Served, who: Who, repo: VisibleRepo, num: int, data: Json) -> Response:
    """Add a comment."""
    text = text_of(data, "comment")
    discussion, event = _changed(site, who, repo, num, lambda thread, author: thread.comment(author, text), mine=False)
    notify(site, "create", repo, discussion, event)
    return answer({"newMessage": event})


@router.post(REPO + "/discussions/{num}/comment/{comment_id}/edit")
def edit(site: Served, who: Who, repo: VisibleRepo, num: int, comment_id: str, data: Json) -> Response:
    """Change one's own comment."""
    text = text_of(data, "content")
    discussion, event = _changed(
        site, who, repo, num, lambda thread, author: thread.edit(author, comment_id, text), mine=False
    )
    notify(site, "update", repo, discussion, event)
    return answer({"updatedComment": event})


@router.post(REPO + "/discussions/{num}/comment/{comment_id}/hide")
def hide(site: Served, who: Who, repo: VisibleRepo, num: int, comment_id: str) -> Response:
    """Hide a comment; allowed for its author and for people who may write to the repo."""

    def change(discussion: Discussion, author: str) -> dict[str, Any]:
        own = discussion.find_comment(comment_id)["author"]["name"] == author
        if not own and not rights.may_write(who, repo):
            raise Forbidden("Only its author and people who may write to the repo can hide a comment")
        return discussion.hide(author, comment_id)

    discussion, event = _changed(site, who, repo, num, change, mine=False)
    notify(site, "update", repo, discussion, event)
    return answer({"updatedComment": event})


@router.post(REPO + "/discussions/{num}/status")
def status(site: Served, who: Who, repo: VisibleRepo, num: int, data: Json) -> Response:
    """Open or close a discussion, with an optional comment; also opens a draft."""
    new_status = text_of(data, "status")

    def change(discussion: Discussion, author: str) -> dict[str, Any]:
        if isinstance(data.get("comment"), str) and data["comment"].strip():
            discussion.comment(author, data["comment"])
        return discussion.set_status(author, new_status)

    discussion, event = _changed(site, who, repo, num, change)
    notify(site, "update", repo, discussion)
    return answer({"newStatus": event})


@router.post(REPO + "/discussions/{num}/title")
def title(site: Served, who: Who, repo: VisibleRepo, num: int, data: Json) -> Response:
    """Change the title."""
    new_title = text_of(data, "title")
    discussion, event = _changed(site, who, repo, num, lambda thread, author: thread.set_title(author, new_title))
    notify(site, "update", repo, discussion)
    return answer({"newTitle": event})


@router.post(REPO + "/discussions/{num}/merge")
def merge(site: Served, who: Who, repo: Target, num: int, data: Json) -> Response:
    """Merge an open pull request; 409 when files conflict."""
    author = rights.check_writes(who, repo)
    discussions = Discussions(repo)
    with repo.lock():
        pull = discussions.get(num)
        if not pull.is_pull_request:
            raise Invalid("This is a discussion, not a pull request: there is nothing to merge")
        move = merging.prepare_merge(repo, pull, author)
        if isinstance(data.get("comment"), str) and data["comment"].strip():
            pull.comment(author, data["comment"])
        pull.set_merged(author, move.new)
        with discussions.saving(pull):
            repo.refs.move(*move)
    site.happened("update", "repo.content", repo, refs=[move])
    notify(site, "update", repo, pull)
    return answer({"mergeCommitId": move.new})


def notify(site: Site, action: str, repo: Repo, discussion: Discussion, event: dict[str, Any] | None = None) -> None:
    """Report a change of a discussion, or of a comment in it, to the listeners."""
    extra: dict[str, Any] = {"discussion": summary(repo, discussion)}
    if discussion.is_pull_request:
        extra["discussion"]["changes"] = {"base": discussion.base, "mergeCommitId": discussion.merge_commit}
    if event is not None:
        data = event["data"]
        extra["comment"] = {"id": event["id"], "author": event["author"]["name"], "hidden": data["hidden"]}
        extra["comment"]["content"] = data["latest"]["raw"]
    scope = "discussion.comment" if event is not None else "discussion"
    site.happened(action, scope, repo, **extra)
