"""What a result file says: lm-eval's aggregated JSON, with our block under `podium`."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from leaderboard.errors import Unreadable
from leaderboard.records import KINDS, PodiumBlock, block_of, folder_of


def read_json(path: str, content: bytes) -> Any:
    """What the JSON file at `path` says. Raises Unreadable."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unreadable(path, f"it is not JSON ({error})") from error


def read_block(path: str, content: bytes) -> PodiumBlock:
    """The `podium` block of a result file. Raises Unreadable."""
    aggregated = read_json(path, content)
    if not isinstance(aggregated, dict) or "podium" not in aggregated:
        raise Unreadable(path, "it has no `podium` block, so nothing says which request it answers")
    try:
        block = block_of(aggregated["podium"])
    except ValidationError as error:
        if any(problem["loc"] == ("kind",) for problem in error.errors()):
            kinds = ", ".join(KINDS)
            raise Unreadable(path, f"its kind is perhaps of a newer Podium; this one reads {kinds}") from error
        if newer := [problem["msg"] for problem in error.errors() if problem["type"] == "newer_podium"]:
            raise Unreadable(path, f"its {newer[0]}") from error
        fields = ", ".join(sorted({".".join(map(str, problem["loc"])) for problem in error.errors()}))
        raise Unreadable(path, f"its `podium` block has unusable fields: {fields}") from error
    if not path.startswith(f"{folder_of(block)}/"):
        raise Unreadable(path, f"it lies in another place than that of {block.model} on {block.benchmark}")
    return block
