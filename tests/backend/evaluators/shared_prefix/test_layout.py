"""The mask, position by position, against its definition: a token sees its own past and nothing else."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.evaluators.shared_prefix.attention import Attention
from backend.evaluators.shared_prefix.layout import lay_out, mask_for
from backend.evaluators.shared_prefix.plan import Piece, build_trie

choices = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4).map(tuple), min_size=1, max_size=4, unique=True)
pieces = st.lists(st.tuples(st.integers(1, 5), choices), min_size=1, max_size=3)


@settings(deadline=None)
@given(st.lists(pieces, min_size=1, max_size=3), st.integers(0, 4), st.none() | st.integers(1, 6))
def test_a_query_sees_exactly_its_own_past(rows: list, prefix: int, window: int | None) -> None:
    number = 0
    laid: list[list[Piece]] = []
    for row in rows:
        laid.append([])
        for length, options in row:
            laid[-1].append(Piece(number, tuple(range(10, 10 + length)), build_trie(options)))
            number += 1
    layout = lay_out(laid, prefix)
    kind = "full_attention" if window is None else "sliding_attention"
    attention = Attention((kind,), window, by_layer_type=False, fused=True, packed=True, longest=None)
    before = layout.positions.new_tensor(range(prefix)).expand(len(laid), -1)
    keys = torch.cat([before, layout.positions], dim=1)
    mask = mask_for(attention, layout.visible, layout.positions, keys, torch.float32)[:, 0] == 0
    for line, row in enumerate(laid):
        start = 0
        for piece in row:
            tail = len(piece.tail)
            for query in range(piece.width):
                node = query - tail
                own = set(range(query + 1)) if node < 0 else set(range(tail)) | {tail + node}
                while node >= 0 and piece.trie.parents[node] >= 0:
                    node = piece.trie.parents[node]
                    own.add(tail + node)
                expected = {*range(prefix), *(prefix + start + each for each in own)}
                place = int(layout.positions[line, start + query])
                if window is not None:
                    expected = {each for each in expected if place - int(keys[line, each]) < window}
                assert set(mask[line, start + query].nonzero().flatten().tolist()) == expected
            depths = [prefix + each for each in range(tail)] + [prefix + tail + depth for depth in piece.trie.depths]
            assert layout.positions[line, start : start + piece.width].tolist() == depths
            start += piece.width
        assert mask[line].any(dim=-1).all()
    assert int(layout.scored.sum()) == sum(piece.scored for row in laid for piece in row)


def test_the_mask_is_left_out_only_where_causality_says_the_same() -> None:
    chain, fork = build_trie([(1, 2, 3)]), build_trie([(1, 2), (3, 4)])
    assert lay_out([[Piece(0, (1, 2), chain)]], 0, causal=True).visible is None
    assert lay_out([[Piece(0, (1, 2), fork)]], 0, causal=True).visible is not None
    assert lay_out([[Piece(0, (1, 2), chain)]], 3, causal=True).visible is not None
    assert lay_out([[Piece(0, (1, 2), chain), Piece(1, (1,), chain)]], 0, causal=True).visible is not None
    assert lay_out([[Piece(0, (1, 2), chain)]], 0, causal=False).visible is not None
