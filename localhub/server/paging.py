"""Pages of a list: an opaque cursor and the `Link` header that clients follow."""

import base64
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from fastapi import Request

from localhub.errors import Invalid
from localhub.server.context import base_url

Item = TypeVar("Item")


def encode_cursor(value: Any) -> str:
    """`value` as an opaque text for `decode_cursor`."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def decode_cursor(cursor: str) -> Any:
    """The value that `encode_cursor` encoded; raises Invalid for any other text."""
    try:
        return json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, RecursionError):
        raise Invalid("The cursor of the page is not valid") from None


def page_of(items: Sequence[Item], cursor: str, limit: int, largest: int = 1000) -> tuple[list[Item], str | None]:
    """The items from the cursor on, and the next page's cursor (None on the last)."""
    start = decode_cursor(cursor) if cursor else 0
    if not isinstance(start, int) or start < 0:
        raise Invalid("The cursor of the page is not valid")
    end = start + max(1, min(limit, largest))
    return list(items[start:end]), encode_cursor(end) if end < len(items) else None


def next_link(request: Request, cursor: str | None) -> dict[str, str]:
    """The `Link` header to the next page, none on the last."""
    if cursor is None:
        return {}
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    query = request.url.include_query_params(cursor=cursor).query
    return {"Link": f'<{base_url(request)}{path}?{query}>; rel="next"'}
