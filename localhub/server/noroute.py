"""Errors for addresses without a route: 501 for routes that only the Hub has, otherwise 404."""

import re
from collections.abc import Iterable

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException

from localhub.errors import LocalHubError, NotFound, RepoNotFound

_HUB = """
/api/(agents|blog|buckets|collections|daily_papers|docs|jobs|kernels|notifications|papers|posts)(/{path})?
/api/(metrics|quicksearch|recent-activity|scheduled-jobs|tasks|trending)(/{path})?
/api/(datasets|models|spaces)-tags-by-type
/api/spaces/(hardware|semantic-search|templates|zero-gpu/quota)
/api/(organizations|users)/{owner}/(avatar|billing|followers|following|resource-groups|settings|socials)(/{path})?
/api/settings/(?!webhooks){path}
/api/{kind}/{repo}/(compare|croissant|jwt|notebook|parquet|resource-group|scan|treesize)(/{path})?
/api/{kind}/{repo}/(user-access-report|user-access-request/cancel)
/api/{kind}/{repo}/discussions/{num}/(mark-as-read|pin|reaction|comment/{comment}/(reaction|reply))
/api/models/{repo}/safetensors-metadata/{path}
/api/spaces/{repo}/(dev-mode|events|hardware|logs|metrics|pause|restart|runtime|secrets|sleeptime|storage)(/{path})?
/api/spaces/{repo}/(variables|volumes)(/{path})?
(?!/api/)(/datasets|/spaces)?/{repo}/(blame|blob|commits|edit|settings|upload)(/{path})?
(?!/api/)(/datasets|/spaces)?/{repo}/(info/refs|git-upload-pack|git-receive-pack)
"""
"""Addresses of the Hub, as regular expressions in which `{...}` is a part of the address."""
_OWNED = "{namespace}/{name}"
_PARTS = {"kind": "(?:models|datasets|spaces)", "path": ".+", "repo": "[^/]+/[^/]+"}


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)(:\w+)?\}", lambda part: _PARTS.get(part[1], "[^/]+"), template))


_HUB_ADDRESSES = [_pattern(line) for line in _HUB.split()]


class NotOffered(LocalHubError):
    """The Hub has this route, localhub does not."""

    status = 501


class NoRoute:
    """Explains requests whose address or method has no route."""

    def __init__(self, routers: Iterable[APIRouter]) -> None:
        templates = [getattr(route, "path", "") for router in routers for route in router.routes]
        self._api = [_pattern(path) for path in templates if path.startswith("/api/")]
        about_repos = [path for path in templates if _OWNED in path and re.search("^/api/|/resolve/|/raw/|/lfs/", path)]
        self._repos = [_pattern(path.replace(_OWNED, name)) for path in about_repos for name in (_OWNED, "{name}")]
        """Addresses of repos that are not here: without a namespace, such as `gpt2`, or with a reserved one."""

    def explained(self, request: Request, error: HTTPException) -> LocalHubError:
        """The error to return to the client."""
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        what = f"{request.method} {path[:200]}"
        if any(pattern.fullmatch(path) for pattern in _HUB_ADDRESSES):
            return NotOffered(f"localhub does not offer {what}: see its documentation for the routes it has")
        # The router takes `/api/nonsense` for the page of a repo in namespace "api", which allows GET.
        unknown = path.startswith("/api/") and not any(pattern.fullmatch(path) for pattern in self._api)
        if error.status_code != 404 and not unknown:
            return LocalHubError(f"{what}: {error.detail}", status=error.status_code, headers=error.headers)
        if any(pattern.fullmatch(path) for pattern in self._repos):
            return RepoNotFound(
                "Repository not found: ids have the form namespace/name on this Hub, but for old repositories"
            )
        return NotFound(f"There is no route for {what}")
