"""Rows of packed questions as tensors: token ids, positions, who sees whom, and where logits are needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from backend.evaluators.shared_prefix.attention import Attention
from backend.evaluators.shared_prefix.plan import Piece


@dataclass(frozen=True)
class Layout:
    """A batch, on the CPU: ids, positions, scored [rows, width]; visible [rows, width, prefix + width] or None."""

    ids: Any
    positions: Any
    scored: Any
    visible: Any
    """True where a query may look; None when each row is one causal sequence without a prefix."""
    entries: list[int]
    """For each piece, in the order of the rows, the first of its rows in the logits."""


def lay_out(rows: Sequence[Sequence[Piece]], prefix: int, causal: bool = False) -> Layout:
    """The batch of these rows after a shared prefix of `prefix` tokens.

    `causal` allows leaving out the mask where a causal one says the same. Padding stands at positions that the batch's
    own tokens have, because a model with absolute positions has no others near its context length.
    """
    width = max(sum(piece.width for piece in row) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    deepest = max(len(piece.tail) + max(piece.trie.depths, default=-1) for row in rows for piece in row)
    positions = (prefix + torch.arange(width).clamp(max=deepest)).repeat(len(rows), 1)
    scored = torch.zeros(len(rows), width, dtype=torch.bool)
    plain = causal and prefix == 0 and all(len(row) == 1 and row[0].trie.is_chain for row in rows)
    visible = None if plain else torch.zeros(len(rows), width, prefix + width, dtype=torch.bool)
    entries: list[int] = []
    total = 0
    for number, row in enumerate(rows):
        start = 0
        for piece in row:
            tail, end = len(piece.tail), start + piece.width
            ids[number, start:end] = torch.tensor([*piece.tail, *piece.trie.tokens])
            depths = torch.tensor(piece.trie.depths, dtype=torch.long)
            positions[number, start:end] = torch.cat([torch.arange(tail), tail + depths]) + prefix
            scored[number, start + tail - 1 : end] = True
            entries.append(total)
            total += piece.scored
            if visible is not None:
                visible[number, start:end, :prefix] = True
                visible[number, start:end, prefix + start : prefix + end] = sight(piece)
            start = end
        if visible is not None:
            padding = torch.arange(start, width)
            visible[number, padding, prefix + padding] = True
    return Layout(ids, positions, scored, visible, entries)


def sight(piece: Piece) -> Any:
    """[width, width]: the context is causal, a node sees the whole context, its ancestors and itself."""
    tail, nodes = len(piece.tail), len(piece.trie.tokens)
    seen = torch.zeros(tail + nodes, tail + nodes, dtype=torch.bool)
    seen[:tail, :tail] = torch.ones(tail, tail, dtype=torch.bool).tril()
    seen[tail:, :tail] = True
    for node, parent in enumerate(piece.trie.parents):
        if parent >= 0:
            seen[tail + node] = seen[tail + parent]
        seen[tail + node, tail + node] = True
    return seen


def mask_for(attention: Attention, visible: Any, queries: Any, keys: Any, dtype: Any) -> Any:
    """The mask that the model's forward takes.

    visible [rows, width, columns]; queries [rows, width] and keys [rows, columns] are positions, which cut what a
    sliding layer sees.
    """
    masks = dict.fromkeys(attention.layer_types, visible)
    if attention.window is not None:
        near = queries[:, :, None] - keys[:, None, :] < attention.window
        masks["sliding_attention"] = visible & near
    shaped = {kind: _added(mask, dtype) for kind, mask in masks.items()}
    return shaped if attention.by_layer_type else shaped[attention.layer_types[0]]


def _added(mask: Any, dtype: Any) -> Any:
    """[rows, 1, width, columns], added to the scores: a kernel would make it of booleans again in every layer."""
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, torch.finfo(dtype).min)[:, None]
