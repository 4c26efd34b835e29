"""The command as a whole: what it imports, how it ends, what it prints where, and the leaderboard as a table."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import Response
from typer.main import get_command

from leaderboard import errors
from leaderboard.board.contents import Contents
from leaderboard.board.search_help import EXAMPLES
from leaderboard.cli.__main__ import app
from leaderboard.cli.exits import ENDINGS, ending_of, error_document
from leaderboard.cli.output import printable
from leaderboard.errors import NotFound, NotSignedIn, PodiumError, ServerUnavailable, SubmissionFailed
from leaderboard.settings import PROJECT
from tests.leaderboard.cli.sites import GOOD, Shell, Site

HEAVY = ("torch", "gradio", "pandas", "numpy", "huggingface_hub", "transformers", "fastapi", "pydantic_settings")
LOADED = """
import sys
from leaderboard.cli.__main__ import main
assert main({words}) == 0
print([name for name in {heavy} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("words", [["--help"], ["submit", "--help"], ["board", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = LOADED.format(words=words, heavy=(*HEAVY, "httpx2", "leaderboard.records"))
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]" and done.stdout


def test_verbs_of_participants_import_no_extra(site: Site, ada: Shell, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(GOOD)
    words = ["submit", str(tmp_path / "mine.csv"), "--yes", "--json"]
    code = LOADED.format(words=words, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]" and json.loads(done.stdout)["exit"] == 0


def test_every_error_has_one_ending() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PodiumError)]
    assert {ending.exit for _, ending in ENDINGS} == {1, 2, 3, 4, 5, 130} and len(kinds) > 20
    assert [kind for kind, _ in ENDINGS][-1] is PodiumError, "every class has an ending"
    assert ending_of(NotSignedIn("x")).exit == 5 and ending_of(ServerUnavailable("x")).exit == 3
    failed = error_document(SubmissionFailed("It failed.", {"id": "1"}))
    assert failed == {"code": "submission_failed", "exit": 4, "error": "It failed.", "request": {"id": "1"}}
    assert ending_of(NotFound("x")) == ("not_found", 1)


def test_the_page_of_the_command_lists_every_code() -> None:
    page = (PROJECT / "docs" / "command.md").read_text()
    for _, (code, exit) in ENDINGS:
        assert re.search(rf"^\| {exit} \|.*`{code}`", page, re.MULTILINE), f"docs/command.md omits {code}"


def test_the_reference_has_a_section_for_every_verb() -> None:
    page = (PROJECT / "docs" / "reference.md").read_text()
    for command in app.registered_commands:
        assert f"`podium {command.name}" in page, f"docs/reference.md omits podium {command.name}"


def test_the_reference_names_every_option_of_the_participants() -> None:
    page = (PROJECT / "docs" / "reference.md").read_text()
    commands: dict[str, Any] = vars(get_command(app))["commands"]
    for verb in ("login", "submit", "logs", "cancel", "list", "board"):
        options = {
            option for parameter in commands[verb].params for option in parameter.opts if option.startswith("--")
        }
        assert len(options) >= 3 and not [option for option in options - {"--help"} if option not in page], verb


def test_the_server_comes_from_the_environment(site: Site, podium: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_SERVER", site.address)
    assert podium.json("list", "--sender", "ada")["total"] == 0


def test_wrong_use_is_a_sentence_or_a_document(podium: Shell) -> None:
    assert podium.json("status", exit=2)["code"] == "wrong_use"
    podium("status", exit=2)
    assert podium.err.startswith("✗ ") and "podium status --help" in podium.err


def test_an_interruption_has_an_exit_code_of_its_own(podium: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("leaderboard.cli.account.open_session", interrupted)
    podium("whoami", exit=130)
    assert podium.err == "✗ Interrupted. What was submitted goes on.\n"
    assert podium.json("whoami", exit=130)["code"] == "interrupted"


def test_a_server_that_is_not_there(podium: Shell) -> None:
    gone = podium.json("board", "quiz", "--server", "http://127.0.0.1:1", exit=3)
    assert gone["code"] == "unavailable" and "cannot be reached" in gone["error"]


def test_a_server_that_is_no_board(site: Site, podium: Shell) -> None:
    for status in (200, 404):
        site.faults[:] = [lambda _, status=status: Response("<h1>Shop</h1>", status)]  # type: ignore[misc]
        error = podium.json("whoami", "--server", site.address, exit=1)["error"]
        assert "does not answer as a Podium board does" in error


def test_the_board_as_a_table(site: Site, ada: Shell) -> None:
    for name, correct in (("good", 1.0), ("poor", 0.25)):
        site.finish(site.queued(name).id, correct)
    Contents(site.service.stores.results, site.service.queue, site.service.benchmarks).save("quiz")
    lines = ada("board", "quiz").splitlines()
    assert lines[0].split("\t")[:4] == ["rank", "submission", "Accuracy", "Log loss"]
    assert [line.split("\t")[:3] for line in lines[1:]] == [["1", "ada/good", "1.0000"], ["2", "ada/poor", "0.2500"]]
    assert [row["model"] for row in ada.json("board", "quiz", "poor")["rows"]] == ["ada/poor"]
    assert ada.json("board", "quiz", "--sort", "-correct")["rows"][0]["model"] == "ada/poor"
    assert len(ada("board", "quiz", "--limit", "1").splitlines()) == 2
    assert ada.json("board", "other", exit=1)["code"] == "not_found"
    refused = ada.json("board", "quiz", "poor " * 300, exit=1)
    assert refused["code"] == "not_accepted" and refused["problems"][0]["code"] == "search_too_long"
    assert "correct, loss" in ada.json("board", "quiz", "--sort", "corect", exit=1)["problems"][0]["fix"]
    ada("board", "quiz", "--limit", "501", exit=2)


def test_the_help_says_the_grammar_of_the_page(podium: Shell) -> None:
    for verb in ("board", "export"):
        told = " ".join(re.sub("[│|]", " ", podium(verb, "--help")).split())
        assert all(" ".join(example.query.split()) in told for example in EXAMPLES[:4])


def test_the_board_is_exported_whole_or_as_far_as_a_query_finds_it(site: Site, ada: Shell, tmp_path: Path) -> None:
    for name, correct in (("good", 1.0), ("poor", 0.25)):
        site.finish(site.queued(name).id, correct)
    Contents(site.service.stores.results, site.service.queue, site.service.benchmarks).save("quiz")
    told = ada.json("export", "quiz")
    rows = (tmp_path / "quiz.csv").read_text().splitlines()
    assert told["file"] == "quiz.csv" and told["bytes"] == (tmp_path / "quiz.csv").stat().st_size and len(rows) == 3
    again = ada.json("export", "quiz", exit=2)
    assert "There is a quiz.csv already" in again["error"] and (tmp_path / "quiz.csv").read_text().splitlines() == rows
    ada("export", "quiz", "colour: red poor", "--format", "json", "--to", "poor.json")
    assert "There is no field “colour”" in ada.err
    [row] = json.loads((tmp_path / "poor.json").read_text())
    assert "ada/poor" in row.values()
    assert ada.json("export", "other", exit=1)["code"] == "not_found" and not (tmp_path / "other.csv").exists()


def test_texts_of_strangers_cannot_steer_a_terminal() -> None:
    assert printable("a\x1b[31m\u202eb\n\tc\x9b\ud800") == "a�[31m�b\n\tc�\\ud800"
