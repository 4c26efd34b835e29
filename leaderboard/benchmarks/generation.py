"""How many new tokens a benchmark's tasks ask for, and whether a model's context length has room for them.

Pure: answers come from task definitions and configurations, without the harness and without a model, so that a
submission can be refused before anything is downloaded. A job asks the same questions of what it has loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaderboard.benchmarks.built_in_tasks import built_in_fields, cached_definitions
from leaderboard.benchmarks.harness_tasks import task_fields

if TYPE_CHECKING:
    from leaderboard.benchmarks.schema import Benchmark

LIMITS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""The harness's names for the largest number of new tokens; the first one that is set counts."""
DEFAULT_NEW_TOKENS = 256
"""What the harness takes where a task names none."""
GENERATES = "generate_until"
"""The output type of tasks that are answered with text, and of those that name none."""
LENGTHS = ("n_positions", "max_position_embeddings", "n_ctx")
"""Where a config.json says the context length; the first one that is set counts, as in the harness."""


def new_tokens(settings: Mapping[str, Any]) -> int:
    """The largest number of new tokens that a task's generation settings ask for."""
    given = (settings[name] for name in LIMITS if settings.get(name) is not None)
    return int(next(given, DEFAULT_NEW_TOKENS))


def context_length(config: Mapping[str, Any]) -> int | None:
    """The context length in tokens that a config.json names; None where it does not, or where none limits new tokens.

    An encoder-decoder model generates into a sequence of its own.
    """
    if config.get("is_encoder_decoder") is True:
        return None
    text = config.get("text_config")
    sizes = text if isinstance(text, dict) and text else config
    given = [sizes[name] for name in LENGTHS if sizes.get(name) is not None]
    return given[0] if given and type(given[0]) is int and given[0] > 0 else None


def asked_for(benchmark: Benchmark) -> dict[str, int]:
    """Task -> new tokens that the benchmark asks for, for the generation tasks whose definitions can be found.

    Definitions are looked for in the benchmark's own folder, then in the installed harness in the folder that the
    first words of the task's name name. Tasks written as Python classes say nothing here.
    """
    tokens_of: dict[str, int] = {}
    for task in {part.task for column in benchmark.columns for part in column.parts}:
        fields = _fields(task, benchmark.include_path)
        if fields is not None and fields.get("output_type", GENERATES) == GENERATES:
            settings = fields.get("generation_kwargs")
            merged = {**(settings if isinstance(settings, dict) else {}), **benchmark.harness.gen_kwargs}
            tokens_of[task] = new_tokens(merged)
    return tokens_of


def output_types(benchmark: Benchmark) -> dict[str, str]:
    """Task -> how it is answered (`generate_until`, `multiple_choice`...), where its definition can be found."""
    types: dict[str, str] = {}
    for task in {part.task for column in benchmark.columns for part in column.parts}:
        fields = _fields(task, benchmark.include_path)
        if fields is not None:
            types[task] = str(fields.get("output_type", GENERATES))
    return types


def too_long(tokens_of: Mapping[str, int], length: int) -> dict[str, int]:
    """Those of the tasks whose new tokens leave no room for a prompt in a context of `length` tokens, by name."""
    return {task: tokens for task, tokens in sorted(tokens_of.items()) if tokens >= length}


def refused_for(benchmark: Benchmark, config: Mapping[str, Any]) -> tuple[dict[str, int], int]:
    """What is known, before a job, to be too long for a model with this config.json: tasks and the context length.

    No tasks where nothing is too long, where nothing is known, or where the benchmark cuts instead.
    """
    length = benchmark.harness.max_length or context_length(config)
    if length is None or benchmark.harness.long_generation == "cut":
        return {}, length or 0
    return too_long(asked_for(benchmark), length), length


def refusal(tasks: Mapping[str, int], length: int, model: str) -> str:
    """The sentence for tasks that do not fit; `tasks` as `too_long` gives them."""
    names = [f"{task} ({tokens:,})" for task, tokens in tasks.items()]
    more = f" and {len(names) - 3} more tasks" if len(names) > 3 else ""
    return (
        f"{model} has a context length of {length:,} tokens, and the benchmark asks for as many new tokens or more "
        f"(max_gen_toks) in {', '.join(names[:3])}{more}, so that no room is left for the prompt. Submit a checkpoint "
        "with a longer context."
    )


def cut_to(length: int) -> int:
    """New tokens of a task that is cut: half of the context length. The other half is left for the prompt."""
    return max(1, length // 2)


@cache
def _fields(task: str, own: Path | None) -> dict[str, Any] | None:
    """The fields of a task's definition, those of the files that it includes among them; None without one."""
    definition = cached_definitions(own).get(task) if own else None
    if definition is None:
        return built_in_fields(task)
    return task_fields(definition.paths[0]) if definition.paths and not definition.members else None
