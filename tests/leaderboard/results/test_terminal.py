"""A log as a terminal would show it, and in parts for people."""

from __future__ import annotations

import logging
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.job import logged_warnings
from leaderboard.results.job_logs import clean_log
from leaderboard.results.log_parts import LogPart, PartKind, log_parts
from leaderboard.results.terminal import shown_text


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("one\ntwo\n", "one\ntwo\n"),
        ("windows\r\nlines\r\n", "windows\nlines\n"),
        ("\r  0%|          | 0/2\r 50%|#####     | 1/2\r100%|##########| 2/2\ndone", "100%|##########| 2/2\ndone"),
        ("loading 100 of 100\rready", "readyng 100 of 100"),
        ("loading 100 of 100\r\x1b[Kready", "ready"),
        ("loading\x1b[2K\rready", "ready"),
        ("outer 1\n  inner 1\x1b[A\router 2\n  inner 2", "outer 2\n  inner 2"),
        ("bar\r   \rnext", "next"),
        ("ab\x08c", "ac"),
        ("\x1b[1;31mred\x1b[0m \x1b]0;a title\x07text\x1b(B", "red text"),
        ("a\x00b\x7f\tc", "ab\tc"),
        ("a\x1b[5Gb", "a   b"),
    ],
)  # fmt: skip
def test_what_was_written_over_is_not_shown(written: str, shown: str) -> None:
    assert shown_text(written) == shown


CODES = st.sampled_from(
    ["\r", "\n", "\x08", "\x1b[K", "\x1b[A", "\x1b[2B", "\x1b[3C", "\x1b[9999999999D", "\x1b[1K", "x"]
)


@settings(deadline=None)
@given(st.lists(CODES | st.text(max_size=5), max_size=60))
def test_whatever_is_written_no_code_is_left_and_nothing_changes_again(pieces: list[str]) -> None:
    shown = shown_text("".join(pieces))
    assert not any((character < " " and character not in "\n\t") or character == "\x7f" for character in shown)
    assert shown_text(shown) == shown


@pytest.mark.parametrize(
    "text", ["a" * 40_000 + "\rx" * 20_000, "\x1b" * 300_000, "\n\x1b[A" * 40_000, "\x1b]" * 100_000]
)
def test_a_log_full_of_codes_is_read_in_passing(text: str) -> None:
    assert len(clean_log(text)) <= 40_000


BAR = "Running loglikelihood requests: {} 2550/2550 [00:00<00:00, 4990.43it/s]"
LOG = f"""\
podium: loading the tasks
WARNING lm_eval.tasks: tiny_sums: custom arguments can be passed
  For example --metadata='{{}}'
…/modeling.py:12: UserWarning: this is slow
  warnings.warn(
podium: answering 2,550 requests of 9 tasks
100%|██████████| 200/200 [00:00<00:00, 1103.65it/s]
{BAR.format("100%|██████████|")}
{BAR.format(" 56%|█████     |")}
Traceback (most recent call last):
  File "…/job.py", line 22, in run"""


def test_warnings_and_finished_bars_are_folded_and_our_lines_marked() -> None:
    assert log_parts(LOG) == [
        LogPart(PartKind.OWN, "loading the tasks"),
        LogPart(PartKind.WARNINGS, "\n".join(LOG.splitlines()[1:5]), "2 messages of libraries"),
        LogPart(PartKind.OWN, "answering 2,550 requests of 9 tasks"),
        LogPart(PartKind.BARS, "\n".join(LOG.splitlines()[6:8]), "2 progress bars"),
        LogPart(PartKind.OUTPUT, "\n".join(LOG.splitlines()[8:])),
    ]
    assert log_parts("") == []


def test_what_libraries_warn_of_in_a_job_is_one_part(capsys: pytest.CaptureFixture[str]) -> None:
    with logged_warnings():
        logging.getLogger("lm_eval.tasks").warning("first line\nsecond line")
        warnings.warn("python's own", UserWarning, stacklevel=1)
        logging.getLogger("lm_eval.tasks").error("it is broken")
    logging.getLogger("lm_eval.tasks").warning("after the job")
    written = capsys.readouterr().err
    assert "after the job" not in written
    parts = log_parts(clean_log(written).rstrip("\n"))
    assert [(part.kind, part.summary) for part in parts] == [
        (PartKind.WARNINGS, "2 messages of libraries"), (PartKind.OUTPUT, ""),
    ]  # fmt: skip
    assert parts[1].text == "ERROR lm_eval.tasks: it is broken"
