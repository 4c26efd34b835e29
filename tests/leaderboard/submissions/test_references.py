"""Values in configuration files that name other files or kernels: what is refused, and that no other is opened."""

from __future__ import annotations

import ast
import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from leaderboard.records import ModelFacts
from leaderboard.settings import PROJECT
from leaderboard.submissions.kinds.checkpoint.checks.references import IMPLEMENTATIONS, KERNEL_EXPERTS, MOST, references

BASE = PROJECT / "checkpoints" / "podium-demo" / "tiny-base" / "2"
PATHS = [
    "/etc/passwd",
    "../../../../.env",
    "~/.cache/huggingface/token",
    "file:///etc/passwd",
    "https://example.org/vocab.txt",
    "..\\..\\.env",
    "C:\\secret.txt",
    "vocab.txt\0/../../.env",
    ".env",
    "sub/vocab.txt",
]


def facts(file: str, content: dict[str, Any], *more_files: str) -> ModelFacts:
    names = [file, "vocab.txt", "model.safetensors", *more_files]
    return ModelFacts(model="org/name", revision="a" * 40, files=dict.fromkeys(names, 1), configs={file: content})


def found(file: str, content: dict[str, Any]) -> list[tuple[str, str]]:
    """Code and key of every problem."""
    problems = list(references(facts(file, content)))
    assert all(f"{file} of org/name" in problem.message for problem in problems)
    return [(problem.code, problem.message.partition(": ")[2].partition(" is ")[0]) for problem in problems]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", ["vocab", "vocab_file", "merges_file", "spm_file", "source_spm", "any_other_file"])
@pytest.mark.parametrize("file", ["tokenizer_config.json", "special_tokens_map.json"])
def test_a_tokenizer_opens_only_its_own_files(file: str, key: str, path: str) -> None:
    assert found(file, {key: path}) == [("opens_another_file", key)]


@pytest.mark.parametrize(
    ("file", "content", "key"),
    [
        ("tokenizer_config.json", {"vocab": "vocab.txt"}, "vocab"),
        ("tokenizer_config.json", {"init_inputs": ["../x"]}, "init_inputs"),
        ("tokenizer_config.json", {"gguf_file": "model.gguf"}, "gguf_file"),
        ("tokenizer_config.json", {"fast_tokenizer_files": ["tokenizer.4.0.0.json"]}, "fast_tokenizer_files"),
        ("tokenizer_config.json", {"sp_model_kwargs": {"model_file": "/x"}}, "sp_model_kwargs.model_file"),
        ("special_tokens_map.json", {"tokenizer_file": "../x/tokenizer.json"}, "tokenizer_file"),
        ("special_tokens_map.json", {"name_or_path": "../x"}, "name_or_path"),
        ("config.json", {"configuration_files": ["config.4.0.0.json"]}, "configuration_files"),
        ("config.json", {"quantization_config": {"gguf_file": "/x"}}, "quantization_config.gguf_file"),
        ("adapter_config.json", {"prompt_tuning_init_state_dict_path": "/x"}, "prompt_tuning_init_state_dict_path"),
        ("adapter_config.json", {"shadow_model": "org/other"}, "shadow_model"),
        ("adapter_config.json", {"adapters": {"0": "../x"}}, "adapters"),
    ],
)
def test_other_keys_that_are_opened(file: str, content: dict[str, Any], key: str) -> None:
    assert found(file, content) == [("opens_another_file", key)]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("tokenizer_config.json", {"special_tokens_map_file": "/root/.cache/x", "added_tokens_file": "/x"}),
        ("tokenizer_config.json", {"tokenizer_file": "/home/ada/tokenizer.json", "name_or_path": "../base"}),
        ("tokenizer_config.json", {"tokenizer_file": None, "vocab_file": None, "init_inputs": [], "merges": None}),
        ("tokenizer_config.json", {"vocab_file": "vocab.txt", "merges_file": "merges.txt", "vocab": {"a": 0}}),
        ("tokenizer_config.json", {"chat_template": "/etc/passwd", "extra_special_tokens": {"image_file": "<image>"}}),
        ("special_tokens_map.json", {"bos_token": {"content": "<s>"}, "extra_special_tokens": ["<a/b>"]}),
        ("config.json", {"_name_or_path": "/home/ada/out/checkpoint-7", "tokenizer_path": "/x", "gguf_file": None}),
        ("config.json", {"transformers_weights": None, "quantization_config": {"model_name_or_path": "/root/x"}}),
        ("config.json", {"_attn_implementation": "flash_attention_2", "attn_implementation": None}),
        ("config.json", {"text_config": {"attn_implementation": {"": "sdpa", "vision_config": "eager"}}}),
        ("adapter_config.json", {"base_model_name_or_path": "/home/ada/base", "tokenizer_name_or_path": "../base"}),
        ("adapter_config.json", {"corda_config": {"cache_file": "./cache.pt"}, "shadow_model": "mirror"}),
        ("generation_config.json", {"custom_generate": "/x", "some_file": "/x"}),
        ("preprocessor_config.json", {"vocab_file": "/x"}),
    ],
)
def test_what_is_never_opened_is_not_refused(file: str, content: dict[str, Any]) -> None:
    assert found(file, content) == []


@pytest.mark.parametrize(
    ("content", "code", "key"),
    [
        ({"attn_implementation": "kernels-community/flash-attn"}, "kernel", "attn_implementation"),
        ({"_attn_implementation": "org/name@v1:function"}, "kernel", "_attn_implementation"),
        ({"experts_implementation": "sonicmoe"}, "kernel", "experts_implementation"),
        ({"_experts_implementation": "../../x"}, "kernel", "_experts_implementation"),
        ({"attn_implementation": {"text_config": "a/b"}}, "kernel", "attn_implementation.text_config"),
        ({"parts": [{"attn_implementation": "x:y"}]}, "kernel", "parts.0.attn_implementation"),
        ({"attn_implementation": "quick"}, "unknown_implementation", "attn_implementation"),
        ({"attn_implementation": 7}, "unknown_implementation", "attn_implementation"),
    ],
)
def test_kernels_and_unknown_implementations(content: dict[str, Any], code: str, key: str) -> None:
    assert found("config.json", content) == [(code, key)]


def test_every_key_is_said_once_and_not_too_many_of_them() -> None:
    assert found("config.json", {"attn_implementation": ["a/b"]}) == [("kernel", "attn_implementation.0")]
    assert len(found("tokenizer_config.json", {f"{n}_file": "/x" for n in range(50)})) == MOST


def test_weights_elsewhere() -> None:
    index = facts("config.json", {}, "model.safetensors.index.json")
    paths = index.model_copy(update={"shards": ["/x.safetensors", "a.safetensors"]})
    assert list(references(paths)) == [], "the index is not read beside model.safetensors"
    paths.files.pop("model.safetensors")
    [problem] = references(paths)
    assert problem.code == "weights_elsewhere" and "/x.safetensors" in problem.message


def test_implementations_are_those_of_the_installed_transformers() -> None:
    spec = importlib.util.find_spec("transformers")
    assert spec is not None and spec.origin is not None
    known: set[str] = {"eager"}
    for file, kind in (("modeling_utils.py", "AttentionInterface"), ("integrations/moe.py", "ExpertsInterface")):
        tree = ast.parse((Path(spec.origin).parent / file).read_text(encoding="utf-8"))
        [body] = [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind]
        [mapping] = [node.value for node in body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)]
        known |= {ast.literal_eval(key) for key in mapping.keys if key is not None}
    assert known == IMPLEMENTATIONS | KERNEL_EXPERTS


# --- what the installed transformers does


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint of the demo without weights, beside a file that it must not read."""
    (tmp_path / "secret.txt").write_text("the-secret\n")
    shutil.copytree(BASE, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    return tmp_path / "model"


def tokens(folder: Path, file: str, **content: Any) -> dict[str, int]:
    """The vocabulary that is loaded when `file` says more."""
    from transformers import AutoTokenizer

    answer = json.loads((folder / file).read_text()) if (folder / file).is_file() else {}
    (folder / file).write_text(json.dumps(answer | content))
    vocabulary: dict[str, int] = AutoTokenizer.from_pretrained(str(folder)).get_vocab()
    return vocabulary


def test_a_vocabulary_given_as_text_is_opened(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    secret = str(folder.parent / "secret.txt")
    assert "the-secret" in tokens(folder, "tokenizer_config.json", tokenizer_class="BertTokenizer", vocab=secret)


@pytest.mark.parametrize(
    "key",
    [
        "special_tokens_map_file",
        "added_tokens_file",
        "tokenizer_file",
        "chat_template_file",
        "tokenizer_config_file",
        "name_or_path",
    ],
)
@pytest.mark.parametrize("path", ["secret.txt", "missing"])
def test_keys_that_are_ignored_change_nothing(folder: Path, key: str, path: str) -> None:
    before = tokens(folder, "tokenizer_config.json")
    assert tokens(folder, "tokenizer_config.json", **{key: str(folder.parent / path)}) == before
