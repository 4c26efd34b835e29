"""Addresses of the Hub that people paste where a model's name is asked for."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from leaderboard.settings import PUBLIC_HUB

HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
"""Of the public Hub, which every board knows beside its own."""
NOT_MODELS = ("datasets", "spaces", "collections", "papers", "docs", "blog", "api", "buckets")
"""First parts of the Hub's addresses that lead to something else."""
BELOW = ("tree", "blob", "resolve", "raw", "commit", "commits", "discussions", "edit", "settings")
"""What follows the name of a model in the addresses of its pages."""
_SCHEME = re.compile(r"https?://", re.IGNORECASE)


def is_address(text: str, hub: str = PUBLIC_HUB) -> bool:
    """Whether `text` is an address of the web, or one of the Hub's without its `https://`."""
    return bool(_SCHEME.match(text)) or _path(text, hub) is not None


def model_at(text: str, hub: str = PUBLIC_HUB) -> str | None:
    """`org/name`, or the one part of `https://huggingface.co/gpt2`, of an address of the Hub; None for any other."""
    path = _path(text.rstrip(",."), hub)
    parts = [unquote(part) for part in (path or "").split("/") if part]
    if not parts or parts[0].lower() in NOT_MODELS:
        return None
    if len(parts) > 1 and parts[1] in BELOW:
        return parts[0]
    return "/".join(parts[:2])


def _path(text: str, hub: str) -> str | None:
    """The path of an address of the Hub; None for any other text."""
    whole = text if _SCHEME.match(text) else f"https://{text}"
    try:
        address, own = urlsplit(whole), urlsplit(hub)
    except ValueError:  # such as an IPv6 address without its end
        return None
    if address.netloc.lower() in HOSTS and "/" in whole.split("://")[1]:
        return address.path
    root = own.path.rstrip("/")
    if address.netloc.lower() == own.netloc.lower() and own.netloc and address.path.startswith(f"{root}/"):
        return address.path[len(root) :]
    return None
