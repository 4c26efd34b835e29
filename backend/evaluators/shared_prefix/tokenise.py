"""The harness's own token ids of (context, continuation) pairs, encoding each context once instead of twice a choice.

The harness encodes the context and the joined text for every choice. A tokenizer that splits its text into words before
it merges gives the same tokens up to a word boundary whatever follows far behind it, so that only the text from a
boundary near the end of the context has to be encoded again with each continuation. Where that cannot be shown
for a context, the joined text is encoded whole; a sample of the pairs is compared with the harness's own method.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

MARGIN = 64
"""Characters of the context after the boundary, more than a pattern or an added token looks ahead."""
WORDS = 4
"""Whole words of the context after the boundary."""
CHECKED = 16
"""Pairs that are compared with the harness's own method."""

Pair = tuple[list[int], list[int]]


class Context(NamedTuple):
    """An encoded context; tokens up to `kept` stay as they are whatever follows, `rest` is the text after them."""

    tokens: list[int]
    kept: int
    rest: str | None
    """None when the joined text must be encoded whole."""


class PairEncoder:
    """Encodes pairs for one harness model."""

    def __init__(self, lm: Any) -> None:
        self.lm = lm
        self.splits = bool(getattr(lm.tokenizer, "is_fast", False))
        self.margin = MARGIN + max((len(str(token)) for token in lm.tokenizer.get_added_vocab()), default=0)
        self.contexts: dict[str, Context] = {}

    def encode(self, pairs: Sequence[tuple[str, str]]) -> list[Pair]:
        """Token ids of each context and each continuation, exactly as the harness splits them."""
        encoded = [self._pair(context, continuation) for context, continuation in pairs]
        if self.splits and any(
            encoded[index] != self._as_harness(*pairs[index]) for index in _spread(len(pairs), CHECKED)
        ):
            self.splits = False
            self.contexts.clear()
            return self.encode(pairs)
        self.contexts.clear()
        return encoded

    def _pair(self, context: str, continuation: str) -> Pair:
        if not context:
            return self._empty(continuation)
        bare = context.rstrip()
        continuation = context[len(bare) :] + continuation
        if bare not in self.contexts:
            self.contexts[bare] = self._context(bare)
        known = self.contexts[bare]
        if known.rest is None:
            return known.tokens, self.lm.tok_encode(bare + continuation)[len(known.tokens) :]
        rest = self.lm.tokenizer.encode(known.rest + continuation, add_special_tokens=False)
        return known.tokens, rest[len(known.tokens) - known.kept :]

    def _empty(self, continuation: str) -> Pair:
        tokens = self.lm.tok_encode(continuation, add_special_tokens=False)
        start = self.lm.prefix_token_id
        return ([start], tokens) if start != tokens[0] else (tokens[:1], tokens[1:])

    def _as_harness(self, context: str, continuation: str) -> Pair:
        if not context:
            return self._empty(continuation)
        tokens, following = self.lm._encode_pair(context, continuation)
        return tokens, following

    def _context(self, context: str) -> Context:
        tokens = self.lm.tok_encode(context)
        boundary = self._boundary(context) if self.splits and len(context) > 2 * self.margin else None
        if boundary is not None:
            rest = context[boundary:]
            again = self.lm.tokenizer.encode(rest, add_special_tokens=False)
            if again and tokens[-len(again) :] == again and len(again) < len(tokens):
                return Context(tokens, len(tokens) - len(again), rest)
        return Context(tokens, 0, None)

    def _boundary(self, context: str) -> int | None:
        """Where a word ends that has enough text and enough words behind it."""
        window = context[-8 * self.margin :]
        encoding = self.lm.tokenizer(window, add_special_tokens=False).encodings[0]
        words, offsets = encoding.word_ids, encoding.offsets
        for index in range(len(words) - 1, 0, -1):
            if words[index] == words[index - 1] or None in (words[index], words[index - 1]):
                continue
            end = int(offsets[index - 1][1])
            behind = words[-1] is not None and words[-1] - words[index] >= WORDS and end <= len(window) - self.margin
            if behind and end > 0 and window[end - 1].isalnum() and not window[end].isalnum():
                return len(context) - len(window) + end
        return None


def _spread(count: int, most: int) -> list[int]:
    """Up to `most` indices, evenly spread."""
    return sorted({index * (count - 1) // max(most - 1, 1) for index in range(min(count, most))}) if count else []
