"""Responses with a file's content: whole, a range, or "not modified"."""

import re
from pathlib import Path

from fastapi import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from localhub.etags import is_named, may_continue

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def send_bytes(request: Request, content: bytes, headers: dict[str, str]) -> Response:
    """A small file; `headers` hold its ETag."""
    if _is_known(request, headers):
        return Response(status_code=304, headers=headers)
    kind = "text/plain; charset=utf-8"
    span = _RANGE.fullmatch(request.headers.get("range", ""))
    if not span or not (span[1] or span[2]) or not may_continue(headers["ETag"], request.headers.get("if-range")):
        return Response(content, headers=headers, media_type=kind)
    start = int(span[1]) if span[1] else max(0, len(content) - int(span[2]))
    end = min(int(span[2]) if span[1] and span[2] else len(content) - 1, len(content) - 1)
    if start > end:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
    return Response(content[start : end + 1], 206, headers, kind)


def send_file(request: Request, path: Path, headers: dict[str, str]) -> Response:
    """A large file; `headers` hold its ETag."""
    if _is_known(request, headers):
        return Response(status_code=304, headers=headers)
    return _LargeFile(path, headers=headers, media_type="application/octet-stream")


def _is_known(request: Request, headers: dict[str, str]) -> bool:
    return is_named(headers["ETag"], ", ".join(request.headers.getlist("if-none-match")))


class _LargeFile(FileResponse):
    """A file that is sent whole when `If-Range` names other content; Starlette would also accept a date."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"if-range"]
        if_range = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"if-range"), None)
        if not may_continue(self.headers["etag"], if_range):
            headers = [(name, value) for name, value in headers if name != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)
