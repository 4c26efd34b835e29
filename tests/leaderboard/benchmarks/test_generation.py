"""Whether generations fit a context length is known from task definitions and a config.json alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaderboard.benchmarks import Benchmark, Column, Harness, Part, load_benchmark
from leaderboard.benchmarks.generation import asked_for, context_length, new_tokens, refusal, refused_for, too_long
from tests.shared import ROOT

GPT2 = {"model_type": "gpt2", "n_positions": 1024, "n_ctx": 1024}


def benchmark(*tasks: str, folder: Path = Path(), **harness: Any) -> Benchmark:
    columns = [
        Column(key=f"c{at}", title=f"C{at}", run=[task], parts=[Part(task=task, metrics=["acc,none"])])
        for at, task in enumerate(tasks)
    ]
    made = Benchmark(id="b", version="1", title="B", description="", columns=columns, harness=Harness(**harness))
    return made.model_copy(update={"folder": folder})


def test_the_second_board_asks_for_more_than_1024_tokens_have_room_for() -> None:
    board = load_benchmark(ROOT / "benchmarks" / "open-llm-v2.yaml")
    asked = asked_for(board)
    assert asked["leaderboard_ifeval"] == 1280 and asked["leaderboard_math_algebra_hard"] == 1024
    assert not [task for task in asked if task.startswith(("leaderboard_bbh", "leaderboard_mmlu"))]
    tasks, length = refused_for(board, GPT2)
    assert length == 1024
    assert set(tasks) == {task for task in asked if "math" in task or "ifeval" in task}
    assert set(refused_for(board, {**GPT2, "n_positions": 1025})[0]) == {"leaderboard_ifeval"}
    assert refused_for(board, {**GPT2, "n_positions": 1281})[0] == {}
    assert refused_for(board, {"model_type": "unknown"})[0] == {}


def test_a_task_that_names_no_number_asks_for_the_harness_default() -> None:
    assert asked_for(benchmark("gsm8k", "arc_challenge")) == {"gsm8k": 256}
    assert asked_for(benchmark("gsm8k", gen_kwargs={"max_gen_toks": 9})) == {"gsm8k": 9}


def test_own_definitions_come_first_and_includes_are_followed(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "base").write_text("output_type: generate_until\ngeneration_kwargs: {max_gen_toks: 70}\n")
    (tasks / "one.yaml").write_text("include: base\ntask: one\nprocess_docs: !function utils.docs\n")
    (tasks / "two.yaml").write_text("include: base\ntask: two\ngeneration_kwargs: {max_new_tokens: 80}\n")
    (tasks / "three.yaml").write_text("include: base\ntask: three\noutput_type: multiple_choice\n")
    (tasks / "circle.yaml").write_text("include: circle.yaml\ntask: circle\ngeneration_kwargs: text\n")
    (tasks / "gsm8k.yaml").write_text("include: base\ntask: gsm8k\n")
    names = ("one", "two", "three", "circle", "gsm8k", "nowhere")
    result = asked_for(benchmark(*names, folder=tmp_path, include_path="tasks"))
    assert result == {"one": 70, "two": 80, "circle": 256, "gsm8k": 70}


@pytest.mark.parametrize(
    ("config", "length"),
    [
        (GPT2, 1024),
        ({"max_position_embeddings": 4096}, 4096),
        ({"n_ctx": 77}, 77),
        ({"n_positions": None, "max_position_embeddings": 9}, 9),
        ({"max_position_embeddings": 1200, "text_config": {"max_position_embeddings": 32768}}, 32768),
        ({"n_positions": 512, "is_encoder_decoder": True}, None),
        ({}, None),
        ({"n_positions": "1024"}, None),
        ({"n_positions": True}, None),
        ({"n_positions": -5}, None),
        ({"text_config": "long"}, None),
    ],
)
def test_the_context_length_that_a_config_names(config: dict[str, Any], length: int | None) -> None:
    assert context_length(config) == length


def test_the_benchmarks_own_length_counts_and_a_cut_refuses_nothing() -> None:
    assert refused_for(benchmark("gsm8k", max_length=256), GPT2) == ({"gsm8k": 256}, 256)
    assert refused_for(benchmark("gsm8k", max_length=257), {}) == ({}, 257)
    assert refused_for(benchmark("gsm8k", max_length=256, long_generation="cut"), GPT2)[0] == {}


def test_the_sentence_names_tasks_numbers_and_length() -> None:
    tasks = too_long({"d": 30, "a": 1024, "b": 1280, "c": 2000, "e": 5000}, 1024)
    assert refusal(tasks, 1024, "org/model") == (
        "org/model has a context length of 1,024 tokens, and the benchmark asks for as many new tokens or more "
        "(max_gen_toks) in a (1,024), b (1,280), c (2,000) and 1 more tasks, so that no room is left for the prompt. "
        "Submit a checkpoint with a longer context."
    )


def test_the_first_of_the_harness_names_counts() -> None:
    assert new_tokens({"max_new_tokens": 5, "max_gen_toks": 7}) == 7
    assert new_tokens({"max_gen_toks": None, "max_completion_tokens": 3}) == 3
    assert new_tokens({}) == 256
