"""Properties of the plan: nothing is lost, nothing is forwarded that was shared, nothing costs more than allowed."""

from hypothesis import given
from hypothesis import strategies as st

from backend.evaluators.shared_prefix.plan import (
    Node,
    Piece,
    build_trie,
    common,
    group,
    lifted,
    pack,
    prefix_tree,
    stock_tokens,
    truncate,
)

tokens = st.lists(st.integers(0, 2), min_size=1, max_size=24).map(tuple)
contexts = st.lists(tokens, min_size=1, max_size=24, unique=True)
choices = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6).map(tuple), min_size=1, max_size=8, unique=True)


def nodes(node: Node) -> list[Node]:
    return [node, *(each for child in node.children for each in nodes(child))]


@given(contexts, st.integers(1, 12), st.none() | st.integers(0, 30))
def test_the_prefix_tree_shares_only_what_is_common(texts: list[tuple[int, ...]], gain: int, room: int | None) -> None:
    tree = prefix_tree(texts, gain, room, least_part=0)
    assert sorted(tree.below()) == list(range(len(texts)))
    for node in nodes(tree):
        shared = texts[node.sample][: node.end]
        assert all(texts[index][: node.end] == shared and len(texts[index]) > node.end for index in node.below())
        for child in node.children:
            assert child.start == node.end < child.end
            branches = len(child.children) + len(child.questions)
            assert (branches - 1) * (child.end - child.start) >= gain


@given(contexts)
def test_without_a_threshold_every_shared_token_is_forwarded_once(texts: list[tuple[int, ...]]) -> None:
    tree = prefix_tree(texts, least_gain=1, least_part=0)
    forwarded = sum(node.end - node.start for node in nodes(tree))
    forwarded += sum(len(texts[index]) - node.end for node in nodes(tree) for index in node.questions)
    beginnings = {text[:end] for text in texts for end in range(1, len(text))}
    assert forwarded == len(beginnings) + len(texts)


def test_a_run_that_spares_a_small_part_is_not_worth_a_cache() -> None:
    long = [(0, 0, index, *range(2000)) for index in range(100)]
    assert not prefix_tree(long).children
    assert prefix_tree([text[:50] for text in long]).children


@given(contexts, st.integers(0, 40))
def test_a_path_never_caches_more_than_its_room(texts: list[tuple[int, ...]], room: int) -> None:
    def held(node: Node) -> int:
        return node.end + max(map(held, node.children), default=0)

    assert held(prefix_tree(texts, 1, room, least_part=0)) <= room


@given(contexts)
def test_a_lifted_node_keeps_its_questions_and_starts_where_it_did(texts: list[tuple[int, ...]]) -> None:
    for node in nodes(prefix_tree(texts, 1, least_part=0)):
        less = lifted(node)
        assert sorted(less.below()) == sorted(node.below())
        assert less.start == less.end == node.start
        assert all(child.start == node.start for child in less.children)


@given(choices)
def test_the_trie_holds_every_proper_beginning_once(options: list[tuple[int, ...]]) -> None:
    trie = build_trie(options)
    beginnings = {option[:end] for option in options for end in range(1, len(option))}
    assert len(trie.tokens) == len(beginnings)
    for option, path in zip(options, trie.paths, strict=True):
        assert path[0] == -1 and len(path) == len(option)
        assert tuple(trie.tokens[node] for node in path[1:]) == option[:-1]
        assert [trie.parents[node] for node in path[1:]] == list(path[:-1])
        assert [trie.depths[node] for node in path[1:]] == list(range(len(option) - 1))


def test_a_chain_is_known_as_one() -> None:
    assert build_trie([(1,), (1, 2), (1, 2, 3)]).is_chain
    assert not build_trie([(1, 2), (3, 4)]).is_chain


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.integers(1, 200), st.integers(0, 80))
def test_packing_keeps_every_piece_and_every_bound(widths: list[int], most: int, row: int) -> None:
    nothing = build_trie([])
    pieces = [Piece(number, (0,) * width, nothing) for number, width in enumerate(widths)]
    seen = []
    for batch in pack(pieces, lambda rows, width, scored: rows * width <= most, row):
        fills = [sum(piece.width for piece in line) for line in batch]
        assert len(batch) * max(fills) <= most or sum(map(len, batch)) == 1
        assert all(len(line) == 1 for line in batch) or max(fills) <= max(row, max(widths))
        assert row > 0 or all(len(line) == 1 for line in batch)
        seen += [piece.question for line in batch for piece in line]
    assert sorted(seen) == list(range(len(widths)))


@given(st.lists(st.tuples(tokens, tokens), min_size=1, max_size=20), st.integers(24, 40))
def test_grouping_truncates_as_the_harness_does(requests: list[tuple[tuple[int, ...], ...]], most: int) -> None:
    pairs = [(context, following) for context, following in requests]
    answered = []
    for question in group(pairs, most):
        for choice, indices in zip(question.choices, question.requests, strict=True):
            answered += indices
            for index in indices:
                whole = (*pairs[index][0], *pairs[index][1])[-(most + 1) :]
                assert (*question.context, *choice) == whole
                assert truncate(*pairs[index], most) == question.context
    assert sorted(answered) == list(range(len(pairs)))


@given(tokens, tokens)
def test_the_common_prefix_is_the_longest(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    length = common(left, right)
    assert left[:length] == right[:length]
    assert left[length : length + 1] != right[length : length + 1] or length == min(len(left), len(right))


def test_the_stock_count_knows_the_one_token_cache_and_the_padding() -> None:
    requests = [((1, 2, 3), (4,)), ((1, 2, 3), (5,)), ((1,), (2, 3))]
    assert stock_tokens(requests, batch_size=2, max_length=10) == 2 * 3
    assert stock_tokens(requests, batch_size=2, max_length=10, cached=False) == 2 * 3 + 2
    assert stock_tokens(requests, batch_size=0, max_length=10) == 3 + 2
    assert stock_tokens(requests, batch_size=1, max_length=2) == 2 + 2
