"""Answers that a client may keep: an ETag of the content, and 304 when the client has it already."""

from __future__ import annotations

import hashlib
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel


def kept(request: Request, content: bytes, media_type: str = "application/json") -> Response:
    """`content` with its ETag, or 304 when the client's If-None-Match names it."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    if has_already(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def has_already(request: Request, etag: str) -> bool:
    """Whether the client's If-None-Match names the ETag; weak tags (`W/"…"`) count as the same ones."""
    named = request.headers.get("if-none-match", "").split(",")
    return etag.removeprefix("W/") in [part.strip().removeprefix("W/") for part in named]


def kept_model(request: Request, model: BaseModel) -> Response:
    """A model's JSON, as `kept`."""
    return kept(request, model.model_dump_json(by_alias=True).encode())


class Page(BaseModel):
    """One page of a list."""

    total: int
    """Entries in all."""
    offset: int
    """Entries before the first one here."""


class Rows(Page):
    """Rows of a table."""

    columns: list[str]
    """Names of the columns, in order."""
    rows: list[dict[str, Any]]
    """One object a row; null is unknown."""
