"""Files of questions, whatever their columns are called, become questions; every problem of a file is told at once."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import datasets
import jinja2
import pytest
import yaml

from leaderboard.benchmarks.drafts import Columns, Draft, Named, benchmark_id, draft_from_questions, read_questions
from leaderboard.benchmarks.task_data import data_files, located_fields
from leaderboard.errors import BadBenchmark

PAIR = {"question": "1 + 1?", "choices": ["2", "3"]}


def write(folder: Path, *rows: Any) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def problems(path: Path, asked: Columns | None = None) -> list[str]:
    """Everything that is said of a file, without its name."""
    with pytest.raises(BadBenchmark) as caught:
        read_questions(path, asked or Columns())
    return [line.removeprefix(str(path)).removeprefix(":").strip() for line in caught.value.lines]


@pytest.mark.parametrize(
    "row",
    [
        {"question": "1 + 1?", "choices": ["2", "3"], "answer": "3"},
        {"prompt": "1 + 1?", "options": ["2", "3"], "label": "B"},
        {"input": "1 + 1?", "endings": [2, 3], "gold": "(b)"},
        {"Question": "1 + 1?", "choices": {"text": ["2", "3"], "label": ["1", "2"]}, "answerKey": "2"},
        {"question": "1 + 1?", "choices": {"A": "2", "B": "3"}, "answer": "B"},
        {"question": "1 + 1?", "A": "2", "B": "3", "answer": "B"},
        {"question": "1 + 1?", "option_a": "2", "option_b": "3", "correct": "b"},
        {"question": "1 + 1?", "choice1": "2", "choice2": "3", "answer": 2},
        {"query": "1 + 1?", "candidates": ["2", "3"], "target": "1"},
    ],
)
def test_columns_are_found_by_their_names(tmp_path: Path, row: dict[str, Any]) -> None:
    asked = Columns(answer_is="from-0") if "candidates" in row else Columns()
    (question,) = read_questions(write(tmp_path, row), asked).questions
    assert question == ("1 + 1?", 1, ("2", "3"))


def test_a_column_that_only_some_rows_have_is_not_found_and_options_name_any(tmp_path: Path) -> None:
    first = {"prompt": "1 + 1?", "question": "no", "said": "2", "why": "x"}
    path = write(tmp_path, first, {"prompt": "2 + 2?", "said": "4", "why": "y"})
    (line,) = problems(path)
    assert line.startswith("No column of every row is called answer, ") and "--answer COLUMN" in line
    assert line.endswith("Every row has: prompt, said, why.")
    questions = read_questions(path, Columns(answer="said"))
    assert [each.question for each in questions.questions] == ["1 + 1?", "2 + 2?"] and not questions.multiple_choice
    assert problems(path, Columns(question="question", answer="none")) == [
        "2: The column 'question' is missing.",
        "There is no column 'none'. Every row has: prompt, said, why.",
    ]


def test_a_person_is_asked_for_what_the_rules_do_not_find(tmp_path: Path) -> None:
    asked: list[tuple[str, list[str]]] = []

    def ask(name: str, columns: Any) -> str:
        asked.append((name, list(columns)))
        return "reply"

    questions = read_questions(write(tmp_path, {"question": "1 + 1?", "reply": "2"}), Columns(), ask)
    assert asked == [("answer", ["question", "reply"])] and questions.questions[0].answer == "2"


def test_positions_count_from_where_every_row_fits(tmp_path: Path) -> None:
    def positions(*answers: Any, answer_is: str = "") -> list[Any]:
        path = write(tmp_path, *({"question": "?", "choices": ["x", "y", "z"], "answer": answer} for answer in answers))
        return [each.answer for each in read_questions(path, Columns(answer_is=answer_is)).questions]

    assert positions(0, 1, 2) == [0, 1, 2]
    assert positions(1, 2, 3) == [0, 1, 2]
    assert positions(1, 2, answer_is="from-1") == [0, 1] and positions(1, 2, answer_is="from-0") == [1, 2]
    path = write(tmp_path, *({"question": "?", "choices": ["x", "y", "z"], "answer": answer} for answer in (1, 2)))
    (line,) = problems(path)
    assert line.endswith("both fit every row. Say which: --answer-is from-0 or --answer-is from-1.")


def test_a_text_comes_before_a_letter_or_a_position(tmp_path: Path) -> None:
    row = {"question": "?", "choices": ["B", "A", "1"], "answer": "A"}
    assert read_questions(write(tmp_path, row), Columns()).questions[0].answer == 1
    assert read_questions(write(tmp_path, row), Columns(answer_is="label")).questions[0].answer == 0


def test_every_problem_of_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    good = PAIR | {"answer": "2"}
    path = write(
        tmp_path, good, PAIR | {"answer": "5"}, "", PAIR | {"answer": "2", "question": " "},
        PAIR | {"answer": "2", "choices": ["2"]}, PAIR | {"answer": "2", "choices": ["2", "2"]},
        PAIR | {"answer": "2", "choices": "2 or 3"},
    )  # fmt: skip
    told = {line.split(": ")[0]: line for line in problems(path)}
    assert told["2"] == "2: `answer` is '5'. Allowed here: 2, 3."
    assert told["4"] == "4: `question` has to be a text or a number, and not empty."
    assert "`choices` has to hold two choices or more" in told["5"] and "--generation" in told["7"]
    assert told["6"] == "6: `choices` has the same choice twice. Keep one of them." and len(told) == 5


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (["{"], "1: This is not JSON: "),
        (["[1]"], "1: This is no object with named values"),
        ([], "The file is empty. Write one JSON object a line"),
        ([{"question": "?", "answer": ["2", "3"]}], "1: `answer` has to be a text or a number"),
        ([{"question": "?", "answer": "a\n\nb"}], "1: `answer` has an empty line, where an answer ends."),
    ],
)
def test_what_is_no_file_of_questions_is_told(tmp_path: Path, rows: list[Any], line: str) -> None:
    assert problems(write(tmp_path, *rows))[0].startswith(line)


def test_a_long_list_of_problems_is_cut(tmp_path: Path) -> None:
    lines = problems(write(tmp_path, *(["{"] * 50)))
    assert len(lines) == 21 and lines[-1] == "And 30 more problems."


def test_what_is_written_is_a_benchmark_without_problems(tmp_path: Path) -> None:
    """Also with quotes, braces of templates and line ends in its texts, and with several lines in an answer."""
    text = 'Say "{{hi}}": {% x %}\n#'
    path = write(tmp_path, {"question": text, "answer": "a\nb"}, {"question": "é", "answer": "é" * 40})
    draft = draft_from_questions(read_questions(path, Columns()), Named("a.b", 'Title: "x"', "Two\nlines"))
    with draft.staged(tmp_path / "board") as benchmark:
        assert (benchmark.title, benchmark.description) == ('Title: "x"', "Two\nlines")
        assert benchmark.columns[0].title == benchmark.title
    task = draft.files["tasks/a.b/a_b.yaml"]
    assert 'until: ["\\n\\n"]' in task and "max_gen_toks: 96" in task
    assert json.loads(draft.files["tasks/a.b/a_b.jsonl"].splitlines()[0])["question"] == text


@pytest.mark.parametrize("choices", [(), ("2020-01-01", "2021-05-01")])
def test_dates_stay_texts(tmp_path: Path, choices: tuple[str, ...]) -> None:
    """The reader of JSON takes a column of dates for times; the harness would then expect `2020-01-01 00:00:00`."""
    row = {"question": "2020-01-01", "answer": "2020-01-01"} | ({"choices": list(choices)} if choices else {})
    draft = draft_from_questions(read_questions(write(tmp_path, row), Columns()), Named("days"))
    draft.put(tmp_path / "board")
    path = tmp_path / "board" / "tasks" / "days" / "days.yaml"
    (table,) = datasets.load_dataset(
        "json", data_files=data_files(located_fields(path))["test"], cache_dir=str(tmp_path / "cache")
    ).values()
    fields = yaml.safe_load(path.read_text())
    render = jinja2.Environment().from_string
    assert render(fields["doc_to_text"]).render(table[0]) == "2020-01-01\nAnswer:"
    if choices:
        assert ast.literal_eval(render(fields["doc_to_choice"]).render(table[0])) == list(choices)
        assert table[0][fields["doc_to_target"]] == 0
    else:
        assert render(fields["doc_to_target"]).render(table[0]) == "2020-01-01"


def test_problems_of_a_draft_name_the_files_that_it_would_write(tmp_path: Path) -> None:
    draft = draft_from_questions(read_questions(write(tmp_path, PAIR | {"answer": "2"}), Columns()), Named("Q!"))
    with pytest.raises(BadBenchmark, match=r"board/Q!.yaml:\d+: "), draft.staged(tmp_path / "board"):
        pass


def test_choices_are_those_of_a_guesser(tmp_path: Path) -> None:
    rows = [{"question": "?", "choices": [*"abcdef"[:n]], "answer": "a"} for n in (2, 6, 6, 6)]
    draft: Draft = draft_from_questions(read_questions(write(tmp_path, *rows), Columns()), Named("q"))
    assert "choices: 4}" in draft.files["q.yaml"], "right by chance once in four times: (1/2 + 3/6) / 4"


@pytest.mark.parametrize(("name", "made"), [("My Questions (v2)", "my-questions-v2"), ("a" * 50, "a" * 32)])
def test_an_id_is_made_from_a_name(name: str, made: str) -> None:
    assert benchmark_id(name) == made
