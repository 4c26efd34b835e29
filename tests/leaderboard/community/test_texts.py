"""What people write, on the Hub: a real renderer shows it as it was written, whatever it is."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from leaderboard.community.texts import CONTROL, literal, plain, quoted

RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
INVISIBLE = "\u200b"
PIECES = ["#", "##", "*", "_", "`", "```", "~~~", "[", "]", "(", ")", "!", "<", ">", "&", "&lt;", "\\", "|", "-", "---",
          "===", "+", "1.", "2)", ":", "://", "http", "https://t.example/x", "www.t.example", "@lab", "a", "b", " ",
          "    ", "\t", "\n", "\n\n", "<img src=x>", "$$", "^", "{", "}", "mailto:a@b.example"]  # fmt: skip


class Shown(HTMLParser):
    """The elements and the text of a rendered page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def words(text: str) -> list[str]:
    return text.replace(INVISIBLE, "").split()


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text())
@example("# Heading\n\n![x](https://tracker.example/pixel.png)\n[here](https://evil.example) @lab <b>bold</b>")
@example("#    \n#")
@example("Title\n===\n\nOther\n---\n| a | b |\n|---|---|\n| c | d |")
def test_any_text_is_shown_as_it_was_written(text: str) -> None:
    kept = plain(text)
    kept.encode()
    assert not CONTROL.search(kept)
    for markdown, allowed in ((quoted(kept), {"blockquote", "p"}), (literal(kept), {"p"})):
        shown = Shown(RENDERER.render(markdown))
        assert shown.tags <= allowed, markdown
        assert words(shown.text) == words(kept), markdown
        assert not re.search(r"@[\w-]|\bwww\.|[a-z]://", shown.text, re.IGNORECASE), "no renderer links or calls"


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("As lab/original: 3.5 is 2 - (-1.5).", "As lab/original: 3.5 is 2 - (-1.5)."),
        ("# Not a heading", r"\# Not a heading"),
        ("![](https://t.example/p.png)", "\\!\\[\\](https:\u200b//t.example/p.png)"),
        ("1. first", r"1\. first"),
        ("    code", "\u00a0" * 4 + "code"),
    ],
)  # fmt: skip
def test_only_what_means_something_is_changed(text: str, markdown: str) -> None:
    assert literal(text) == markdown
