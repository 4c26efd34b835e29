"""Values in configuration files that make transformers or peft open another file, or fetch a kernel.

docs/checks.md has the table of keys, from the sources of the installed libraries: which of them are opened. Keys that
are dropped there are ignored here, since many checkpoints hold a path of their author's computer in one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from leaderboard.hub.loaded_files import ADAPTER_CONFIG, INDEX, SHARD, TOKENIZER_FILES, WEIGHTS, is_adapter
from leaderboard.records import ModelFacts, Problem
from leaderboard.submissions.catalogue import shown
from leaderboard.submissions.kinds.checkpoint.checks.catalogue import problem

TOKENIZER_CONFIGS = ("tokenizer_config.json", "special_tokens_map.json")
"""Every value in them is passed to the tokenizer's class."""
INLINE = {"vocab", "merges", "gguf_file", "fast_tokenizer_files"}
"""Keys of these two under which any text is opened; `vocab` and `merges` are objects and lists in an honest file."""
FILE_KEY = re.compile(r"(?:.+_)?(?:file|spm)|sudachi_config_path|sudachi_resource_dir")
"""Keys of these two under which a text is opened as a file, by some tokenizer or other."""
REPLACED = {"tokenizer_file", "tokenizer_config_file", "chat_template_file"}
"""Keys of tokenizer_config.json that are replaced by the repository's own file before anything is opened."""
UNUSED = {"special_tokens_map_file", "added_tokens_file"}
OTHER_WEIGHTS = "transformers_weights"
OTHER_CONFIG = "configuration_files"
KERNEL_KEYS = {"attn_implementation", "experts_implementation"}
KERNEL = re.compile(r".*[/:|@].*", re.DOTALL)
KERNEL_EXPERTS = {"deepgemm", "sonicmoe"}
"""Names that transformers knows and for which it fetches a kernel."""
IMPLEMENTATIONS = {
    "eager", "sdpa", "flex_attention", "flash_attention_2", "flash_attention_3", "flash_attention_4", "paged|eager",
    "grouped_mm", "batched_mm",
}  # fmt: skip
"""Those in transformers itself; a test compares them with its sources."""
MOST = 5
"""Problems of one kind that are said of one repository."""


class Value(NamedTuple):
    """A value somewhere in a configuration file."""

    file: str
    key: str
    """Keys and positions on the way to it, joined with dots."""
    name: str
    """The last key on that way; empty for an entry of a list."""
    value: Any
    depth: int
    """0 for a value of the file's own object."""


def references(facts: ModelFacts) -> Iterator[Problem]:
    """Files and kernels that the configuration asks for and that are not loaded here; one problem a key."""
    named = {"model": facts.model, "sha": facts.revision[:7]}
    asked = [("opens_another_file", _opened(facts)), ("kernel", _kernels(facts))]
    asked.append(("unknown_implementation", _unknown_implementations(facts)))
    for code, values in asked:
        for value in islice(values, MOST):
            yield problem(code, file=value.file, key=value.key, value=_text(value.value), **named)
    yield from _weights_elsewhere(facts, named)


def _weights_elsewhere(facts: ModelFacts, named: Mapping[str, str]) -> Iterator[Problem]:
    for value in _values(facts, "config.json"):
        if value.name == OTHER_WEIGHTS and value.value is not None:
            yield problem("weights_elsewhere", file=value.file, value=_text(value.value), **named)
            break
    if is_adapter(facts) or WEIGHTS in facts.files:
        return
    if paths := [name for name in facts.shards if not SHARD.fullmatch(name)]:
        yield problem("weights_elsewhere", file=INDEX, value=paths[0], **named)


def _opened(facts: ModelFacts) -> Iterator[Value]:
    """Values that would be opened as files."""
    for file in TOKENIZER_CONFIGS:
        for value in _values(facts, file):
            if _opened_by_a_tokenizer(facts, value):
                yield value
    for value in _values(facts, "config.json"):
        in_use = value.name == OTHER_CONFIG or (value.name == "gguf_file" and isinstance(value.value, str))
        if in_use and value.value not in (None, "", []):
            yield value
    for value in _values(facts, ADAPTER_CONFIG):
        if value.depth == 0 and _opened_by_an_adapter(value):
            yield value


def _opened_by_a_tokenizer(facts: ModelFacts, value: Value) -> bool:
    if value.value in (None, "", [], {}):
        return False
    own = value.depth == 0
    if own and value.name == "init_inputs":
        return True
    if value.name in INLINE:
        return own and (isinstance(value.value, str) or value.name == "fast_tokenizer_files")
    if not isinstance(value.value, str) or value.name in UNUSED:
        return False
    if value.file == "tokenizer_config.json" and value.name in REPLACED:
        return False
    if value.file == "special_tokens_map.json" and value.name == "name_or_path":
        return own
    if not FILE_KEY.fullmatch(value.name) or not (own or value.key.split(".")[0].endswith("_kwargs")):
        return False
    return not (value.value in TOKENIZER_FILES or (value.value in facts.files and "/" not in value.value))


def _opened_by_an_adapter(value: Value) -> bool:
    if value.name == "shadow_model":
        return value.value not in (None, "", "mirror")
    return value.name in ("prompt_tuning_init_state_dict_path", "adapters") and value.value not in (None, "", {}, [])


def _kernels(facts: ModelFacts) -> Iterator[Value]:
    return (value for value in _implementations(facts) if _is_kernel(value.value))


def _unknown_implementations(facts: ModelFacts) -> Iterator[Value]:
    return (value for value in _implementations(facts) if not _is_kernel(value.value))


def _is_kernel(value: Any) -> bool:
    return isinstance(value, str) and (KERNEL.fullmatch(value) is not None or value in KERNEL_EXPERTS)


def _implementations(facts: ModelFacts) -> Iterator[Value]:
    """Attention and experts implementations that transformers does not have itself; one may be given for each part."""
    for value in _values(facts, "config.json"):
        if value.name.removeprefix("_") not in KERNEL_KEYS:
            continue
        for each in _leaves(value):
            if each.value is not None and not (isinstance(each.value, str) and each.value in IMPLEMENTATIONS):
                yield each


def _leaves(value: Value) -> Iterator[Value]:
    """What stands under a key, without the objects and lists around it."""
    left = [value]
    while left:
        each = left.pop()
        inside = _inside(each)
        if inside is None:
            yield each
        else:
            left.extend(inside)


def _values(facts: ModelFacts, file: str) -> Iterator[Value]:
    """Every value in a file at any depth, objects and lists too."""
    left = [Value(file, "", "", facts.configs.get(file), -1)]
    while left:
        for value in _inside(left.pop()) or ():
            yield value
            left.append(value)


def _inside(value: Value) -> list[Value] | None:
    """The values in an object or list; None for others."""
    if isinstance(value.value, dict):
        entries = [(key, key, each) for key, each in value.value.items()]
    elif isinstance(value.value, list):
        entries = [(str(at), "", each) for at, each in enumerate(value.value)]
    else:
        return None
    return [Value(value.file, _join(value.key, key), name, each, value.depth + 1) for key, name, each in entries]


def _join(before: str, key: str) -> str:
    return f"{before}.{key}" if before else key


def _text(value: Any) -> str:
    return value if isinstance(value, str) else shown(repr(value))
