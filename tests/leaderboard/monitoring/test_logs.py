"""What is written into the log of a process, and what never is."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from pydantic import SecretStr

from leaderboard.monitoring.logs import HIDDEN, JsonLines, PlainLines, Redactor, about, set_up_logging
from leaderboard.records import Request
from leaderboard.settings import Settings

TOKEN = "hf_" + "aB3" * 12


def record(message: str, *args: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("podium.test", logging.WARNING, __file__, 1, message, args, None)
    made.__dict__.update(more)
    return made


def test_a_line_of_json_says_when_how_bad_where_and_what() -> None:
    request = Request(model="org/m", id="0123456789abcdef", job_id="local-1")
    line = JsonLines().format(record("Finished %s.\nAll\tof it ✓", "org/m", **about(request)))
    assert "\n" not in line
    fields = json.loads(line)
    assert fields.pop("time").endswith("+00:00")
    assert fields == {
        "level": "warning",
        "logger": "podium.test",
        "message": "Finished org/m.\nAll\tof it ✓",
        "request_id": "0123456789abcdef",
        "job_id": "local-1",
    }


def test_an_exception_is_a_field_of_its_own() -> None:
    made = record("It failed.")
    try:
        raise ValueError(f"token={TOKEN}")
    except ValueError:
        made.exc_info = sys.exc_info()
    fields = json.loads(JsonLines().format(made))
    assert fields["message"] == "It failed." and "Traceback" in fields["exception"]
    assert TOKEN not in fields["exception"] and HIDDEN in fields["exception"]
    assert TOKEN not in PlainLines().format(made)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("my short secret", f"my {HIDDEN}"),
        (f"sent {TOKEN} there", f"sent {HIDDEN} there"),
        ("Authorization: Bearer abcdefghij0123456789", f"Authorization: Bearer {HIDDEN}"),
        ("https://ada:hunter22@hub.example/x", f"https://{HIDDEN}@hub.example/x"),
        ("client_secret=abcdefghij&x=1", f"client_secret={HIDDEN}&x=1"),
        ("'access_token': 'abcdefghij'", f"'access_token': '{HIDDEN}'"),
    ],
)
def test_secrets_are_taken_out(text: str, clean: str) -> None:
    assert Redactor(["short secret"]).clean(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "hf_hub_download failed at http://127.0.0.1:7860/api/models/org/model",
        "a basic understanding, 12 tokens: generated",
        "The tokenizer of org/model at 0123456 cannot be loaded.",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert Redactor([]).clean(text) == text


@pytest.mark.usefixtures("own_logging")
def test_the_settings_choose_the_form_and_hide_their_own_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(Settings(log="json", hub_token=SecretStr("not-like-a-token")))
    logging.getLogger("podium.test").error("refused: not-like-a-token")
    logging.getLogger("httpx2").info("GET /")
    set_up_logging(Settings())
    logging.getLogger("podium.test").error("plain")
    first, second = capsys.readouterr().err.splitlines()
    assert json.loads(first)["message"] == f"refused: {HIDDEN}"
    assert second.endswith("ERROR podium.test: plain")
