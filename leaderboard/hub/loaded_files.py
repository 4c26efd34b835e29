"""Which files of a repository a job loads: one list, used by the checks and pinned by content in the request.

The names are those that the installed transformers, tokenizers and peft open for a checkpoint; a test compares them
with their sources. Nothing in a repository can add a name to the list but the index of its weights.
"""

from __future__ import annotations

import re

from leaderboard.errors import HubUnavailable
from leaderboard.records import ModelFacts

ADAPTER_CONFIG = "adapter_config.json"
INDEX = "model.safetensors.index.json"
WEIGHTS = "model.safetensors"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
CONFIGS = ("config.json", "generation_config.json", "quantize_config.json")
TOKENIZER_FILES = frozenset(
    {
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "chat_template.jinja", "chat_template.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model",
        "tiktoken.model", "tekken.json", "spiece.model", "spm.model", "sentencepiece.model",
        "sentencepiece.bpe.model", "spm_char.model", "source.spm", "target.spm", "target_vocab.json",
        "vocab-src.json", "vocab-tgt.json", "bpe.codes", "dict.txt", "entity_vocab.json", "prophetnet.tokenizer",
        "byte_maps.json", "normalizer.json", "emoji.json", "word_shape.json", "word_pronunciation.json",
    }
)  # fmt: skip
"""Files from which tokenizers of transformers are made."""
TIKTOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}\.tiktoken")
NAMED_TEMPLATE = re.compile(r"additional_chat_templates/[A-Za-z0-9][A-Za-z0-9._-]{0,95}\.jinja")
DEFAULT_TEMPLATE = "additional_chat_templates/default.jinja"
"""The named template that takes the place of chat_template.jinja."""
SHARD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\.safetensors")
"""A part of a checkpoint as an index may name it: a file beside the index, not a path."""
SHA256 = re.compile(r"[0-9a-f]{64}")
BLOB_ID = re.compile(r"[0-9a-f]{40}")


def is_adapter(facts: ModelFacts) -> bool:
    """Whether peft and transformers will treat the repository as an adapter, whatever its submitter says."""
    return ADAPTER_CONFIG in facts.files


def loaded_files(facts: ModelFacts) -> list[str]:
    """The files of the repository that a job loads, sorted; never pickled weights, never code."""
    return sorted({*_tokenizer_files(facts), *_configs(facts), *loaded_weights(facts)})


def loaded_weights(facts: ModelFacts) -> list[str]:
    """The safetensors files that are loaded, with the index where it names them; empty where there are none."""
    if is_adapter(facts):
        return [ADAPTER_WEIGHTS] if ADAPTER_WEIGHTS in facts.files else []
    if WEIGHTS in facts.files:
        return [WEIGHTS]
    if INDEX in facts.files:
        return [INDEX, *(name for name in facts.shards if name in facts.files and SHARD.fullmatch(name))]
    return []


def pinned_files(facts: ModelFacts) -> dict[str, str]:
    """The loaded files -> what they hold: `sha256:` and 64 hex digits of the content, or `git:` and the 40 of the blob.

    The Hub says the first of large files only; the second is SHA-1 of "blob {size}\\0" and the content.
    Raises HubUnavailable when the Hub says neither of one of them.
    """
    return {name: _pin(facts, name) for name in loaded_files(facts)}


def _pin(facts: ModelFacts, name: str) -> str:
    if SHA256.fullmatch(large := facts.sha256.get(name, "")):
        return f"sha256:{large}"
    if BLOB_ID.fullmatch(blob := facts.blobs.get(name, "")):
        return f"git:{blob}"
    raise HubUnavailable(
        f"The Hub does not say what {name} of {facts.model} holds. Nothing is wrong with the submission; "
        "try again later.",
        60,
    )


def _tokenizer_files(facts: ModelFacts) -> list[str]:
    return [
        name
        for name in facts.files
        if name in TOKENIZER_FILES or TIKTOKEN.fullmatch(name) or NAMED_TEMPLATE.fullmatch(name)
    ]


def _configs(facts: ModelFacts) -> list[str]:
    names = (ADAPTER_CONFIG, *CONFIGS) if is_adapter(facts) else CONFIGS
    return [name for name in names if name in facts.files]
