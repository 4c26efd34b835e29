"""Log-likelihoods of questions: shared prefixes once, then batches of packed rows, each choice read off its trie."""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F

from backend.evaluators.shared_prefix.budget import Budget
from backend.evaluators.shared_prefix.caches import Prefix
from backend.evaluators.shared_prefix.forward import Runner, length
from backend.evaluators.shared_prefix.plan import ROW, Node, Piece, Question, build_trie, lifted, pack, prefix_tree

Answer = tuple[float, bool]
"""The log-likelihood of a choice, and whether greedy decoding would produce it."""
Answers = dict[int, Answer]
"""By request."""


class Scorer:
    """Scores questions with one model, within a budget that halves when memory runs out."""

    row = ROW
    """Tokens that a row of packed questions may fill."""

    def __init__(self, runner: Runner, budget: Budget, softmax_dtype: Any = None) -> None:
        self.runner, self.budget, self.softmax_dtype = runner, budget, softmax_dtype

    def plan(self, questions: Sequence[Question]) -> Node:
        """The prefixes that the questions share, as far as the budget can keep them."""
        return prefix_tree([question.context for question in questions], room=self.budget.prefix_tokens)

    def score(self, questions: Sequence[Question], tree: Node, first: Collection[int] = ()) -> Iterator[Answers]:
        """Answers of all requests, batch by batch; parts of the work that hold the questions `first` come first."""
        yield from self._node(tree, None, questions, frozenset(first))

    def _node(
        self, node: Node, prefix: Prefix | None, questions: Sequence[Question], first: frozenset[int]
    ) -> Iterator[Answers]:
        yield from self._direct([questions[index] for index in node.questions], prefix)
        for child in sorted(node.children, key=lambda child: first.isdisjoint(child.below())):
            tokens = questions[child.sample].context[child.start : child.end]
            longer = self.budget.attempt(partial(self.runner.prefix, tokens, prefix))
            yield from self._node(child if longer else lifted(child), longer or prefix, questions, first)
            del longer

    def _direct(self, questions: Sequence[Question], prefix: Prefix | None) -> Iterator[Answers]:
        """The questions that continue this prefix, in batches; a batch that runs out of memory is cut smaller."""
        start = length(prefix)
        enough = self.budget.tokens // 4
        pending = list(questions)
        while pending:
            pieces = self._pieces(pending, start)
            done: set[int] = set()
            more: list[Question] = []
            for rows in pack(
                pieces, lambda rows, width, scored: self.budget.fits(rows, width, scored, start), self.row, enough
            ):
                numbers = [piece.question for row in rows for piece in row]
                answers = self.budget.attempt(partial(self._batch, rows, pending, prefix))
                done.update(numbers if answers is not None else ())
                if answers is None:
                    if len(numbers) == 1:
                        done.update(numbers)
                        more = pending[numbers[0]].halves()
                    break
                yield answers
            pending = more + [question for number, question in enumerate(pending) if number not in done]

    def _pieces(self, questions: Sequence[Question], start: int) -> list[Piece]:
        return [
            Piece(number, question.context[start:], build_trie(question.choices))
            for number, question in enumerate(questions)
        ]

    def _batch(self, rows: Sequence[Sequence[Piece]], questions: Sequence[Question], prefix: Prefix | None) -> Answers:
        layout, logits = self.runner.pieces(rows, prefix)
        scores = F.log_softmax(logits, dim=-1, dtype=self.softmax_dtype)
        del logits
        spans: list[tuple[tuple[int, ...], int]] = []
        entries: list[int] = []
        tokens: list[int] = []
        for entry, piece in zip(layout.entries, (piece for row in rows for piece in row), strict=True):
            question = questions[piece.question]
            for choice, path, requests in zip(question.choices, piece.trie.paths, question.requests, strict=True):
                spans.append((requests, len(choice)))
                entries.extend(entry + 1 + node for node in path)
                tokens.extend(choice)
        at, chosen = torch.tensor(entries, device=scores.device), torch.tensor(tokens, device=scores.device)
        chosen_scores = scores[at, chosen].cpu()
        greedy = (scores.argmax(dim=-1)[at] == chosen).cpu()
        answers: Answers = {}
        start = 0
        for requests, count in spans:
            end = start + count
            answer = (float(chosen_scores[start:end].sum()), bool(greedy[start:end].all()))
            answers.update(dict.fromkeys(requests, answer))
            start = end
        return answers
