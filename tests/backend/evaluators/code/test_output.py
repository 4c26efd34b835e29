"""What packages print, as it comes to stand in the job's log."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.evaluators.code_run.output import MOST_BYTES, Output


def test_whole_lines_are_followed_and_the_rest_is_taken_over_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, log = Output(show=True), tmp_path / "0.log"
    output.follow(log)
    log.write_bytes(b"one\ntw")
    output.follow(log)
    assert capsys.readouterr().out == "| one\n"
    with log.open("ab") as file:
        file.write(b"o\npodium: forged\n\x1b[2J\xff\rthree")
    output.add(log)
    assert capsys.readouterr().out == "| two\n| podium: forged\n| three\n"
    assert not log.exists() and output.bytes == 34


def test_the_log_is_capped_over_all_processes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(show=True)
    for number in range(3):
        log = tmp_path / f"{number}.log"
        log.write_bytes(b"x" * 999 + b"\n" + b"y" * (MOST_BYTES // 2))
        output.add(log)
    out = capsys.readouterr().out
    assert len(out) < MOST_BYTES + 1000 and out.count("is left out") == 1
    assert output.bytes > MOST_BYTES


def test_what_is_hidden_is_only_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, log = Output(show=False), tmp_path / "0.log"
    log.write_bytes(b"secret\n")
    output.follow(log)
    output.add(log)
    assert capsys.readouterr().out == "" and output.bytes == 7
