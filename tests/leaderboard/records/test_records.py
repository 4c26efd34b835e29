"""The nouns: what is written, what is read, and that the documentation names every field."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from itertools import chain, product

import pytest
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from leaderboard.records import (
    MODEL_TYPE_SYMBOLS,
    CheckpointSubmission,
    Failure,
    HistoryEntry,
    Lease,
    ModelFacts,
    ModelType,
    Precision,
    Progress,
    Request,
    Status,
    WeightType,
    is_repo_id,
    model_file_name,
    model_folder,
    model_in,
    namespace_of,
    new_id,
    submission_of,
    utc,
)
from leaderboard.settings import PROJECT
from leaderboard.stores.paths import check_path

DOCS = (PROJECT / "docs/request-files.md").read_text()
FIRST_15 = [
    "model", "base_model", "revision", "precision", "weight_type", "params", "architectures", "license", "model_type",
    "use_chat_template", "status", "submitted_time", "job_id", "job_start_time", "sender",
]  # fmt: skip


def test_a_request_begins_with_the_open_llm_leaderboards_fields() -> None:
    fields = json.loads(Request(model="org/model").to_json())
    assert list(fields)[:15] == FIRST_15
    assert fields["params"] is None and fields["status"] == "PENDING"


def test_a_request_is_readable_text_with_a_final_newline() -> None:
    content = Request(model="org/modèle").to_json()
    assert content.startswith(b'{\n  "model": "org/mod\xc3\xa8le",\n') and content.endswith(b"}\n")


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False), st.dictionaries(st.text(), st.integers()))
def test_what_is_written_is_read(text: str, priority: float, extra: dict[str, int]) -> None:
    request = Request(model="m", license=text.encode("utf-8", "ignore").decode(), priority=priority, theirs=extra)
    request.history.append(HistoryEntry(time="t", from_=Status.PENDING, to=Status.RUNNING, by="w"))
    assert Request.model_validate_json(request.to_json()) == request


def test_the_documentation_names_every_field_default_and_status() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| .*\| ([^|]*) \|$", DOCS, re.MULTILINE))
    assert list(rows) == list(Request.model_fields)
    for name, field in Request.model_fields.items():
        if rows[name] != "needed":
            default = field.get_default(call_default_factory=True)
            assert json.loads(rows[name].strip("`")) == json.loads(json.dumps(default)), name
    assert re.findall(r"^\| `([A-Z]+)` \|", DOCS, re.MULTILINE) == [status.value for status in Status]


@pytest.mark.parametrize("noun", [Lease, Progress, Failure, HistoryEntry])
def test_the_documentation_names_the_parts_of_parts(noun: type[BaseModel]) -> None:
    names = [field.alias or name for name, field in noun.model_fields.items()]
    assert "{" + ", ".join(names) + "}" in DOCS


@pytest.mark.parametrize("words", [Precision, WeightType, ModelType])
def test_the_documentation_names_every_word(words: type[Precision] | type[WeightType] | type[ModelType]) -> None:
    assert all(f"`{word.value}`" in DOCS for word in words)
    assert set(MODEL_TYPE_SYMBOLS) == set(ModelType) and len(set(MODEL_TYPE_SYMBOLS.values())) == len(ModelType)


@pytest.mark.parametrize(
    "name", ["org/model", "a/b", "Org-1/Model_2.5-x", "x" * 96 + "/" + "y" * 96, "LeroyDyer/_Spydaz_Web_AI_12", "gpt2"]
)
def test_repository_ids(name: str) -> None:
    assert is_repo_id(name)


def test_names_of_models_are_those_that_the_hubs_client_accepts() -> None:
    """All texts of up to six of the characters that matter; beyond ASCII, the Hub itself accepts nothing."""
    files: dict[str, str] = {}
    for text in map("".join, chain.from_iterable(product("a_-./", repeat=length) for length in range(1, 7))):
        try:
            validate_repo_id(text)
        except HFValidationError:
            assert not is_repo_id(text), text
        else:
            assert is_repo_id(text), text
            assert check_path(model_folder(text)) and model_in(model_folder(text)) == text
            assert files.setdefault(model_file_name(text), text) == text  # every model has a name of its own


def test_a_model_without_a_namespace_belongs_to_nobody() -> None:
    assert (namespace_of("gpt2"), namespace_of("org/gpt2")) == ("", "org")
    assert (model_folder("gpt2"), model_folder("org/gpt2")) == ("-/gpt2", "org/gpt2")
    assert (model_file_name("gpt2"), model_file_name("org/_a")) == ("gpt2", "org___a")
    assert model_file_name("org_/a") == "__4_org___a"


@pytest.mark.parametrize(
    "name",
    ["", "/model", "org/", "a/b/c", "../b", "a/..", "a/b..c", "a--b/c", "a/b.git", "a/b.", "a/b-", "a./b",
     ".a/b", "a/-b", "-/b", "a b/c", "a/b\n", "a/<b>", "ä/b", "x" * 97 + "/y", "https://huggingface.co/a/b"],
)  # fmt: skip
def test_what_is_no_repository_id(name: str) -> None:
    assert not is_repo_id(name)


def test_files_written_before_there_were_pinned_ones_are_read() -> None:
    old = {name: value for name, value in json.loads(Request(model="m").to_json()).items() if "files" not in name}
    request = Request.model_validate(old)
    assert (request.files, request.base_files) == ({}, {})
    assert json.loads(request.to_json()) == old | {"files": {}, "base_files": {}}


def test_a_submission_says_only_what_a_submitter_may_say() -> None:
    answer = {"benchmark": "tiny", "model": " org/model "}
    submission = submission_of(answer)
    assert isinstance(submission, CheckpointSubmission)
    assert (submission.kind, submission.model) == ("checkpoint", "org/model")
    for name in ("sender", "priority", "status", "id"):
        with pytest.raises(ValidationError):
            submission_of(answer | {name: "x"})


def test_times_are_utc() -> None:
    assert utc(datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))) == "2025-12-31T23:30:00Z"


def test_ids_are_sixteen_hex_digits_and_differ() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100 and all(re.fullmatch("[0-9a-f]{16}", item) for item in ids)


@pytest.mark.parametrize(
    ("card", "license"),
    [({}, None), ({"license": "mit"}, "mit"), ({"license": ["mit", "apache-2.0"]}, "mit; apache-2.0"),
     ({"license": "other", "license_name": "own"}, "own"), ({"license": "other"}, None), ({"license": []}, None)],
)  # fmt: skip
def test_licences_as_cards_say_them(card: dict[str, object], license: str | None) -> None:
    assert ModelFacts(model="m", revision="r", card=card).license == license


def test_parameters_are_counted_over_all_number_formats() -> None:
    facts = ModelFacts(model="m", revision="r", parameters={"BF16": 8_030_000_000, "F32": 261_248})
    assert facts.params == 8.030261
    assert ModelFacts(model="m", revision="r").params is None
    assert ModelFacts(model="m", revision="r", configs={"config.json": {"architectures": "LlamaX"}}).architectures == []
