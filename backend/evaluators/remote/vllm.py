"""The engine vLLM, in the environment of its own: this module is imported there, beside vLLM and lm-eval alone."""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import Any

from backend.evaluators.remote.serve import Engine

PACKAGES = ("vllm", "lm_eval", "torch", "transformers")


def make(model: dict[str, Any]) -> Engine:
    """The engine for the harness's arguments `model`.

    Raises NotImplementedError and ValueError for what vLLM cannot do, and what vLLM raises.
    """
    torch: Any = importlib.import_module("torch")
    if not torch.cuda.is_available():
        raise NotImplementedError("it needs an NVIDIA GPU, and this job has none")
    lm = importlib.import_module("lm_eval.models.vllm_causallms").VLLM(**model)
    packages = {name: importlib.metadata.version(name) for name in PACKAGES}
    facts = {
        "backend": "causal",
        "max_length": lm.max_length,
        "batch_size": str(lm.batch_size),
        "device": "cuda",
        "devices": model["tensor_parallel_size"],
        "hardware": torch.cuda.get_device_name(0),
        "model_info": {},
        "tied": False,
    }
    account = {"engine": "vllm", "version": packages["vllm"], "packages": packages}
    return Engine(lm, facts, lambda: account)
