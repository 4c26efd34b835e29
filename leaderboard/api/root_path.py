"""Serving below a path of a host that has other things as well, such as `/board`, behind a proxy."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def path_of(scope: Scope) -> str:
    """The path that is asked for as our routes know it: without the root path before it."""
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    return path.removeprefix(root) or "/" if root and is_below(path, root) else path


def is_below(path: str, root: str) -> bool:
    """Whether `path` is `root` or lies below it."""
    return f"{path}/".startswith(f"{root}/")


class RootPath:
    """ASGI middleware, the outermost: has every address be below `root`, whether the proxy takes it away or not.

    The scope is as ASGI has it: `path` with the root path, and `root_path` beside it. A redirect to a path of ours
    (`Location: /…`) goes below it too.
    """

    def __init__(self, app: ASGIApp, root: str) -> None:
        self.app = app
        self.root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on below the root path."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if scope["path"] == self.root:  # what pages name relative to themselves would be looked for beside it
            await RedirectResponse(f"{self.root}/")(scope, receive, send)
            return
        below = is_below(scope["path"], self.root)
        raw = scope.get("raw_path") or scope["path"].encode()
        path = scope["path"] if below else self.root + scope["path"]
        inner = {**scope, "root_path": self.root, "path": path, "raw_path": raw if below else self.root.encode() + raw}

        async def redirected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                target = headers.get("location", "")
                ours = target.startswith("/") and not target.startswith("//")
                if ours and not is_below(target.partition("?")[0], self.root):
                    headers["location"] = self.root + target
                    message = {**message, "headers": headers.raw}
            await send(message)

        await self.app(inner, receive, redirected)
