"""An engine for the tests, made where vLLM's would be: the harness's own backend, in another interpreter."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from backend.evaluators.remote.serve import Engine


def make(model: dict[str, Any]) -> Engine:
    """The engine for the arguments that vLLM gets."""
    lm = importlib.import_module("lm_eval.models.huggingface").HFLM(
        pretrained=model["pretrained"],
        tokenizer=model["tokenizer"],
        dtype=model["dtype"],
        trust_remote_code=model["trust_remote_code"],
        batch_size=model["batch_size"],
        device="cpu",
    )
    facts = {
        "backend": lm.backend,
        "max_length": lm.max_length,
        "batch_size": model["batch_size"],
        "device": "cpu",
        "devices": model["tensor_parallel_size"],
        "hardware": "a processor elsewhere",
        "model_info": {},
        "tied": False,
    }
    account = {
        "engine": "vllm",
        "version": "stand-in",
        "prefix": sys.prefix,
        "offline": os.environ["TRANSFORMERS_OFFLINE"],
    }
    return Engine(lm, facts, lambda: account)


def refuse(model: dict[str, Any]) -> Engine:
    """What vLLM does with an architecture that it does not have."""
    raise ValueError(f"Model architectures in {model['pretrained']} are not supported for now.")


def break_down(model: dict[str, Any]) -> Engine:
    """What vLLM does when its environment is not whole."""
    raise ImportError("libcudart.so.14: cannot open shared object file")
