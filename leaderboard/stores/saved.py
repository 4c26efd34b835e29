"""What was made from the files of a store, kept in one file for the next start; it can always be made again.

The first line names the layout and the checksum of the second one, which is JSON. A file that is damaged, or of another
layout, is as good as none.
"""

from __future__ import annotations

import json
import logging
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

SAVE_AFTER = 1000
"""So many files that had to be read make it worth writing anew what is known of all of them."""
log = logging.getLogger(__name__)


def load(place: Path, layout: str) -> Any:
    """The value that was saved with this `layout`; None when there is none, or it is damaged."""
    try:
        head, _, body = place.read_bytes().partition(b"\n")
        if json.loads(head) != _head(layout, body):
            return None
        return from_json(body)
    except (OSError, ValueError):
        return None


def save(place: Path, layout: str, value: Any) -> None:
    """Write `value` in one step. Where that fails, the next start reads the files again; it is logged."""
    body = to_json(value)
    draft = place.with_suffix(".draft")  # where two processes write it at once, the checksum tells
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(json.dumps(_head(layout, body)).encode() + b"\n" + body)
        draft.rename(place)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        log.warning("%s could not be written (%s); the next start takes longer.", place, error.strerror)


def _head(layout: str, body: bytes) -> dict[str, Any]:
    return {"layout": layout, "bytes": len(body), "crc32": zlib.crc32(body)}
