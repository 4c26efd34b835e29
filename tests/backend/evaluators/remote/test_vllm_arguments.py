"""How vLLM is started. There is no vLLM here: what it is told is compared word by word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.evaluators.placement import visible
from backend.evaluators.provenance import command
from backend.evaluators.remote.vllm_arguments import ENVIRONMENT, Files, copies, lora_rank, vllm_arguments, vllm_refusal
from leaderboard.benchmarks import Harness, load_benchmark
from leaderboard.records import Request
from leaderboard.settings import PROJECT

OWN, BASE = Path("/job/checkpoint"), Path("/job/base")
WHOLE = Files(OWN, OWN)
ADAPTER = Files(BASE, OWN, OWN, {"peft_type": "LORA", "r": 24})
GB = 1e9
ALL = {
    "pretrained": "/job/checkpoint",
    "tokenizer": "/job/checkpoint",
    "dtype": "bfloat16",
    "max_model_len": None,
    "tensor_parallel_size": 1,
    "data_parallel_size": 1,
    "gpu_memory_utilization": 0.9,
    "quantization": None,
    "load_format": "safetensors",
    "seed": 1234,
    "trust_remote_code": False,
    "batch_size": "auto",
}


def request(**fields: Any) -> Request:
    return Request(model="ada/model", revision="a" * 40, **fields)


@pytest.mark.parametrize(
    ("asked", "files", "devices", "weights", "harness", "changed", "visible_to"),
    [
        ({}, WHOLE, 1, 14, {}, {}, ["0"]),
        ({}, WHOLE, 8, 14, {}, {}, ["0", "1", "2", "3", "4", "5", "6", "7"]),
        ({}, WHOLE, 4, 140, {}, {"tensor_parallel_size": 4}, ["0,1,2,3"]),
        ({}, WHOLE, 4, 80, {}, {"tensor_parallel_size": 2}, ["0,1", "2,3"]),
        ({}, WHOLE, 3, 140, {}, {"tensor_parallel_size": 2}, ["0,1"]),
        (
            {"weight_type": "Adapter", "base_model": "ada/base"},
            ADAPTER,
            1,
            14,
            {},
            {"pretrained": "/job/base", "lora_local_path": "/job/checkpoint", "max_lora_rank": 32},
            ["0"],
        ),
        ({"precision": "GPTQ"}, WHOLE, 1, 4, {}, {"dtype": "float16"}, ["0"]),
        ({"precision": "float32"}, WHOLE, 1, 28, {}, {"dtype": "float32"}, ["0"]),
        (
            {},
            WHOLE,
            1,
            14,
            {"max_length": 4096, "seeds": {"torch_random_seed": 7}},
            {"max_model_len": 4096, "seed": 7},
            ["0"],
        ),
    ],
    ids=["small", "8 copies", "70B on 4", "2 copies on 2", "no power of 2", "adapter", "GPTQ", "float32", "benchmark"],
)
def test_what_vllm_is_told(
    asked: dict[str, Any],
    files: Files,
    devices: int,
    weights: float,
    harness: dict[str, Any],
    changed: dict[str, Any],
    visible_to: list[str],
) -> None:
    groups = copies([f"cuda:{index}" for index in range(devices)], weights * GB, int(80 * GB))
    assert [visible(group, None)["CUDA_VISIBLE_DEVICES"] for group in groups] == visible_to
    told = vllm_arguments(request(**asked), Harness(**harness), files, len(groups[0]), "auto")
    assert told == ALL | changed


def test_its_environment_has_no_way_out() -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "VLLM_NO_USAGE_STATS", "VLLM_DO_NOT_TRACK"):
        assert ENVIRONMENT[name] == "1"
    assert ENVIRONMENT["VLLM_HOST_IP"] == "127.0.0.1"


def test_a_copy_sees_its_accelerators_by_the_jobs_own_names() -> None:
    assert visible(["cuda:1", "cuda:2"], "GPU-a, GPU-b,GPU-c") == {"CUDA_VISIBLE_DEVICES": "GPU-b,GPU-c"}
    assert visible(["cuda"], None) == {"CUDA_VISIBLE_DEVICES": "0"}
    assert visible(["cpu"], "0") == {}


@pytest.mark.parametrize(
    ("asked", "adapter", "seq2seq", "why"),
    [
        ({"weight_type": "Delta"}, None, False, "add a delta"),
        ({"precision": "8bit"}, None, False, "quantise to 8bit"),
        ({"precision": "4bit"}, None, False, "quantise to 4bit"),
        ({}, None, True, "encoder-decoder"),
        ({"weight_type": "Adapter"}, {"peft_type": "IA3"}, False, "LoRA adapters only"),
        ({"weight_type": "Adapter"}, {"peft_type": "LORA", "r": 8, "use_dora": True}, False, "use_dora"),
        ({"weight_type": "Adapter"}, {"peft_type": "LORA", "r": 8, "modules_to_save": ["lm_head"]}, False, "to_save"),
        ({"weight_type": "Adapter"}, {"peft_type": "LORA", "r": 1024}, False, "rank 512"),
        ({"weight_type": "Adapter"}, {"peft_type": "LORA", "r": "8"}, False, "rank 512"),
    ],
)
def test_what_vllm_cannot_do(asked: dict[str, Any], adapter: dict[str, Any] | None, seq2seq: bool, why: str) -> None:
    refusal = vllm_refusal(request(**asked), ADAPTER._replace(adapter_config=adapter) if adapter else WHOLE, seq2seq)
    assert refusal is not None and why in refusal


def test_what_vllm_can_do_is_not_refused() -> None:
    assert vllm_refusal(request(), WHOLE, False) is None
    assert vllm_refusal(request(precision="GPTQ"), WHOLE, False) is None
    assert vllm_refusal(request(weight_type="Adapter"), ADAPTER, False) is None
    assert [lora_rank({"r": rank}) for rank in (1, 8, 9, 512, 513)] == [8, 8, 16, 512, 0]


def test_the_command_of_a_result_is_vllms_own() -> None:
    benchmark = load_benchmark(PROJECT / "benchmarks" / "tiny.yaml")
    asked = request(weight_type="Adapter", base_model="ada/base", base_revision="b" * 40)
    line = command(asked, benchmark, {None: ["tiny_sums"]}, "cuda", "auto", "vllm", {"tensor_parallel_size": "2"})
    assert "lm_eval run --model vllm --model_args pretrained=ada/base," in line
    assert "lora_local_path=peft" in line and "tensor_parallel_size=2" in line and ",peft=" not in line
