"""The search grammar: examples that people write, every query of the documentation, and properties of any query."""

from __future__ import annotations

import re
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.board.matching import MANY, Columns, match
from leaderboard.board.search import FIELDS, MAX_QUERY, MAX_TERMS, NAME, Query, Term, parse, write
from leaderboard.board.search_help import EXAMPLES, RULES
from leaderboard.board.text_column import TextColumn
from leaderboard.errors import NotAccepted
from leaderboard.settings import PROJECT

LLAMA_ARCH, CHAT = "LlamaForCausalLM", "chat models"
ROWS = [
    ("meta-llama/Llama-3.1-70B", "abcd1234" * 5, "llama3.1", LLAMA_ARCH, "bfloat16", "pretrained", "", "ann", 70.6),
    ("Qwen/Qwen2.5-7B", "beef0000" * 5, "apache-2.0", "Qwen2ForCausalLM", "bfloat16", "pretrained", "", "bob", 7.6),
    ("acme/c++-coder(v2)", "0123abcd" * 5, "mit", LLAMA_ARCH, "float16", CHAT, "qwen/qwen2.5-7b", "ann", 0.5),
    ("acme/unlimited-merge", "9999ffff" * 5, "limited-mit", "MixtralForCausalLM", "4bit", "merges", "", "eve", None),
    ("other/tiny", "77777777" * 5, None, "GPT2LMHeadModel", "float32", "other", "", None, 0.1),
    ("acme/Llama-8B-Instruct", "5555eeee" * 5, "mit", LLAMA_ARCH, "bfloat16", CHAT, "my model", "bob", 8.0),
    ("google/gemma-2-9b", "1212abab" * 5, "gemma", "Gemma2ForCausalLM", "bfloat16", "pretrained", "", "bob", 9.2),
    ("google/gemma-2-9b-it", "3434cdcd" * 5, "gemma", "Gemma2ForCausalLM", "float16", CHAT, "my", "eve", 9.2),
]
NAMES = [row[0] for row in ROWS]
LLAMA, QWEN, CPP, MERGE, TINY, INSTRUCT, GEMMA, GEMMA_IT = NAMES


def columns() -> Columns:
    fields = [NAME, "revision", "license", "architecture", "precision", "type", "base", "sender"]
    texts = {
        field: TextColumn.of([None if row[at] is None else str(row[at]) for row in ROWS])
        for at, field in enumerate(fields)
    } | {"kind": TextColumn.of(["checkpoint"] * len(ROWS))}
    sizes = np.array([np.nan if row[8] is None else float(str(row[8])) for row in ROWS])
    return Columns(texts, {"params": sizes})


def found(text: str, hub: str = "https://huggingface.co") -> list[str]:
    return [name for name, hit in zip(NAMES, match(parse(text, hub), columns()), strict=True) if hit]


def without(*names: str) -> list[str]:
    return [name for name in NAMES if name not in names]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", NAMES),
        ("  ;; ", NAMES),
        ("llama", [LLAMA, INSTRUCT]),
        ("70b llama", [LLAMA]),
        ("LLAMA-3.1", [LLAMA]),
        ("llama-3x1", []),
        ("c++", [CPP]),
        ("(v2)", [CPP]),
        ("abcd1234", [LLAMA]),
        ("abcd", [LLAMA]),
        ("llama 8b; qwen 70b; gemma it", [INSTRUCT, GEMMA_IT]),
        ("llama; qwen; Hub License: apache-2.0", [QWEN]),
        ("Hub License: apache-2.0; llama; qwen", [QWEN]),
        ("Hub License: mit", [CPP, MERGE, INSTRUCT]),
        ("hub  LICENSE : mit", [CPP, MERGE, INSTRUCT]),
        ("licence:apache", [QWEN]),
        ("license: mit; license: apache-2.0", [QWEN, CPP, MERGE, INSTRUCT]),
        ("Hub License: mit,apache-2.0", [QWEN, CPP, MERGE, INSTRUCT]),
        ('license: "mit", "gemma" , llama', [LLAMA, CPP, INSTRUCT, GEMMA, GEMMA_IT]),
        ("Hub License: mit, params:<1", [CPP]),
        ("license: mit, llama 8b", [INSTRUCT]),
        ("license: mit,", [CPP, MERGE, INSTRUCT]),
        ("precision: bfloat16; llama", [LLAMA, INSTRUCT]),
        ("precision: bfloat16 llama", [LLAMA, INSTRUCT]),
        ("license: mit llama", [INSTRUCT]),
        ("params:<10 llama", [INSTRUCT]),
        ("params: < 10 llama", [INSTRUCT]),
        ("params: 7 - 13 -gemma", [QWEN, INSTRUCT]),
        ("params:9 -9b-it", [GEMMA]),
        ('llama "70b"', [LLAMA]),
        ('llama; "c++"', [LLAMA, CPP, INSTRUCT]),
        ("llama precision:bfloat16 params:>50", [LLAMA]),
        ("architecture: llama", [LLAMA, CPP, INSTRUCT]),
        ("architecture: llama precision: bfloat16", [LLAMA, INSTRUCT]),
        ("architecture:llama; sender: ann; params: <10", [CPP]),
        ("type: chat", [CPP, INSTRUCT, GEMMA_IT]),
        ('type: "chat models" acme', [CPP, INSTRUCT]),
        ("base: qwen", [CPP]),
        ("base: my model", []),
        ("sender: eve", [MERGE, GEMMA_IT]),
        ('sender:""', [TINY]),
        ('params:""', [MERGE]),
        ('-params:"" acme', [CPP, INSTRUCT]),
        ("params: 7-80", [LLAMA, QWEN, INSTRUCT, GEMMA, GEMMA_IT]),
        ("params: <= 0.5", [CPP, TINY]),
        ("params: 8", [QWEN, INSTRUCT]),
        ("params: 8b", [QWEN, INSTRUCT]),
        ("params: 8, 71", [LLAMA, QWEN, INSTRUCT]),
        ("params: 0.5", [CPP]),
        ("-llama", without(LLAMA, INSTRUCT)),
        ("acme -merge; google -it", [CPP, INSTRUCT, GEMMA]),
        ("-acme; -google; -qwen", [LLAMA, TINY]),
        ("-license: mit, gemma", [LLAMA, QWEN, TINY]),
        ("/^acme/", [CPP, MERGE, INSTRUCT]),
        ("/^acme/; qwen", [QWEN, CPP, MERGE, INSTRUCT]),
        ("/^acme/llama/", [INSTRUCT]),
        ("architecture:/^(gpt2|mixtral)/ acme", [MERGE]),
        ("revision: beef", [QWEN]),
        ("Model sha: beef", [QWEN]),
        ("name: llama 8b", [INSTRUCT]),
        ('name: "google/gemma-2-9b"', [GEMMA]),
        ("google/gemma-2-9b", [GEMMA, GEMMA_IT]),
    ],
)
def test_what_people_write(text: str, expected: list[str]) -> None:
    assert found(text) == expected and parse(text).warnings == ()


DOCUMENTED = {
    "llama; qwen": [LLAMA, QWEN, INSTRUCT],
    "70b instruct -merge": [],
    "Hub License: mit; params:<10": [CPP, INSTRUCT],
    "llama precision: bfloat16": [LLAMA, INSTRUCT],
    "license: mit, apache-2.0": [QWEN, CPP, MERGE, INSTRUCT],
    "/^(google|meta-llama)\\//": [LLAMA, GEMMA, GEMMA_IT],
    "https://hf.co/google/gemma-2-9b": [GEMMA],
    "llama 70b": [LLAMA],
    '"c++ (v2)"': [],
    "llama /instruct$/": [INSTRUCT],
    "c++": [CPP],
    "(": [CPP],
    "llama 8b; qwen 7b": [QWEN, INSTRUCT],
    "license: mit llama": [INSTRUCT],
    "license: mit license: apache-2.0": [QWEN, CPP, MERGE, INSTRUCT],
    "Hub License: mit": [CPP, MERGE, INSTRUCT],
    'license: "mit"': [CPP, INSTRUCT],
    'license: ""': [TINY],
    "architecture: /^(llama|qwen)/": [LLAMA, QWEN, CPP, INSTRUCT],
    "architecture: /^llama/": [LLAMA, CPP, INSTRUCT],
    "params:>=7 params:<14": [QWEN, INSTRUCT, GEMMA, GEMMA_IT],
    "-merge 7b": [QWEN],
    "-license: mit": [LLAMA, QWEN, TINY, GEMMA, GEMMA_IT],
    'base: "my model"': [INSTRUCT],
    "hub license: mit": [CPP, MERGE, INSTRUCT],
    "llama-3;": [LLAMA],
    "llama; qwen 7b": [LLAMA, QWEN, INSTRUCT],
    '"llama-3;"': [],
    "/instruct$/": [INSTRUCT],
    "precision: bfloat16": [LLAMA, QWEN, INSTRUCT, GEMMA],
    "params:<10": [QWEN, CPP, TINY, INSTRUCT, GEMMA, GEMMA_IT],
    "-merge": without(MERGE),
    "https://huggingface.co/org/name": [],
}
"""Every query of docs/users.md, of the page's examples and of docs/reference.md, with the rows that it finds."""
NO_QUERIES = {";", "-", "/…/", "/tree/main", "params", "mit", "limited", "<10", ">=7", "7-13", "7", *FIELDS}
"""Code in the text of docs/users.md that stands for a part of a query."""


def queries_of_the_page() -> tuple[list[tuple[str, str]], set[str]]:
    """The examples of docs/users.md with their meanings, and every other query in its section on searching."""
    section = (PROJECT / "docs" / "users.md").read_text().split("### Search\n")[1].split("\n## ")[0]
    examples = re.findall(r"^    (.+?) {2,}(.+)$", section, re.MULTILINE)
    return examples, {text for text in re.findall(r"`([^`]+)`", section) if text not in NO_QUERIES}


def test_every_documented_query_finds_what_the_page_says() -> None:
    examples, others = queries_of_the_page()
    rules = {text for rule, _ in RULES for text in re.findall(r"`([^`]+)`", rule)}
    assert {query for query, _ in examples} | others | rules | {"llama-3;"} == set(DOCUMENTED)
    assert {query: found(query) for query in DOCUMENTED} == DOCUMENTED
    assert not [query for query in DOCUMENTED if parse(query).warnings]


def test_the_page_and_the_documentation_give_the_same_examples() -> None:
    assert queries_of_the_page()[0] == list(EXAMPLES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour: red; llama", ["colour", "license:", "params:"]),
        ("colour: red llama", ["colour", "license:", "params:"]),
        ("Weight type: Original llama", ["Weight type", "license:"]),
        ("/(unclosed/ llama", ["regular expression"]),
        ("params: huge llama", ["params:huge", "<10"]),
        ("license:; llama", ["no value", 'license:""']),
        ("llama license:", ["no value"]),
        ("llama license: -google", ["no value"]),
    ],
)
def test_what_cannot_be_used_is_named_and_left_out(text: str, words: list[str]) -> None:
    query = parse(text)
    assert len(query.warnings) == 1
    assert all(word in query.warnings[0] for word in words)
    assert found(text) == [LLAMA, INSTRUCT]


def test_a_comma_between_names_is_literal_and_says_so() -> None:
    assert found("llama, qwen") == [] and "separated by “;”" in parse("llama, qwen").warnings[0]


ADDRESS = "https://huggingface.co/google/gemma-2-9b"


@pytest.mark.parametrize(
    "behind", ["", "/", "/tree/main", "/blob/main/config.json", "/discussions/3", "?x=1", "#top", ","]
)
@pytest.mark.parametrize(
    ("start", "hub"),
    [
        ("https://huggingface.co", "https://huggingface.co"),
        ("HTTPS://HuggingFace.co", "https://huggingface.co"),
        ("huggingface.co", "https://huggingface.co"),
        ("https://hf.co", "http://mirror.local:9000/hub"),
        ("http://mirror.local:9000/hub", "http://mirror.local:9000/hub"),
        ("mirror.local:9000/hub", "http://mirror.local:9000/hub/"),
    ],
)
def test_a_pasted_address_finds_its_model_alone(start: str, hub: str, behind: str) -> None:
    text = f"{start}/google/gemma-2-9b{behind}"
    assert found(text, hub) == [GEMMA] and found(f"{text}; qwen", hub) == [QWEN, GEMMA]
    assert found(f"-{text} google", hub) == [GEMMA_IT] and parse(text, hub).warnings == ()


def test_the_address_of_an_organisation_finds_its_models() -> None:
    assert found("https://huggingface.co/google") == [GEMMA, GEMMA_IT]


@pytest.mark.parametrize(
    "text", ["https://example.org/google/gemma", "https://huggingface.co/datasets/a/b", "http://[::1"]
)
def test_another_address_finds_nothing_and_says_why(text: str) -> None:
    assert found(text) == [] and "is not the address of a model" in parse(text).warnings[0]


def test_sixty_names_are_alternatives() -> None:
    names = [f"some-organisation/a-rather-long-name-of-a-model-{at}-instruct" for at in range(60)]
    for between in ("; ", "\n", "\r\n"):
        text = between.join([*names, LLAMA, "license: llama3.1"])
        assert len(text) > 3000 and found(text) == [LLAMA]


@pytest.mark.parametrize("text", ["a" * (MAX_QUERY + 1), "a " * (MAX_TERMS + 1), "license: " + "a," * (MAX_TERMS + 1)])
def test_a_search_that_is_too_long_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(NotAccepted, match="The search is too long: it has") as refused:
        parse(text)
    [problem] = refused.value.problems
    assert problem.field == "search" and "may have at most" in problem.message and problem.fix


def test_warnings_are_few_and_short() -> None:
    query = parse(" ".join(f"colour{at}{'x' * 40}: red" for at in range(100)))
    assert len(query.warnings) == 11 and query.warnings[-1].startswith("90 more")
    assert max(map(len, query.warnings)) < 300


# -- properties -----------------------------------------------------------------------------------------------------


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_any_text_parses_and_matches(text: str) -> None:
    assert match(parse(text), columns()).shape == (len(ROWS),)


PLAIN = st.text(alphabet="abcxyz0189.+()[]*?$^|{}_\\&é", min_size=1, max_size=12).map(str.lower)
VALUE = PLAIN.filter(lambda text: not text.startswith(("www.", "hf.co")))
FIELD = st.sampled_from([field for field in FIELDS if field != "params"])


def literal_on(field: st.SearchStrategy[str] | st.SearchStrategy[None]) -> st.SearchStrategy[Term]:
    return st.one_of(
        st.builds(Term, field, st.just("word"), VALUE),
        st.builds(Term, field, st.just("exact"), PLAIN.map(lambda value: f"{value};-{value}, x: 1")),
    )


def terms_on(field: st.SearchStrategy[str] | st.SearchStrategy[None]) -> st.SearchStrategy[Term]:
    regex = st.builds(Term, field, st.just("regex"), st.sampled_from(["^a", "b|c", "x+", "a; b"]))
    return literal_on(field) | regex


LITERAL = literal_on(st.none()) | st.sampled_from(
    [
        *(Term(None, "address", path) for path in ("google", "google/gemma-2-9b")),
        *(Term(None, "word", word) for word in ("abcd", "c++", "(v2)", "llama", "3434cd")),
    ]
)
ON_NAMES = terms_on(st.none()) | LITERAL
ON_FIELDS = st.one_of(
    terms_on(FIELD),
    st.builds(Term, st.sampled_from(sorted(FIELDS)), st.just("missing"), st.just("")),
    st.builds(Term, st.just("params"), st.just("range"), st.sampled_from(["7-13", "0.5", "7"])),
    st.builds(Term, st.just("params"), st.just("bound"), st.sampled_from(["<10", ">=7"])),
)
QUERIES = st.builds(
    Query,
    st.lists(st.lists(ON_NAMES, min_size=1, max_size=3, unique=True).map(tuple), max_size=3, unique=True).map(tuple),
    st.lists(ON_FIELDS, max_size=4, unique=True).map(tuple),
    st.lists(st.one_of(ON_NAMES, ON_FIELDS), max_size=3, unique=True).map(tuple),
    st.just(()),
)


@given(QUERIES)
def test_a_written_query_reads_back(query: Query) -> None:
    assert parse(write(query)) == query


WRITTEN = st.sampled_from(
    [
        *("llama", "gemma", "7b", "8b", "it", "acme/", "c++", "beef", "name", "zzz"),
        *('"70b"', '"a; b"', "/instruct$/", "/^(a|g)/", "https://huggingface.co/google/gemma-2-9b/tree/main"),
        *("license: mit", "license:mit, gemma", 'license: "mit"', 'license:""', "Hub License: apache-2.0"),
        *("precision: bfloat16", "architecture: /^llama/", "type: chat", 'type: "chat models"', "sender:bob"),
        *("params:<10", "params: >= 0.5", "params: 7 - 9", "params: 8b", "name: llama"),
        *("colour: red", "params: huge", "license:/(/"),
    ]
)
"""Terms and fields as people write them; any list of them, in any order, is a query."""
TERMS = st.builds(lambda minus, text: minus + text, st.sampled_from(["", "", "-"]), WRITTEN)
PARTS = st.lists(st.lists(TERMS, max_size=4), max_size=4)


@given(PARTS, st.randoms())
def test_order_never_matters(parts: list[list[str]], random: Random) -> None:
    """Neither that of words and fields between two `;`, nor that of the parts, nor in which part a field stands."""
    shuffled = [list(part) for part in parts]
    for part in shuffled:
        random.shuffle(part)
    random.shuffle(shuffled)
    other = [[text for text in part if not is_field(text)] for part in shuffled]
    fields = [text for part in shuffled for text in part if is_field(text)]
    moved = [*other, []]
    for text in fields:
        part = random.choice(moved)
        part.insert(random.randint(0, len(part)), text)
    for order in (shuffled, moved):
        assert found(text_of(order)) == found(text_of(parts))


def is_field(text: str) -> bool:
    """Whether it narrows wherever it stands: a field, or what is left out."""
    return text.startswith("-") or re.match(r"[\w ]+:(?!//)", text) is not None


def text_of(parts: list[list[str]]) -> str:
    return "; ".join(" ".join(part) for part in parts)


@given(QUERIES, ON_FIELDS)
def test_an_exclusion_never_adds_rows_and_a_field_leaves_what_it_leaves_alone(query: Query, term: Term) -> None:
    before, alone = match(query, columns()), match(Query(fields=(term,)), columns())
    assert (match(query._replace(excluded=(*query.excluded, term)), columns()) == (before & ~alone)).all()
    if term.field not in {other.field for other in query.fields}:
        assert (match(query._replace(fields=(*query.fields, term)), columns()) == (before & alone)).all()


@given(
    st.lists(st.sampled_from(["llama", "gemma", "acme", "8b", "it"]), min_size=1, max_size=3),
    st.sampled_from(["7b", "google"]),
)
def test_words_narrow_and_alternatives_widen(words: list[str], more: str) -> None:
    text = " ".join(words)
    assert set(found(f"{text} {more}")) == set(found(text)) & set(found(more))
    assert set(found(f"{text}; {more}")) == set(found(text)) | set(found(more))


@given(st.lists(LITERAL, min_size=MANY, max_size=2 * MANY, unique=True), ON_NAMES)
def test_many_alternatives_are_found_at_once_as_each_by_itself(literal: list[Term], other: Term) -> None:
    terms = list(dict.fromkeys([*literal, other]))
    each = np.logical_or.reduce([match(Query(((term,),)), columns()) for term in terms])
    assert (match(Query(tuple((term,) for term in terms)), columns()) == each).all()
    assert (match(Query(excluded=tuple(terms)), columns()) == ~each).all()


@given(PLAIN)
def test_plain_characters_are_literal(text: str) -> None:
    table = Columns(
        {key: TextColumn.of(value[:2]) for key, value in columns().texts.items()}
        | {NAME: TextColumn.of([f"org/{text}", "org/none-of-them-~"])},
        {"params": np.array([1.0, 1.0])},
    )
    assert match(parse(text), table)[0]
