"""Which models the engine may score, and how they take their masks: an allow-list, by architecture and by layer types.

Everything else is left to the stock backend, with the reason in a sentence.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ONE_MASK = frozenset(
    (
        "gemma",
        "gpt2",
        "gpt_neox",
        "gptj",
        "granite",
        "llama",
        "mistral",
        "mixtral",
        "nemotron",
        "olmo",
        "olmo2",
        "opt",
        "phi",
        "phi3",
        "qwen3_moe",
        "stablelm",
        "starcoder2",
    )
)
"""Architectures whose forward takes one 4D mask for all layers; each is covered by an exactness test."""
MASK_BY_LAYER_TYPE = frozenset(
    (
        "cohere2",
        "gemma2",
        "gemma3_text",
        "olmo3",
        "qwen2",
        "qwen2_moe",
        "qwen3",
        "smollm3",
    )
)
"""Architectures whose forward takes a 4D mask for each layer type; each is covered by an exactness test."""

LAYER_TYPES = frozenset({"full_attention", "sliding_attention"})
FORWARD = frozenset({"attention_mask", "position_ids", "past_key_values", "logits_to_keep"})
MASKED_KERNELS = {"sdpa": True, "eager": False}
"""Attention kernels that take a 4D mask, and whether they get by without the matrix of all scores."""
LENGTH_DEPENDENT_ROPE = frozenset({"dynamic", "longrope"})


class Unsupported(Exception):
    """The engine may not score this model, these requests or these settings: a sentence saying why."""


@dataclass(frozen=True)
class Attention:
    """How a supported model attends."""

    layer_types: tuple[str, ...]
    window: int | None
    """Positions that a sliding layer sees, its own included; None without such layers."""
    by_layer_type: bool
    """Whether the forward takes a mask for each layer type."""
    fused: bool
    """Whether the kernel gets by without the matrix of all scores."""
    packed: bool
    """Whether the kernel takes 4D masks, so that choices share a row; otherwise cache rows are expanded."""
    longest: int | None
    """Positions up to which rotary frequencies do not depend on the length; None when they never do."""


def attention_of(model: Any) -> Attention:
    """How `model` (a causal language model, perhaps with an adapter) attends. Raises `Unsupported`."""
    if getattr(getattr(model, "active_peft_config", None), "is_prompt_learning", False):
        raise Unsupported("the adapter learns virtual tokens, which take part in every position")
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    config = base.config.get_text_config(decoder=True)
    kind = str(getattr(base.config, "model_type", "unknown"))
    if getattr(base, "_is_stateful", False):
        raise Unsupported(f"{kind} carries a recurrent state, which cannot be forked at a shared prefix")
    if getattr(config, "alibi", False) or kind in {"bloom", "mpt"}:
        raise Unsupported(f"{kind} biases attention by distance (alibi), computed from a 2D mask")
    if kind not in ONE_MASK | MASK_BY_LAYER_TYPE:
        raise Unsupported(f"{kind} is not among the architectures that were verified")
    if missing := FORWARD - inspect.signature(base.forward).parameters.keys():
        raise Unsupported(f"the forward of {kind} lacks {', '.join(sorted(missing))}")
    if len(set(getattr(model, "hf_device_map", None) or {})) > 1 and len(set(model.hf_device_map.values())) > 1:
        raise Unsupported("the model is spread over several devices")
    return _layers(config, kind)


def _layers(config: Any, kind: str) -> Attention:
    window = getattr(config, "sliding_window", None)
    by_layer_type = kind in MASK_BY_LAYER_TYPE
    layer_types = tuple(getattr(config, "layer_types", None) or ()) if by_layer_type else ()
    layer_types = (
        layer_types or (("full_attention" if window is None else "sliding_attention"),) * config.num_hidden_layers
    )
    if others := sorted(set(layer_types) - LAYER_TYPES):
        raise Unsupported(f"{kind} has layers that are neither full nor sliding attention: {', '.join(others)}")
    if getattr(config, "use_bidirectional_attention", False) or not getattr(config, "is_causal", True):
        raise Unsupported(f"{kind} is configured to attend in both directions")
    sliding = "sliding_attention" in layer_types
    if sliding and not window:
        raise Unsupported(f"{kind} has sliding layers without a window")
    kernel = str(getattr(config, "_attn_implementation", "eager"))
    packed = kernel in MASKED_KERNELS
    if not packed and (sliding or not kernel.startswith("flash_attention")):
        raise Unsupported(f"the attention kernel {kernel} takes no 4D mask for {kind}")
    return Attention(
        layer_types=layer_types,
        window=int(window) if sliding and window else None,
        by_layer_type=by_layer_type,
        fused=MASKED_KERNELS.get(kernel, True),
        packed=packed,
        longest=_longest(config),
    )


def _longest(config: Any) -> int | None:
    """Positions after which the rotary frequencies change with the length of the input."""
    ropes = getattr(config, "rope_parameters", None) or {}
    nested = [value for value in ropes.values() if isinstance(value, Mapping)]
    limits = [
        int(rope.get("original_max_position_embeddings") or config.max_position_embeddings)
        for rope in (nested or [ropes])
        if rope.get("rope_type") in LENGTH_DEPENDENT_ROPE
    ]
    return min(limits, default=None)
