"""Small boards of other makes, as their repositories look. Values are made up, the layouts are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from leaderboard.benchmarks import Benchmark

SHA = {name: (f"{number:x}" * 40) for number, name in enumerate(("ok", "chat", "failed", "running", "old"), start=1)}


def write(root: Path, path: str, content: Any) -> Path:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content if isinstance(content, str) else json.dumps(content))
    return place


def request(model: str, revision: str, status: str = "FINISHED", **more: Any) -> dict[str, Any]:
    """A request file of the second Open LLM Leaderboard."""
    answer = {
        "model": model,
        "base_model": "",
        "revision": revision,
        "precision": "bfloat16",
        "params": 7.242,
        "architectures": "MistralForCausalLM",
        "weight_type": "Original",
        "status": status,
        "submitted_time": "2024-06-26T10:00:00Z",
        "model_type": "💬 : 💬 chat models (RLHF, DPO, IFT, ...)",
        "job_id": "-1",
        "job_start_time": None,
        "use_chat_template": False,
        "sender": "somebody",
    }
    return answer | more


def requests_v2(root: Path) -> Path:
    """A requests repository with what such a one holds, wrong things too."""
    name = "{}_eval_request_False_bfloat16_Original.json"
    write(root, name.format("org/ok"), request("org/ok", SHA["ok"], a_new_field={"kept": [1]}, params=-1))
    write(root, name.format("org/chat"), request("org/chat", SHA["chat"], use_chat_template=True))
    write(root, name.format("org/failed"), request("org/failed", SHA["failed"], "FAILED"))
    write(root, name.format("org/waits"), request("org/waits", "main", "RERUN"))
    write(root, name.format("org/branch"), request("org/branch", "refs/pr/1", "PENDING", precision="?"))
    write(root, name.format("gpt2"), request("gpt2", SHA["old"]))
    write(root, name.format("org/broken"), '{"model": ')
    write(root, name.format("org/list"), [1, 2])
    write(root, name.format("org/evil"), request("../../evil", SHA["ok"]))
    write(root, name.format("org/nostatus"), {"model": "org/nostatus", "revision": SHA["ok"], "status": "LOST"})
    write(root, "org/notes.json", {"a": 1})
    write(root, "README.md", "# requests")
    write(root, ".gitattributes", "x")
    return root


def measures(benchmark: Benchmark, value: float, only: int | None = None) -> dict[str, dict[str, Any]]:
    """lm-eval's results of the benchmark's parts, of the first `only` columns."""
    return {
        part.task: dict.fromkeys(part.metrics, value) | {"alias": part.task}
        for column in benchmark.columns[:only]
        for part in column.parts
    }


def result_v2(benchmark: Benchmark, model: str, sha: str, value: float = 0.5, **more: Any) -> dict[str, Any]:
    """A result file as lm-eval's tracker writes it."""
    config = {
        "model": "hf",
        "model_args": f"pretrained={model},revision={sha},dtype=bfloat16",
        "model_dtype": "torch.bfloat16",
        "model_sha": sha,
        "limit": None,
    }
    tasks = measures(benchmark, value)
    return {
        "results": tasks,
        "config": config,
        "n-samples": {task: {"original": 40, "effective": 40} for task in tasks},
        "task_hashes": dict.fromkeys(tasks, "abc"),
        "date": 1719400000.5,
        "pretty_env_info": "hostname of somebody",
        "transformers_version": "4.41.2",
        "model_name": model,
        "chat_template_sha": None,
        "total_evaluation_time_seconds": "123.5",
        "made_by_a_fork": "kept",
    } | more


V1_TASKS = {
    "arc": ("harness|arc:challenge|25", "acc_norm"),
    "hellaswag": ("harness|hellaswag|10", "acc_norm"),
    "truthfulqa": ("harness|truthfulqa:mc|0", "mc2"),
    "winogrande": ("harness|winogrande|5", "acc"),
    "gsm8k": ("harness|gsm8k|5", "acc"),
}


def result_v1(benchmark: Benchmark, model: str, sha: str, scores: dict[str, float]) -> dict[str, Any]:
    """A result file of the first Open LLM Leaderboard; `scores` are shares, of MMLU the same for every subject."""
    results: dict[str, Any] = {}
    for key, value in scores.items():
        if key == "mmlu":
            subjects = [
                part.task.removeprefix("mmlu_")
                for column in benchmark.columns
                if column.key == key
                for part in column.parts
            ]
            results |= {f"harness|hendrycksTest-{subject}|5": {"acc": value, "acc_norm": value} for subject in subjects}
        else:
            task, metric = V1_TASKS[key]
            results[task] = {metric: value, f"{metric}_stderr": 0.01}
    return {
        "config_general": {
            "model_name": model,
            "model_sha": sha,
            "model_dtype": "torch.float16",
            "lighteval_sha": "abc",
            "max_samples": None,
            "total_evaluation_time_secondes": "12.5",
        },
        "results": results | {"all": {"acc": 0.1}},
        "versions": dict.fromkeys(results, 1),
        "summary_general": {"hashes": {}},
    }
