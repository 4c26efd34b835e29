"""The ends of jobs' logs: workers write them into the requests store, pages and the API read them from there.

Everybody can read them, so they name no folder of the machine: paths are cleaned before anything is written.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from leaderboard import FileStore
from leaderboard.errors import NotFound
from leaderboard.results.terminal import shown_text
from leaderboard.settings import PROJECT

FOLDER = "logs/"
TAIL_BYTES = 64 * 1024
"""The most that is kept of a log."""
REQUEST_ID = re.compile(r"[0-9a-f]{16}")
HIDDEN = "…"
"""Stands for the folders of a path."""
PATH = re.compile(
    r"""
    (?P<url>\b(?:git\+)?(?:https?|hf|s3|gs|ssh|ftps?|wss?)://[^\s"'<>`,;|()=]+)
    | (?P<quote>["'`])(?P<quoted>(?:file:)?(?:~[\w.-]*|\.\.|…)?/(?:(?!(?P=quote))[^\n])*)(?P=quote)
    | (?P<bare>(?:(?<![A-Za-z0-9_./~])(?:~[\w.-]*|\.\.|…)?|(?<=\s-[A-Za-z]))/+(?=[^\s/])(?!(?<=</)[\w-]+>)\S*)
    """,
    re.VERBOSE,
)
"""An address, which stays; a path between quotes, which may hold spaces; a path up to the next space.

A slash after a letter or a digit begins no path: `org/model`, `3.1 it/s`. Nor does that of a closing tag. What was
cleaned before, `…/name`, is a path, so that cleaning it again changes nothing.
"""
FILE = re.compile(r"(?P<name>[\w+@%#-][\w.+@%#-]*\.[A-Za-z]\w{0,15})(?P<rest>(?::\d+)*[^\w/]*)", re.ASCII)
"""The last name of a path where it is a file's, with the line number and punctuation after it."""
PUNCTUATION = re.compile(r"[^\w/]*", re.ASCII)
"""Matched against reversed text: a search for the end of a long run of it would take the square of its length."""
HOMES = ("home", "Users")


class JobLogs:
    """The logs in a requests store, one file a request: that of its current or last attempt."""

    def __init__(self, store: FileStore) -> None:
        self._store = store

    def write(self, request_id: str, text: str) -> None:
        """Keep the end of `text`, which is clean (`clean_log`), in the place of what was kept before."""
        if REQUEST_ID.fullmatch(request_id):
            content = _whole_lines(text.encode(), TAIL_BYTES)
            self._store.commit({log_path(request_id): content}, f"Log of {request_id}")

    def read(self, request_id: str, lines: int = 200) -> str:
        """The last `lines` lines; empty when there are none."""
        if not REQUEST_ID.fullmatch(request_id):
            return ""
        try:
            content, _ = self._store.read(log_path(request_id))
        except NotFound:
            return ""
        return "\n".join(content.decode(errors="replace").split("\n")[-lines:]).strip("\n")


def log_path(request_id: str) -> str:
    """Path of a request's log in the requests store."""
    return f"{FOLDER}{request_id}.txt"


def clean_log(text: str, folders: Iterable[Path] = ()) -> str:
    """`text` as everybody may read it; it begins with a whole line, and `folders` are some whose names hold spaces.

    A progress bar is what a terminal would show of it last; of paths the folders are left out.
    """
    plain = shown_text(text)
    for known in (*folders, PROJECT, Path(sys.prefix)):
        plain = plain.replace(f"{known}/", "/-/")  # these may hold spaces, which end a path without quotes
    return without_folders(plain)


def _whole_lines(content: bytes, most: int) -> bytes:
    """The end of `content`, from the beginning of a line, in at most `most` bytes."""
    return content if len(content) <= most else content[-most:].partition(b"\n")[2]


def without_folders(text: str) -> str:
    """`text` with `…/name` for the path of a file and `…` for that of a folder; addresses and `org/model` stay."""
    return PATH.sub(_shortened, text)


def _shortened(match: re.Match[str]) -> str:
    if match["url"]:
        return match[0]
    quote = match["quote"] or ""
    *folders, last = (match["quoted"] or match["bare"]).split("/")
    file = FILE.fullmatch(last)
    if file is None or (folders[-1] in HOMES):
        end = "" if quote else _punctuation_after(last)
        return f"{quote}{HIDDEN}{end}{quote}"
    return f"{quote}{HIDDEN}/{file['name']}{file['rest']}{quote}"


def _punctuation_after(name: str) -> str:
    """The punctuation at the end of `name`."""
    match = PUNCTUATION.match(name[::-1])
    return match[0][::-1] if match else ""
