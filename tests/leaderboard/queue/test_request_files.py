"""Reading request files: ours, other boards', and whatever else may lie there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.errors import Unreadable
from leaderboard.queue.request_files import is_foreign, obstacle, read_request
from leaderboard.records import ModelType, Request, Status, request_path

PLACE = "org/model_eval_request_False_float16_Original.json"
EARLY_2023 = {
    "model": "org/model", "base_model": "", "revision": "main", "private": False, "precision": "float16",
    "weight_type": "Original", "status": "FAILED", "submitted_time": "2023-07-31T01:52:02Z", "model_type": "fine-tuned",
    "job_id": "225981",
}  # fmt: skip
LATE_2024 = {
    "model": "org/model", "base_model": "org/base", "revision": "b" * 40, "precision": "bfloat16", "params": 8.03,
    "architectures": "LlamaForCausalLM", "weight_type": "Original", "status": "PENDING", "job_id": -1,
    "submitted_time": "2024-10-01T12:00:00Z", "model_type": "💬 : 💬 chat models (RLHF, DPO, IFT, ...)",
    "job_start_time": None, "use_chat_template": True, "sender": "ann",
}  # fmt: skip
REGIONAL = EARLY_2023 | {
    "likes": 3, "license": "mit", "params": -1, "lm_eval_model_type": "huggingface", "error_msg": "boom",
    "result_metrics": {"enem": 0.4}, "hide": 0, "main_language": "Portuguese", "source": None,
}  # fmt: skip


def read(fields: object, path: str = PLACE) -> Request:
    return read_request(path, json.dumps(fields).encode())


def test_the_files_of_2023_and_2024_are_read() -> None:
    early = read(EARLY_2023)
    assert is_foreign(early) and (early.status, early.job_id, early.benchmark) == (Status.FAILED, "225981", "")
    assert early.model_type == ModelType.FINE_TUNED and (early.model_extra or {})["private"] is False
    late = read(LATE_2024, f"open-llm-v2/{PLACE}")
    assert (late.benchmark, late.job_id, late.params) == ("open-llm-v2", None, 8.03)
    assert late.model_type == ModelType.CHAT and late.use_chat_template and obstacle(late) is None


def test_unknown_fields_are_kept_as_they_are() -> None:
    request = read(REGIONAL)
    assert request.params is None
    written = json.loads(request.to_json())
    for name in ("likes", "lm_eval_model_type", "error_msg", "result_metrics", "hide", "source"):
        assert written[name] == REGIONAL[name]


@pytest.mark.parametrize(
    ("said", "meant"), [("RERUN", "PENDING"), ("PENDING_NEW_EVAL", "FINISHED"), ("RUNNING", "RUNNING")]
)
def test_foreign_statuses(said: str, meant: str) -> None:
    request = read(LATE_2024 | {"status": said})
    assert request.status == meant
    assert (request.model_extra or {}).get("original_status") == (said if said != meant else None)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("🟢 : 🟢 pretrained", "PRETRAINED"), ("🟩 : 🟩 continuously pretrained", "CONTINUOUSLY_PRETRAINED"),
        ("🔶 : 🔶 fine-tuned on domain-specific datasets", "FINE_TUNED"), ("🤝 : 🤝 base merges and moerges", "MERGE"),
        ("🌸 : 🌸 multimodal", "MULTIMODAL"), ("⭕ : instruction-tuned", "CHAT"), ("🟦 : RL-tuned", "CHAT"),
        ("pretrained", "PRETRAINED"), ("merges", "MERGE"), ("? : ", "OTHER"), ("", "OTHER"), ("❓ : ❓ other", "OTHER"),
        *[(item.value, item.name) for item in ModelType],
    ],
)  # fmt: skip
def test_model_types_as_boards_spell_them(said: str, meant: str) -> None:
    assert read(EARLY_2023 | {"model_type": said}).model_type == ModelType[meant]


@pytest.mark.parametrize("params", [-1, 0, None, "unknown", float("nan"), float("inf"), [], "-3"])
def test_parameters_that_say_nothing_are_unknown(params: Any) -> None:
    assert read(EARLY_2023 | {"params": params}).params is None


def test_other_spellings() -> None:
    assert read(EARLY_2023 | {"precision": "gptq"}).precision == "GPTQ"
    assert read(EARLY_2023 | {"precision": "?"}).precision == "?"
    assert read({"model": "org/model"}).status is Status.PENDING
    assert read(EARLY_2023).id == read(EARLY_2023 | {"status": "PENDING"}).id != read(LATE_2024, "b/" + PLACE).id


@pytest.mark.parametrize(
    ("fields", "path", "sentence"),
    [
        (LATE_2024, PLACE, "No benchmark"),
        (LATE_2024 | {"revision": "main"}, "b/" + PLACE, "not a commit"),
        (LATE_2024 | {"model": "gpt2"}, "b/x/gpt2_eval_request_False_float16_Original.json", None),
    ],
)
def test_what_is_not_complete_enough_to_run(fields: Any, path: str, sentence: str | None) -> None:
    if sentence is None:
        with pytest.raises(Unreadable, match="does not lie where its content belongs"):
            read(fields, path)
    else:
        assert sentence in (obstacle(read(fields, path)) or "")


OURS = json.loads(Request(id="a1", benchmark="tiny", model="org/model", revision="a" * 40).to_json())
OUR_PLACE = "tiny/org/model_eval_request_aaaaaaaaaaaa_bfloat16_Original.json"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema_version": 99}, "newer Podium"),
        ({"status": "LOST"}, "status"),
        ({"history": "none"}, "history"),
        ({"id": ""}, "id:"),
        ({"id": "../../x"}, "id:"),
        ({"benchmark": ""}, "model and benchmark"),
        ({"model": ""}, "model and benchmark"),
        ({"model": "org/other"}, "does not lie where"),
        ({"model": "../../etc/passwd"}, "does not lie where"),
        ({"benchmark": "other"}, "does not lie where"),
        ({"kind": "hologram"}, "kind: it is 'hologram', perhaps from a newer Podium; this one reads checkpoint"),
        ({"kind": "hologram" * 99}, r"kind: it is '[a-z]{64}', perhaps"),
        ({"kind": None}, "kind: it is 'None'"),
        ({"kind": ["checkpoint"]}, "kind: it is "),
        ({"priority": float("nan")}, "finite"),
        ({"params": float("inf")}, "finite"),
    ],
)
def test_ours_with_something_wrong(change: dict[str, Any], reason: str) -> None:
    assert read(OURS, OUR_PLACE).to_json() == read_request(OUR_PLACE, read(OURS, OUR_PLACE).to_json()).to_json()
    with pytest.raises(Unreadable, match=reason):
        read(OURS | change, OUR_PLACE)


@pytest.mark.parametrize("name", ["attempts", "priority", "params", "job_id", "likes", "status", "progress"])
@pytest.mark.parametrize("fields", [OURS, LATE_2024])
def test_numbers_that_no_name_takes_are_set_aside(fields: dict[str, Any], name: str) -> None:
    path = OUR_PLACE if fields is OURS else f"open-llm-v2/{PLACE}"
    for number in (10**400, -(10**18)):
        for value in (number, [number], {"deep": [{"in": number}]}):
            with pytest.raises(Unreadable, match=f"{name}: a whole number in it has more than 18 digits"):
                read(fields | {name: value}, path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"model": "\\ud800"}', b"[" * 100_000, b'{"a":' * 100_000,
     b" " * (1 << 20) + b"{}", b'{"model": 5}', b'{"model": "org/model", "params": ' + b"9" * 5000 + b"}"],
)  # fmt: skip
def test_hostile_contents_are_unreadable_or_harmless(content: bytes) -> None:
    try:
        request = read_request(PLACE, content)
    except Unreadable as problem:
        assert problem.path == PLACE and problem.reason.endswith(".")
    else:
        assert read_request(PLACE, request.to_json()).model == "org/model"


@given(st.dictionaries(st.sampled_from([*Request.model_fields, "extra"]), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2), max_leaves=4,
)), st.sampled_from([PLACE, OUR_PLACE]))  # fmt: skip
def test_any_json_is_read_or_set_aside_and_read_again_the_same(fields: dict[str, Any], path: str) -> None:
    try:
        request = read(fields, path)
    except Unreadable:
        return
    assert read_request(path, request.to_json()).to_json() == request.to_json()


def test_the_path_is_the_identity() -> None:
    base = Request(benchmark="tiny", model="org/model", revision="a" * 40)
    paths = {request_path(base.model_copy(update=change)) for change in (
        {}, {"revision": "b" * 40}, {"precision": "float16"}, {"weight_type": "Adapter"}, {"use_chat_template": True},
        {"benchmark": "other"}, {"model": "org/model2"},
    )}  # fmt: skip
    assert len(paths) == 7
    same = base.model_copy(update={"sender": "x", "priority": 3.0, "model_type": "other", "status": Status.FAILED})
    assert request_path(same) == request_path(base) == OUR_PLACE
