"""Which files of a checkpoint a job loads, and what pins them."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import localhub
from leaderboard.errors import HubUnavailable
from leaderboard.hub.hub import Hub
from leaderboard.hub.loaded_files import TOKENIZER_FILES, loaded_files, pinned_files
from leaderboard.records import ModelFacts

SHA = "26a66f0d862e" + "0" * 28


def facts(*files: str, **more: Any) -> ModelFacts:
    return ModelFacts(model="org/name", revision=SHA, files=dict.fromkeys(files, 1), **more)


@pytest.mark.parametrize(
    ("there", "shards", "loaded"),
    [
        (["config.json", "model.safetensors"], [], ["config.json", "model.safetensors"]),
        (["model.safetensors", "model.safetensors.index.json", "a.safetensors"], ["a"], ["model.safetensors"]),
        (
            ["model.safetensors.index.json", "b.safetensors", "a.safetensors", "model-00001-of-00001.safetensors"],
            ["a.safetensors", "b.safetensors"],
            ["a.safetensors", "b.safetensors", "model.safetensors.index.json"],
        ),
        (["model.safetensors.index.json"], ["missing.safetensors"], ["model.safetensors.index.json"]),
        (
            ["adapter_config.json", "adapter_model.safetensors", "model.safetensors"],
            [],
            ["adapter_config.json", "adapter_model.safetensors"],
        ),
        (["pytorch_model.bin", "adapter_model.bin", "model.pt", "modeling.py", "README.md", "other.json"], [], []),
        (["sub/config.json", "sub/model.safetensors", "onnx/model.safetensors"], [], []),
        (
            ["tokenizer.json", "qwen.tiktoken", "chat_template.jinja", "additional_chat_templates/rag.jinja"],
            [],
            ["additional_chat_templates/rag.jinja", "chat_template.jinja", "qwen.tiktoken", "tokenizer.json"],
        ),
        (["additional_chat_templates/a/b.jinja", "additional_chat_templates/.hidden.jinja", "x/y.tiktoken"], [], []),
    ],
)  # fmt: skip
def test_only_what_is_loaded_is_listed(there: list[str], shards: list[str], loaded: list[str]) -> None:
    assert loaded_files(facts(*there, shards=shards)) == loaded


def test_every_tokenizer_file_of_the_installed_transformers_is_listed() -> None:
    spec = importlib.util.find_spec("transformers")
    assert spec is not None and spec.origin is not None
    sources = [path.read_text(encoding="utf-8") for path in Path(spec.origin).parent.rglob("tokenization_*.py")]
    blocks = [block for text in sources for block in re.findall(r"VOCAB_FILES_NAMES = \{(.*?)\}", text, re.DOTALL)]
    names = {name for block in blocks for name in re.findall(r': *"([^"]+)"', block)}
    assert len(blocks) > 50
    assert names - TOKENIZER_FILES == set()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with localhub.running(tmp_path_factory.mktemp("hub")) as running:
        running.hub.commit("org/name", {"config.json": b"{}", "model.safetensors": b"weights", "README.md": b"card"})
        hub = Hub(running.endpoint)
        yield hub
        hub.close()


def test_files_are_pinned_by_what_they_hold(hub: Hub) -> None:
    result = hub.facts("org/name")
    assert pinned_files(result) == {
        "config.json": "git:" + hashlib.sha1(b"blob 2\0{}").hexdigest(),
        "model.safetensors": "sha256:" + hashlib.sha256(b"weights").hexdigest(),
    }


@pytest.mark.parametrize("blob", ["", "0" * 39, "../" * 13 + "x"])
def test_a_file_whose_content_the_hub_does_not_say_is_not_loaded_unpinned(blob: str) -> None:
    with pytest.raises(HubUnavailable, match=r"config\.json of org/name"):
        pinned_files(facts("config.json", blobs={"config.json": blob}))
