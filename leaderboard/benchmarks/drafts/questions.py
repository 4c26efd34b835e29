"""Questions from a JSON Lines file, whatever its columns are called: found by rules, or named by the organiser."""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from leaderboard.errors import BadBenchmark

QUESTION = ("question", "prompt", "input", "problem", "instruction", "query", "text", "sentence")
CHOICES = ("choices", "options", "endings", "candidates")
ANSWER = ("answer", "target", "label", "gold", "correct", "answerKey", "answer_key", "solution", "output", "response")
"""Names of columns, the first that every row has counts."""
ONE_CHOICE_EACH = ("{}", "choice_{}", "option_{}", "choice{}", "option{}")
"""Names of columns that hold one choice each; for the braces stands a letter from A or a, or a number from 1 or 0."""
SERIES = (string.ascii_uppercase, string.ascii_lowercase, "123456789", "0123456789")
ANSWER_IS = ("text", "label", "from-0", "from-1")
"""How an answer names its choice: by its text, its letter or label, or its position."""
MOST_PROBLEMS = 20
"""Problems of rows that are told."""


@dataclass(frozen=True)
class Columns:
    """Which columns hold what; what is empty is found by the rules."""

    question: str = ""
    answer: str = ""
    choices: tuple[str, ...] = ()
    """One column with lists, or a column for each choice."""
    generation: bool = False
    """Whether answers are generated although there is a column that could be choices."""
    answer_is: str = ""
    """One of ANSWER_IS; empty: whatever fits every row."""


class Row(NamedTuple):
    """A line of the file."""

    line: int
    values: Mapping[str, Any]


class Question(NamedTuple):
    """One question, in Podium's own columns."""

    question: str
    answer: str | int
    """The expected text, or the position of the right choice from 0."""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Questions:
    """All questions of a file."""

    name: str
    """Of the file."""
    columns: Columns
    """Which columns were read."""
    questions: Sequence[Question]

    @property
    def multiple_choice(self) -> bool:
        """Whether a choice is asked for, and not a text."""
        return bool(self.columns.choices)

    @property
    def counts(self) -> list[int]:
        """How many choices each question has."""
        return [len(question.choices) for question in self.questions]


def common_columns(rows: Sequence[Row]) -> list[str]:
    """The columns that every row has."""
    return [name for name in rows[0].values if all(name in row.values for row in rows)]


def find_columns(rows: Sequence[Row], named: Columns) -> Columns:
    """The columns that are named, and for the others those that the rules find; empty where they find none."""
    names = common_columns(rows)
    choices = named.choices or (() if named.generation else _choice_columns(names))
    question = named.question or _first(QUESTION, names, set(choices))
    answer = named.answer or _first(ANSWER, names, {*choices, question})
    return replace(named, question=question, answer=answer, choices=choices)


def read_rows(path: Path) -> list[Row]:
    """The lines of a JSON Lines file. Raises BadBenchmark with every one that is no object."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadBenchmark([f"{path}: The file cannot be read: {error}."]) from error
    rows, problems = [], []
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        try:
            values = json.loads(written)
        except ValueError as error:
            problems.append(f"{path}:{line}: This is not JSON: {error}.")
            continue
        if isinstance(values, dict):
            rows.append(Row(line, values))
        else:
            problems.append(f'{path}:{line}: This is no object with named values, such as {{"question": ...}}.')
    if not rows and not problems:
        problems = [f'{path}: The file is empty. Write one JSON object a line, such as {{"question": ...}}.']
    _raise(problems)
    return rows


def read_questions(path: Path, named: Columns, ask: Callable[[str, Sequence[str]], str] | None = None) -> Questions:
    """The questions of a file. `ask`: what a person answers to (field, columns) that the rules do not find.

    Raises BadBenchmark with every problem.
    """
    rows = read_rows(path)
    columns = find_columns(rows, named)
    if ask is not None and not columns.question:
        columns = replace(columns, question=ask("question", common_columns(rows)))
    if ask is not None and not columns.answer:
        columns = replace(columns, answer=ask("answer", common_columns(rows)))
    _raise(_column_problems(path, columns, rows))
    questions = _choices_of_rows(path, columns, rows) if columns.choices else _texts(path, columns, rows)
    return Questions(path.name, columns, questions)


def _column_problems(path: Path, columns: Columns, rows: Sequence[Row]) -> list[str]:
    """Columns that were not found, or that a row lacks."""
    common = common_columns(rows)
    problems = []
    for name in ("question", "answer"):
        if not getattr(columns, name):
            tried = ", ".join(QUESTION if name == "question" else ANSWER)
            problems.append(
                f"{path}: No column of every row is called {tried}. Say which holds the {name}: --{name} COLUMN. "
                f"Every row has: {', '.join(common) or 'none'}."
            )
    for name in filter(None, (columns.question, columns.answer, *columns.choices)):
        lacking = [row.line for row in rows if name not in row.values]
        if len(lacking) == len(rows):
            problems.append(f"{path}: There is no column {name!r}. Every row has: {', '.join(common) or 'none'}.")
        elif lacking:
            more = f", as in {len(lacking) - 1:,} more rows" if len(lacking) > 1 else ""
            problems.append(f"{path}:{lacking[0]}: The column {name!r} is missing{more}.")
    return problems


def _texts(path: Path, columns: Columns, rows: Sequence[Row]) -> list[Question]:
    """Questions that are answered with a text."""
    problems, questions = [], []
    for row in rows:
        question, answer = _text(row.values[columns.question]), _text(row.values[columns.answer])
        problems += _not_text(path, row.line, {columns.question: question, columns.answer: answer})
        if answer and "\n\n" in answer.strip():
            problems.append(
                f"{path}:{row.line}: `{columns.answer}` has an empty line, where an answer ends. Remove it."
            )
        questions.append(Question(question or "", (answer or "").strip()))
    _raise(problems)
    return questions


class Choosing(NamedTuple):
    """A row with its choices."""

    row: Row
    question: str
    labels: Sequence[str]
    """Their own, or letters from A."""
    choices: Sequence[str]
    labelled: bool
    """Whether the labels are their own."""


def _choices_of_rows(path: Path, columns: Columns, rows: Sequence[Row]) -> list[Question]:
    """Questions with choices, and the positions of the right ones."""
    problems, usable = [], []
    for row in rows:
        own, choices = _choices(columns.choices, row.values)
        labels = own or string.ascii_uppercase[: len(choices)]
        question = _text(row.values[columns.question])
        problems += _not_text(path, row.line, {columns.question: question})
        trouble = _choice_problem(", ".join(columns.choices), choices)
        if trouble:
            problems.append(f"{path}:{row.line}: {trouble}")
        else:
            usable.append(Choosing(row, question or "", labels, choices, bool(own)))
    positions, more = _positions(path, columns, usable) if usable else ([], [])
    _raise([*problems, *more])
    return [
        Question(each.question, position, tuple(each.choices)) for each, position in zip(usable, positions, strict=True)
    ]


def _choice_problem(name: str, choices: Sequence[str]) -> str:
    """What is wrong with a row's choices; empty for nothing."""
    if len(choices) < 2 or not all(choices):
        return (
            f"`{name}` has to hold two choices or more, each a text that is not empty. It is a list, "
            '{"A": ..., "B": ...}, or {"text": [...], "label": [...]}. Answers are texts with --generation.'
        )
    return f"`{name}` has the same choice twice. Keep one of them." if len(set(choices)) < len(choices) else ""


def _positions(path: Path, columns: Columns, rows: Sequence[Choosing]) -> tuple[list[int], list[str]]:
    """The position of each right choice, by the one way of naming it that fits every row; and what is wrong."""
    ways = ("label", "text", *ANSWER_IS[2:]) if all(each.labelled for each in rows) else ANSWER_IS
    fits = {
        way: [_position(way, each.row.values[columns.answer], each.labels, each.choices) for each in rows]
        for way in ([columns.answer_is] if columns.answer_is else ways)
    }
    whole = [way for way, positions in fits.items() if None not in positions]
    if whole[:1] == ["from-0"] and "from-1" in whole:
        sentence = f"{path}: The numbers in `{columns.answer}` may count choices from 0 or from 1: both fit every row."
        return [], [f"{sentence} Say which: --answer-is from-0 or --answer-is from-1."]
    best = whole[0] if whole else max(fits, key=lambda way: sum(position is not None for position in fits[way]))
    problems = [
        f"{path}:{each.row.line}: `{columns.answer}` is {each.row.values[columns.answer]!r}. Allowed here: "
        f"{_allowed(best, each)}."
        for each, position in zip(rows, fits[best], strict=True)
        if position is None
    ]
    return [position for position in fits[best] if position is not None], problems


def _allowed(way: str, row: Choosing) -> str:
    count = len(row.choices)
    words = {"text": ", ".join(row.choices), "label": ", ".join(row.labels), "from-0": f"0 to {count - 1}"}
    return words.get(way, f"1 to {count}")


def _position(way: str, answer: Any, labels: Sequence[str], choices: Sequence[str]) -> int | None:
    """Which choice an answer names in a way; None for none."""
    text = _text(answer)
    if text is None:
        return None
    if way == "text":
        return choices.index(text) if text in choices and isinstance(answer, str) else None
    if way == "label":
        name = text.strip().strip("().").upper()
        upper = [label.upper() for label in labels]
        return upper.index(name) if name in upper else None
    number = int(text) - (way == "from-1") if text.isascii() and text.isdecimal() else -1
    return number if 0 <= number < len(choices) else None


def _choices(columns: Sequence[str], values: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Labels, where they have any of their own, and texts of a row's choices; no texts where they cannot be read."""
    if len(columns) > 1:
        return [name[-1] for name in columns], [_text(values[name]) or "" for name in columns]
    given = values[columns[0]]
    labels: Any = []
    if isinstance(given, Mapping) and isinstance(given.get("text"), list):
        given, labels = given["text"], given.get("label")
    elif isinstance(given, Mapping):
        given, labels = list(given.values()), list(given)
    texts = [_text(text) or "" for text in given] if isinstance(given, list) else []
    own = [str(label) for label in labels] if isinstance(labels, list) and len(labels) == len(texts) else []
    return own, texts


def _choice_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The column with lists of choices, or the columns with one choice each; none where answers are generated."""
    whole = _first(CHOICES, columns, set())
    if whole:
        return (whole,)
    for pattern in ONE_CHOICE_EACH:
        for series in SERIES:
            names = [pattern.format(sign) for sign in series]
            there = [name for name, follows in zip(names, _runs(names, columns), strict=True) if follows]
            if len(there) > 1:
                return tuple(there)
    return ()


def _runs(names: Sequence[str], columns: Sequence[str]) -> list[bool]:
    """Whether each of `names` is a column, as are all before it."""
    runs, unbroken = [], True
    for name in names:
        unbroken = unbroken and name in columns
        runs.append(unbroken)
    return runs


def _first(names: Sequence[str], columns: Sequence[str], taken: set[str]) -> str:
    lower = {column.lower(): column for column in reversed(columns) if column not in taken}
    return next((lower[name.lower()] for name in names if name.lower() in lower), "")


def _text(value: Any) -> str | None:
    """A text or number as text; None for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _not_text(path: Path, line: int, values: Mapping[str, str | None]) -> list[str]:
    return [
        f"{path}:{line}: `{name}` has to be a text or a number, and not empty."
        for name, text in values.items()
        if text is None or not text.strip()
    ]


def _raise(problems: Sequence[str]) -> None:
    if problems:
        more = [f"And {len(problems) - MOST_PROBLEMS:,} more problems."] if len(problems) > MOST_PROBLEMS else []
        raise BadBenchmark([*problems[:MOST_PROBLEMS], *more])
