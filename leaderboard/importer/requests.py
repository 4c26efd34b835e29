"""An old board's request file as a file of ours: all its fields, at the place where ours look for it."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, NamedTuple

from leaderboard.errors import Unreadable
from leaderboard.queue.request_files import read_request
from leaderboard.records import MARK, Request, is_repo_id, model_folder, request_path
from leaderboard.results.result_files import read_json


class Imported(NamedTuple):
    """A file to write."""

    path: str
    """In our store."""
    content: bytes
    model: str
    revision: str
    id: str


def is_request(path: str) -> bool:
    """Whether the name is that of a request file."""
    return MARK in path.rpartition("/")[2] and path.endswith(".json")


def convert_request(path: str, content: bytes, benchmark: str, source: str) -> Imported:
    """The request file at `path` of `source` as one of `benchmark` here. Raises Unreadable.

    Its fields stay as they are, unknown ones too; ours read them in our words. Added are `id`, made from the new path
    so that importing again finds the same, and `imported`, which says where it came from.
    """
    fields = _object(path, content)
    model = fields.get("model")
    if not isinstance(model, str) or not is_repo_id(model):
        raise Unreadable(
            path, f"its model {str(model)[:100]!r} is not a Hub repository id (organisation/name, or one name)"
        )
    fields["benchmark"] = benchmark
    fields.pop("id", None)
    request = _read(f"{benchmark}/{model_folder(model)}{MARK}imported.json", fields)
    place = _place(request)
    fields["id"] = hashlib.sha256(place.encode()).hexdigest()[:16]
    fields["imported"] = {"from": source, "path": path}
    _read(place, fields)
    return Imported(place, _dump(fields), model, request.revision, fields["id"])


def _place(request: Request) -> str:
    """`request_path`, with what is not fit for a file's name in an old board's values made fit."""
    safe = {name: re.sub(r"[^\w.-]", "-", getattr(request, name)) for name in ("revision", "precision", "weight_type")}
    return request_path(request.model_copy(update=safe))


def _read(path: str, fields: dict[str, Any]) -> Request:
    return read_request(path, _dump(fields))


def _dump(fields: dict[str, Any]) -> bytes:
    return (json.dumps(fields, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _object(path: str, content: bytes) -> dict[str, Any]:
    fields = read_json(path, content)
    if not isinstance(fields, dict):
        raise Unreadable(path, "it is JSON, but not an object")
    return fields
