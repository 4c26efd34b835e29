"""Reading request files: ours, and those of Open LLM Leaderboard style boards. Format: docs/request-files.md.

Unknown fields are kept and written back. What a foreign file says in its own way is put into our words:

    status RERUN, PENDING_NEW_EVAL         PENDING, FINISHED (the original stays in `original_status`)
    params -1 or 0, job_id -1              unknown (None)
    model_type "💬 : 💬 chat models (…)"    "chat models (RLHF, DPO, IFT, ...)"; a type that we lack: "other"
    precision gptq                         GPTQ
    a missing id                           made from the path, so that it stays the same
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from leaderboard.errors import Unreadable
from leaderboard.records import (
    KINDS,
    MARK,
    MODEL_TYPE_SYMBOLS,
    ModelType,
    Precision,
    Request,
    Status,
    folder_of,
    kind_of,
    request_of,
)

MAX_BYTES = 1 << 20
"""A request file is a few kilobytes; nothing larger is read."""
MAX_DIGITS = 18
"""Of a whole number, anywhere in the file: what fits 64 bits. Longer ones become parts of names, and no number takes
them in."""
MAX_NAME = 64
"""Characters of an unknown kind that are quoted."""
FOREIGN_STATUS = {"RERUN": Status.PENDING, "PENDING_NEW_EVAL": Status.FINISHED}
_TYPE_WORDS = {
    "pretrained": ModelType.PRETRAINED,
    "continuously": ModelType.CONTINUOUSLY_PRETRAINED,
    "fine-tuned": ModelType.FINE_TUNED,
    "finetuned": ModelType.FINE_TUNED,
    "chat": ModelType.CHAT,
    "instruction-tuned": ModelType.CHAT,
    "rl-tuned": ModelType.CHAT,
    "base": ModelType.MERGE,
    "merges": ModelType.MERGE,
    "multimodal": ModelType.MULTIMODAL,
}
"""First word of a type's name, as boards have spelled it since 2023."""


def is_foreign(request: Request) -> bool:
    """Whether another board wrote the file and we never changed it."""
    return request.schema_version <= 0


def obstacle(request: Request) -> str | None:
    """Why a pending request cannot be claimed, as a sentence; None when it can."""
    if not request.benchmark:
        return "No benchmark is known for it: its file is not in a benchmark's folder and names none."
    return kind_of(request).obstacle(request)


def read_request(path: str, content: bytes) -> Request:
    """The request in the file at `path`. Raises Unreadable, with what is wrong with it."""
    if MARK not in path.rpartition("/")[2] or not path.endswith(".json"):
        raise Unreadable(path, f"its name is not that of a request file ('…{MARK}….json').")
    if len(content) > MAX_BYTES:
        raise Unreadable(path, f"it has {len(content):,} bytes, more than the {MAX_BYTES:,} of a request file.")
    try:
        fields = from_json(content)
    except ValueError as error:
        raise Unreadable(path, f"it is not JSON ({error}).") from None
    if not isinstance(fields, dict):
        raise Unreadable(path, "it is JSON, but not an object.")
    if name := _endless_number(fields):
        raise Unreadable(path, f"{name}: a whole number in it has more than {MAX_DIGITS} digits.")
    if not fields.get("schema_version"):
        fields = _in_our_words(path, fields)
    if "kind" in fields and fields["kind"] not in list(KINDS):
        kind = str(fields["kind"])[:MAX_NAME]
        raise Unreadable(path, f"kind: it is {kind!r}, perhaps from a newer Podium; this one reads {', '.join(KINDS)}.")
    try:
        request = request_of(fields)
    except ValidationError as error:
        problems = ((".".join(map(str, problem["loc"])), problem["msg"]) for problem in error.errors())
        lines = (f"{place}: {why}" if place else why for place, why in problems)
        raise Unreadable(path, "; ".join(lines) + ".") from None
    problem = _misfit(path, request)
    if problem:
        raise Unreadable(path, problem)
    return request


def _endless_number(fields: dict[str, Any]) -> str:
    """The first field that holds a whole number of more than MAX_DIGITS digits, at any depth; empty when none does."""
    waiting: list[tuple[str, Any]] = list(fields.items())
    for name, value in waiting:  # which grows meanwhile
        if isinstance(value, dict):
            waiting += [(name, each) for each in value.values()]
        elif isinstance(value, list):
            waiting += [(name, each) for each in value]
        elif isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
            return name
    return ""


def _in_our_words(path: str, fields: dict[str, Any]) -> dict[str, Any]:
    """A foreign file's fields with our names and values; `schema_version` 0 tells that it is foreign."""
    ours = {name: value for name, value in fields.items() if value is not None or name not in Request.model_fields}
    ours["schema_version"] = 0
    ours["benchmark"] = path.partition("/")[0] if path.count("/") == 2 else ""
    if not isinstance(ours.get("id"), str):
        ours["id"] = hashlib.sha256(path.encode()).hexdigest()[:16]
    status = str(ours.get("status", ""))
    if status in FOREIGN_STATUS:
        ours |= {"status": FOREIGN_STATUS[status], "original_status": status}
    ours["params"] = _positive(ours.get("params"))
    if "job_id" in ours:
        ours["job_id"] = None if str(ours["job_id"]) == "-1" else str(ours["job_id"])
    if str(ours.get("precision")).lower() == "gptq":
        ours["precision"] = Precision.GPTQ.value
    ours["model_type"] = _model_type(str(ours.get("model_type", ""))).value
    return ours


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if number > 0 and math.isfinite(number) else None


def _model_type(text: str) -> ModelType:
    """Our type for another board's words for it, with or without its symbol."""
    for model_type, symbol in MODEL_TYPE_SYMBOLS.items():
        if symbol in text or text.strip() == model_type.value:
            return model_type
    words = re.findall(r"[a-z-]+", text.lower())
    return _TYPE_WORDS.get(words[0], ModelType.OTHER) if words else ModelType.OTHER


def _misfit(path: str, request: Request) -> str | None:
    """What is wrong with a request that has the right form."""
    if not re.fullmatch(r"[\w.-]{1,64}", request.id):
        return "id: 1 to 64 letters, digits, '-', '_' or '.' are needed."
    if not request.model or not (request.benchmark or is_foreign(request)):
        return "model and benchmark: both are needed."
    if not math.isfinite(request.priority) or not math.isfinite(request.params or 0):
        return "priority and params: they must be finite numbers."
    start = (folder_of(request) if request.benchmark else request.model) + MARK
    if not path.lower().startswith(start.lower()):
        return f"it does not lie where its content belongs ('{start}…')."
    return None
