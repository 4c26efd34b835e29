"""Scores and metadata as strangers write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.evaluators.bundle_run.live_log import last_line, plain
from backend.evaluators.bundle_run.metadata import INGESTION, INGESTION_DURING_SCORING, SCORING, command_of, words
from backend.evaluators.bundle_run.scores import read_scores
from leaderboard.errors import Unreadable


@pytest.mark.parametrize(
    ("name", "text", "scores"),
    [
        ("scores.json", '{"a": 0.5, "b": "0.25", "c": true, "d": null, "e": [1], "f": 1e999}', {"a": 0.5, "b": 0.25}),
        ("scores.json", '{"a": NaN, "b": -Infinity, "c": 1}', {"c": 1.0}),
        ("scores.json", '{"a": ' + "9" * 400 + ', "b": 2}', {"b": 2.0}),
        ("scores.txt", "a: 0.5\nb: 1e-3\nc: .nan\n", {"a": 0.5, "b": 0.001}),
        ("scores.txt", "{a: 1, b: 2}", {"a": 1.0, "b": 2.0}),
        ("scores.txt", "correct:1\nset1_score: 0.25\nsome words\n", {"correct": 1.0, "set1_score": 0.25}),
        ("scores.txt", "a: !!python/object/apply:os.system ['touch /tmp/owned']\nb: 3\n", {"b": 3.0}),
    ],
)
def test_finite_numbers_are_scores(tmp_path: Path, name: str, text: str, scores: dict[str, float]) -> None:
    (tmp_path / name).write_text(text)
    assert read_scores(tmp_path) == scores


def test_json_comes_before_text(tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text('{"a": 1}')
    (tmp_path / "scores.txt").write_text("a: 2")
    assert read_scores(tmp_path) == {"a": 1.0}


@pytest.mark.parametrize(
    ("name", "text", "words_of_it"),
    [
        ("scores.json", "[" * 100_000, "not JSON"),
        ("scores.json", "[1]", "not a JSON object"),
        ("scores.json", " " * (1 << 20) + "{}", "larger than"),
        ("scores.txt", "words only", "no line"),
        ("scores.txt", "a: &a [x, x]\nb: &b [*a, *a]\n" * 2, "no line"),
        ("scores.json", str({f"k{i}": i for i in range(1001)}).replace("'", '"'), "more than 1,000 keys"),
    ],
)
def test_hostile_scores_are_refused(tmp_path: Path, name: str, text: str, words_of_it: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(Unreadable, match=words_of_it):
        read_scores(tmp_path)


def test_placeholders(tmp_path: Path) -> None:
    command = (
        "python3 $program/a.py $input $output $submission_program $ingestion_program $predictions $hidden $shared $tmp"
    )
    assert words(command, INGESTION)[1:] == [
        "/app/program/a.py", "/app/input_data", "/app/output", "/app/ingested_program", "/app/program", "/app/output",
        "/app/input/ref", "/app/shared", "/app/output",
    ]  # fmt: skip
    assert words(command, SCORING)[2:7:4] == ["/app/input", "/app/input/res"]
    assert words(command, INGESTION_DURING_SCORING)[1] == "/app/ingestion_program/a.py"
    assert words("python 'a b' ; rm $(x) ~", SCORING) == ["python", "a b", ";", "rm", "$(x)", "~"]
    with pytest.raises(Unreadable, match="cannot be split"):
        words("python 'a", SCORING)
    with pytest.raises(Unreadable, match="is empty"):
        words("''"[:0], SCORING)


def test_metadata_is_read_safely(tmp_path: Path) -> None:
    assert command_of(tmp_path) is None
    (tmp_path / "metadata").write_text("description: none\n")
    assert command_of(tmp_path) is None
    (tmp_path / "metadata.yaml").write_text("command: python x.py\r\nother: 1\r\n")
    assert command_of(tmp_path) == "python x.py"
    for text in ("command: [a]", "command: !!python/object/apply:os.getcwd []", "a: b: c"):
        (tmp_path / "metadata.yaml").write_text(text)
        with pytest.raises(Unreadable):
            command_of(tmp_path)


def test_lines_of_programs_are_never_ours(tmp_path: Path) -> None:
    assert plain("podium: x") == " podium: x" and plain("a\rpodium: x\r") == " podium: x"
    assert plain("\x1b]0;title\x07\x1b[31mred\x1b[0m\x08") == "red"
    (tmp_path / "log").write_bytes(b"first\n\xff last\n\n\x1b[0m\n")
    assert last_line(tmp_path / "log") == "\ufffd last"
    assert last_line(tmp_path / "none") == ""
