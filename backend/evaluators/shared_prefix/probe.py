"""The check before results count: a few questions, the longest among them, scored by the stock backend as well."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from backend.evaluators.shared_prefix.plan import Node, Question, Tokens
from backend.evaluators.shared_prefix.scoring import Answer

TOLERANCE = 1e-3
"""In float32, on the sum of a continuation's log-probabilities."""
COST = 1 / 128
"""The part of the stock backend's tokens that the probe may forward again; the longest question is always checked."""
MOST_QUESTIONS = 8
MINIATURE = 64
"""Tokens of a shared prefix that are left of it in a miniature."""
STEPS = 2
"""Units in the last place that a 16-bit sum may differ even if the stock backend happens to agree with itself."""


class ProbeFailed(Exception):
    """The engine and the stock backend differ by more than the tolerance."""


@dataclass
class Probe:
    """What was compared, over all calls of a run."""

    questions: int = 0
    max_difference: float = 0.0
    tolerance: float = TOLERANCE
    passed: bool = True
    expected: dict[int, Answer] = field(default_factory=dict)
    """Stock answers by request that the engine's answers have to match."""
    exact: bool = True
    """Whether greedy flags are compared as well, as float32 allows."""

    def compare(self, answers: dict[int, Answer]) -> None:
        """Compare what is among the expected answers; raises `ProbeFailed` at the first that differs."""
        for request in self.expected.keys() & answers.keys():
            (stock, stock_greedy), (ours, greedy) = self.expected[request], answers[request]
            difference = abs(stock - ours)
            self.max_difference = max(self.max_difference, difference)
            if not difference <= self.tolerance or (self.exact and greedy != stock_greedy):
                self.passed = False
                raise ProbeFailed(
                    f"a probed log-likelihood is {ours:.6g} with shared prefixes and {stock:.6g} with the stock backend"
                    f" (tolerance {self.tolerance:.3g})"
                )


class Choice(NamedTuple):
    """What is probed."""

    requests: dict[int, list[int]]
    """Questions, each with some of its requests."""
    miniature: list[tuple[Tokens, Tokens]]
    """Context and continuation of questions made for the purpose: see `choose`."""


def choose(questions: Sequence[Question], tree: Node, stock_tokens: int, windowed: bool = False) -> Choice:
    """Choose what to probe: always the longest question, then others while the allowance lasts.

    Where the longest does not continue a shared prefix with choices that fork, the shortest that does is probed as
    well; beyond the allowance, its prefix is cut to the last MINIATURE tokens. `windowed` layers make distance matter,
    so that there it is probed whole.
    """
    by_length = sorted(range(len(questions)), key=lambda index: -_length(questions[index]))
    shared = {index for child in tree.children for index in child.below()}
    merit = [(index in shared) + (len(rows_of(question)) > 1) for index, question in enumerate(questions)]
    count = len(by_length)
    between = [by_length[step * (count - 1) // MOST_QUESTIONS] for step in range(1, MOST_QUESTIONS + 1)]
    second = [index for index in by_length if merit[index] == max(merit)][-1:]
    second = second if merit[by_length[0]] < max(merit) else []
    needed = {by_length[0], *(second if windowed else [])}
    chosen: dict[int, list[int]] = {}
    left = stock_tokens * COST
    for index in dict.fromkeys([by_length[0], *second, *between]):
        rows = rows_of(questions[index])
        while rows and (len(rows) > 1 or index not in needed) and len(rows) * _length(questions[index]) > left:
            rows.pop()
        if rows and len(chosen) < MOST_QUESTIONS:
            left -= len(rows) * _length(questions[index])
            chosen[index] = [request for row in rows for request in row]
    return Choice(chosen, [pair for index in second if index not in chosen for pair in _small(questions, tree, index)])


def _small(questions: Sequence[Question], tree: Node, index: int) -> Iterator[tuple[Tokens, Tokens]]:
    """The requests of a question, and of another over the same prefix, without the beginning of the prefix."""
    over = next((child for child in tree.children if index in child.below()), None)
    end = over.end if over else len(questions[index].context) - 1
    other = next((each for each in over.below() if each != index), None) if over else None
    for each in [index] if other is None else [index, other]:
        for choice in questions[each].choices:
            yield questions[each].context[max(0, end - MINIATURE) :], choice


def rows_of(question: Question) -> list[list[int]]:
    """Requests of up to two rows of the stock backend: choices that differ in their last token share one.

    The last row comes first, because an error that lets choices see one another shows there.
    """
    rows: dict[tuple[int, ...], list[int]] = {}
    for choice, requests in zip(question.choices, question.requests, strict=True):
        rows.setdefault(choice[:-1], []).append(requests[0])
    last = [*rows][-1]
    longest = max(rows, key=len)
    return [rows[row] for row in dict.fromkeys([last, longest])]


def _length(question: Question) -> int:
    return len(question.context) + max(len(choice) for choice in question.choices) - 1


def expect(
    probe: Probe,
    requests: Sequence[Any] | Mapping[int, Any],
    groups: Sequence[Sequence[int]],
    stock: Callable[[list[Any]], list[Answer]],
    dtype: Any,
    again: Callable[[list[Any]], list[Answer]] | None = None,
) -> None:
    """Expect what the stock backend answers, group by group, within the tolerance of the dtype.

    In 16 bit the tolerance is what the stock backend differs from itself when the batch changes: when everything is
    scored `again`, by default together.
    """
    probe.questions += len(groups)
    probe.expected = {}
    probe.exact = dtype == torch.float32
    for group in groups:
        probe.expected.update(zip(group, stock([requests[index] for index in group]), strict=True))
    if not probe.exact:
        together = (again or stock)([requests[index] for group in groups for index in group])
        alone = [probe.expected[index] for group in groups for index in group]
        pairs = [(own[0], other[0]) for own, other in zip(alone, together, strict=True)]
        control = max(abs(own - other) for own, other in pairs)
        largest = max(abs(own) for own, _ in pairs)
        probe.tolerance = max(control, STEPS * last_place(largest, dtype))


def last_place(value: float, dtype: Any) -> float:
    """The distance between neighbouring numbers of a dtype at a magnitude."""
    exponent = math.frexp(value)[1] - 1 if value else 0
    return float(torch.finfo(dtype).eps) * 2.0**exponent
