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
SPECIAL = re.compile(r"[\\`*_\[\]{}#!|~>$^]")
"""What means something to Markdown wherever it stands."""
LINE_START = re.compile(r"^(\d*)([-+=.)])")
"""What means something at the start of a line: lists, rules, and lines under headings."""
SCHEME = re.compile(r"[A-Za-z]:(?=//)|(?:mailto|xmpp):|www(?=\.)", re.IGNORECASE)
"""What makes a renderer take the rest for an address."""
NO_WIDTH, NO_BREAK = "\u200b", "\u00a0"
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


def literal(text: str) -> str:
    """`text` in Markdown that shows it as it was written: no heading, link, image, tag or table, and nobody is called.

    Renderers look for addresses and names in what Markdown leaves over: a space without width breaks them.
    """
    return "\n".join(map(_literal_line, text.split("\n")))


def _literal_line(line: str) -> str:
    line = line.replace("\t", "    ").rstrip(" ")
    indented = len(line) - len(line.lstrip(" "))
    safe = SPECIAL.sub(r"\\\g<0>", line[indented:]).replace("&", "&amp;").replace("<", "&lt;")
    safe = LINE_START.sub(r"\1\\\2", safe)
    safe = SCHEME.sub(f"\\g<0>{NO_WIDTH}", safe).replace("@", f"@{NO_WIDTH}")
    return NO_BREAK * indented + safe


def quoted(text: str) -> str:
    """`text` as a quotation in Markdown, shown as it was written."""
    return "\n".join(f"> {line}".rstrip() for line in literal(text).split("\n"))


def code(text: str) -> str:
    """`text` as code within a line of Markdown."""
    return f"`{one_line(text).replace('`', chr(39))}`"


def owner(model: str) -> str:
    """The account or organisation that a model belongs to; models without a namespace are Hugging Face's own."""
    return namespace_of(model) or "huggingface"
