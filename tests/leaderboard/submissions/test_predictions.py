"""A file of predictions is looked into before it is queued: every problem at once, asserted by its sentence."""

from __future__ import annotations

import io
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leaderboard.benchmarks import load_benchmark
from leaderboard.errors import AlreadyRequested, BadBenchmark, Infrastructure, NotAccepted
from leaderboard.predictions import confined
from leaderboard.predictions.__main__ import report
from leaderboard.predictions.confined import Report, Task, check_file
from leaderboard.predictions.findings import Finding
from leaderboard.predictions.sentences import PREDICTIONS
from leaderboard.predictions.sentences import problems as problems_of
from leaderboard.records import Artifact, Person, PredictionsSubmission, Problem, Severity
from leaderboard.service import Service, open_service
from leaderboard.submissions.kinds.predictions.kept import Checked, KeptReports
from tests.leaderboard.submissions.documented import documented
from tests.shared import settings_of

ADA = Person(name="ada")
QUIZ = """\
id: quiz
version: "1"
title: Quiz
description: Questions with hidden answers.
kinds: [predictions]
columns:
  - {key: accuracy, title: Accuracy, score: accuracy}
  - {key: loss, title: Log loss, score: loss, higher_is_better: false, in_average: false}
predictions:
  formats: [csv, jsonl, parquet]
  max_unpacked_bytes: 100000
  columns:
    - {name: answer, type: choice, choices: [left, right]}
    - {name: chance, type: number, range: [0, 1]}
    - {name: note, type: string, required: false, empty: true, max_characters: 8}
    - {name: steps, type: integer, required: false, range: [0, 99]}
  labels: {file: answers/labels.csv}
  metrics:
    accuracy: {metric: accuracy, prediction: answer, label: answer}
    loss: {metric: log_loss, prediction: chance, label: is_hard}
"""
LABELS = "id,answer,is_hard\nq1,left,1\nq2,right,0\nq3,left,0\n"
GOOD = "id,answer,chance\nq1,left,0.5\nq2,right,0.25\nq3,left,1\n"
Say = Callable[..., list[Problem]]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A board for the quiz; no Hub answers it, and none is asked."""
    yield board(tmp_path)


def board(folder: Path, quiz: str = QUIZ, labels: str | None = LABELS) -> Service:
    """The board of a quiz in a new folder."""
    (folder / "benchmarks").mkdir(parents=True)
    (folder / "benchmarks" / "quiz.yaml").write_text(quiz)
    settings = settings_of(folder)
    if labels is not None:
        file = settings.private_dir / "benchmarks" / "quiz" / "answers" / "labels.csv"
        file.parent.mkdir(parents=True)
        file.write_text(labels)
    return open_service(settings)


def submission(service: Service, folder: Path, content: bytes | str, filename: str) -> PredictionsSubmission:
    """A submission of an uploaded file with that content."""
    data = content if isinstance(content, bytes) else content.encode()
    file = folder / "upload"
    file.write_bytes(data)
    assert service.intake.artifacts is not None
    artifact = Artifact(sha256=service.intake.artifacts.add(file, "ada"), bytes=len(data), filename=filename)
    return PredictionsSubmission(kind="predictions", benchmark="quiz", name="mine", artifact=artifact)


@pytest.fixture
def say(tmp_path: Path) -> Say:
    """What is said of a file with that content and name; checked in this process, with the labels' right answers."""
    return sayer(tmp_path, QUIZ, LABELS)


def sayer(folder: Path, quiz: str, labels: str) -> Say:
    """The same for a benchmark and its labels."""
    (folder / "private" / "answers").mkdir(parents=True)
    (folder / "private" / "answers" / "labels.csv").write_text(labels)
    (folder / "quiz.yaml").write_text(quiz)
    benchmark = load_benchmark(folder / "quiz.yaml")
    assert benchmark.predictions is not None

    def said(content: bytes | str, filename: str = "mine.csv") -> list[Problem]:
        file = folder / "upload"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        scratch = Path(tempfile.mkdtemp(dir=folder))
        task = Task(
            file=file, filename=filename, rules=benchmark.predictions, private=folder / "private", scratch=scratch,
            seconds=60, memory_bytes=1 << 30,
        )  # fmt: skip
        return problems_of(Report.model_validate_json(report(task).model_dump_json()), filename, benchmark)

    return said


@pytest.fixture
def submit(service: Service, tmp_path: Path) -> Say:
    """The same as a submission is looked at: in a process of its own."""

    def said(content: bytes | str, filename: str = "mine.csv") -> list[Problem]:
        return service.intake.look(submission(service, tmp_path, content, filename), ADA).problems

    return said


def zipped(**files: bytes | str) -> bytes:
    """A zip of files; the last `_` of a name stands for the dot."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped_files:
        for name, content in files.items():
            zipped_files.writestr(".".join(name.rsplit("_", 1)), content)
    return archive.getvalue()


def parquet(**columns: list[object]) -> bytes:
    """A Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


NOT_TWICE = "id,answer,chance\nq1,left,0.5\nq2,right,0.25\nq1,left,1\n"
COLUMNS = "The columns are id, answer, chance."
SENTENCES: list[tuple[str, bytes | str, str, list[str]]] = [
    ("format_not_taken", GOOD, "mine.tsv", ["mine.tsv is in no format that Quiz takes."]),
    ("format_not_taken", zipped(mine_txt=GOOD), "mine.zip", ["mine.zip is in no format that Quiz takes."]),
    ("format_not_taken", GOOD, "mine", ["mine is in no format that Quiz takes."]),
    (
        "format_not_as_named",
        zipped(mine_csv=GOOD),
        "mine.csv",
        ["mine.csv is in another format than its name says: it begins as zip files do."],
    ),
    (
        "format_not_as_named",
        parquet(id=["q1"]),
        "mine.zip",
        ["mine.zip is in another format than its name says: it begins as parquet files do."],
    ),
    ("zip_files", zipped(a_csv=GOOD, b_csv=GOOD), "mine.zip", ["mine.zip holds 2 files: a.csv, b.csv."]),
    (
        "zip_unusable",
        zipped(a_csv=GOOD)[:-30],
        "mine.zip",
        [
            "mine.zip cannot be unpacked: The zip is truncated or damaged: its end, with the table of its entries, is "
            "missing."
        ],
    ),
    ("not_parquet", b"PAR1" + b"x" * 100, "mine.parquet", ["mine.parquet is not a Parquet file, or it is damaged."]),
    ("not_parquet", GOOD, "mine.parquet", ["mine.parquet is not a Parquet file, or it is damaged."]),
    ("file_empty", "", "mine.csv", ["mine.csv has no rows."]),
    ("file_empty", "id,answer,chance\n\n", "mine.csv", ["mine.csv has no rows."]),
    ("file_empty", "\n", "mine.jsonl", ["mine.jsonl has no rows."]),
    (
        "file_encoding",
        GOOD.encode() + b"q\xe94,left,0\n",
        "mine.csv",
        [
            "mine.csv is not encoded in UTF-8 in 1 line: line 5 (byte 0xE9 at position 2).",
            "mine.csv has 1 id that Quiz does not have: line 5 (q?4).",
        ],
    ),
    (
        "file_encoding",
        GOOD.encode("utf-16"),
        "mine.csv",
        ["mine.csv is not encoded in UTF-8 in 1 line: line 1 (UTF-16 or UTF-32)."],
    ),
    (
        "columns_missing",
        "id;answer;chance\nq1;left;0.5\n",
        "mine.csv",
        [
            "mine.csv lacks 3 columns: id, answer, chance.",
            "mine.csv has 1 column that Quiz does not take: id;answer;chance.",
        ],
    ),
    (
        "columns_unknown",
        GOOD.replace("\n", ",0\n").replace("chance,0", "chance,<b>bold</b>"),
        "mine.csv",
        ["mine.csv has 1 column that Quiz does not take: ?b?bold?/b?."],
    ),
    (
        "columns_duplicate",
        GOOD.replace("\n", ",0\n").replace("chance,0", "chance,chance"),
        "mine.csv",
        ["mine.csv has 1 column more than once: chance."],
    ),
    (
        "rows_malformed",
        GOOD + 'q4\n"q4,left,0\n',
        "mine.csv",
        [
            "mine.csv has 2 rows that cannot be read: line 5 (1 instead of 3 values), line 6 (a quote that is never "
            "closed).",
        ],
    ),
    (
        "rows_too_many",
        GOOD + "q1,left,0.5\n" * 10_010,
        "mine.csv",
        ["mine.csv has more than 10006 rows, far more than Quiz has ids."],
    ),
    (
        "ids_missing",
        NOT_TWICE,
        "mine.csv",
        [
            "mine.csv lacks 1 id: q3.",
            "mine.csv has 1 row with an id that an earlier one has: line 4 (q1, first in line 2).",
        ],
    ),
    (
        "ids_unknown",
        GOOD + "".join(f"x{number},left,1\n" for number in range(1, 1203)),
        "mine.csv",
        [
            "mine.csv has 1,202 ids that Quiz does not have: line 5 (x1), line 6 (x2), line 7 (x3), line 8 (x4), "
            "line 9 (x5) and 1,197 more."
        ],
    ),
    (
        "ids_duplicate",
        parquet(id=["q1", "q2", "q3", "q2"], answer=["left"] * 4, chance=[0.5, 0.1, 0.2, 0.3]),
        "mine.parquet",
        ["mine.parquet has 1 row with an id that an earlier one has: row 4 (q2, first in row 2)."],
    ),
    (
        "values_empty",
        '{"id": "q1", "chance": 0.5}\n{"id": "q2", "answer": null, "chance": 1}\n'
        '{"id": "q3", "answer": "left", "chance": 0}',
        "mine.jsonl",
        ["answer is empty in 2 rows: line 1, line 2."],
    ),
    (
        "values_wrong_type",
        GOOD.replace("0.5", "high").replace("0.25", "1;2"),
        "mine.csv",
        ["chance is not a number in 2 rows: line 2 (high), line 3 (1;2)."],
    ),
    (
        "values_wrong_type",
        '{"id": "q1", "answer": "left", "chance": "0.5"}\n{"id": [1], "answer": {}, "chance": true}\n'
        '{"id": "q2", "answer": "left", "chance": 0.5}\n{"id": "q3", "answer": "left", "chance": 0.25}\n',
        "mine.jsonl",
        [
            "id is not text or an integer in 1 row: line 2 (a list).",
            "chance is not a number in 2 rows: line 1 (the text 0.5), line 2 (true).",
            "answer is not one of the choices in 1 row: line 2 (an object).",
        ],
    ),
    (
        "columns_unknown",
        '{"id": "q1", "answer": "left", "chance": 1, "\\ud800": 1}\n'
        '{"id": "q2", "answer": "\\udc00", "chance": 0.5}\n{"id": "q3", "answer": "right", "chance": 0.25}\n',
        "mine.jsonl",
        [
            "mine.jsonl has 1 column that Quiz does not take: line 1 (?).",
            "answer is not one of the choices in 1 row: line 2 (the text ?).",
        ],
    ),
    (
        "values_not_finite",
        GOOD.replace("0.5", "nan").replace("0.25", "1e999"),
        "mine.csv",
        ["chance is NaN or infinite in 2 rows: line 2 (nan), line 3 (1e999)."],
    ),
    (
        "values_out_of_range",
        '\ufeffid,answer,chance\n"q1",left,1.5\nq2,right,-0.1\nq3,left,1\n',
        "mine.csv",
        ["chance is out of range in 2 rows: line 2 (1.5), line 3 (-0.1)."],
    ),
    (
        "values_unknown_choice",
        GOOD.replace("right", "up\x1b[31m"),
        "mine.csv",
        ["answer is none of the choices in 1 row: line 3 (up??31m)."],
    ),
    (
        "values_too_long",
        'id,answer,chance,note\nq1,left,0.5,\nq2,right,0.25,"two\nlines and more"\nq3,left,1,short\n',
        "mine.csv",
        ["note is too long in 1 row: line 3 (two?lines and more)."],
    ),
    (
        "values_constant",
        GOOD.replace("0.25", "0.5").replace("left,1", "left,0.5"),
        "mine.csv",
        ["chance has the same value in every row."],
    ),
]
"""Code, content, name, and the sentences that are said."""


@pytest.mark.parametrize(
    ("code", "content", "filename", "sentences"),
    SENTENCES,
    ids=[f"{at}-{case[0]}" for at, case in enumerate(SENTENCES)],
)
def test_what_is_said(code: str, content: bytes | str, filename: str, sentences: list[str], say: Say) -> None:
    problems = say(content, filename)
    assert sorted(problem.message for problem in problems) == sorted(sentences)
    assert code in [problem.code for problem in problems]
    assert {problem.field for problem in problems} == {"artifact"}


def test_every_sentence_is_said_here() -> None:
    assert {case[0] for case in SENTENCES} | {"check_stopped"} == PREDICTIONS.keys()


def test_what_to_do_names_what_is_allowed(say: Say) -> None:
    fixes = {problem.code: problem.fix for problem in say("id,answer,chance,x\nq1,up,2,0\nq1,left,x,0\n")}
    assert fixes == {
        "columns_unknown": f"Remove every other column. {COLUMNS}",
        "ids_missing": "Add a row for each of them.",
        "ids_duplicate": "Keep one row for each id.",
        "values_wrong_type": "Write a number in each row.",
        "values_out_of_range": "Write numbers from 0 to 1.",
        "values_unknown_choice": "Choose one of: left, right.",
    }
    [wrong] = say(GOOD, "mine.tsv")
    assert wrong.fix == "Upload a file whose name ends in .csv, .jsonl, .parquet, or a zip of one such file."


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        (GOOD, "mine.csv"),
        (GOOD.replace("\n", "\r\n"), "MINE.CSV"),
        (zipped(mine_csv=GOOD, **{"._mine_csv": "junk"}), "mine.zip"),
        (parquet(id=["q3", "q1", "q2"], answer=["left", "left", "right"], chance=[0, 1, 0]), "mine.parquet"),
        (
            zipped(mine_parquet=parquet(id=["q3", "q1", "q2"], answer=["left", "left", "right"], chance=[0, 1, 0])),
            "mine.zip",
        ),
    ],
)
def test_good_files_have_no_problems(content: bytes | str, filename: str, say: Say) -> None:
    assert say(content, filename) == []


def test_a_file_with_problems_is_not_queued_and_uses_no_slot(service: Service, tmp_path: Path) -> None:
    with pytest.raises(NotAccepted) as refused:
        service.intake.submit(submission(service, tmp_path, NOT_TWICE, "mine.csv"), ADA)
    assert [problem.code for problem in refused.value.problems] == ["ids_missing", "ids_duplicate"]
    assert service.queue.view().requests == []


def test_a_warning_lets_it_pass(service: Service, tmp_path: Path) -> None:
    constant = GOOD.replace("0.25", "0.5").replace("left,1", "left,0.5")
    given = submission(service, tmp_path, constant, "mine.csv")
    [problem] = service.intake.look(given, ADA).problems
    assert (problem.code, problem.severity) == ("values_constant", Severity.WARNING)
    queued = service.intake.submit(given, ADA)
    assert (queued.kind, queued.model, queued.revision) == ("predictions", "ada/mine", given.artifact.sha256)


def test_a_bomb_is_refused(say: Say) -> None:
    [problem] = say(zipped(mine_csv=GOOD + "q4,left,1\n" * 100_000), "mine.zip")
    assert problem.code == "zip_unusable" and "100,000 bytes" in problem.message


def test_a_check_that_takes_too_much_memory_or_time_is_stopped(submit: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "MEMORY_BYTES", 1 << 30)
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 60_000, pa.int32()), pa.array(["x" * 100_000]))
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": column, "answer": column, "chance": column}), sink)
    assert len(sink.getvalue()) < 100_000
    [stopped] = submit(sink.getvalue(), "mine.parquet")
    assert stopped.message == "mine.parquet cannot be read within 60 seconds and 3 GB of memory."
    assert stopped.fix == "Write it again as plain CSV with the columns id, answer, chance."
    monkeypatch.setattr(confined, "SECONDS", 0)
    [stopped] = submit(GOOD)
    assert stopped.code == "check_stopped"


def test_the_check_sees_no_secrets_and_leaves_nothing(
    submit: Say, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = []
    real = confined.subprocess.run
    monkeypatch.setattr(
        confined.subprocess, "run", lambda *args, **kwargs: given.append(kwargs) or real(*args, **kwargs)
    )
    monkeypatch.setattr(confined.tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert submit(zipped(mine_csv=GOOD), "mine.zip") == []
    [call] = given
    assert call["env"] == confined.ENVIRONMENT and not any("TOKEN" in name for name in call["env"])
    assert list((tmp_path / "tmp").iterdir()) == []


def test_labels_never_stand_in_a_sentence(tmp_path: Path) -> None:
    secret = LABELS.replace("left", "sEcReT").replace("right", "hIdDeN")
    say = sayer(tmp_path, QUIZ.replace("choices: [left, right]", "choices: [a, b]"), secret)
    problems = [problem for case in SENTENCES for problem in say(case[1], case[2])]
    texts = [json.dumps(problem.model_dump(mode="json")) for problem in problems]
    assert texts and not re.search("secret|hidden", " ".join(texts), re.IGNORECASE)


def test_labels_that_break_later_are_our_fault(service: Service, tmp_path: Path) -> None:
    (tmp_path / "private" / "benchmarks" / "quiz" / "answers" / "labels.csv").unlink()
    with pytest.raises(Infrastructure) as failed:
        service.intake.submit(submission(service, tmp_path, GOOD, "mine.csv"), ADA)
    assert str(failed.value) == "The benchmark's labels cannot be read on our side. Tell the maintainers."


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (None, "The labels answers/labels.csv cannot be read: No such file or directory."),
        ("id,answer\nq1,left\n", "The labels answers/labels.csv cannot be read: it has no column is_hard."),
        ("", "The labels answers/labels.csv cannot be read: it has no rows."),
        ("id,id,answer,is_hard\n", "The labels answers/labels.csv cannot be read: it has the column id twice."),
    ],
)
def test_a_board_does_not_start_without_its_labels(labels: str | None, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(BadBenchmark) as refused:
        board(tmp_path, labels=labels)
    assert refused.value.lines == [f"{tmp_path}/benchmarks/quiz.yaml:1: {sentence}"]


def test_the_documentation_lists_every_problem_as_it_is_said() -> None:
    assert documented("checks.md", PREDICTIONS) >= set(PREDICTIONS)


def test_the_same_file_again_has_a_number_of_its_own_where_the_benchmark_takes_it(
    tmp_path: Path, service: Service
) -> None:
    given = submission(service, tmp_path, GOOD, "mine.csv")
    service.intake.submit(given, ADA)
    with pytest.raises(AlreadyRequested):
        service.intake.submit(given, ADA)
    open_to_all = board(tmp_path / "again", QUIZ.replace("predictions:\n", "predictions:\n  same_again: true\n"))
    again = submission(open_to_all, tmp_path, GOOD, "mine.csv")
    paths = [open_to_all.queue.path_of(open_to_all.intake.submit(again, ADA)) for _ in range(3)]
    digest = again.artifact.sha256[:12]
    assert paths == [f"quiz/ada/mine_eval_request_{digest}_{number}.json" for number in (1, 2, 3)]


def test_a_file_that_was_looked_at_is_not_checked_again_when_it_is_submitted(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks: list[Path] = []

    def counted(file: Path, *rest: Any) -> Report:
        checks.append(file)
        return check_file(file, *rest)

    monkeypatch.setattr("leaderboard.submissions.kinds.predictions.intake.check_file", counted)
    good = submission(service, tmp_path, GOOD, "mine.csv")
    assert service.intake.look(good, ADA).problems == []
    assert len(checks) == 1
    service.intake.submit(good, ADA)
    assert len(checks) == 1, "the same file, benchmark and rules"
    bad = submission(service, tmp_path, NOT_TWICE, "mine.csv")
    first = service.intake.look(bad, ADA).problems
    assert first and service.intake.look(bad, ADA).problems == first and len(checks) == 2
    service.intake.look(submission(service, tmp_path, NOT_TWICE, "mine.jsonl"), ADA)
    assert len(checks) == 3, "another name is another format"
    labels = service.settings.private_dir / "benchmarks" / "quiz" / "answers" / "labels.csv"
    labels.write_text(LABELS + "q4,left,0\n")
    assert service.intake.look(good, ADA).problems and len(checks) == 4, "other ids are expected"


def test_reports_are_kept_to_a_number_and_none_of_a_busy_machine() -> None:
    kept = KeptReports(most=2)
    keys = [Checked(name, "mine.csv", "quiz", "{}", ("", 0, 0)) for name in "abc"]
    kept.keep(keys[0], Report(findings=[Finding(code="check_stopped", count=1, examples=[])]))
    assert kept.get(keys[0]) is None
    for key in keys:
        kept.keep(key, Report())
    assert [kept.get(key) is not None for key in keys] == [False, True, True]
