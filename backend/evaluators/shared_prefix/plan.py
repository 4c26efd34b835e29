"""What is forwarded, in which order: questions, tries of choices, the tree of shared prefixes, rows and batches.

Pure functions of token ids: no model, no torch. A *question* is one truncated context with everything scored after it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

Tokens = tuple[int, ...]
LEAST_GAIN = 32
"""Tokens that a shared run must spare."""
LEAST_PART = 1 / 64
"""The part of its questions' tokens that a shared run must spare: without it they need no mask and no cache."""
ROW = 256
LEAF = -1
ENOUGH = 1024
RAGGED = 0.95


@dataclass(frozen=True)
class Trie:
    """The choices of a question as a tree of tokens; the root (-1) is the last token of the context."""

    tokens: Tokens
    """One token a node; a parent comes before its children."""
    parents: Tokens
    """Each node's parent, -1 for the root."""
    depths: Tokens
    """Steps below the context: 0 for a child of the root."""
    paths: tuple[Tokens, ...]
    """For each choice, the node whose logits score each of its tokens."""

    @property
    def is_chain(self) -> bool:
        """Whether the nodes follow one another, so that a causal mask is all they need."""
        return all(parent == node - 1 for node, parent in enumerate(self.parents))


@dataclass(frozen=True)
class Question:
    """One truncated context, its distinct choices, and the requests that each choice answers."""

    context: Tokens
    choices: tuple[Tokens, ...]
    requests: tuple[Tokens, ...]

    def halves(self) -> "list[Question]":
        """The same question with the choices in two parts, or itself when it has only one."""
        middle = len(self.choices) // 2
        parts = [slice(0, middle), slice(middle, None)] if middle else [slice(None)]
        return [Question(self.context, self.choices[part], self.requests[part]) for part in parts]


@dataclass(frozen=True)
class Piece:
    """A question as it lies in a row: what its shared prefix leaves of the context, then the trie of its choices."""

    question: int
    tail: Tokens
    trie: Trie

    @property
    def width(self) -> int:
        """Tokens that it takes in a row."""
        return len(self.tail) + len(self.trie.tokens)

    @property
    def scored(self) -> int:
        """Positions whose logits are needed: the context's last token and every node."""
        return 1 + len(self.trie.tokens)


@dataclass
class Node:
    """Tokens `start` to `end` of a context, shared by all questions at and below this node."""

    start: int
    end: int
    sample: int
    """A question whose context carries these tokens."""
    questions: list[int] = field(default_factory=list)
    children: "list[Node]" = field(default_factory=list)

    def below(self) -> Iterator[int]:
        """Every question at and below this node."""
        yield from self.questions
        for child in self.children:
            yield from child.below()


def truncate(context: Sequence[int], continuation: Sequence[int], max_length: int) -> Tokens:
    """What the stock backend leaves of a context: the left is cut so that all but the last token fit `max_length`."""
    room = max_length + 1 - len(continuation)
    return tuple(context[-room:]) if len(context) > room else tuple(context)


def group(requests: Sequence[tuple[Sequence[int], Sequence[int]]], max_length: int) -> list[Question]:
    """Questions of (context, continuation) requests. A request that truncates differently is another question."""
    choices_of: dict[Tokens, dict[Tokens, list[int]]] = {}
    for index, (context, continuation) in enumerate(requests):
        choices = choices_of.setdefault(truncate(context, continuation, max_length), {})
        choices.setdefault(tuple(continuation), []).append(index)
    return [
        Question(context, tuple(choices), tuple(tuple(indices) for indices in choices.values()))
        for context, choices in choices_of.items()
    ]


def build_trie(choices: Sequence[Tokens]) -> Trie:
    """The trie of all proper prefixes of the choices: a choice's last token is scored, never forwarded."""
    nodes: dict[tuple[int, int], int] = {}
    tokens: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    paths: list[Tokens] = []
    for choice in choices:
        node, path = -1, [-1]
        for depth, token in enumerate(choice[:-1]):
            child = nodes.setdefault((node, token), len(tokens))
            if child == len(tokens):
                tokens.append(token)
                parents.append(node)
                depths.append(depth)
            node = child
            path.append(node)
        paths.append(tuple(path))
    return Trie(tuple(tokens), tuple(parents), tuple(depths), tuple(paths))


def common(left: Tokens, right: Tokens) -> int:
    """Length of the longest common prefix."""
    low, high = 0, min(len(left), len(right))
    if left[:high] == right[:high]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def prefix_tree(
    contexts: Sequence[Tokens], least_gain: int = LEAST_GAIN, room: int | None = None, least_part: float = LEAST_PART
) -> Node:
    """The tree of token runs worth computing once, found from the contexts alone.

    A run is kept when it spares at least `least_gain` tokens and `least_part` of what its questions would forward
    without it. `room` bounds the cached tokens of any path from the root (each node keeps its whole prefix). A question
    always keeps the last token of its context.
    """
    root = _radix(contexts)
    sizes = _sizes(root, contexts)
    kept = Node(0, 0, root.sample)
    pending = [(root, kept, 0)]
    while pending:
        node, parent, held = pending.pop()
        length, branches = node.end - parent.end, len(node.questions) + len(node.children)
        count, tokens = sizes[id(node)]
        least = max(least_gain, 1, least_part * (tokens - count * parent.end))
        wanted = (branches - 1) * length >= least and (room is None or held + node.end <= room)
        if wanted:
            fresh = Node(parent.end, node.end, node.sample)
            parent.children.append(fresh)
            parent, held = fresh, held + node.end
        parent.questions.extend(node.questions)
        pending.extend((child, parent, held) for child in reversed(node.children))
    return kept


def _sizes(root: Node, contexts: Sequence[Tokens]) -> dict[int, tuple[int, int]]:
    """For each node, by identity, how many questions are at and below it and the tokens of their contexts."""
    order = [root]
    for node in order:
        order.extend(node.children)
    sizes: dict[int, tuple[int, int]] = {}
    for node in reversed(order):
        parts = [(len(node.questions), sum(len(contexts[index]) for index in node.questions))]
        parts += [sizes[id(child)] for child in node.children]
        sizes[id(node)] = (sum(count for count, _ in parts), sum(tokens for _, tokens in parts))
    return sizes


def lifted(node: Node) -> Node:
    """The same questions without this node's own tokens: one level less, longer tails."""
    children = [Node(node.start, child.end, child.sample, child.questions, child.children) for child in node.children]
    return Node(node.start, node.start, node.sample, node.questions, children)


def _radix(contexts: Sequence[Tokens]) -> Node:
    """The compressed trie of the contexts without their last tokens: every branching point is a node."""
    order = sorted(range(len(contexts)), key=lambda index: contexts[index])
    stack = [Node(0, 0, order[0] if order else -1)]
    before: Tokens = ()
    for index in [*order, -1]:
        context = contexts[index] if index >= 0 else ()
        depth = common(before[:-1], context[:-1])
        _close(stack, depth)
        if index >= 0:
            stack.append(Node(LEAF, len(context), index, [index]))
        before = context
    return stack[0]


def _close(stack: list[Node], depth: int) -> None:
    """Attach every open node deeper than `depth` to its parent, opening a branching point at `depth` if needed."""
    while stack[-1].end > depth:
        node = stack.pop()
        if stack[-1].end < depth:
            stack.append(Node(0, depth, node.sample))
        if node.start == LEAF:
            stack[-1].questions.append(node.sample)
        else:
            stack[-1].children.append(node)


def pack(
    pieces: Sequence[Piece], fits: Callable[[int, int, int], bool], row: int = ROW, enough: int = ENOUGH
) -> Iterator[list[list[Piece]]]:
    """Batches of rows of pieces, longest first; short pieces share rows of at least `row` tokens instead of padding.

    `fits(rows, width, scored)` says whether a batch is affordable; a piece that does not fit alone gets its own batch.
    A `row` of 0 gives each piece a row of its own. A batch of `enough` tokens takes no row that is mostly shorter.
    """
    rows: list[list[Piece]] = []
    fill: list[int] = []
    scored = 0
    for piece in sorted(pieces, key=lambda piece: -piece.width):
        place = _place(piece, fill, row)
        width = max([*fill, piece.width if place == len(fill) else fill[place] + piece.width])
        ragged = place == len(rows) and len(rows) * max(fill, default=0) >= enough and piece.width < RAGGED * width
        if rows and (ragged or not fits(max(len(rows), place + 1), width, scored + piece.scored)):
            yield rows
            rows, fill, scored, place = [], [], 0, 0
        if place == len(rows):
            rows.append([])
            fill.append(0)
        rows[place].append(piece)
        fill[place] += piece.width
        scored += piece.scored
    if rows:
        yield rows


def _place(piece: Piece, fill: Sequence[int], row: int) -> int:
    """The first row with room, or the number of rows when a new one is needed."""
    if row == 0:
        return len(fill)
    capacity = max([row, *fill])
    return next((place for place, used in enumerate(fill) if used + piece.width <= capacity), len(fill))


def stock_tokens(
    requests: Sequence[tuple[Sequence[int], Sequence[int]]], batch_size: int, max_length: int, cached: bool = True
) -> int:
    """Token ids, padding included, that the stock backend forwards for these requests.

    `cached` is its own one-token cache: requests that differ in their last token only are forwarded once. With a
    `batch_size` of 0, unknown, padding is left out.
    """
    rows: dict[Tokens, tuple[int, Tokens]] = {}
    for index, (context, continuation) in enumerate(requests):
        whole = (*context, *continuation)
        key = whole[:-1] if cached else (index,)
        if key not in rows or len(continuation) > rows[key][0]:
            rows[key] = (len(continuation), whole)
    lengths = [min(len(whole), max_length + 1) - 1 for _, whole in sorted(rows.values(), key=_stock_order)]
    if batch_size <= 0:
        return sum(lengths)
    batches = [lengths[start : start + batch_size] for start in range(0, len(lengths), batch_size)]
    return sum(len(batch) * max(batch) for batch in batches)


def _stock_order(row: tuple[int, Tokens]) -> tuple[int, Tokens]:
    return -len(row[1]), row[1]
