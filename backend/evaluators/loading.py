"""From a checkpoint's files to a model and a tokenizer: safetensors only, the repository's code never.

The files lie in the job's folder: those that were checked at submission, and no others. Adapters and deltas are pinned
at their own commit and their base at its own, which the harness's arguments cannot say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from peft import PeftModel
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES
from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING

from backend.evaluators.placement import Parallel, Placement
from backend.failures import JobFailed, Stage
from leaderboard.records import Precision, Request, WeightType

DTYPES = {
    Precision.FLOAT16: torch.float16,
    Precision.BFLOAT16: torch.bfloat16,
    Precision.FLOAT32: torch.float32,
    Precision.INT8: torch.float16,
    Precision.INT4: torch.bfloat16,
    Precision.GPTQ: torch.float16,
}
"""What weights are loaded as; for quantised ones, what is not quantised."""


SAMPLE = "The answer to 2 + 2 is 4."


class Checkpoint(NamedTuple):
    """A repository at a commit, and the folder of its files."""

    name: str
    revision: str
    folder: Path


class Loaded(NamedTuple):
    """What the harness works with."""

    model: Any
    """A transformers or peft model on its device, in evaluation mode."""
    tokenizer: Any


def load(request: Request, folder: Path, base_folder: Path, device: str | Placement) -> Loaded:
    """The checkpoint that `request` names, from its files in `folder` and its base model's in `base_folder`.

    `device`: the one that it goes to, or how it is spread over several. Raises JobFailed, and what transformers raises,
    marked with its Stage.
    """
    where = Placement((device,)) if isinstance(device, str) else device
    own, base = checkpoints(request, folder, base_folder)
    precision = Precision(request.precision)
    if request.weight_type == WeightType.ADAPTER:
        loaded = _adapter(own, base, precision, where)
    elif request.weight_type == WeightType.DELTA:
        loaded = Loaded(_sum(own, base, precision, where), _tokenizer(own, base))
    else:
        _config(own, precision)
        tokenizer = _tokenizer(own)
        loaded = Loaded(_model(own, precision, where), tokenizer)
    loaded.model.eval()
    loaded.tokenizer.name_or_path = request.model
    _try_out(own, loaded)
    return loaded


def checkpoints(request: Request, folder: Path, base_folder: Path) -> tuple[Checkpoint, Checkpoint]:
    """What `request` names, and its base model."""
    own = Checkpoint(request.model, request.revision, folder)
    return own, Checkpoint(request.base_model, request.base_revision or "main", base_folder)


def load_tokenizer(request: Request, folder: Path, base_folder: Path) -> Any:
    """The tokenizer that `load` gives, without the weights. Raises as it does."""
    own, base = checkpoints(request, folder, base_folder)
    whole = request.weight_type == WeightType.ORIGINAL
    _config(own if whole else base, Precision(request.precision))
    tokenizer = _tokenizer(own, None if whole else base)
    tokenizer.name_or_path = request.model
    return tokenizer


def tokenizer_in(folder: Path) -> Any:
    """The tokenizer whose files lie in `folder`, loaded without anybody's code. Raises as `load` does."""
    return _tokenizer(Checkpoint("", "", folder))


def is_seq2seq(request: Request, folder: Path, base_folder: Path) -> bool:
    """Whether it is an encoder-decoder model. Raises as `load` does."""
    own, base = checkpoints(request, folder, base_folder)
    source = own if request.weight_type == WeightType.ORIGINAL else base
    return _seq2seq(_config(source, Precision(request.precision)))


def _seq2seq(config: Any) -> bool:
    return config.model_type in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES


def _try_out(checkpoint: Checkpoint, loaded: Loaded) -> None:
    """Have the tokenizer encode a text, for tokens that the model knows."""
    with Stage("tokenizer"):
        tokens = loaded.tokenizer.encode(SAMPLE)
    known = loaded.model.get_input_embeddings().num_embeddings
    if not tokens or max(tokens) >= known:
        what = f"token {max(tokens)} of {known}" if tokens else "no token"
        raise JobFailed(
            "tokenizer_unusable",
            f"The tokenizer of {checkpoint.name} at {_short(checkpoint)} encodes the text {SAMPLE!r} as {what}. Push "
            "the tokenizer that the checkpoint was trained with and submit the new commit.",
        )


def _model(source: Checkpoint, precision: Precision, where: Placement) -> Any:
    """A whole checkpoint. One with weights missing is refused: they would be random."""
    config = _config(source, precision)
    kind = transformers.AutoModelForSeq2SeqLM if _seq2seq(config) else transformers.AutoModelForCausalLM
    with Stage("weights"):
        model, report = kind.from_pretrained(
            source.folder,
            local_files_only=True,
            config=config,
            dtype=DTYPES[precision],
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **where.loading(),
            **_quantisation(precision),
        )
    _all_on_devices(source, model, where)
    if report["missing_keys"]:
        missing = sorted(report["missing_keys"])
        raise JobFailed(
            "weights_missing",
            f"{len(missing)} of the weights that the architecture of {source.name} needs are not in its safetensors "
            f"files at {_short(source)}, {missing[0]} among them. Save the whole checkpoint with save_pretrained and "
            "submit the new commit.",
        )
    return model


def _all_on_devices(source: Checkpoint, model: Any, where: Placement) -> None:
    """Refuse a checkpoint of which layers were left in the machine's memory or on its disk: it would take days."""
    places = set(getattr(model, "hf_device_map", {}).values())
    if where.devices[0] != "cpu" and places & {"cpu", "disk"}:
        raise JobFailed(
            "out_of_memory",
            f"The weights of {source.name} at {_short(source)} need more memory than the {len(where.devices)} "
            "accelerators of a job have here. Submit it in a lower precision, or ask the maintainers whether a larger "
            "worker can run it.",
        )


def _config(source: Checkpoint, precision: Precision) -> Any:
    """The configuration, if it is one that may be loaded in that precision; small, so it is looked at first."""
    with Stage("config"):
        config = transformers.AutoConfig.from_pretrained(source.folder, local_files_only=True, trust_remote_code=False)
        method = str((getattr(config, "quantization_config", None) or {}).get("quant_method") or "")
    if getattr(config, "auto_map", None):
        raise JobFailed(
            "auto_map",
            f"config.json of {source.name} at {_short(source)} points to code of its own (auto_map), which is never "
            "run here. Remove auto_map, or wait until transformers has the architecture.",
        )
    if method and method not in AUTO_QUANTIZATION_CONFIG_MAPPING:  # transformers would load the weights as they are
        raise JobFailed(
            "quantisation_unloadable",
            f"{source.name} at {_short(source)} is stored quantised in a way that transformers does not know, "
            f"quant_method {method[:40]!r} in its config.json. Correct it, or push unquantised weights.",
        )
    if (method == "gptq") != (precision is Precision.GPTQ):
        says = f"is quantised with {method}" if method else "is not quantised"
        raise JobFailed(
            "precision_mismatch",
            f"{source.name} at {_short(source)} {says}, by its config.json, and was submitted in {precision.value}. "
            f"Submit it in {'GPTQ' if method == 'gptq' else 'the number format that it was saved in'}.",
        )
    return config


def _quantisation(precision: Precision) -> dict[str, Any]:
    if precision is Precision.INT8:
        return {"quantization_config": transformers.BitsAndBytesConfig(load_in_8bit=True)}
    if precision is Precision.INT4:
        config = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=DTYPES[precision])
        return {"quantization_config": config}
    return {}


def _tokenizer(source: Checkpoint, otherwise: Checkpoint | None = None) -> Any:
    """The tokenizer of `source`; of `otherwise` where the first has none of its own."""
    with Stage("tokenizer"):
        if otherwise is not None and not (source.folder / "tokenizer_config.json").exists():
            source = otherwise
        return transformers.AutoTokenizer.from_pretrained(source.folder, local_files_only=True, trust_remote_code=False)


def _adapter(own: Checkpoint, base: Checkpoint, precision: Precision, where: Placement) -> Loaded:
    """A base model with a PEFT adapter on it, not merged: as the harness runs it."""
    model = _model(base, precision, where)
    tokenizer = _tokenizer(own, base)
    with Stage("adapter"):
        if len(tokenizer) > model.get_input_embeddings().num_embeddings:
            model.resize_token_embeddings(len(tokenizer))
        return Loaded(PeftModel.from_pretrained(model, str(own.folder), torch_device=where.devices[0]), tokenizer)


def _sum(own: Checkpoint, base: Checkpoint, precision: Precision, where: Placement) -> Any:
    """The base model with the delta's weights added to its own, in the requested precision.

    Where the base is spread over several devices, the delta waits in the machine's memory.
    """
    model = _model(base, precision, where)
    delta_at = Placement(("cpu",)) if where.parallel is Parallel.LAYERS else where
    delta = _model(own, precision, delta_at).state_dict()
    weights = model.state_dict()
    wrong = sorted(weights.keys() ^ delta.keys())
    wrong += [name for name in weights.keys() & delta.keys() if weights[name].shape != delta[name].shape]
    if wrong:
        raise JobFailed(
            "delta_mismatch",
            f"{own.name} at {_short(own)} cannot be added to {base.name} at {_short(base)}: {len(wrong)} of the "
            f"weights are not in both with the same shape, {wrong[0]} among them. Check the base model, or "
            "submit the delta as a whole checkpoint.",
        )
    with torch.no_grad():
        for name, weight in _once(weights):
            weight += delta[name].to(weight.device)
    return model


def _once(weights: dict[str, Any]) -> list[tuple[str, Any]]:
    """The weights without those that share another's memory (tied embeddings)."""
    unique = {weight.data_ptr(): (name, weight) for name, weight in reversed(weights.items())}
    return list(unique.values())


def _short(source: Checkpoint) -> str:
    return source.revision[:7]
