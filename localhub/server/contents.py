"""Routes that read a repo's content: tree, paths-info, refs, history, files."""

import json
import re
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from localhub.accounts import WRITE
from localhub.clock import stamp_seconds
from localhub.comparisons import compared, patch, raw_lines
from localhub.errors import EntryNotFound, Invalid
from localhub.repos import Repo
from localhub.rights import check_reads_files
from localhub.server.accounts import AVATAR
from localhub.server.context import REPO, Body, Expand, Segment, Target, VisibleRepo, Who, answer, flag, snapshot_at
from localhub.server.html import linked
from localhub.server.paging import decode_cursor, encode_cursor, next_link, page_of
from localhub.server.sending import send_bytes, send_file
from localhub.trees import Row, Snapshot

router = APIRouter()
_SAFE = {"status": "safe", "avScan": {"virusFound": False}, "pickleImportScan": None}


@router.get(REPO + "/tree/{revision}")
def tree(
    request: Request,
    who: Who,
    repo: VisibleRepo,
    revision: Segment,
    recursive: str = "",
    expand: str = "",
    limit: int = 1000,
    cursor: str = "",
) -> Response:
    """A page of the root's entries; `expand` adds their last commits, for visitors who may read the files."""
    return tree_below(request, who, repo, revision, "", recursive, expand, limit, cursor)


@router.get(REPO + "/tree/{revision}/{path:path}")
def tree_below(
    request: Request,
    who: Who,
    repo: VisibleRepo,
    revision: Segment,
    path: Segment,
    recursive: str = "",
    expand: str = "",
    limit: int = 1000,
    cursor: str = "",
) -> Response:
    """A page of a folder's entries. All pages show the commit that the first page showed."""
    if flag(expand):
        check_reads_files(who, repo)
    commit, start = _position(cursor)
    snapshot = snapshot_at(request, repo, commit or revision)
    folder = path.strip("/")
    rows = snapshot.listing(folder, recursive=flag(recursive))
    end = start + max(1, min(limit, 100 if flag(expand) else 1000))
    prefix = f"{folder}/" if folder else ""
    page = described(snapshot, [(prefix + row.path, row) for row in rows[start:end]], expand=flag(expand))
    following = encode_cursor([snapshot.oid, end]) if end < len(rows) else None
    return answer(page, headers=next_link(request, following) | {"X-Repo-Commit": snapshot.oid})


def _position(cursor: str) -> tuple[str | None, int]:
    if not cursor:
        return None, 0
    match decode_cursor(cursor):
        case [str(commit), int(start)] if start >= 0 and re.fullmatch("[0-9a-f]{40}", commit):
            return commit, start
    raise Invalid("The cursor of the page is not valid")


def described(snapshot: Snapshot, rows: list[tuple[str, Row]], *, expand: bool) -> list[dict[str, Any]]:
    """Rows in the API's format; `expand` adds the commit that last changed each."""
    page = [snapshot.describe(row, path) for path, row in rows]
    if not expand:
        return page
    last = snapshot.last_commits([path for path, _ in rows])
    for entry in page:
        entry["lastCommit"] = last.get(entry["path"])
        if entry["type"] == "file":
            entry["securityFileStatus"] = _SAFE
    return page


@router.post(REPO + "/paths-info/{revision}")
def paths_info(request: Request, who: Who, repo: VisibleRepo, revision: Segment, body: Body) -> Response:
    """The entries at the given paths, without those that do not exist."""
    requested, expand = _form(request, body)
    if expand:
        check_reads_files(who, repo)
    snapshot = snapshot_at(request, repo, revision)
    paths = [path.strip("/") for path in requested]
    rows = [(path, row) for path in paths if path and (row := snapshot.find(path))]
    entries = described(snapshot, rows, expand=expand)
    return answer([_copyable(entry) for entry in entries] if WRITE in who.scopes else entries)


def _copyable(entry: dict[str, Any]) -> dict[str, Any]:
    """Add `xetHash`, which the client needs to copy a large file to another repo.

    Only for writers: a reading client with Xet switched on would request the file from Xet storage.
    """
    return entry | {"xetHash": entry["lfs"]["oid"]} if "lfs" in entry else entry


def _form(request: Request, body: bytes) -> tuple[list[str], bool]:
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            data = json.loads(body)
            return [str(path) for path in data["paths"]], bool(data.get("expand"))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Invalid('The body must be a JSON object with "paths"') from None
    form = parse_qs(body.decode("utf-8", "replace"))
    return form.get("paths", []), flag(form.get("expand", [""])[0])


@router.get(REPO + "/refs")
def refs(repo: VisibleRepo, include_prs: str = "") -> Response:
    """Branches, tags and pull requests."""
    groups = {
        "branches": _listed(repo, "refs/heads/"),
        "converts": _listed(repo, "refs/convert/"),
        "tags": _listed(repo, "refs/tags/"),
    }
    return answer(groups | ({"pullRequests": _listed(repo, "refs/pr/")} if flag(include_prs) else {}))


def _listed(repo: Repo, prefix: str) -> list[dict[str, str]]:
    refs = repo.refs.under(prefix).items()
    return [{"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": repo.objects.peel(oid)} for ref, oid in refs]


@router.get(REPO + "/commits/{revision}")
def commits(
    request: Request,
    repo: Target,
    revision: Segment,
    expand: Expand,
    limit: int = 1000,
    cursor: str = "",
) -> Response:
    """The history of a revision, newest first; `expand` formatted adds titles and messages as HTML."""
    history = list(snapshot_at(request, repo, revision).history())
    page, following = page_of(history, cursor, limit)
    rows = []
    for commit in page:
        row: dict[str, Any] = {"id": commit.oid, "title": commit.title, "message": commit.body}
        row |= {"authors": [{"user": commit.author, "avatar": AVATAR}], "date": stamp_seconds(commit.time)}
        if "formatted" in expand:
            row["formatted"] = {"title": linked(commit.title), "message": linked(commit.body).replace("\n", "<br>")}
        rows.append(row)
    return answer(rows, headers=next_link(request, following) | {"X-Total-Count": str(len(history))})


@router.get(REPO + "/compare/{revisions}")
def compare(repo: Target, revisions: Segment, raw: str = "") -> Response:
    """What differs between `BASE..HEAD`, or a revision and its parent, as a patch; `raw`: a line for each file."""
    commits = compared(repo, revisions)
    return PlainTextResponse("".join(raw_lines(repo, *commits)) if flag(raw) else patch(repo, *commits))


def resolve(request: Request, repo: Target, revision: Segment, path: Segment) -> Response:
    """A file's content, with the headers that the client's cache needs; supports conditional and range requests."""
    snapshot = snapshot_at(request, repo, revision)
    try:
        row = snapshot.file(path)
    except EntryNotFound as error:
        error.headers["X-Repo-Commit"] = snapshot.oid
        raise
    headers = _headers(snapshot, path)
    pointer = snapshot.blob(row).pointer
    if pointer and "/raw/" not in request.scope["path"]:
        headers |= {"ETag": f'"{pointer.oid}"', "X-Linked-Etag": f'"{pointer.oid}"', "X-Linked-Size": str(pointer.size)}
        content = repo.lfs.path(pointer.oid)
        if not content.is_file():
            missing = f"The content of {path} is missing: it was never uploaded, or it was deleted"
            raise EntryNotFound(missing, headers={"X-Repo-Commit": snapshot.oid})
        return send_file(request, content, headers)
    headers["ETag"] = f'"{row.oid}"'
    return send_bytes(request, repo.objects.read(row.oid), headers)


for prefix in ("/datasets", "/spaces", ""):
    for word in ("resolve", "raw"):
        address = f"{prefix}/{{namespace}}/{{name}}/{word}/{{revision}}/{{path:path}}"
        router.add_api_route(address, resolve, methods=["GET", "HEAD"], name=f"{word}{prefix}")


def _headers(snapshot: Snapshot, path: str) -> dict[str, str]:
    name = re.sub(r'[^ -~]|["\\]', "?", path.rpartition("/")[2])
    return {
        "X-Repo-Commit": snapshot.oid,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'inline; filename="{name}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
