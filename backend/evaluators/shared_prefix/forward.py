"""The model behind one call: forward a batch of packed rows over a shared prefix, and count the tokens."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch

from backend.evaluators.shared_prefix.attention import Attention
from backend.evaluators.shared_prefix.caches import Fresh, Prefix, Sink, Slots, extended, over
from backend.evaluators.shared_prefix.layout import Layout, lay_out, mask_for
from backend.evaluators.shared_prefix.plan import Piece, Tokens, build_trie

NOTHING = build_trie([])
HEAD = 16
"""Generated tokens whose log-probability is recorded for a probed prompt."""


class Runner:
    """A causal language model with its attention; every forward of the engine goes through it."""

    def __init__(self, model: Any, attention: Attention, device: Any, mixed_precision: Any = None) -> None:
        self.model, self.attention, self.device = model, attention, device
        self.mixed_precision = mixed_precision
        self.layers = len(attention.layer_types)
        self.tokens = 0
        """Token ids forwarded so far, padding included."""

    def pieces(
        self, rows: Sequence[Sequence[Piece]], prefix: Prefix | None, sink: Sink | None = None
    ) -> tuple[Layout, Any]:
        """Forward rows of pieces: their layout, and the logits of the scored positions [scored, vocabulary]."""
        start = length(prefix)
        layout = lay_out(rows, start, causal=self.attention.window is None)
        cache = over(prefix, self.layers, sink)
        logits = self._call(layout.ids, layout.positions, layout.visible, start, cache, layout.scored.to(self.device))
        return layout, logits

    def prefix(self, tokens: Tokens, before: Prefix | None) -> Prefix:
        """The keys and values of `before` followed by `tokens`."""
        layout = lay_out([[Piece(-1, tokens, NOTHING)]], length(before), causal=self.attention.window is None)
        fresh = Fresh()
        visible = None if self.attention.window is None else layout.visible
        self._call(layout.ids, layout.positions, visible, length(before), over(before, self.layers, fresh), 1)
        return extended(before, fresh.states)

    def plain(self, tokens: Tokens, copies: int) -> Any:
        """Forward a text as the model itself would, in a batch of copies: logits [HEAD, vocabulary] of its end."""
        ids = torch.tensor([tokens[:-1]], device=self.device).expand(copies, -1)
        with torch.no_grad(), self._autocast():
            return self.model(input_ids=ids, use_cache=False, logits_to_keep=min(HEAD, len(tokens) - 1)).logits[0]

    def padded(self, tails: Sequence[Tokens], prefix: Prefix | None) -> tuple[Any, Prefix, Any]:
        """Forward tails, padded on the right, with a 2D mask: last logits [rows, vocabulary], new states, the mask."""
        fresh = Fresh()
        cache = over(prefix, self.layers, fresh)
        ids, real = _pad(tails)
        start = length(prefix)
        mask = torch.cat([torch.ones(len(ids), start, dtype=torch.long), real], dim=1).to(self.device)
        last = torch.tensor([[len(tail) - 1] for tail in tails], device=self.device)
        positions = torch.arange(start, start + ids.shape[1]).expand(len(ids), -1)
        logits = self._forward(ids, positions, mask, cache, last)
        return logits[:, -1], fresh.states, mask

    def continued(self, begins: Sequence[Tokens], starts: Sequence[int], cache: Any, mask: Any) -> Any:
        """Forward what follows each row of a cache, from position `starts`: logits [rows, width, vocabulary]."""
        ids, real = _pad(begins)
        depths = torch.minimum(torch.arange(ids.shape[1]), real.sum(dim=1, keepdim=True) - 1)
        positions = torch.tensor(starts)[:, None] + depths
        return self._forward(ids, positions, torch.cat([mask, real.to(self.device)], dim=1), cache, 0)

    def step(self, slots: Slots, ids: Any, positions: Any) -> Any:
        """One token for each active slot, ids and positions [rows] on the device; logits [rows, vocabulary]."""
        width = int(positions.max()) + 1
        columns = torch.arange(width, device=self.device).expand(len(ids), -1)
        visible = (columns <= positions[:, None])[:, None]
        mask = mask_for(self.attention, visible, positions[:, None], columns, self.model.dtype)
        return self._forward(ids[:, None], positions[:, None], mask, slots.aim(positions, width), 1)[:, -1]

    def _call(self, ids: Any, positions: Any, visible: Any, start: int, cache: Any, keep: Any) -> Any:
        positions = positions.to(self.device)
        mask = None
        if visible is not None:
            before = torch.arange(start, device=self.device).expand(len(ids), -1)
            keys = torch.cat([before, positions], dim=1)
            mask = mask_for(self.attention, visible.to(self.device), positions, keys, self.model.dtype)
        return self._forward(ids, positions, mask, cache, keep)

    def _forward(self, ids: Any, positions: Any, mask: Any, cache: Any, keep: Any) -> Any:
        self.tokens += ids.numel()
        with torch.no_grad(), self._autocast():
            return self.model(
                input_ids=ids.to(self.device),
                attention_mask=mask,
                position_ids=positions.to(self.device),
                past_key_values=cache,
                use_cache=cache is not None,
                logits_to_keep=keep,
            ).logits

    def _autocast(self) -> AbstractContextManager[Any]:
        enabled = self.mixed_precision is not None
        autocast: AbstractContextManager[Any] = torch.autocast(self.device.type, self.mixed_precision, enabled=enabled)
        return autocast


def _pad(rows: Sequence[Tokens]) -> tuple[Any, Any]:
    """Rows padded on the right, and ones where they are real."""
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
    real = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids, real


def length(prefix: Prefix | None) -> int:
    """Tokens of a prefix."""
    return int(prefix[0][0].shape[-2]) if prefix else 0
