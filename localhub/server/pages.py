"""Read-only HTML pages: repos, folders, files, commits, discussions."""

from html import escape
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from localhub import rights
from localhub.clock import stamp_seconds
from localhub.discussions import Discussions
from localhub.merging import unified_diff
from localhub.names import Kind
from localhub.repos import Repo
from localhub.server.context import Segment, Served, Target, VisibleRepo, Who, base_url, repo_url, snapshot_at
from localhub.server.html import link, linked, page

router = APIRouter()
_SHOWN = 200_000
_RESTRICTED = "Access to this repo's files is restricted."


def _titled(request: Request, repo: Repo, what: str, body: str) -> Response:
    address = repo_url(request, repo)
    head = f"<h1>{link(address, repo.id)}</h1><p><small>{escape(repo.kind.singular)}</small> · "
    tabs = [("Files", f"{address}/tree/main"), ("Discussions", f"{address}/discussions")]
    return page(f"{what} · {repo.id}", head + " · ".join(link(to, text) for text, to in tabs) + f"</p>{body}")


@router.get("/")
def home(request: Request, site: Served, who: Who) -> Response:
    """The repos that the visitor may see."""
    parts = []
    for kind in Kind:
        visible = [repo for repo in site.hub.repos.all(kind) if rights.may_see(who, repo)]
        items = "".join(f"<li>{link(repo_url(request, repo), repo.id)}</li>" for repo in visible)
        parts.append(f"<h2>{kind.value.title()}</h2><ul>{items or '<li>None yet</li>'}</ul>")
    intro = f"<p>Clients: <code>HF_ENDPOINT={escape(base_url(request))} HF_HUB_DISABLE_XET=1</code></p>"
    return page("localhub", f"<h1>localhub</h1>{intro}{''.join(parts)}")


def repo_page(request: Request, who: Who, repo: VisibleRepo) -> Response:
    """A repo's card."""
    snapshot = snapshot_at(request, repo, "main")
    card = snapshot.text("README.md") if rights.may_read_files(who, repo) else _RESTRICTED
    return _titled(request, repo, "Card", f"<pre>{linked((card or 'No card yet.')[:_SHOWN])}</pre>")


def root_page(request: Request, repo: VisibleRepo, revision: Segment) -> Response:
    """The entries of the root folder."""
    return folder_page(request, repo, revision, "")


def folder_page(request: Request, repo: VisibleRepo, revision: Segment, path: Segment) -> Response:
    """A folder's entries."""
    snapshot = snapshot_at(request, repo, revision)
    folder = path.strip("/")
    address = repo_url(request, repo)
    rows = []
    for row in snapshot.listing(folder)[:10_000]:
        below = quote(f"{folder}/{row.path}" if folder else row.path)
        to = f"{address}/{'tree' if row.is_folder else 'resolve'}/{quote(revision, safe='')}/{below}"
        size = "" if row.is_folder else f"{snapshot.blob(row).size:,}"
        rows.append(f"<tr><td>{link(to, row.path)}</td><td>{size}</td></tr>")
    return _titled(request, repo, folder or "Files", f"<table>{''.join(rows)}</table>")


def commit_page(request: Request, repo: Target, revision: Segment) -> Response:
    """One commit."""
    commit = snapshot_at(request, repo, revision).commit
    head = f"<h2>{escape(commit.title)}</h2><p>{escape(commit.author)}, {stamp_seconds(commit.time)}</p>"
    files = link(f"{repo_url(request, repo)}/tree/{commit.oid}", "files at this commit")
    return _titled(request, repo, commit.title, f"{head}<pre>{escape(commit.body)}</pre><p>{commit.oid} · {files}</p>")


def discussions_page(request: Request, repo: VisibleRepo) -> Response:
    """All discussions."""
    address = repo_url(request, repo)
    rows = [
        f"<tr><td>{link(f'{address}/discussions/{discussion.num}', f'#{discussion.num} {discussion.title}')}</td>"
        f"<td>{escape(discussion.status)}</td><td>{escape(discussion.author)}</td></tr>"
        for discussion in Discussions(repo).all()[:1000]
    ]
    return _titled(request, repo, "Discussions", f"<table>{''.join(rows) or '<tr><td>None yet</td></tr>'}</table>")


def discussion_page(request: Request, who: Who, repo: VisibleRepo, num: int) -> Response:
    """One discussion with its events."""
    discussion = Discussions(repo).get(num)
    what = "pull request" if discussion.is_pull_request else "discussion"
    head = f"<h2>{escape(discussion.title)} <small>#{num}</small></h2><p>{what}, {escape(discussion.status)}, "
    head += f"opened by {escape(discussion.author)} {escape(discussion.created)}</p>"
    body = head + "".join(_event(event) for event in discussion.events)
    if discussion.is_pull_request:
        diff = unified_diff(repo, discussion) if rights.may_read_files(who, repo) else _RESTRICTED
        body += f"<h3>Changes</h3><pre>{escape(diff[:_SHOWN])}</pre>"
    return _titled(request, repo, discussion.title, body)


def _event(event: dict[str, object]) -> str:
    author, data = event["author"], event["data"]
    assert isinstance(author, dict) and isinstance(data, dict)
    who = f"<strong>{escape(author['name'])}</strong> <small>{escape(str(event['createdAt']))}</small>"
    match event["type"]:
        case "comment":
            edited = " <small>(edited)</small>" if data["edited"] else ""
            return f'<article id="{event["id"]}">{who}{edited}<pre>{linked(data["latest"]["raw"])}</pre></article>'
        case "status-change":
            return f"<p>{who} set the status to {escape(data['status'])}</p>"
        case "title-change":
            return f"<p>{who} changed the title from “{escape(data['from'])}” to “{escape(data['to'])}”</p>"
        case _:
            return f"<p>{who} committed {escape(data['oid'][:12])} {escape(data['subject'])}</p>"


for prefix in ("/datasets", "/spaces", ""):
    repo_address = f"{prefix}/{{namespace}}/{{name}}"
    for tail, handler in (
        ("", repo_page),
        ("/tree/{revision}", root_page),
        ("/tree/{revision}/{path:path}", folder_page),
        ("/commit/{revision}", commit_page),
        ("/discussions", discussions_page),
        ("/discussions/{num}", discussion_page),
    ):
        router.add_api_route(repo_address + tail, handler, methods=["GET"], name=f"{handler.__name__}{prefix}{tail}")
