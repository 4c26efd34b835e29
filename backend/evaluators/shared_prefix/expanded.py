"""Scoring for attention kernels that take no 4D mask: each question in its own row, cache rows expanded per choice.

The tails of the contexts are forwarded first, padded on the right; their last logits score every choice's first token.
Then a row for each distinct beginning of a choice continues the selected cache rows. Only 2D padding masks are used,
which is why sliding layers are out: the kernels cut their windows by column, not by position.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from transformers.cache_utils import Cache

from backend.evaluators.shared_prefix.caches import Prefix, PrefixLayer
from backend.evaluators.shared_prefix.forward import NOTHING, length
from backend.evaluators.shared_prefix.plan import Piece, Question, Tokens
from backend.evaluators.shared_prefix.scoring import Answers, Scorer


class SelectedLayer(PrefixLayer):
    """A prefix, then the selected rows of an earlier batch, then the new states."""

    def __init__(self, prefix: tuple[Any, Any] | None, earlier: tuple[Any, Any], selected: Any) -> None:
        super().__init__(None)
        self.prefix, self.earlier, self.selected = prefix, earlier, selected
        self.before = earlier[0].shape[-2] + (prefix[0].shape[-2] if prefix else 0)

    def get_seq_length(self) -> int:
        """Columns before the new ones."""
        return int(self.before)

    def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """The states to attend to; nothing is stored."""
        joined = []
        for index, new in enumerate((key_states, value_states)):
            parts = [self.prefix[index].expand(new.shape[0], -1, -1, -1)] if self.prefix else []
            joined.append(torch.cat([*parts, self.earlier[index][self.selected], new], dim=-2))
        return joined[0], joined[1]


class ExpandedScorer(Scorer):
    """A scorer whose batches hold one question a row and forward the choices in a second pass."""

    row = 0

    def _pieces(self, questions: Sequence[Question], start: int) -> list[Piece]:
        return [Piece(number, question.context[start:], NOTHING) for number, question in enumerate(questions)]

    def _batch(self, rows: Sequence[Sequence[Piece]], questions: Sequence[Question], prefix: Prefix | None) -> Answers:
        pieces = [row[0] for row in rows]
        batch = [questions[piece.question] for piece in pieces]
        tails = [piece.tail for piece in pieces]
        logits, states, mask = self.runner.padded(tails, prefix)
        first = F.log_softmax(logits, dim=-1, dtype=self.softmax_dtype)
        begun = [
            (number, begin)
            for number, question in enumerate(batch)
            for begin in dict.fromkeys(choice[:-1] for choice in question.choices if len(choice) > 1)
        ]
        following: dict[tuple[int, Tokens], Any] = {}
        for part in self._parts(begun, mask.shape[1]):
            selected = torch.tensor([number for number, _ in part], device=self.runner.device)
            layers = [
                SelectedLayer(prefix[index] if prefix else None, earlier, selected)
                for index, earlier in enumerate(states)
            ]
            starts = [length(prefix) + len(tails[number]) for number, _ in part]
            continued = self.runner.continued(
                [begin for _, begin in part], starts, Cache(layers=layers), mask[selected]
            )
            for row, key in enumerate(part):
                following[key] = F.log_softmax(continued[row, : len(key[1])], dim=-1, dtype=self.softmax_dtype)
        answers: Answers = {}
        for number, question in enumerate(batch):
            for choice, requests in zip(question.choices, question.requests, strict=True):
                scores = first[number][None]
                if len(choice) > 1:
                    scores = torch.cat([scores, following[number, choice[:-1]]])
                chosen = torch.tensor(choice, device=scores.device)
                chosen_scores = scores.gather(1, chosen[:, None])
                answer = (float(chosen_scores.sum()), bool((scores.argmax(dim=-1) == chosen).all()))
                answers.update(dict.fromkeys(requests, answer))
        return answers

    def _parts(self, begun: Sequence[tuple[int, Tokens]], before: int) -> Iterator[list[tuple[int, Tokens]]]:
        """Rows of the second pass, as many at a time as the budget takes."""
        part: list[tuple[int, Tokens]] = []
        for row in sorted(begun, key=lambda row: -len(row[1])):
            width, rows = max(len(row[1]), *(len(begin) for _, begin in part), 1), len(part) + 1
            if part and not self.budget.fits(rows, width, rows * width, before):
                yield part
                part = []
            part.append(row)
        if part:
            yield part
