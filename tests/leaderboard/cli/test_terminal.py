"""The command at a real terminal: what it asks, the bars and colours, and what it does when nobody says yes."""

from __future__ import annotations

import os
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

from leaderboard.settings import PROJECT
from tests.contracts.test_executor import until
from tests.leaderboard.cli.sites import GOOD, QUIZ, Shell, Site
from tests.leaderboard.cli.test_submit import COMPETITION
from tests.leaderboard.people import TOKENS


def at_a_terminal(words: list[str], answers: dict[str, str]) -> tuple[int, str]:
    """Exit code of `podium WORDS` and what its terminal shows; each question that appears is answered once."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "leaderboard.cli", *words]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "200"}
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = bytearray()

    def read() -> None:
        while True:
            try:
                shown.extend(os.read(ours, 65536))
            except OSError:  # the other end is closed
                return

    def asks(question: str) -> bool:
        """Whether it waits for the answer. What is typed before it stops showing answers is thrown away."""
        echoes = bool(termios.tcgetattr(ours)[3] & termios.ECHO)
        return question.encode() in shown and echoes is ("not shown" not in question)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        for question, answer in answers.items():
            until(lambda question=question: asks(question) or process.poll() is not None, 60)  # type: ignore[misc]
            os.write(ours, answer.encode() + b"\n")
        code = process.wait(120)
        reader.join(30)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return code, shown.decode()


def test_a_token_is_not_shown(site: Site, podium: Shell) -> None:
    code, shown = at_a_terminal(["login", "--server", site.address], {"not shown while you paste it": TOKENS["ada"]})
    assert code == 0 and "Signed in" in shown and TOKENS["ada"] not in shown
    assert podium.json("whoami")["name"] == "ada"


@pytest.mark.parametrize("rules", [QUIZ + COMPETITION])
def test_questions_terms_and_a_yes(site: Site, ada: Shell, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(GOOD)
    answers = {"How does it work?": "a table", "How many seeds?": "3", "Tools?": "", "accept these terms": "y"}
    words = ["submit", str(tmp_path / "mine.csv")]
    code, shown = at_a_terminal(words, answers | {"Submit it?": "n"})
    assert code == 1 and "Nothing was submitted." in shown and not site.requests()
    code, shown = at_a_terminal(words, answers | {"Submit it?": "y"})
    assert code == 0 and "Be fair." in shown and "\x1b[32m✓" in shown and len(site.requests()) == 1
