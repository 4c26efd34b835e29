"""Every check over facts: one good case, and bad ones that change one thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.benchmarks import Benchmark, Column, Limits, Part
from leaderboard.errors import ModelDisabled, ModelGated, ModelNotFound, ModelPrivate, RevisionNotFound, TooManyFiles
from leaderboard.models.lineage import Twin
from leaderboard.queue.workers import can_run
from leaderboard.records import (
    Abilities,
    CheckpointSubmission,
    ModelFacts,
    Precision,
    Problem,
    Request,
    Severity,
    Status,
    WeightType,
)
from leaderboard.submissions.allowances import Allowance
from leaderboard.submissions.catalogue import shown
from leaderboard.submissions.kinds.checkpoint.checks import CheckpointCase, Native, native_architectures
from leaderboard.submissions.kinds.checkpoint.checks import check as check_checkpoint
from leaderboard.submissions.kinds.checkpoint.checks.catalogue import CATALOGUE
from leaderboard.submissions.rules import errors, every_problem
from tests.leaderboard.submissions.documented import documented

SHA = "26a66f0d862e" + "0" * 28
NATIVE = Native(
    "5.0",
    {"llama": frozenset({"LlamaForCausalLM"}), "t5": frozenset({"T5ForConditionalGeneration"})},
    frozenset({"awq", "bitsandbytes_4bit", "bitsandbytes_8bit", "fp8", "gptq"}),
)
BENCHMARK = Benchmark(
    id="tiny",
    version="1",
    title="Tiny",
    description="",
    columns=[Column(key="a", title="A", run=["t"], parts=[Part(task="t", metrics=["acc,none"])])],
    limits=Limits(max_params_b={Precision.BFLOAT16: 10}),
)
GENERATES = BENCHMARK.model_copy(
    update={
        "columns": [Column(key="g", title="G", run=["gsm8k"], parts=[Part(task="gsm8k", metrics=["exact_match,none"])])]
    }
)
GPTQ = {"quant_method": "gptq", "bits": 4}


def checkpoint(model: str = "org/name", **changes: Any) -> ModelFacts:
    """The facts of a good checkpoint, with changes."""
    good = ModelFacts(
        model=model,
        revision=SHA,
        files={
            "README.md": 900,
            "config.json": 100,
            "tokenizer.json": 100,
            "tokenizer_config.json": 100,
            "model.safetensors": 1000,
        },
        configs={
            "config.json": {"model_type": "llama", "architectures": ["LlamaForCausalLM"]},
            "tokenizer_config.json": {"model_max_length": 100},
        },
        card_text="word " * 100,
        card={"license": "mit"},
        parameters={"BF16": 2_000_000_000},
        chat_template="{% for m in messages %}{{ m.content }}{% endfor %}",
    )
    return good.model_copy(deep=True, update=changes)


def adapter(**changes: Any) -> ModelFacts:
    """The facts of a good adapter on org/base."""
    good = checkpoint(
        files={"README.md": 900, "adapter_config.json": 50, "adapter_model.safetensors": 100},
        configs={"adapter_config.json": {"base_model_name_or_path": "org/base"}},
        parameters={"F32": 1_000_000},
        chat_template=None,
    )
    return good.model_copy(update=changes)


def worker(**changes: Any) -> Abilities:
    return Abilities(worker="w1", **changes)


OF_THE_CASE = ("abilities", "existing", "refusal", "allowances", "twin", "may_copy", "same_weights")


def case(model: Any = None, base: Any = None, benchmark: Any = BENCHMARK, **rest: Any) -> CheckpointCase:
    """A good case, with changes: of the submission by field names, of the case by its own."""
    own = {name: rest.pop(name) for name in OF_THE_CASE if name in rest}
    wanted = CheckpointSubmission(**{"benchmark": "tiny", "model": "org/name", "precision": "bfloat16"} | rest)
    whole = {"abilities": [worker()], "known_benchmarks": ["tiny"]} | own
    return CheckpointCase(
        submission=wanted, benchmark=benchmark, model=model or checkpoint(), base=base, native=NATIVE, **whole
    )


def adapter_case(model: Any = None, base: Any = None, **rest: Any) -> CheckpointCase:
    rest = {"weight_type": "Adapter", "base_model": "org/base"} | rest
    return case(model or adapter(), base or checkpoint("org/base"), **rest)


def check(case: CheckpointCase) -> list[Problem]:
    """Every problem, as the intake puts them together."""
    return every_problem(case, check_checkpoint(case))


def codes(one: CheckpointCase) -> list[str]:
    return [problem.code for problem in check(one)]


def configured(**config: Any) -> ModelFacts:
    """A good checkpoint whose config.json says more."""
    facts = checkpoint()
    facts.configs["config.json"] |= config
    return facts


def tokenized(**config: Any) -> ModelFacts:
    """A good checkpoint whose tokenizer_config.json says more."""
    facts = checkpoint()
    facts.configs["tokenizer_config.json"] |= config
    return facts


def filed(*names: str, without: tuple[str, ...] = (), size: int = 10) -> dict[str, int | None]:
    """A good checkpoint's files, some added, some taken away."""
    files = {name: s for name, s in checkpoint().files.items() if name not in without}
    return files | dict.fromkeys(names, size)


def allowance(whose: Literal["person", "organisation", "team"] = "person", used: int = 0) -> Allowance:
    """What is left of three."""
    return Allowance(
        whose=whose, name="ada", limit=3, used=used, period_days=7, frees_at="2026-01-08T00:00:00Z" if used else None
    )


GOOD = {
    "checkpoint": case(),
    "a copy that was let in": case(twin=Twin("org/first", SHA, None), may_copy=True),
    "the last of a quota": case(allowances=[allowance(used=2), allowance("organisation", used=2)]),
    "checkpoint with chat template": case(use_chat_template=True),
    "adapter": adapter_case(),
    "adapter whose base is only in its config": adapter_case(base_model=""),
    "adapter with the base model's chat template": adapter_case(use_chat_template=True),
    "adapter whose base has no vocabulary, with a tokenizer of its own": adapter_case(
        adapter(files=adapter().files | {"tokenizer.json": 1, "tokenizer_config.json": 1}),
        checkpoint("org/base", files=filed(without=("tokenizer.json",))),
    ),
    "delta": case(weight_type="Delta", base_model="org/base", base=checkpoint("org/base")),
    "licence by name and link": case(
        checkpoint(card={"license": "other", "license_name": "own", "license_link": "https://x"})
    ),
    "GPTQ": case(configured(quantization_config=GPTQ), precision="GPTQ"),
    "encoder and decoder": case(configured(model_type="t5", architectures=["T5ForConditionalGeneration"])),
    "no architectures": case(configured(architectures=None)),
    "training leftovers": case(checkpoint(files=filed("training_args.bin"))),
    "vocabulary in parts": case(checkpoint(files=filed("vocab.json", "merges.txt", without=("tokenizer.json",)))),
    "one worker of two": case(abilities=[worker(refused={"bfloat16": "No."}), worker()]),
    "failed before": case(existing=Request(model="org/name", status=Status.FAILED)),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_cases_have_no_problem(name: str) -> None:
    assert check(GOOD[name]) == []


BASE_GATED = ModelGated("org/base", "main")
BASE_GPTQ = checkpoint("org/base", configs=configured(quantization_config=GPTQ).configs)
ASKS_IN_TOKENIZER = adapter(configs=adapter().configs | {"tokenizer_config.json": {"auto_map": {"a": "b"}}})
PICKLED = checkpoint(files=filed("pytorch_model.bin", without=("model.safetensors",)), parameters={})
AWQ = {"quant_method": "awq", "bits": 4}
SHARDED = filed("model.safetensors.index.json", "other.safetensors", without=("model.safetensors",))


def limited(**limits: Any) -> Benchmark:
    """The benchmark with other limits."""
    return BENCHMARK.model_copy(update={"limits": Limits(**limits)})


BAD: list[tuple[str, CheckpointCase]] = [
    ("unknown_benchmark", case(benchmark=None)),
    ("unknown_track", case(track="closed")),
    ("kind_not_taken", case(benchmark=BENCHMARK.model_copy(update={"kinds": ["endpoint"]}))),
    ("invalid_model_id", replace(case(), model=None, submission=CheckpointSubmission(benchmark="tiny", model="gpt2/"))),
    ("invalid_revision", case(revision="../../x")),
    ("invalid_base_model_id", case(base_model="base/")),
    ("do_not_submit", case(refusal=("org/name", "Its weights were withdrawn"))),
    ("removed", replace(case(), removed="Its owner had its results removed from this board.")),
    ("quota_used_up", case(allowances=[allowance(used=3)])),
    ("quota_used_up", case(allowances=[allowance(used=5), allowance("organisation", used=2)])),
    ("organisation_quota_used_up", case(allowances=[allowance("organisation", used=3)])),
    ("team_quota_used_up", case(allowances=[allowance("team", used=3)])),
    ("failures_used_up", case(allowances=[allowance(used=3).model_copy(update={"counts": "failures"})])),
    ("copy_of", case(twin=Twin("org/first", SHA, None))),
    ("copy_of", case(checkpoint(created_at="2026-01-01T00:00:00"), twin=Twin("org/x", SHA, "2026-01-01T00:00:00.5Z"))),
    ("copied_by", case(checkpoint(created_at="2025-12-31T23:59:59Z"), twin=Twin("org/x", SHA, "2026-01-01T00:00:00Z"))),
    ("same_weights", case(same_weights="b" * 40)),
    ("model_not_found", case(ModelNotFound("org/name", "main"))),
    ("revision_not_found", case(RevisionNotFound("org/name", "v2"))),
    ("gated", case(ModelGated("org/name", "main"))),
    ("private", case(ModelPrivate("org/name", "main"))),
    ("private", case(checkpoint(private=True))),
    ("disabled", case(ModelDisabled("org/name", "main"))),
    ("too_many_files", case(TooManyFiles("org/name", "main"))),
    ("short_model_card", case(checkpoint(card_text="  short " + " " * 300))),
    ("unreadable_model_card", case(checkpoint(unreadable={"README.md": "line 2 is not YAML"}, card={}))),
    ("no_licence", case(checkpoint(card={}))),
    ("no_licence", case(checkpoint(card={"license": "other", "license_name": "own"}))),
    ("auto_map", case(configured(auto_map={"AutoModel": "modeling.Model"}))),
    ("auto_map", case(configured(text_config={"deep": [{"auto_map": {"AutoModel": "x"}}]}))),
    ("auto_map", adapter_case(ASKS_IN_TOKENIZER)),
    ("custom_code", case(checkpoint(files=filed("modeling_llama.py")))),
    ("custom_code", case(checkpoint(files=filed("deep/inside/Setup.PY")))),
    ("no_config", case(checkpoint(files=filed(without=("config.json",)), configs={}))),
    ("unreadable_config", case(checkpoint(configs={}, unreadable={"config.json": "line 1 is not JSON"}))),
    ("too_big_config", case(checkpoint(files=filed("config.json", size=500_000_000), unreadable={"config.json": "x"}))),
    ("unknown_architecture", case(configured(model_type="mystery", architectures=["MysteryForCausalLM"]))),
    ("unknown_architecture", case(configured(architectures=["LlamaForSequenceClassification"]))),
    ("unknown_architecture", case(configured(model_type=["llama"]))),
    ("unknown_architecture", case(configured(model_type=None))),
    ("opens_another_file", case(tokenized(vocab="../../.env"))),
    ("kernel", case(configured(attn_implementation="kernels-community/flash-attn"))),
    ("unknown_implementation", case(configured(_attn_implementation="fast"))),
    ("weights_elsewhere", case(configured(transformers_weights="other.safetensors"))),
    ("weights_elsewhere", case(checkpoint(files=SHARDED, shards=["../x.safetensors"], parameters={}))),
    ("no_safetensors", case(PICKLED)),
    ("broken_safetensors", case(checkpoint(unreadable={"model.safetensors": "it is too short"}, parameters={}))),
    ("pickle_weights", case(checkpoint(files=filed("pytorch_model.bin")))),
    ("unknown_size", case(checkpoint(parameters={}))),
    ("too_large", case(checkpoint(parameters={"BF16": 11_000_000_000}))),
    ("too_large", adapter_case(base=checkpoint("org/base", parameters={"BF16": 10_000_000_000}))),
    ("too_large", case(abilities=[worker(max_params_b=0.5), worker(max_params_b=1)])),
    ("no_tokenizer", case(checkpoint(files=filed(without=("tokenizer.json",))))),
    ("no_tokenizer", adapter_case(adapter(files=adapter().files | {"tokenizer_config.json": 1}))),
    ("precision_not_allowed", case(benchmark=limited(precisions=["float32"]))),
    ("precision_not_possible", case(abilities=[worker(refused={"bfloat16": "This processor has none."})])),
    ("weight_type_not_allowed", adapter_case(benchmark=limited(weight_types=["Original"]))),
    ("weight_type_not_possible", adapter_case(abilities=[worker(refused={"Adapter": "peft is not installed."})])),
    ("no_worker_fits", case(abilities=[worker(refused={"bfloat16": "No."}), worker(max_params_b=0.1)])),
    ("delta_quantised", case(weight_type="Delta", base_model="org/base", base=checkpoint("o/b"), precision="4bit")),
    ("no_worker_fits", case(abilities=[worker(benchmarks=["other"])])),
    ("no_worker", case(abilities=[])),
    ("precision_mismatch", case(configured(quantization_config=GPTQ))),
    ("precision_mismatch", case(configured(quantization_config={"load_in_4bit": True}), precision="8bit")),
    ("precision_mismatch", case(configured(quantization_config=AWQ), precision="4bit")),
    ("precision_mismatch", adapter_case(base=BASE_GPTQ)),
    ("not_gptq", case(precision="GPTQ")),
    ("other_quantisation", case(configured(quantization_config={"quant_method": "fp8"}))),
    ("unknown_quantisation", case(configured(quantization_config={"quant_method": "mystery"}))),
    ("unknown_quantisation", case(configured(quantization_config={"bits": 4}))),
    ("unknown_quantisation", case(configured(text_config={"quantization_config": {"quant_method": "GPTQ"}}))),
    ("quantisation_bits", case(configured(quantization_config=GPTQ | {"bits": 5}), precision="GPTQ")),
    ("is_an_adapter", case(adapter(files=adapter().files | {"tokenizer.json": 1}))),
    ("not_an_adapter", adapter_case(checkpoint())),
    ("base_model_missing", replace(adapter_case(adapter(configs={}), base_model=""), base=None)),
    ("base_model_missing", replace(case(weight_type="Delta"), base=None)),
    ("base_model_problem", adapter_case(base=BASE_GATED)),
    ("base_model_problem", adapter_case(base=checkpoint("org/base", card={}))),
    ("other_base_model", adapter_case(base_model="org/other", base=checkpoint("org/other"))),
    ("generation_too_long", case(configured(max_position_embeddings=256), benchmark=GENERATES)),
    ("no_chat_template", case(checkpoint(chat_template=None), use_chat_template=True)),
    ("chat_template_broken", case(checkpoint(chat_template="{% if %}"), use_chat_template=True)),
    ("already_requested", case(existing=Request(model="org/name", id="ab", revision=SHA, status=Status.PENDING))),
]  # fmt: skip


@pytest.mark.parametrize(("code", "bad"), BAD, ids=[f"{n}-{code}" for n, (code, _) in enumerate(BAD)])
def test_one_thing_wrong_is_one_problem_of_its_code(code: str, bad: CheckpointCase) -> None:
    problems = check(bad)
    assert [problem.code for problem in problems] == [code]
    assert problems[0].message.endswith((".", '"')) and problems[0].fix.endswith(".")
    assert "{" not in problems[0].message + problems[0].fix


def test_every_code_has_a_bad_case() -> None:
    together = {"no_model_card", "quantisation_not_possible"}
    assert {code for code, _ in BAD} | together == set(CATALOGUE)
    assert codes(case(checkpoint(card_text=None, card={}))) == ["no_model_card", "no_licence"]
    lacking = worker(refused={"awq": "It has no gptqmodel."})
    stored = configured(quantization_config=AWQ)
    assert codes(case(stored, abilities=[lacking])) == ["quantisation_not_possible", "other_quantisation"]
    assert codes(case(stored, abilities=[lacking, worker()])) == ["other_quantisation"]


def test_only_errors_refuse() -> None:
    warned = check(case(checkpoint(files=filed("pytorch_model.bin")), abilities=[]))
    assert [item.severity for item in warned] == [Severity.WARNING] * 2
    assert errors(warned) == []


def test_the_base_models_problems_are_told_as_its_own() -> None:
    bare = checkpoint("org/base", card_text=None, card={}, files=filed("pytorch_model.bin", "run.py"))
    problems = check(adapter_case(base=bare))
    assert [item.code for item in problems] == ["base_model_problem"] * 3, "the pickle warning is not its submitter's"
    assert all(problem.field == "base_model" for problem in problems)
    assert "org/base has no model card at 26a66f0" in problems[0].message


def test_a_base_model_that_is_an_adapter_is_refused() -> None:
    nested = adapter(model="org/base")
    messages = [item.message for item in check(adapter_case(base=nested)) if item.code == "base_model_problem"]
    assert any("org/base is an adapter" in message for message in messages)


def test_a_worker_takes_more_parameters_in_fewer_bits() -> None:
    small = [worker(max_params_b=1.0)]
    assert codes(case(abilities=small, precision="bfloat16")) == ["too_large"]
    assert codes(case(abilities=small, precision="8bit")) == []
    half = [worker(max_params_b=2.0)]
    assert codes(case(abilities=half, precision="bfloat16")) == []
    assert codes(case(abilities=half, precision="float32")) == ["too_large"]


@pytest.mark.parametrize(("bits", "params", "fits"), [(2, 7.9, True), (2, 8.1, False), (3, 5.3, True), (4, 4.1, False)])
def test_checks_and_scheduler_agree_on_the_size_of_a_gptq_checkpoint(bits: int, params: float, fits: bool) -> None:
    facts = configured(quantization_config=GPTQ | {"bits": bits}).model_copy(
        update={"parameters": {f"I{bits}": int(params * 1e9)}}
    )
    asked = case(facts, precision="GPTQ", abilities=[worker(max_params_b=1.0)])
    assert (codes(asked) == []) is fits
    request = Request(model="org/name", precision="GPTQ", params=asked.params_b, stored_bits=asked.stored_bits)
    assert asked.stored_bits == bits and can_run(worker(max_params_b=1.0), request) is fits


def test_sentences_name_what_was_allowed() -> None:
    [problem] = check(case(benchmark=None))
    assert "tiny" in problem.fix
    [problem] = check(case(track="closed"))
    assert "open" in problem.fix


# --- any combination


@dataclass(frozen=True)
class Defect:
    """Something that can be wrong beside anything else, and how the facts show it."""

    code: str
    spoil: Callable[[ModelFacts], None]


def _with_config(key: str, value: Any) -> Callable[[ModelFacts], None]:
    return lambda facts: facts.configs["config.json"].__setitem__(key, value)


DEFECTS = [
    Defect("private", lambda facts: setattr(facts, "private", True)),
    Defect("short_model_card", lambda facts: setattr(facts, "card_text", "Hello.")),
    Defect("no_licence", lambda facts: facts.card.clear()),
    Defect("auto_map", _with_config("auto_map", {"AutoModel": "a.B"})),
    Defect("custom_code", lambda facts: facts.files.__setitem__("a.py", 1)),
    Defect("unknown_architecture", _with_config("model_type", "mystery")),
    Defect("pickle_weights", lambda facts: facts.files.__setitem__("pytorch_model.bin", 1)),
    Defect("too_large", lambda facts: facts.parameters.__setitem__("BF16", 10**12)),
    Defect("no_tokenizer", lambda facts: facts.files.pop("tokenizer.json") and None),
    Defect("precision_mismatch", _with_config("quantization_config", GPTQ)),
    Defect("no_chat_template", lambda facts: setattr(facts, "chat_template", None)),
    Defect("unreadable_config", lambda facts: facts.unreadable.__setitem__("generation_config.json", "not JSON")),
]


@given(chosen=st.sets(st.sampled_from(DEFECTS)), track=st.sampled_from(["open", "closed"]), busy=st.booleans())
@settings(deadline=None, max_examples=150)
def test_any_combination_of_defects_is_the_union_of_their_codes(chosen: set[Defect], track: str, busy: bool) -> None:
    facts = checkpoint()
    for defect in chosen:
        defect.spoil(facts)
    existing = Request(model="org/name", id="ab", revision=SHA, status=Status.RUNNING) if busy else None
    result = codes(case(facts, use_chat_template=True, track=track, existing=existing))
    expected = {defect.code for defect in chosen}
    expected |= {"unknown_track"} if track == "closed" else set()
    expected |= {"already_requested"} if busy else set()
    assert sorted(result) == sorted(expected)


# --- hostile text


def _texts(one: CheckpointCase) -> Iterator[str]:
    for problem in check(one):
        yield from (problem.message, problem.fix)


@given(text=st.text(max_size=300))
@settings(deadline=None, max_examples=150)
def test_a_submitters_text_never_brings_mark_up_into_a_sentence(text: str) -> None:
    hostile = checkpoint(files=filed(text + ".py"), unreadable={text + "config.json": text}, shards=[text])
    hostile.configs["tokenizer_config.json"] |= {"vocab": text, text + "_file": text}
    hostile.configs["config.json"] |= {
        "model_type": text,
        "architectures": [text],
        "quantization_config": {"quant_method": text},
        "attn_implementation": {text: text},
        "transformers_weights": text,
    }
    spoilt = case(hostile, use_chat_template=True)
    spoilt = replace(
        spoilt,
        submission=spoilt.submission.model_copy(
            update={"model": text, "base_model": text, "revision": text, "track": text}
        ),
    )
    for sentence in _texts(spoilt):
        assert len(sentence) < 700
        assert not set(sentence) & set('<>&"`[]{}|\\\n\r\t\u202e\u200b\x00')


def test_shown_is_bounded_and_says_that_it_cut() -> None:
    assert shown("a" * 101) == "a" * 99 + "…"
    assert shown("") == "(empty)"
    assert shown("it's <b>") == "it?s ?b?"
    assert shown("org/name-1.5_b") == "org/name-1.5_b"


# --- what stands outside


def test_native_architectures_are_those_of_transformers() -> None:
    from transformers.models.auto import modeling_auto

    native = native_architectures()
    assert {"awq", "bitsandbytes_4bit", "fp8", "gptq"} < native.quantisations
    for mapping in (
        modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    ):
        for model_type, name in mapping.items():
            assert native.has(model_type, [name])
    assert not native.has("bert", ["BertForSequenceClassification"])


def test_the_documentation_lists_every_problem_as_it_is_said() -> None:
    assert documented("checks.md", CATALOGUE) >= set(CATALOGUE)  # other kinds' problems are there too


def test_weight_types_and_precisions_of_the_records_are_all_understood() -> None:
    for precision in Precision:
        for weight_type in WeightType:
            assert isinstance(check(case(precision=precision.value, weight_type=weight_type.value)), list)
