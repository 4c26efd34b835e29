"""Dataset cards: front matter that the Hub and `datasets` read, then text for people."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from leaderboard.errors import NotFound

FRONT_MATTER = re.compile(r"\A---\s*\n(?P<yaml>.*?)\n---[ \t]*\n?", re.DOTALL)
CARD = "README.md"


def card_of(read: Callable[[str], tuple[bytes, str]]) -> tuple[str, str | None]:
    """The card and its version, as a store's `read` gives them; empty where there is none."""
    try:
        content, version = read(CARD)
    except NotFound:
        return "", None
    return content.decode("utf-8", "replace"), version


def read_card(card: str) -> tuple[dict[str, Any], str]:
    """Front matter and the rest; front matter that is no mapping of YAML is dropped."""
    match = FRONT_MATTER.match(card)
    if match is None:
        return {}, card
    try:
        head = yaml.safe_load(match["yaml"])
    except yaml.YAMLError:
        head = None
    return head if isinstance(head, dict) else {}, card[match.end() :]


def mappings(value: Any) -> list[dict[str, Any]]:
    """The mappings in a list; of anything else, none. `dataset_info` may also be a mapping alone."""
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def write_card(head: Mapping[str, Any], body: str) -> str:
    """The card of this front matter and text."""
    return f"---\n{yaml.safe_dump(dict(head), sort_keys=False, allow_unicode=True, width=1000)}---\n{body}"
