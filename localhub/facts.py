"""Facts that the Hub derives from a repo's files: config, card, tags, safetensors parameters."""

import struct
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from localhub.cache import Cache
from localhub.cards import card_data, load_json
from localhub.clock import stamp_seconds
from localhub.evalresults import entries_at
from localhub.likes import like_count
from localhub.names import Kind
from localhub.trees import Row, Snapshot

_MAX_HEADER = 25 * 1024 * 1024
_MAX_ELEMENTS = 2**63
_DATASET_FACETS = (
    "task_categories",
    "task_ids",
    "language",
    "language_creators",
    "multilinguality",
    "size_categories",
)
"""Keys of a dataset's card that are part of its tags, as the client's filters spell them."""
_cards: Cache[tuple[Path, str], dict[str, Any] | None] = Cache(5000)
_parameters: Cache[tuple[Path, str], dict[str, int] | None] = Cache(2000)


def card_at(snapshot: Snapshot) -> dict[str, Any] | None:
    """The parsed head of the README; cached, so do not modify it."""
    row = snapshot.find("README.md")
    if row is None or row.is_folder:
        return None
    return _cards.get((snapshot.repo.folder, row.oid), lambda: card_data(snapshot.text("README.md")))


def repo_info(snapshot: Snapshot, *, blobs: bool = False, expand: list[str] | None = None) -> dict[str, Any]:
    """The answer to `GET /api/{kind}/{id}`; with `expand`, the ids and the named properties only."""
    properties = set(expand or ())
    card = card_at(snapshot)
    info = listed_info(snapshot, blobs=blobs, expand=expand) | _card_facts(snapshot, card)
    if snapshot.repo.kind is Kind.MODEL:
        info |= _model_facts(snapshot, card, properties)
    return _only(info, properties)


def listed_info(snapshot: Snapshot, *, blobs: bool = False, expand: list[str] | None = None) -> dict[str, Any]:
    """`repo_info` for people who may not read the files: only names, sizes and hashes of the files."""
    properties = set(expand or ())
    info = listed_entry(snapshot)
    if not properties or "siblings" in properties:
        info["siblings"] = [_sibling(snapshot, row, blobs) for row in snapshot.files()]
    if not properties or "usedStorage" in properties:
        info["usedStorage"] = sum(snapshot.blob(row).size for row in snapshot.files())
    return _only(info, properties)


def _only(info: dict[str, Any], properties: set[str]) -> dict[str, Any]:
    return {key: value for key, value in info.items() if not properties or key in properties | {"_id", "id"}}


def list_entry(snapshot: Snapshot) -> dict[str, Any]:
    """A repo as it appears in lists."""
    card = card_at(snapshot)
    info = listed_entry(snapshot) | _card_facts(snapshot, card)
    if snapshot.repo.kind is Kind.MODEL:
        info |= _model_facts(snapshot, card, {"config", "library_name", "pipeline_tag"})
    return info


def listed_entry(snapshot: Snapshot) -> dict[str, Any]:
    """A repo as it appears in lists for people who may not read its files."""
    repo, meta = snapshot.repo, snapshot.repo.meta
    kind_facts: dict[str, Any] = {}
    if repo.kind is Kind.MODEL:
        kind_facts = {"modelId": repo.id}
    elif repo.kind is Kind.SPACE:
        kind_facts = {"sdk": meta.sdk}
    return {
        "_id": repo.uid,
        "id": repo.id,
        "author": repo.name.namespace or None,
        "sha": snapshot.oid,
        "private": meta.private,
        "gated": meta.gated,
        "disabled": meta.disabled,
        "createdAt": meta.created,
        "lastModified": stamp_seconds(snapshot.commit.time),
        "downloads": meta.downloads,
        "likes": like_count(repo),
        "tags": [],
        "cardData": None,
        **kind_facts,
    }


def _card_facts(snapshot: Snapshot, card: dict[str, Any] | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"tags": _tags(snapshot, card or {}), "cardData": card}
    if snapshot.repo.kind is Kind.SPACE and card and card.get("sdk"):
        facts["sdk"] = card["sdk"]
    return facts


def _sibling(snapshot: Snapshot, row: Row, blobs: bool) -> dict[str, Any]:
    sibling: dict[str, Any] = {"rfilename": row.path}
    if blobs:
        blob = snapshot.blob(row)
        sibling |= {"size": blob.size, "blobId": row.oid}
        if blob.pointer:
            sibling["lfs"] = {"sha256": blob.pointer.oid, "size": blob.pointer.size, "pointerSize": blob.git_size}
    return sibling


def _model_facts(snapshot: Snapshot, card: dict[str, Any] | None, properties: set[str]) -> dict[str, Any]:
    card = card or {}
    config = _config(snapshot)
    library = _library(snapshot, card)
    task = card.get("pipeline_tag") or _task(config)
    facts: dict[str, Any] = {}
    if config:
        facts["config"] = config
    if library:
        facts["library_name"] = library
    if task:
        facts["pipeline_tag"] = task
    if library == "transformers" and task == "text-generation":
        names = {"auto_model": "AutoModelForCausalLM", "pipeline_tag": task, "processor": "AutoTokenizer"}
        facts["transformersInfo"] = names
    if isinstance(card.get("model-index"), list):
        facts["model-index"] = card["model-index"]
    if (not properties or "safetensors" in properties) and (parameters := parameters_of(snapshot)):
        facts["safetensors"] = {"parameters": parameters, "total": sum(parameters.values())}
    if "evalResults" in properties:
        facts["evalResults"] = entries_at(snapshot)
    if "baseModels" in properties and (bases := _base_models(card)):
        relation = _relation(snapshot, card)
        facts["baseModels"] = {"relation": relation, "models": [{"_id": base, "id": base} for base in bases]}
    return facts


def _config(snapshot: Snapshot) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    config = load_json(snapshot.read("config.json", _MAX_HEADER))
    if isinstance(config, dict):
        facts = _picked(config, "architectures", "model_type", "auto_map", "quantization_config")
        tokenizer = load_json(snapshot.read("tokenizer_config.json", _MAX_HEADER))
        if isinstance(tokenizer, dict):
            names = ("bos_token", "eos_token", "pad_token", "unk_token", "chat_template")
            facts["tokenizer_config"] = _picked(tokenizer, *names)
        if (template := snapshot.text("chat_template.jinja")) is not None:
            facts["chat_template_jinja"] = template
    adapter = load_json(snapshot.read("adapter_config.json", _MAX_HEADER))
    if isinstance(adapter, dict):
        facts["peft"] = _picked(adapter, "base_model_name_or_path", "task_type", "peft_type")
    return facts


def _picked(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: document[key] for key in keys if key in document}


def _library(snapshot: Snapshot, card: dict[str, Any]) -> str | None:
    if isinstance(card.get("library_name"), str):
        return str(card["library_name"])
    if snapshot.find("adapter_config.json"):
        return "peft"
    return "transformers" if snapshot.find("config.json") else None


def _task(config: dict[str, Any]) -> str | None:
    architectures = config.get("architectures")
    names = architectures if isinstance(architectures, list) else []
    causal = any(str(name).endswith(("ForCausalLM", "LMHeadModel")) for name in names)
    return "text-generation" if causal else None


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(item) for item in values if isinstance(item, str | int | float) and str(item)]


def _base_models(card: dict[str, Any]) -> list[str]:
    return _texts(card["base_model"]) if card.get("base_model") else []


def _relation(snapshot: Snapshot, card: dict[str, Any]) -> str:
    if isinstance(card.get("base_model_relation"), str):
        return str(card["base_model_relation"])
    if snapshot.find("adapter_config.json"):
        return "adapter"
    return "merge" if len(_base_models(card)) > 1 else "finetune"


def _tags(snapshot: Snapshot, card: dict[str, Any]) -> list[str]:
    tags: list[str] = []
    if snapshot.repo.kind is Kind.MODEL:
        config = load_json(snapshot.read("config.json", _MAX_HEADER))
        library = _library(snapshot, card)
        weights = snapshot.find("model.safetensors") or snapshot.find("model.safetensors.index.json")
        tags += [library] if library else []
        tags += ["safetensors"] if weights or snapshot.find("adapter_model.safetensors") else []
        tags += _texts(config.get("model_type") or []) if isinstance(config, dict) else []
        tags += _texts(card.get("pipeline_tag") or _task(config if isinstance(config, dict) else {}) or [])
    tags += _texts(card.get("tags") or [])
    if snapshot.repo.kind is Kind.DATASET:
        tags += [f"{key}:{value}" for key in _DATASET_FACETS for value in _texts(card.get(key) or [])]
    else:
        tags += _texts(card.get("language") or [])
    tags += [f"dataset:{name}" for name in _texts(card.get("datasets") or [])]
    for base in _base_models(card):
        tags += [f"base_model:{base}", f"base_model:{_relation(snapshot, card)}:{base}"]
    tags += [f"license:{name}" for name in _texts(card.get("license") or [])]
    return list(dict.fromkeys(tags))


def parameters_of(snapshot: Snapshot) -> dict[str, int] | None:
    """Dtype -> number of parameters of the safetensors weights; None without readable headers."""
    files = ["model.safetensors"]
    if not snapshot.find(files[0]):
        index = load_json(snapshot.read("model.safetensors.index.json", _MAX_HEADER))
        shards = index.get("weight_map") if isinstance(index, dict) else None
        files = sorted({str(name) for name in shards.values()}) if isinstance(shards, dict) else []
    total: Counter[str] = Counter()
    for path in files:
        row = snapshot.find(path)
        if row is None or row.is_folder:
            return None
        counted = _parameters.get((snapshot.repo.folder, row.oid), partial(_header_parameters, snapshot, path))
        if counted is None:
            return None
        total.update(counted)
    return dict(total) if files else None


def _header_parameters(snapshot: Snapshot, path: str) -> dict[str, int] | None:
    start = snapshot.read(path, 8)
    if start is None or len(start) < 8:
        return None
    (length,) = struct.unpack("<Q", start)
    if length > _MAX_HEADER:
        return None
    header = load_json((snapshot.read(path, 8 + length) or b"")[8:])
    if not isinstance(header, dict):
        return None
    counted: Counter[str] = Counter()
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        try:
            elements = 1
            for size in tensor["shape"]:
                elements *= int(size)
            counted[str(tensor["dtype"])] += min(max(elements, 0), _MAX_ELEMENTS)
        except (KeyError, TypeError, ValueError):
            return None
    return dict(counted)
