"""The words for a checkpoint: number format, weights, how it came to be."""

from __future__ import annotations

import re
from enum import StrEnum


class Precision(StrEnum):
    """The number format in which a checkpoint is loaded."""

    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    FLOAT32 = "float32"
    INT8 = "8bit"
    INT4 = "4bit"
    GPTQ = "GPTQ"


class WeightType(StrEnum):
    """What the repository's weights are: a whole checkpoint, a PEFT adapter, or differences to a base model."""

    ORIGINAL = "Original"
    ADAPTER = "Adapter"
    DELTA = "Delta"


class ModelType(StrEnum):
    """How the checkpoint came to be; the symbol is `MODEL_TYPE_SYMBOLS[type]`."""

    PRETRAINED = "pretrained"
    CONTINUOUSLY_PRETRAINED = "continuously pretrained"
    FINE_TUNED = "fine-tuned on domain-specific datasets"
    CHAT = "chat models (RLHF, DPO, IFT, ...)"
    MERGE = "base merges and moerges"
    MULTIMODAL = "multimodal"
    OTHER = "other"


MODEL_TYPE_SYMBOLS: dict[ModelType, str] = {
    ModelType.PRETRAINED: "🟢",
    ModelType.CONTINUOUSLY_PRETRAINED: "🟩",
    ModelType.FINE_TUNED: "🔶",
    ModelType.CHAT: "💬",
    ModelType.MERGE: "🤝",
    ModelType.MULTIMODAL: "🌸",
    ModelType.OTHER: "❓",
}


def plain_type(text: str) -> ModelType:
    """The model type in `text`, with or without its symbol; `other` for words that are none of ours."""
    words = re.sub(r"^[^A-Za-z]+", "", text).strip()
    return next((kind for kind in ModelType if kind.value == words), ModelType.OTHER)
