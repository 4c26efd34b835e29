"""A benchmark and its lm-eval task from a file of questions."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import Any

from leaderboard.benchmarks.drafts.draft import MOST_TITLE, Draft, Named, column_key, quoted, title_of
from leaderboard.benchmarks.drafts.questions import Question, Questions

STEP_TOKENS, FEWEST_TOKENS, MOST_TOKENS = 16, 16, 1024
NUMBERS = ("", "", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
TIME = re.compile(r"\d{4}-\d\d-\d\d")
BENCHMARK = """\
# Made from {source} by `podium benchmark new`. docs/benchmarks.md explains the fields.
id: {id}
version: "1"
title: {title}
description: {description}
harness:
  include_path: tasks/{id}
columns:
  - key: {key}
    title: {column}
    description: {description}
    run: [{task}]
    parts:
      - {{task: {task}, metrics: ["{metric},none"]{choices}}}
"""
TASK = """\
# A task of lm-eval. The data file lies beside this one; its columns are those that the fields below name.
task: {task}
dataset_path: json
dataset_kwargs:
  data_files: {{test: {task}.jsonl}}
test_split: test
num_fewshot: 0
doc_to_text: "{question}\\nAnswer:"
doc_to_target: {target}
{answers}metadata:
  version: 1.0
"""
CHOICE = """\
output_type: multiple_choice
doc_to_choice: {choices}
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
  - {{metric: acc_norm, aggregation: mean, higher_is_better: true}}
"""
GENERATION = """\
output_type: generate_until
generation_kwargs:
  do_sample: false
  max_gen_toks: {tokens}
  until: [{until}]
filter_list:
  - name: none
    filter:
      - function: remove_whitespace
      - function: take_first
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true}}
"""


def draft_from_questions(questions: Questions, named: Named, metric: str = "", max_new_tokens: int = 0) -> Draft:
    """The files of a benchmark with one task, which asks every question of a file.

    `metric`: of multiple choice `acc` or `acc_norm`; `max_new_tokens`: of an answer, 0 for enough for the longest.
    """
    task = column_key(named.id)
    title = named.title or title_of(named.id)
    count = len(questions.questions)
    guarded = guarded_columns(questions.questions)
    if questions.multiple_choice:
        number = guessers_choices(questions.counts)
        words = NUMBERS[number] if number < len(NUMBERS) else f"{number:,}"
        asked, choices = f"one answer of {words}", f", choices: {number}"
        answers, metric = CHOICE.format(choices=_read("choices", guarded)), metric or "acc"
    else:
        asked, choices, metric = "answered with a text", "", metric or "exact_match"
        answers = _generation(questions.questions, max_new_tokens)
    noun = "question" if count == 1 else "questions"
    benchmark = BENCHMARK.format(
        source=questions.name, id=named.id, key=task, task=task, metric=metric, choices=choices,
        title=quoted(title), column=quoted(title[:MOST_TITLE].strip()),
        description=quoted(named.description or f"{count:,} {noun}, {asked}. No examples shown."),
    )  # fmt: skip
    folder = f"tasks/{named.id}/{task}"
    return Draft(
        named.id,
        {
            f"{named.id}.yaml": benchmark,
            f"{folder}.yaml": TASK.format(
                task=task,
                question="{{question | trim}}" if "question" in guarded else "{{question}}",
                target=_read("answer", guarded),
                answers=answers,
            ),
            f"{folder}.jsonl": "".join(_row(question, guarded) for question in questions.questions),
        },
    )


def guessers_choices(counts: Sequence[int]) -> int:
    """The number of choices with which a guesser is right as often as among questions with these numbers."""
    return round(len(counts) / sum(1 / count for count in counts))


def _generation(questions: Sequence[Question], max_new_tokens: int) -> str:
    """How answers are generated: to the end of a line, or to an empty line where an answer has several."""
    answers = [str(question.answer) for question in questions]
    # No token of any vocabulary stands for less than a byte.
    longest = max(len(answer.encode()) for answer in answers) + 1
    enough = min(MOST_TOKENS, max(FEWEST_TOKENS, -(-longest // STEP_TOKENS) * STEP_TOKENS))
    several = any("\n" in answer for answer in answers)
    return GENERATION.format(tokens=max_new_tokens or enough, until=r'"\n\n"' if several else r'"\n"')


def guarded_columns(questions: Sequence[Question]) -> set[str]:
    """The columns with texts that the reader of JSON would take for times: a space is written before those."""
    columns = set()
    for question in questions:
        values = {"question": (question.question,), "answer": (str(question.answer),), "choices": question.choices}
        columns |= {name for name, texts in values.items() if any(map(TIME.match, texts))}
    return columns


def _read(column: str, guarded: Collection[str]) -> str:
    """How a task reads a column: without the space before its texts, if it has one."""
    trimmed = {"answer": '"{{answer | trim}}"', "choices": "\"{{choices | map('trim') | list}}\""}
    return trimmed[column] if column in guarded else column


def _row(question: Question, guarded: Collection[str]) -> str:
    before = {name: " " if name in guarded else "" for name in Question._fields}
    values: dict[str, Any] = {"question": before["question"] + question.question, "answer": question.answer}
    if isinstance(question.answer, str):
        values["answer"] = before["answer"] + question.answer
    if question.choices:
        values["choices"] = [before["choices"] + choice for choice in question.choices]
    return json.dumps(values, ensure_ascii=False) + "\n"
