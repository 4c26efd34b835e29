"""How large a batch may be, from the memory that is free: bytes of the work's parts, and a budget that halves."""

import gc
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import torch

from backend.evaluators.shared_prefix.attention import Attention

T = TypeVar("T")
SHARE = 0.5
"""The part of the free memory that one batch may take; the rest is left to the allocator and the prefix caches."""
PREFIX_SHARE = 0.25
MOST_TOKENS = {"cpu": 4096, "cuda": 32768}
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "MALLOC limit of pool exceeded")
CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


@dataclass(frozen=True)
class Costs:
    """Bytes of a forward, by what they grow with."""

    token: int
    """A token: hidden states and the widest projections."""
    column: int
    """A column of a row: one layer's joined keys and values, repeated for grouped heads."""
    pair: int
    """A pair of query and column: the mask, and the attention matrix where the kernel makes one."""
    score: int
    """A scored position: logits, their logarithms and the copies between."""
    cached: int
    """A cached prefix token over all layers."""


def costs_of(model: Any, attention: Attention, softmax_dtype: Any) -> Costs:
    """The costs of a model's forward, read from its configuration."""
    config = model.config.get_text_config(decoder=True)
    size = model.dtype.itemsize
    hidden, heads = config.hidden_size, config.num_attention_heads
    groups = getattr(config, "num_key_value_heads", None) or heads
    head = getattr(config, "head_dim", None) or hidden // heads
    inner = getattr(config, "intermediate_size", None) or 4 * hidden
    logits = size + 2 * (softmax_dtype or model.dtype).itemsize
    return Costs(
        token=size * (8 * hidden + 4 * inner),
        column=size * 2 * head * (groups + heads),
        pair=2 * (1 + size) + (0 if attention.fused else 3 * 4 * heads),
        score=config.vocab_size * logits,
        cached=size * 2 * head * groups * config.num_hidden_layers,
    )


@dataclass
class Budget:
    """What one batch may take. `halve` after an out-of-memory error; the work goes on."""

    bytes: int
    tokens: int
    costs: Costs
    halved: int = 0

    def fits(self, rows: int, width: int, scored: int, prefix: int) -> bool:
        """Whether a batch of `rows` rows of `width` tokens over a prefix may be forwarded."""
        costs, columns = self.costs, prefix + width
        size = (
            rows * (width * costs.token + columns * costs.column + width * columns * costs.pair) + scored * costs.score
        )
        return rows * width <= self.tokens and size <= self.bytes

    @property
    def prefix_tokens(self) -> int:
        """Cached tokens that the prefixes of one path may hold together."""
        return int(self.bytes * PREFIX_SHARE / SHARE) // max(self.costs.cached, 1)

    def attempt(self, work: Callable[[], T]) -> T | None:
        """The work's result, or None when memory ran out and the budget was halved."""
        try:
            return work()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or not self.halve():
                raise
            return None

    def halve(self) -> bool:
        """Half of everything; False when there is nothing left to halve."""
        self.bytes, self.tokens, self.halved = self.bytes // 2, self.tokens // 2, self.halved + 1
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return self.tokens > 0


def budget_for(device: Any, costs: Costs, stock_tokens: int | None) -> Budget:
    """The budget on a device. `stock_tokens` is the stock backend's largest batch, which is never exceeded."""
    most = MOST_TOKENS.get(device.type, MOST_TOKENS["cpu"])
    return Budget(int(free_bytes(device) * SHARE), min(most, stock_tokens or most), costs)


def free_bytes(device: Any) -> int:
    """Free memory of a device, a memory limit of the job's control group included."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    free = _available()
    most, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if most != resource.RLIM_INFINITY:  # the sandbox's
        free = min(free, most - psutil.Process().memory_info().data)
    for limit, used in CGROUPS:
        if os.access(limit, os.R_OK) and (text := Path(limit).read_text().strip()).isdigit():
            free = min(free, int(text) - int(Path(used).read_text()))
    return max(free, 0)


def _available() -> int:
    info = Path("/proc/meminfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    kilobytes = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return int(kilobytes) * 1024 if kilobytes else 4 << 30


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or in the C++ allocator of the CPU."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(text in str(error) for text in OUT_OF_MEMORY)
