"""Greedy generation: prompts share their prefixes, finished rows leave, waiting prompts take their place."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice
from typing import Any

import torch
import torch.nn.functional as F

from backend.evaluators.shared_prefix.budget import Budget
from backend.evaluators.shared_prefix.caches import CachePlace, Prefix, Slots
from backend.evaluators.shared_prefix.forward import HEAD, NOTHING, Runner, length
from backend.evaluators.shared_prefix.plan import Node, Piece, Tokens, lifted, pack, prefix_tree

PREFILL = 256
"""Tokens of prompts forwarded at a time, or one prompt: more would need memory beside the slots and gains no time."""


@dataclass(frozen=True)
class Prompt:
    """What a row starts from and when it ends."""

    index: int
    tokens: Tokens
    most: int
    """New tokens at most."""
    stops: tuple[str, ...]
    """Texts that end it."""
    probed: bool = False


@dataclass
class Row:
    """A prompt being continued."""

    prompt: Prompt
    tokens: list[int] = field(default_factory=list)
    """Generated so far."""
    head: list[float] = field(default_factory=list)
    """Log-probabilities of the first HEAD generated tokens, where the prompt is probed."""
    cached: int = 0
    """Columns of its slot in use."""


Entry = tuple[Prefix | None, Row]


class Generator:
    """Continues prompts in up to `size` slots until an end token, a stop text or the limit."""

    def __init__(
        self,
        runner: Runner,
        budget: Budget,
        size: int,
        ends: frozenset[int],
        decode: Callable[[list[int], bool], str],
        softmax_dtype: Any = None,
    ) -> None:
        self.runner, self.budget, self.size, self.ends, self.decode = runner, budget, size, ends, decode
        self.softmax_dtype = softmax_dtype
        self.rows: list[Row] = []
        self.slots: Slots | None = None
        self.capacity = 0
        self.returned: deque[Row] = deque()
        self.lookback: dict[tuple[str, ...], int] = {}

    def generate(self, prompts: Sequence[Prompt], lookback: Callable[[str], int]) -> Iterator[Row]:
        """Finished rows, as they finish. `lookback` says how many tokens a stop text may take."""
        self.lookback = {stops: max(map(lookback, stops), default=0) for stops in {prompt.stops for prompt in prompts}}
        self.capacity = max(len(prompt.tokens) + prompt.most for prompt in prompts)
        affordable = self.budget.bytes // (self.capacity * self.budget.costs.cached)
        self.size = max(1, min(self.size, len(prompts), affordable))
        tree = prefix_tree([prompt.tokens for prompt in prompts], room=self.budget.prefix_tokens)
        queue = self._queue(tree, None, prompts)
        self.waiting = True
        while self.waiting or self.rows or self.returned:
            while len(self.rows) < self.size and self.returned:
                yield from self._start([self.returned.popleft()], None)
            if self.waiting and len(self.rows) < self.size:
                yield from self._admit(queue)
            if self.rows:
                yield from self._step()

    def _queue(self, node: Node, prefix: Prefix | None, prompts: Sequence[Prompt]) -> Iterator[Entry]:
        for index in sorted(node.questions, key=lambda index: -len(prompts[index].tokens)):
            yield prefix, Row(prompts[index])
        for child in node.children:
            tokens = prompts[child.sample].tokens[child.start : child.end]
            longer = self.budget.attempt(partial(self.runner.prefix, tokens, prefix))
            yield from self._queue(child if longer else lifted(child), longer or prefix, prompts)

    def _admit(self, queue: Iterator[Entry]) -> Iterator[Row]:
        """Fill the free slots from the queue; prompts over the same prefix start together."""
        free = self.size - len(self.rows)
        entries = list(islice(queue, free))
        self.waiting = len(entries) == free
        for _, group in groupby(entries, key=lambda entry: id(entry[0])):
            together = list(group)
            yield from self._start([row for _, row in together], together[0][0])

    def _start(self, rows: Sequence[Row], prefix: Prefix | None) -> Iterator[Row]:
        """Forward the prompts of rows and give each a slot; rows that end at once never take one."""
        start = length(prefix)
        pieces = [Piece(number, (*row.prompt.tokens, *row.tokens)[start:], NOTHING) for number, row in enumerate(rows)]

        def fits(rows: int, width: int, scored: int) -> bool:
            return rows * width <= PREFILL and self.budget.fits(rows, width, scored, start)

        for batch in pack(pieces, fits, 0):
            places = list(_places(batch, len(self.rows)))
            begun = [rows[piece.question] for line in batch for piece in line]
            sink = partial(self._slots().fill, prefix, places)
            forwarded = self.budget.attempt(partial(self.runner.pieces, batch, prefix, sink))
            if forwarded is None:
                self.returned.extend(begun)
                continue
            layout, logits = forwarded
            chosen = logits[layout.entries].argmax(dim=-1).tolist()
            first = len(self.rows)
            self.rows += begun
            for row, place in zip(begun, places, strict=True):
                row.cached = start + place.end - place.start
            yield from self._append(first, logits[layout.entries], chosen)

    def _slots(self) -> Slots:
        if self.slots is None:
            self.slots = Slots(self.runner.layers, self.size, self.capacity)
        return self.slots

    def _step(self) -> Iterator[Row]:
        """One token for every row."""
        device = self.runner.device
        ids = torch.tensor([row.tokens[-1] for row in self.rows], device=device)
        columns = torch.tensor([row.cached for row in self.rows], device=device)
        logits = self.budget.attempt(partial(self.runner.step, self._slots(), ids, columns))
        if logits is None:
            self.size = max(1, len(self.rows) // 2)
            self.returned.extend(self.rows[self.size :])
            del self.rows[self.size :]
            return
        for row in self.rows:
            row.cached += 1
        yield from self._append(0, logits, logits.argmax(dim=-1).tolist())

    def _append(self, first: int, logits: Any, chosen: Sequence[int]) -> Iterator[Row]:
        """Give each row from `first` on its next token; ended rows leave, the last rows move into their slots."""
        slots = self._slots()
        ended = [
            first + number
            for number, token in enumerate(chosen)
            if self._ended(self.rows[first + number], logits[number], token)
        ]
        for number in reversed(ended):
            row, last = self.rows[number], self.rows.pop()
            if last is not row:
                slots.move(len(self.rows), number, last.cached)
                self.rows[number] = last
            yield row

    def _ended(self, row: Row, logits: Any, token: int) -> bool:
        """Append a token; whether the row is complete."""
        if row.prompt.probed and len(row.tokens) < HEAD:
            row.head.append(float(F.log_softmax(logits, dim=-1, dtype=self.softmax_dtype)[token]))
        row.tokens.append(token)
        if token in self.ends or len(row.tokens) >= row.prompt.most:
            return True
        stops = row.prompt.stops
        if not stops:
            return False
        recent = self.decode(row.tokens[-self.lookback[stops] :], False)
        return any(stop in recent for stop in stops) and self._contains(row)

    def _contains(self, row: Row) -> bool:
        text = self.decode(row.tokens, True)
        return any(stop in text for stop in row.prompt.stops)


def _places(batch: Sequence[Sequence[Piece]], slot: int) -> Iterator[CachePlace]:
    """Where each piece of a batch goes, from the first free slot on."""
    for number, line in enumerate(batch):
        start = 0
        for piece in line:
            yield CachePlace(slot, number, start, start + piece.width)
            slot, start = slot + 1, start + piece.width
