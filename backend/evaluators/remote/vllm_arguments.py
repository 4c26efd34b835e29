"""How vLLM is started for a request: the harness's arguments, the environment, and what vLLM cannot do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from backend.evaluators.provenance import model_args
from leaderboard.benchmarks import Harness
from leaderboard.records import Precision, Request, WeightType

SHARE = 0.7
"""The part of an accelerator's memory that weights may take; vLLM keeps contexts in what is left."""
MEMORY_UTILISATION = 0.9
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""The LoRA ranks that vLLM can be started for."""
QUANTISED = (Precision.INT8, Precision.INT4)
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_DO_NOT_TRACK": "1",
    "VLLM_HOST_IP": "127.0.0.1",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    "GLOO_SOCKET_IFNAME": "lo",
    "NCCL_SOCKET_IFNAME": "lo",
}
"""No network beyond the job's own, and nothing that phones home."""


class Files(NamedTuple):
    """What of the checkpoint's files vLLM is told, and what its use depends on."""

    model: Path
    """Folder of the weights: the base model's for an adapter."""
    tokenizer: Path
    adapter: Path | None = None
    adapter_config: Mapping[str, Any] | None = None
    """Its adapter_config.json."""


def vllm_arguments(request: Request, harness: Harness, files: Files, devices: int, batch_size: str) -> dict[str, Any]:
    """The arguments of the harness's `vllm` model for one copy of the checkpoint on `devices` accelerators.

    vLLM takes the method of quantised weights from config.json, and then its own fastest kernel for it.
    """
    arguments: dict[str, Any] = {
        "pretrained": str(files.model),
        "tokenizer": str(files.tokenizer),
        "dtype": model_args(request)["dtype"],
        "max_model_len": harness.max_length,
        "tensor_parallel_size": devices,
        "data_parallel_size": 1,
        "gpu_memory_utilization": MEMORY_UTILISATION,
        "quantization": None,
        "load_format": "safetensors",
        "seed": harness.seeds["torch_random_seed"],
        "trust_remote_code": False,
        "batch_size": batch_size,
    }
    if files.adapter is not None:
        arguments |= {"lora_local_path": str(files.adapter), "max_lora_rank": lora_rank(files.adapter_config or {})}
    return arguments


def vllm_refusal(request: Request, files: Files, seq2seq: bool) -> str | None:
    """Why vLLM cannot evaluate the request, as the end of a sentence; None when it can as far as is known here."""
    adapter = files.adapter_config or {}
    unlike = [name for name in ("use_dora", "modules_to_save", "alpha_pattern", "rank_pattern") if adapter.get(name)]
    reasons = {
        "it does not add a delta to a base model": request.weight_type == WeightType.DELTA,
        f"it does not quantise to {request.precision} as transformers does": request.precision in QUANTISED,
        "it has no encoder-decoder models": seq2seq,
        "it applies LoRA adapters only": files.adapter is not None and adapter.get("peft_type") != "LORA",
        f"it does not know {', '.join(unlike)} of an adapter": bool(unlike),
        f"it applies adapters up to rank {RANKS[-1]} only": lora_rank(adapter) == 0,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def lora_rank(adapter_config: Mapping[str, Any]) -> int:
    """The smallest rank that vLLM can be started for and that has room for an adapter's; 0 where there is none."""
    rank = adapter_config.get("r", RANKS[0])
    return next((size for size in RANKS if isinstance(rank, int) and rank <= size), 0)


def copies(devices: Sequence[str], weights: float, memory_bytes: int) -> list[list[str]]:
    """The accelerators of each copy of a checkpoint of so many bytes: as many copies as fit, each on a power of two.

    Copies are processes of their own: vLLM's data parallelism in the harness needs Ray.
    """
    size = 1
    while 2 * size <= len(devices) and weights > size * SHARE * memory_bytes:
        size *= 2
    return [list(devices[first : first + size]) for first in range(0, len(devices) - size + 1, size)]
