"""The end of a job's log, for whoever waits for it. Everybody can read it, so it names no folder of the machine."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from leaderboard.records import Request
from leaderboard.settings import PROJECT, Settings

TAIL_BYTES = 64 * 1024
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
HIDDEN = "…"
"""Stands for the folders of a path."""
PATH = re.compile(
    r"""
    (?P<url>\b(?:git\+)?(?:https?|hf|s3|gs|ssh|ftps?|wss?)://[^\s"'<>`,;|()=]+)
    | (?P<quote>["'`])(?P<quoted>(?:file:)?(?:~[\w.-]*|\.\.)?/(?:(?!(?P=quote))[^\n])*)(?P=quote)
    | (?P<bare>(?:(?<![A-Za-z0-9_./~])(?:~[\w.-]*|\.\.)?|(?<=\s-[A-Za-z]))/+(?=[^\s/])(?!(?<=</)[\w-]+>)\S*)
    """,
    re.VERBOSE,
)
"""An address, which stays; a path between quotes, which may hold spaces; a path up to the next space.

A slash after a letter or a digit begins no path: `org/model`, `3.1 it/s`. Nor does that of a closing tag.
"""
FILE = re.compile(r"(?P<name>[\w+@%#-][\w.+@%#-]*\.[A-Za-z]\w{0,15})(?P<rest>(?::\d+)*[^\w/]*)", re.ASCII)
"""The last name of a path where it is a file's, with the line number and punctuation after it."""
HOMES = ("home", "Users")


def log_tail(settings: Settings, request: Request, lines: int = 200) -> str:
    """The last `lines` lines of the log of the current or last attempt; empty when this machine has none.

    A progress bar's rewrites of one line count as one line; terminal codes are left out, and of paths the folders.
    """
    folder = settings.work_dir / "jobs"
    path = folder / f"{request.id}-{request.attempts}" / "log.txt"
    if not re.fullmatch(r"[0-9a-f]{16}", request.id) or not path.is_file():
        return ""
    with path.open("rb") as file:
        start = max(0, path.stat().st_size - TAIL_BYTES)
        file.seek(start)
        text = file.read(TAIL_BYTES).decode(errors="replace")
    if start:
        text = text.partition("\n")[2]  # half of a line may begin in the middle of a path
    whole = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n")]
    plain = CONTROL.sub("", "\n".join(whole[-lines:])).strip("\n")
    for known in (settings.work_dir.absolute(), PROJECT, Path(sys.prefix)):
        plain = plain.replace(f"{known}/", "/-/")  # these may hold spaces, which end a path without quotes
    return without_folders(plain)


def without_folders(text: str) -> str:
    """`text` with `…/name` for the path of a file and `…` for that of a folder; addresses and `org/model` stay."""
    return PATH.sub(_shortened, text)


def _shortened(found: re.Match[str]) -> str:
    if found["url"]:
        return found[0]
    quote = found["quote"] or ""
    *folders, last = (found["quoted"] or found["bare"]).split("/")
    file = FILE.fullmatch(last)
    if file is None or (folders[-1] in HOMES):
        end = "" if quote else (re.search(r"[^\w/]*$", last, re.ASCII) or [""])[0]
        return f"{quote}{HIDDEN}{end}{quote}"
    return f"{quote}{HIDDEN}/{file['name']}{file['rest']}{quote}"
