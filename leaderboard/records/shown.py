"""Text of strangers in our own sentences."""

from __future__ import annotations

SHOWN_CHARACTERS = 100
PLAIN = frozenset("._-/ :;+@,=%()")


def shown(value: object, limit: int = SHOWN_CHARACTERS, more: str = "", empty: str = "(empty)") -> str:
    """A submitter's text as it may stand in a sentence anywhere: bounded, without mark-up or control characters.

    `more`: characters that are shown too. `empty`: what stands for nothing.
    """
    text = str(value)
    cut = text if len(text) <= limit else text[: limit - 1]
    clean = "".join(c if c.isalnum() or c in PLAIN or c in more else "?" for c in cut)
    return (clean if cut is text else clean + "…") or empty
