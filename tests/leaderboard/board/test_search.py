"""The search grammar: examples that people write, and properties that hold for any text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.board.search import FIELDS, NAME, Columns, Query, Term, match, parse, write

LLAMA_ARCH, CHAT = "LlamaForCausalLM", "chat models"
ROWS = [
    ("meta-llama/Llama-3.1-70B", "abcd1234" * 5, "llama3.1", LLAMA_ARCH, "bfloat16", "pretrained", "", "ann", 70.6),
    ("Qwen/Qwen2.5-7B", "beef0000" * 5, "apache-2.0", "Qwen2ForCausalLM", "bfloat16", "pretrained", "", "bob", 7.6),
    ("acme/c++-coder(v2)", "0123abcd" * 5, "mit", LLAMA_ARCH, "float16", CHAT, "qwen/qwen2.5-7b", "ann", 0.5),
    ("acme/unlimited-merge", "9999ffff" * 5, "limited-mit", "MixtralForCausalLM", "4bit", "merges", "", "eve", None),
    ("other/tiny", "77777777" * 5, None, "GPT2LMHeadModel", "float32", "other", "", None, 0.1),
]
NAMES = [row[0] for row in ROWS]


def columns() -> Columns:
    fields = [NAME, "revision", "license", "architecture", "precision", "type", "base", "sender"]
    texts = {
        field: pa.array([None if row[at] is None else str(row[at]).lower() for row in ROWS], pa.string())
        for at, field in enumerate(fields)
    } | {"kind": pa.array(["checkpoint"] * len(ROWS))}
    sizes = np.array([np.nan if row[8] is None else float(str(row[8])) for row in ROWS])
    return Columns(texts, {"params": sizes})


def found(text: str) -> list[str]:
    return [name for name, hit in zip(NAMES, match(parse(text), columns()), strict=True) if hit]


LLAMA, QWEN, CPP, MERGE, TINY = NAMES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", NAMES),
        ("  ;; ", NAMES),
        ("llama", [LLAMA]),
        ("llama; qwen", [LLAMA, QWEN]),
        ("70b llama", [LLAMA]),
        ("LLAMA-3.1", [LLAMA]),
        ("llama-3x1", []),
        ("c++", [CPP]),
        ("(v2)", [CPP]),
        ("(", [CPP]),
        ("abcd1234", [LLAMA]),
        ("abcd", [LLAMA]),
        ("llama; qwen; Hub License: apache-2.0", [QWEN]),
        ("Hub License: mit", [CPP, MERGE]),
        ('license: "mit"', [CPP]),
        ("licence:apache", [QWEN]),
        ("license: mit; license: apache-2.0", [QWEN, CPP, MERGE]),
        ("precision: bfloat16; llama", [LLAMA]),
        ("llama precision:bfloat16 params:>50", [LLAMA]),
        ("architecture: llama", [LLAMA, CPP]),
        ("architecture:llama; sender: ann; params: <10", [CPP]),
        ("type: chat", [CPP]),
        ("base: qwen", [CPP]),
        ("sender: eve", [MERGE]),
        ("params: 7-80", [LLAMA, QWEN]),
        ("params: <= 0.5", [CPP, TINY]),
        ("params: 8", [QWEN]),
        ("params: 0.5", [CPP]),
        ("-llama", [QWEN, CPP, MERGE, TINY]),
        ("-license: mit", [LLAMA, QWEN, TINY]),
        ("acme -merge", [CPP]),
        ("-acme; -qwen", [LLAMA, TINY]),
        ("/^acme/", [CPP, MERGE]),
        ("/^acme/; qwen", [QWEN, CPP, MERGE]),
        ("architecture:/^(gpt2|mixtral)/", [MERGE, TINY]),
        ('"c++-coder(v2)"', [CPP]),
        ("revision: beef", [QWEN]),
    ],
)
def test_what_people_write(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour: red; llama", ["colour", "license:", "params:"]),
        ("/(unclosed/", ["regular expression"]),
        ("params: huge", ["params:huge", "<10"]),
        ("license:", ["no value"]),
    ],
)
def test_what_cannot_be_used_is_named_and_left_out(text: str, words: list[str]) -> None:
    query = parse(text)
    assert len(query.warnings) == 1
    assert all(word in query.warnings[0] for word in words)
    assert found(text) == (["meta-llama/Llama-3.1-70B"] if "llama" in text else NAMES)


def test_a_long_query_is_cut_with_a_warning() -> None:
    query = parse("a" * 5000)
    assert "1000" in query.warnings[0]


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_any_text_parses_and_matches(text: str) -> None:
    assert match(parse(text), columns()).shape == (len(ROWS),)


PLAIN = st.text(alphabet="abcxyz0189.+()[]*?$^|{}_\\&é", min_size=1, max_size=12).map(str.lower)
FIELD = st.sampled_from([field for field in FIELDS if field != "params"])
TERM = st.one_of(
    st.builds(Term, FIELD, st.just("words"), st.lists(PLAIN, min_size=1, max_size=3).map(" ".join)),
    st.builds(Term, FIELD, st.just("exact"), PLAIN.map(lambda value: f"{value};-{value}")),
    st.builds(Term, FIELD, st.just("regex"), st.sampled_from(["^a", "b|c", "x+"])),
    st.builds(Term, st.just("params"), st.just("range"), st.sampled_from(["<10", ">=7", "7-13", "0.5", "7"])),
)


@given(st.lists(TERM, max_size=4, unique=True), st.lists(TERM, max_size=3, unique=True))
def test_a_written_query_reads_back(wanted: list[Term], excluded: list[Term]) -> None:
    query = Query(tuple(wanted), tuple(excluded))
    assert parse(write(query)) == query


@given(st.lists(TERM, max_size=5, unique=True), st.randoms())
def test_the_order_of_terms_does_not_matter(terms: list[Term], random: object) -> None:
    shuffled = list(terms)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (parse(write(Query(tuple(order)))) for order in (terms, shuffled))
    assert (match(one, columns()) == match(other, columns())).all()


@given(st.lists(TERM, min_size=1, max_size=4, unique=True), TERM)
def test_an_exclusion_never_adds_rows(wanted: list[Term], excluded: Term) -> None:
    before = match(Query(tuple(wanted)), columns())
    after = match(Query(tuple(wanted), (excluded,)), columns())
    assert not (after & ~before).any()


@given(PLAIN)
def test_plain_characters_are_literal(text: str) -> None:
    table = Columns(
        {**columns().texts, NAME: pa.array([f"org/{text}", "org/none-of-them-~"])}, {"params": np.array([1.0, 1.0])}
    )
    table = Columns({key: value[:2] for key, value in table.texts.items()}, table.numbers)
    assert match(parse(text), table)[0]
