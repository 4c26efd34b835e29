"""`podium benchmark`: the organiser's page word for word, and what the command does with other sources."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from leaderboard.benchmarks import load_benchmark
from leaderboard.settings import PROJECT
from tests.leaderboard.cli.sites import Shell

BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
TINY = PROJECT / "benchmarks" / "tasks" / "tiny"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An organiser's folder, with a folder of benchmarks."""
    monkeypatch.setenv("PODIUM_BENCHMARKS_DIR", str(tmp_path / "board"))
    monkeypatch.setenv("PODIUM_WORK_DIR", str(tmp_path / "work"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "board").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def podium(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def write(path: Path, *rows: object) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.soak
def test_the_organisers_page_word_for_word(tmp_path: Path) -> None:
    """Its commands in a shell, one after the other: each prints what the page says. Ten examples run in the sandbox."""
    program = tmp_path / "bin" / "podium"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m leaderboard.cli "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    environment = {
        "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(PROJECT), "HOME": str(tmp_path),
        "PODIUM_WORK_DIR": str(tmp_path / "work"), "PODIUM_DEVICE": "cpu", "LANG": "C.UTF-8",
    }  # fmt: skip
    page = (PROJECT / "docs" / "organisers.md").read_text()
    blocks = BLOCK.findall(page)
    (tmp_path / "capitals.jsonl").write_text(next(text for kind, text in blocks if kind == "json"))
    session = [text for kind, text in blocks if kind in ("sh", "text")]
    assert len(session) == 6, "each command is followed by what it prints"
    commands, expected = session[::2], session[1::2]
    script = "echo '#'\n".join(f"{each}" for each in commands)
    done = subprocess.run(
        ["bash"],
        input=script,
        env=environment,
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    score = re.compile(r"\b0\.\d{3}\b")
    assert [score.sub("N", text) for text in done.stdout.split("#\n")] == [score.sub("N", text) for text in expected]
    (shown,) = [text for kind, text in blocks if kind == "yaml"]
    written = (tmp_path / "board" / "capitals.yaml").read_text()
    assert written.replace("accuracy,none", "acc,none").replace("choices: 5", "choices: 4") == shown
    assert not list((tmp_path / "work").glob("trial-*")), "a trial leaves nothing"


def test_a_program_learns_what_was_written(here: Path, podium: Shell) -> None:
    write(here / "sums.jsonl", {"prompt": "1 + 1", "target": 2}, {"prompt": "40 + 2", "target": 42})
    answer = podium.json("benchmark", "new", "sums.jsonl", "--without-trial")
    assert answer["scores"] is None and answer["id"] == "sums"
    assert [Path(name).relative_to(here / "board").as_posix() for name in answer["files"]] == [
        "sums.yaml", "tasks/sums/sums.jsonl", "tasks/sums/sums.yaml",
    ]  # fmt: skip
    task = yaml.safe_load((here / "board" / "tasks" / "sums" / "sums.yaml").read_text())
    assert task["output_type"] == "generate_until" and task["generation_kwargs"]["max_gen_toks"] == 16
    assert load_benchmark(here / "board" / "sums.yaml").columns[0].parts[0].metrics == ["exact_match,none"]


def test_what_is_there_is_only_written_over_when_asked(here: Path, podium: Shell) -> None:
    write(here / "sums.jsonl", {"prompt": "1 + 1", "target": 2})
    words = ("benchmark", "new", "sums.jsonl", "--without-trial")
    podium(*words)
    podium(*words, exit=2)
    assert "sums.yaml" in podium.err and "--replace" in podium.err
    podium(*words, "--replace", "--title", "More")
    assert load_benchmark(here / "board" / "sums.yaml").title == "More"


@pytest.mark.soak
def test_a_task_whose_data_cannot_be_loaded_is_not_written(here: Path, podium: Shell) -> None:
    (here / "own").mkdir()
    (here / "own" / "data.py").write_text('def load(**_):\n    raise ValueError("no such questions")\n')
    (here / "own" / "mine.yaml").write_text(
        "task: mine\ncustom_dataset: !function data.load\noutput_type: multiple_choice\ntest_split: test\n"
        "doc_to_text: q\ndoc_to_target: a\ndoc_to_choice: [a, b]\n"
    )
    podium("benchmark", "new", "mine", "--include-path", "own", exit=2)
    assert "ValueError: no such questions" in podium.err and "Nothing was written." in podium.err
    assert not list((here / "board").iterdir())


def test_a_group_of_ones_own_becomes_a_column_for_each_member(here: Path, podium: Shell) -> None:
    podium("benchmark", "new", "tiny", "--include-path", str(TINY), "--without-trial")
    assert "How many choices the questions of tiny_arithmetic and 5 more tasks" in podium.err
    benchmark = load_benchmark(here / "board" / "tiny.yaml")
    assert [column.key for column in benchmark.columns] == [
        "arithmetic", "compare", "dates", "logic", "sums", "format", "sequence",
    ]  # fmt: skip
    assert len(benchmark.column("logic").parts) == 3 and benchmark.include_path == TINY


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["arc_esy"], "lm-eval has no task, group or tag 'arc_esy', and there is no file of that name. Did you mean"),
        (["absent.jsonl"], "absent.jsonl: The file cannot be read"),
        (["wikitext"], "Say which counts, and its range: --metric word_perplexity,none --range LOW,HIGH."),
        (["squadv2"], "Only the code of 'squadv2' says which metrics it computes."),
        (["arc_easy", "--metric", "bleu"], "'arc_easy' does not compute 'bleu,none'. It computes: acc,none, acc_norm"),
        (["arc_easy", "--question", "q"], "--question is for files, and there is no file 'arc_easy'."),
        (["rows.jsonl", "--range", "0,1"], "--range is for tasks of lm-eval, and SOURCE is a file."),
        (["rows.jsonl", "--answer-is", "guess"], "--answer-is: 'guess' is none. Allowed are: text, label, from-0"),
        (["arc_easy", "--range", "5"], "--range: '5' is no pair of numbers, such as 1,100."),
        (["arc_easy", "--checkpoint", "board"], "There is no checkpoint in board."),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_said(here: Path, podium: Shell, words: list[str], sentence: str) -> None:
    write(here / "rows.jsonl", {"question": "1 + 1", "answer": "2"})
    trial = [] if "--checkpoint" in words else ["--without-trial"]
    podium("benchmark", "new", *words, *trial, exit=2)
    assert sentence in podium.err and not list((here / "board").iterdir())


def test_a_perplexity_gets_its_range(here: Path, podium: Shell) -> None:
    words = ["wikitext", "--metric", "word_perplexity", "--range", "1,100", "--lower-is-better", "--without-trial"]
    podium("benchmark", "new", *words)
    column = load_benchmark(here / "board" / "wikitext.yaml").columns[0]
    assert column.scale(column.parts[0]) == (100, 1)


def test_groups_of_the_harness_are_taken(here: Path, podium: Shell) -> None:
    podium("benchmark", "new", "leaderboard", "--without-trial")
    benchmark = load_benchmark(here / "board" / "leaderboard.yaml")
    assert [column.key for column in benchmark.columns] == ["mmlu_pro", "bbh", "gpqa", "math_hard", "ifeval", "musr"]
    assert sum(len(column.parts) for column in benchmark.columns) == 39
    assert benchmark.column("gpqa").parts[0].choices == 4 and benchmark.column("ifeval").parts[0].choices is None


def test_a_tag_has_the_tasks_that_include_it_too(here: Path, podium: Shell) -> None:
    (here / "own").mkdir()
    (here / "own" / "one.yaml").write_text("task: one\ntag: [both]\n")
    (here / "own" / "two.yaml").write_text("include: one.yaml\ntask: two\n")
    podium("benchmark", "new", "both", "--include-path", "own", "--without-trial")
    assert [column.key for column in load_benchmark(here / "board" / "both.yaml").columns] == ["one", "two"]


def test_check_tells_the_problems_of_every_benchmark(here: Path, podium: Shell) -> None:
    write(here / "a.jsonl", {"question": "1 + 1", "answer": "2"})
    for name in ("a", "b"):
        podium("benchmark", "new", "a.jsonl", "--id", name, "--without-trial")
    assert podium.json("benchmark", "check")["benchmarks"] == ["a", "b"]
    (here / "board" / "tasks" / "a" / "a.jsonl").write_text("")
    (here / "board" / "tasks" / "b" / "b.yaml").write_text("task: b\nmetric_list: [\n")
    podium("benchmark", "check", exit=2)
    assert "a.jsonl is empty." in podium.err and "b.yaml:3: This is not YAML" in podium.err
    podium("benchmark", "check", "b", exit=2)
    assert "a.jsonl" not in podium.err
    podium("benchmark", "check", "nothing", exit=2)
