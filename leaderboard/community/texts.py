"""What people write here: bounded, without what no file or page should hold, and never taken for markup."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from leaderboard.records import namespace_of

MAX_TEXT = 10_000
MAX_NOTE = 1_000
MAX_LINKS = 10
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and newline, those that turn the direction of writing, and what is not UTF-8."""
LINK = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(?:[/?#][^\s<>\"'`\\(){}|^]*)?")


def plain(text: str) -> str:
    """`text` without the characters in CONTROL, and with one kind of line end."""
    return CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def one_line(text: str) -> str:
    """`plain`, with every run of white space as one space."""
    return " ".join(plain(text).split())


def link(text: str) -> str:
    """An address on the web. Raises ValueError."""
    if not LINK.fullmatch(text):
        raise ValueError("a link begins with http:// or https:// and has no spaces or brackets")
    return text


Text = Annotated[str, StringConstraints(max_length=MAX_TEXT), AfterValidator(plain)]
Note = Annotated[str, StringConstraints(max_length=MAX_NOTE), AfterValidator(plain)]
Link = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(link)]


def quoted(text: str) -> str:
    """`text` as a quotation in Markdown, in which nobody is called and nothing is a heading or a tag."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace("@", "@\u200b")
    return "\n".join(f"> {line}".rstrip() for line in safe.split("\n"))


def code(text: str) -> str:
    """`text` as code within a line of Markdown."""
    return f"`{one_line(text).replace('`', chr(39))}`"


def owner(model: str) -> str:
    """The account or organisation that a model belongs to; models without a namespace are Hugging Face's own."""
    return namespace_of(model) or "huggingface"
