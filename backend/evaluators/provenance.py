"""How a result was made, in enough detail to make it again."""

from __future__ import annotations

import hashlib
import importlib.metadata
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval.utils import hash_string

from backend import sandbox
from backend.evaluators.shared_prefix.reproducible import SEEDING
from leaderboard import __version__
from leaderboard.benchmarks import Benchmark
from leaderboard.records import Precision, Request, WeightType

PACKAGES = ("lm_eval", "transformers", "tokenizers", "torch", "accelerate", "peft", "datasets")


def packages() -> dict[str, str]:
    """Versions of what took part."""
    return {**{name: importlib.metadata.version(name) for name in PACKAGES}, "podium": __version__}


def of_harness(benchmark: Benchmark, samples: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """The fields that are the same whoever answers the harness: a checkpoint or an endpoint."""
    return {
        "packages": packages(),
        "sandbox": list(sandbox.entered()),
        "seeds": {str(name): seed for name, seed in benchmark.harness.seeds.items()},
        "scorers": SEEDING,
        "task_hashes": task_hashes(samples),
    }


def task_hashes(samples: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, str]:
    """The harness's hash of each task: over the hashes of its documents, prompts and targets."""
    return {
        task: hash_string("".join(row["doc_hash"] + row["prompt_hash"] + row["target_hash"] for row in rows))
        for task, rows in samples.items()
    }


def template_sha(template: str | None) -> str | None:
    """SHA-256 of a chat template."""
    return hashlib.sha256(template.encode()).hexdigest() if template else None


def model_args(request: Request) -> dict[str, str]:
    """The harness's model arguments for the request; an adapter or a delta lies in a folder of that name."""
    dtype = {Precision.INT8: "float16", Precision.INT4: "bfloat16", Precision.GPTQ: "float16"}.get(
        Precision(request.precision), request.precision
    )
    extra = {Precision.INT8: {"load_in_8bit": "True"}, Precision.INT4: {"load_in_4bit": "True"}}.get(
        Precision(request.precision), {}
    )
    if request.weight_type == WeightType.ORIGINAL:
        return {"pretrained": request.model, "revision": request.revision, "dtype": dtype, **extra}
    kind = "peft" if request.weight_type == WeightType.ADAPTER else "delta"
    base = {"pretrained": request.base_model, "revision": request.base_revision or "main"}
    return {**base, kind: kind, "dtype": dtype, **extra}


def vllm_model_args(request: Request) -> dict[str, str]:
    """The same for the harness's model `vllm`."""
    arguments = model_args(request)
    adapter = arguments.pop("peft", "")
    return {**arguments, **({"lora_local_path": adapter} if adapter else {})}


def command(
    request: Request,
    benchmark: Benchmark,
    groups: Mapping[int | None, Sequence[str]],
    device: str,
    batch_size: str,
    model: str = "hf",
    more: Mapping[str, str] | None = None,
) -> str:
    """The plain `lm_eval` commands that make the same scores, one for each number of few-shot examples.

    `model`: the harness's name of what answers, `hf` or `vllm`; `more`: arguments of it that are the job's.
    """
    lines = []
    if request.weight_type != WeightType.ORIGINAL:
        kind = "peft" if request.weight_type == WeightType.ADAPTER else "delta"
        lines.append(f"hf download {request.model} --revision {request.revision} --local-dir {kind}")
    harness = benchmark.harness
    model_arguments = vllm_model_args(request) if model == "vllm" else model_args(request)
    arguments = ",".join(f"{name}={value}" for name, value in {**model_arguments, **(more or {})}.items())
    if harness.max_length:
        arguments += f",max_length={harness.max_length}"
    seeds = ",".join(str(harness.seeds[name]) for name in ("random_seed", "numpy_random_seed", "torch_random_seed"))
    seeds += f",{harness.seeds['fewshot_random_seed']}"
    for fewshot, names in groups.items():
        words = ["lm_eval", "run", "--model", model, "--model_args", arguments, "--tasks", ",".join(names)]
        words += ["--device", device, "--batch_size", batch_size, "--seed", seeds]
        words += ["--include_path", f"benchmarks/{harness.include_path}"] if harness.include_path else []
        words += [] if fewshot is None else ["--num_fewshot", str(fewshot)]
        if request.use_chat_template:
            words += ["--apply_chat_template", "--fewshot_as_multiturn", str(harness.fewshot_as_multiturn).lower()]
        if harness.gen_kwargs:
            words += ["--gen_kwargs", *(f"{name}={value!r}" for name, value in harness.gen_kwargs.items())]
        lines.append(shlex.join(words))
    return "\n".join(lines)
