"""What the local executor's forkserver imports before any job that loads a model or calls the harness.

Imports only: a torch operation here would start threads, and forking would not be safe any more.
"""

from __future__ import annotations

import importlib

MODULES = (
    "torch",
    "transformers",
    "transformers.generation.utils",
    "transformers.models.auto.modeling_auto",
    "transformers.models.gemma2.modeling_gemma2",
    "transformers.models.gemma3.modeling_gemma3",
    "transformers.models.gpt2.modeling_gpt2",
    "transformers.models.gpt_neox.modeling_gpt_neox",
    "transformers.models.llama.modeling_llama",
    "transformers.models.mistral.modeling_mistral",
    "transformers.models.phi3.modeling_phi3",
    "transformers.models.qwen2.modeling_qwen2",
    "transformers.models.qwen3.modeling_qwen3",
    "datasets",
    "peft",
    "pyarrow.parquet",
    "lm_eval.evaluator",
    "lm_eval.models.huggingface",
    "backend.job",
    "backend.abilities",
    "backend.evaluators.checkpoint",
    "backend.evaluators.harness",
)

for _name in MODULES:
    importlib.import_module(_name)
