"""What the files of a repository say: configs, model card, chat template, safetensors headers. All of it is hostile."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Protocol

import yaml

from leaderboard.hub.loaded_files import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    DEFAULT_TEMPLATE,
    INDEX,
    NAMED_TEMPLATE,
    SHARD,
    WEIGHTS,
)
from leaderboard.hub.safetensors import (
    LENGTH_BYTES,
    MAX_HEADER_BYTES,
    BadSafetensorsHeader,
    TensorEntry,
    count_parameters,
    header_length,
    read_header,
)

CARD = "README.md"
MAX_CONFIG_BYTES = 2_000_000
"""Larger JSON files are not downloaded to be checked."""
MAX_CARD_BYTES = 1_000_000
MAX_FRONT_MATTER_CHARACTERS = 250_000
MAX_YAML_NODES = 50_000
MAX_YAML_DEPTH = 50
MAX_TEMPLATE_BYTES = 1_000_000
MAX_INDEX_BYTES = 32_000_000
MAX_CONFIGS = 32
MAX_SHARDS = 512
MAX_HEADERS_BYTES = 64_000_000
"""Of all the shards of one checkpoint together; the largest known ones have some 140,000 tensors, 20 MB of headers."""
HEADER_GUESS = 100_000
"""Most headers are shorter; those are read in one go."""
SAFETENSORS = ".safetensors"
TEMPLATE = "chat_template.jinja"
TEKKEN = "tekken.json"
"""With it, transformers reads chat_template.json as well."""
BULK = ("added_tokens_decoder",)
"""Parts of tokenizer_config.json that nothing here reads."""


class UnusableFile(Exception):
    """A file that cannot be read; the text says why in a few words."""


class FetchFile(Protocol):
    """Reads files of one repository at one commit."""

    def __call__(self, name: str, limit: int, start: int | None = None) -> bytes:
        """At most `limit` bytes: of the whole file (raises UnusableFile when it is longer), or from byte `start` on."""
        ...


PARSING = threading.Lock()
"""Parsing a header keeps the interpreter busy: one at a time leaves room for those who read pages."""
FileAnswer = bytes | list[TensorEntry] | UnusableFile
"""Of a question for a file: its content, the tensors of a safetensors file, or why neither can be had."""
ReadFile = Callable[[str, int], FileAnswer]
Run = Callable[[ReadFile, Iterable[tuple[str, int]]], list[FileAnswer]]
"""Calls a function with each of several arguments, at the same time, and gives the results in order."""


@dataclass
class FileContents:
    """What was read, as the fields of ModelFacts."""

    configs: dict[str, Any] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    card_text: str | None = None
    card: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)
    shards: list[str] = field(default_factory=list)
    chat_template: str | None = None


def read_contents(files: Mapping[str, int | None], fetch: FetchFile, run: Run) -> FileContents:
    """Read everything that the checks and the board need from a repository with these files (name -> size)."""
    contents = FileContents()
    configs = sorted(name for name in files if "/" not in name and _is_config(name))
    for name in configs[MAX_CONFIGS:]:
        contents.unreadable[name] = f"there are more than {MAX_CONFIGS} configuration files"
    wanted = [(name, MAX_CONFIG_BYTES) for name in configs[:MAX_CONFIGS]]
    limits = {CARD: MAX_CARD_BYTES, INDEX: MAX_INDEX_BYTES}
    limits |= dict.fromkeys((DEFAULT_TEMPLATE, TEMPLATE), MAX_TEMPLATE_BYTES)
    wanted += [(name, limit) for name, limit in limits.items() if name in files]
    weights = ADAPTER_WEIGHTS if ADAPTER_CONFIG in files else WEIGHTS

    def read(name: str, limit: int) -> FileAnswer:
        try:
            return (_header if name.endswith(SAFETENSORS) else _whole)(name, limit, files, fetch)
        except UnusableFile as reason:
            return reason

    jobs = [*wanted, *([(weights, MAX_HEADER_BYTES)] if weights in files else [])]
    answers = dict(zip((name for name, _ in jobs), run(read, jobs), strict=True))
    for name, answer in answers.items():
        if isinstance(answer, UnusableFile):
            contents.unreadable[name] = str(answer)
    read_bytes = {name: answer for name, answer in answers.items() if isinstance(answer, bytes)}
    for name in configs:
        _understand(contents, name, _object, read_bytes)
    _understand_card(contents, read_bytes.get(CARD))
    contents.chat_template = _template(contents, files, read_bytes)
    tensors: object = answers.get(weights)
    if weights not in files and INDEX in read_bytes:
        tensors = _shards(contents, read_bytes[INDEX], files, read, run)
    if isinstance(tensors, list):
        contents.parameters = count_parameters(tensors, _quantisation(contents))
    return contents


def _is_config(name: str) -> bool:
    return fnmatchcase(name.lower(), "*config*.json") or name in ("chat_template.json", "special_tokens_map.json")


def _whole(name: str, limit: int, files: Mapping[str, int | None], fetch: FetchFile) -> bytes:
    """A file's content. Raises UnusableFile, without asking for it when its size is known to be too much."""
    if (size := files.get(name)) is not None and size > limit:
        raise UnusableFile(f"it is {size:,} bytes long, at most {limit:,} are read")
    return fetch(name, limit)


def _header(name: str, limit: int, files: Mapping[str, int | None], fetch: FetchFile) -> list[TensorEntry]:
    """The tensors of a safetensors file, read from its first bytes. Raises UnusableFile."""
    try:
        start = fetch(name, HEADER_GUESS, 0)
        length = header_length(start)
        if length > limit:
            raise UnusableFile(f"its header claims {length:,} bytes, at most {limit:,} are read")
        content = start[LENGTH_BYTES : LENGTH_BYTES + length]
        if len(content) < length and len(start) == HEADER_GUESS:
            content += fetch(name, length - len(content), len(start))
        if len(content) < length:
            raise UnusableFile(f"its header promises {length:,} bytes and ends after {len(content):,}")
        with PARSING:
            return read_header(content, files.get(name))
    except BadSafetensorsHeader as reason:
        raise UnusableFile(str(reason)) from None


def _shards(
    contents: FileContents, index: bytes, files: Mapping[str, int | None], read: ReadFile, run: Run
) -> list[TensorEntry]:
    """The tensors of every part that the index names; none when one of them cannot be read."""
    try:
        names = contents.shards = _parts(index)
    except UnusableFile as reason:
        contents.unreadable[INDEX] = str(reason)
        return []
    if not all(SHARD.fullmatch(name) for name in names):
        return []
    there = [name for name in names if name in files]
    answers: dict[str, FileAnswer] = dict.fromkeys(names, UnusableFile("the index names it and it is not there"))
    limit = min(MAX_HEADER_BYTES, MAX_HEADERS_BYTES // len(names))
    answers |= zip(there, run(read, [(name, limit) for name in there]), strict=True)
    tensors: list[TensorEntry] = []
    for name, answer in answers.items():
        if isinstance(answer, list):
            tensors += answer
        else:
            contents.unreadable[name] = str(answer)
    return [] if any(name in contents.unreadable for name in names) else tensors


def _parts(index: bytes) -> list[str]:
    """The files that model.safetensors.index.json names, paths among them. Raises UnusableFile."""
    content = _object(index)
    weight_map, metadata = content.get("weight_map"), content.get("metadata")
    values = weight_map.values() if isinstance(weight_map, dict) else ()
    names = {name if isinstance(name, str) else "" for name in values}
    if not 1 <= len(names) <= MAX_SHARDS:
        raise UnusableFile(f"it names {len(names):,} safetensors files, between 1 and {MAX_SHARDS} are read")
    if not isinstance(metadata, dict):
        raise UnusableFile("it has no metadata, which transformers needs")
    return sorted(names)


def _understand(contents: FileContents, name: str, parse: Callable[[bytes], Any], read: Mapping[str, bytes]) -> None:
    if name in read:
        try:
            contents.configs[name] = {key: value for key, value in parse(read[name]).items() if key not in BULK}
        except UnusableFile as reason:
            contents.unreadable[name] = str(reason)


def _object(content: bytes) -> dict[str, Any]:
    """A JSON object. Raises UnusableFile."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "what it holds"
        raise UnusableFile(f"{where} is not JSON") from None
    if not isinstance(value, dict):
        raise UnusableFile("it is not a JSON object")
    if b"\\ud" in content.lower() and not _is_text(json.dumps(value, ensure_ascii=False)):
        raise UnusableFile("it holds half of a character")
    return value


def _is_text(text: str) -> bool:
    """Whether it can be written to a file: JSON can spell lone surrogates, UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _understand_card(contents: FileContents, content: bytes | None) -> None:
    if content is None:
        return
    front, contents.card_text = split_card(content.decode("utf-8", errors="replace"))
    try:
        contents.card = front_matter(front)
    except UnusableFile as reason:
        contents.unreadable[CARD] = str(reason)


def split_card(text: str) -> tuple[str, str]:
    """Front matter and text of a model card."""
    lines = text.lstrip("\ufeff").split("\n")
    if lines[0].rstrip() != "---":
        return "", text
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :])
    return "", text


def front_matter(text: str) -> dict[str, Any]:
    """The YAML of a model card as plain lists, objects and text. Raises UnusableFile.

    Aliases are refused (they make exponentially large values), tags are ignored, depth and size are bounded.
    """
    if len(text) > MAX_FRONT_MATTER_CHARACTERS:
        raise UnusableFile(f"its front matter is {len(text):,} characters long")
    try:
        depth = 0
        for count, event in enumerate(yaml.parse(text, Loader=yaml.CBaseLoader)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > MAX_YAML_DEPTH or count > MAX_YAML_NODES:
                raise UnusableFile("its front matter has aliases, or is too deep or too long")
        value = yaml.load(text, Loader=yaml.CBaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UnusableFile(f"line {mark.line + 2 if mark else 1} is not YAML") from None
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise UnusableFile("its front matter is not a list of names and values")
    return {str(key): _plain(item) for key, item in value.items()}


def _plain(value: Any) -> Any:
    """Text of the front matter with YAML's words for nothing, true and false understood."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {"": None, "~": None, "null": None, "true": True, "false": False}.get(value, value)


def _template(contents: FileContents, files: Iterable[str], read: Mapping[str, bytes]) -> str | None:
    """The chat template that transformers would use: files of templates hide what tokenizer_config.json says."""
    for name in (DEFAULT_TEMPLATE, TEMPLATE):
        if name in files:
            return read[name].decode("utf-8", errors="replace") if name in read else None
    if any(NAMED_TEMPLATE.fullmatch(name) for name in files):
        return None
    names = ("chat_template.json", "tokenizer_config.json") if TEKKEN in files else ("tokenizer_config.json",)
    templates = (_default(contents.configs.get(name, {}).get("chat_template")) for name in names)
    return next((template for template in templates if template), None)


def _default(template: Any) -> str | None:
    """The template itself, or the default one of several."""
    if isinstance(template, list):
        named = [entry for entry in template if isinstance(entry, dict)]
        template = next((entry.get("template") for entry in named if entry.get("name") == "default"), None)
    elif isinstance(template, dict):
        template = template.get("default")
    return template if isinstance(template, str) else None


def _quantisation(contents: FileContents) -> Mapping[str, Any] | None:
    described = contents.configs.get("config.json", {}).get("quantization_config")
    if isinstance(described, dict) and described:
        return described
    beside = contents.configs.get("quantize_config.json", {})
    return beside if "bits" in beside else None
