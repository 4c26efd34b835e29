"""What every route needs: the visitor, the repo, and helpers for responses."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import Depends, Path, Request
from pydantic import AfterValidator
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from localhub import rights
from localhub.accounts import Visitor
from localhub.errors import Invalid, LocalHubError, RepoNotFound
from localhub.events import Event
from localhub.names import NO_NAMESPACE, Kind, is_reserved
from localhub.oauth import OpenId
from localhub.refs import MAIN
from localhub.repos import Repo
from localhub.signing import Signer
from localhub.store import Hub
from localhub.trees import Snapshot
from localhub.webhooks import Webhooks

MAX_BODY = 512 * 1024 * 1024


class _Plural(Convertor[str]):
    regex = "models|datasets|spaces"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("kind", _Plural())

REPO = "/api/{kind:kind}/{namespace}/{name}"
"""Start of the address of every route about one repo."""


@dataclass
class Site:
    """One served Hub."""

    hub: Hub
    signer: Signer
    openid: OpenId
    webhooks: Webhooks
    choose_user: bool = False
    """Whether visitors may sign in as any user without a token: for demos and tests on one machine."""
    listeners: list[Callable[[Event], None]] = field(default_factory=list)
    """Called after every change."""

    def happened(
        self,
        action: str,
        scope: str,
        repo: Repo,
        *,
        refs: list[tuple[str, str | None, str | None]] | None = None,
        gone: bool = False,
        **extra: Any,
    ) -> None:
        """Report a change to the listeners."""
        head = None if gone else repo.refs.get(MAIN)
        for listener in self.listeners:
            listener(Event(action, scope, repo, refs or [], head, extra))


class MovedElsewhere(LocalHubError):
    """The repo has a new name; readers are redirected to it."""

    status = 307


def unquoted(value: str) -> str:
    """A decoded path segment; routes match the quoted one."""
    return unquote(value)


Segment = Annotated[str, Path(), AfterValidator(unquoted)]


async def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


Served = Annotated[Site, Depends(_site)]


async def _visitor(request: Request, site: Served) -> Visitor:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return site.hub.accounts.visitor(token.strip() if scheme.lower() == "bearer" else None)


Who = Annotated[Visitor, Depends(_visitor)]


async def _visible(request: Request, site: Served, who: Who, namespace: Segment, name: Segment) -> Repo:
    if is_reserved(namespace):
        raise HTTPException(404)
    kind = Kind(request.path_params.get("kind") or _kind_of(request))
    repo_id = f"{namespace}/{name}".removeprefix(f"{NO_NAMESPACE}/")
    try:
        repo = site.hub.repos.get(kind, repo_id)
    except RepoNotFound:
        raise rights.hidden(who) from None
    rights.check_sees(who, repo)
    if repo.id.lower() != repo_id.lower() and request.method in ("GET", "HEAD"):
        old = f"/{request.path_params['namespace']}/{request.path_params['name']}"
        path = request.scope["path"].replace(old, f"/{quote(repo.id)}", 1)
        query = f"?{request.url.query}" if request.url.query else ""
        raise MovedElsewhere(f"{repo_id} is now {repo.id}", headers={"Location": path + query})
    return repo


def _kind_of(request: Request) -> str:
    path = request.scope["path"].removeprefix(request.scope.get("root_path", "")).removeprefix("/api")
    first = path.split("/")[1]
    return first if first in (Kind.DATASET, Kind.SPACE) else Kind.MODEL


VisibleRepo = Annotated[Repo, Depends(_visible)]
"""A repo that the visitor may see, by its current or a former name. Only for routes that show no file contents: names,
sizes, hashes, discussions."""


async def _target(who: Who, repo: VisibleRepo) -> Repo:
    rights.check_reads_files(who, repo)
    return repo


Target = Annotated[Repo, Depends(_target)]
"""A repo whose files the visitor may read; the default for routes about one repo."""


async def _body(request: Request) -> bytes:
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BODY:
            raise Invalid(f"The request is larger than {MAX_BODY} bytes: upload large files through LFS", status=413)
        pieces.append(piece)
    return b"".join(pieces)


Body = Annotated[bytes, Depends(_body)]


async def _json(body: Body) -> dict[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Invalid(f"The body is not JSON: {error}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid("The body must be a JSON object")
    return value


Json = Annotated[dict[str, Any], Depends(_json)]


async def _expanded(request: Request) -> list[str]:
    return request.query_params.getlist("expand") + request.query_params.getlist("expand[]")


Expand = Annotated[list[str], Depends(_expanded)]
"""The properties that the client requests; clients spell the parameter `expand` or `expand[]`."""


def base_url(request: Request) -> str:
    """The address of this Hub for the client, with the mount prefix and without a final slash."""
    return f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"


def repo_url(request: Request, repo: Repo) -> str:
    """The address of a repo's page."""
    return f"{base_url(request)}/{repo.kind.web_prefix}{repo.id}"


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`value` as JSON."""
    return JSONResponse(value, status, dict(headers or {}))


def snapshot_at(request: Request, repo: Repo, revision: str) -> Snapshot:
    """The repo at a revision; raises RevisionNotFound."""
    oid = repo.refs.resolve(revision)
    if request.scope.get("localhub.stale") and revision != oid:
        oid = repo.objects.read_commit(oid).parent or oid
    return Snapshot(repo, oid)


def flag(value: str | None) -> bool:
    """A boolean as clients spell it in queries and forms."""
    return (value or "").lower() in ("true", "1", "yes")


def text_of(data: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """A text field of a JSON body; raises Invalid when it is missing or not text."""
    value = data.get(key, default)
    if not isinstance(value, str):
        raise Invalid(f'The field "{key}" must be text')
    return value
