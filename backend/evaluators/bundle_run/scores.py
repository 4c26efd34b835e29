"""The scores that a scoring program left: read as what a stranger wrote."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leaderboard.benchmarks.yaml_lines import Document
from leaderboard.errors import Unreadable

JSON, TEXT = "scores.json", "scores.txt"
MOST_BYTES = 1 << 20
MOST_KEYS = 1000
MOST_KEY_CHARACTERS = 100
LINE = re.compile(r"""\s*["']?(?P<key>[^:"'#\s][^:"']*?)["']?\s*:\s*["']?(?P<value>[^\s"',]+)["']?\s*,?\s*""")
"""`key: value`, as scoring programs print it; a space after the colon may be missing."""


def read_scores(folder: Path) -> dict[str, float]:
    """Key -> score of `scores.json` in `folder`, else of `scores.txt`; what is no finite number is left out.

    Raises Unreadable when neither is there, or the one that is there cannot be read.
    """
    name = next((name for name in (JSON, TEXT) if (folder / name).is_file()), None)
    if name is None:
        raise Unreadable(JSON, f"the scoring program wrote neither {JSON} nor {TEXT}")
    content = (folder / name).read_bytes()
    if len(content) > MOST_BYTES:
        raise Unreadable(name, f"it is larger than {MOST_BYTES:,} bytes")
    text = content.decode("utf-8-sig", errors="replace")
    values = _from_json(text) if name == JSON else _from_text(text)
    if len(values) > MOST_KEYS:
        raise Unreadable(name, f"it has more than {MOST_KEYS:,} keys")
    numbers = {str(key)[:MOST_KEY_CHARACTERS]: number(value) for key, value in values.items()}
    return {key: value for key, value in numbers.items() if value is not None}


def number(value: Any) -> float | None:
    """`value` as a finite number; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        known = float(value)
    except (ValueError, OverflowError):
        return None
    return known if math.isfinite(known) else None


def _from_json(text: str) -> Mapping[Any, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(JSON, f"it is not JSON ({error})") from error
    if not isinstance(values, dict):
        raise Unreadable(JSON, "it is not a JSON object")
    return values


def _from_text(text: str) -> Mapping[Any, Any]:
    """YAML with keys at its top, else lines of `key: value`."""
    document = Document(text)
    if not document.problems and isinstance(document.value, dict):
        return document.value
    lines = (LINE.fullmatch(line) for line in text.splitlines()[:MOST_KEYS])
    values = {match["key"]: match["value"] for match in lines if match}
    if not values:
        raise Unreadable(TEXT, "it has no line `key: value`")
    return values
