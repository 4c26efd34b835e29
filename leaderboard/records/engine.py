"""The words for what forwards a checkpoint's tokens."""

from __future__ import annotations

from typing import Literal

Engine = Literal["shared", "stock", "vllm"]
"""`shared`: prefixes that requests have in common are forwarded once. `stock`: the harness's own way. `vllm`: vLLM."""
