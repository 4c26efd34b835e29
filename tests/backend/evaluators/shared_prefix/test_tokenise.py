"""Pairs are tokenised as the harness tokenises them, whatever the tokenizer."""

from typing import Any

import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from backend.evaluators.shared_prefix.tokenise import PairEncoder
from tests.backend.evaluators.shared_prefix import tiny

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
HEADS = [tiny.TEXT, tiny.TEXT * 2, "<s>" + tiny.TEXT, "1234567 " * 40, "x" * 400, "\n \n" * 90, "é" * 300]
SPECIAL = ["<pad>", "<s>", "</s>", "<|end_of_turn|>"]


def trained(kind: str) -> Any:
    """Tokenizers of the shapes in use: GPT-2's, Llama 3's, and SentencePiece's without words, with a BOS token."""
    raw = Tokenizer(models.BPE(byte_fallback=kind == "sentencepiece"))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if kind == "gpt2":
        raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    elif kind == "llama3":
        split = pre_tokenizers.Split(Regex(LLAMA3), "isolated")
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        raw.pre_tokenizer, raw.decoder = pre_tokenizers.Sequence([split, byte_level]), decoders.ByteLevel()
    else:
        raw.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        alphabet = []
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False, max_token_length=8
    )
    text = [tiny.TEXT] if kind != "sentencepiece" else tiny.TEXT.replace(" ", "▁").split("\n")
    raw.train_from_iterator(text, trainer)
    if kind != "gpt2":
        raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token=None
    )


@pytest.fixture(scope="module", params=["gpt2", "llama3", "sentencepiece"])
def stock(request: pytest.FixtureRequest) -> Any:
    return tiny.pair(tiny.build("llama"), tokenizer=trained(request.param))[0]


def by_the_harness(lm: Any, pairs: list[tuple[str, str]]) -> list[Any]:
    seen: list[Any] = []
    lm._loglikelihood_tokens = lambda requests, **kwargs: seen.extend(requests)
    type(lm).__mro__[1].loglikelihood(lm, tiny.asked(pairs), disable_tqdm=True)
    del lm._loglikelihood_tokens
    return [(context, continuation) for _, context, continuation in seen]


def test_the_same_tokens_for_the_usual_questions(stock: Any) -> None:
    contexts = [tiny.TEXT * 3 + ending for ending in ("", " ", "\n\n", " 12", " Alic", "<|end_of_turn|>", "  \t ", "'")]
    pairs = [(context, choice) for context in contexts for choice in (" Yes", "Yes", "345", "\n", "e's", "<s>", "  x")]
    pairs += [("", "Yes"), ("", "<s>Yes"), ("<s>" + tiny.TEXT, " No"), ("a", "b")]
    assert PairEncoder(stock).encode(pairs) == by_the_harness(stock, pairs)


@settings(max_examples=150, deadline=None)
@given(
    head=st.sampled_from(HEADS),
    end=st.text(alphabet="aé'1 \n\t.,(<|>▁", max_size=12),
    choices=st.lists(st.text(alphabet="aé'1 \n\t.,)s|>▁", min_size=1, max_size=8), min_size=1, max_size=5),
)
def test_the_same_tokens_for_any_text(stock: Any, head: str, end: str, choices: list[str]) -> None:
    pairs = [(head + end, choice) for choice in choices]
    assert PairEncoder(stock).encode(pairs) == by_the_harness(stock, pairs)


def test_a_context_is_encoded_once(stock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []
    encode = stock.tokenizer.encode

    def counting(text: str, **kwargs: Any) -> Any:
        encoded.append(text)
        return encode(text, **kwargs)

    monkeypatch.setattr(stock.tokenizer, "encode", counting)
    contexts = [f"{number} {tiny.TEXT * 4}" for number in range(30)]
    encoder = PairEncoder(stock)
    encoder.encode([(context, f" {choice}") for context in contexts for choice in range(20)])
    whole = sum(len(text) >= len(tiny.TEXT) * 4 for text in encoded)
    words = stock.tokenizer(tiny.TEXT).encodings[0].word_ids
    expected = 30 + 2 * 16 if len(set(words)) > 2 else 30 + 600 + 2 * 16
    assert whole <= expected


def test_a_tokenizer_that_looks_far_back_is_encoded_whole() -> None:
    class Odd:
        """Every token carries the length of the whole text."""

        is_fast = True

        def get_added_vocab(self) -> dict[str, int]:
            return {}

        def encode(self, text: str, **kwargs: Any) -> list[int]:
            return list(text.encode())

        def __call__(self, text: str, **kwargs: Any) -> Any:
            return tiny.tokenizer()(text, **kwargs)

    class Harness:
        tokenizer = Odd()
        prefix_token_id = 0

        def tok_encode(self, text: str, **kwargs: Any) -> list[int]:
            return [*text.encode()[:-3], len(text), *text.encode()[-3:]]

        def _encode_pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
            tokens = self.tok_encode(context)
            return tokens, self.tok_encode(context + continuation)[len(tokens) :]

    pairs = [(tiny.TEXT, choice) for choice in ("one", "two", "three")]
    encoder = PairEncoder(Harness())
    assert encoder.encode(pairs) == [Harness()._encode_pair(*pair) for pair in pairs]
