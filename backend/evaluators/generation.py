"""Generation tasks whose new tokens do not fit the model's context length: refused or cut, before any answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.failures import JobFailed
from leaderboard.benchmarks import Harness
from leaderboard.benchmarks.generation import LIMITS, cut_to, new_tokens, refusal, too_long


def fit_generation(lm: Any, tasks: Mapping[str, Any], harness: Harness, model: str) -> dict[str, int]:
    """Make every generation task leave room for its prompt in the context length of the harness model `lm`.

    `tasks` are the harness's tasks by name. Returns those that were cut, with their new tokens; their settings are
    changed. Raises JobFailed, as the submission's, where the benchmark refuses what does not fit. An encoder-decoder
    model generates into a sequence of its own, so that nothing is too long for it.
    """
    if lm.backend != "causal":
        return {}
    settings = {
        name: {**(task.config.generation_kwargs or {}), **harness.gen_kwargs}
        for name, task in tasks.items()
        if task.OUTPUT_TYPE == "generate_until"
    }
    too_long_tasks = too_long({name: new_tokens(given) for name, given in settings.items()}, lm.max_length)
    if too_long_tasks and harness.long_generation == "refuse":
        raise JobFailed("generation_too_long", refusal(too_long_tasks, lm.max_length, model))
    cut = dict.fromkeys(too_long_tasks, cut_to(lm.max_length))
    for name, most in cut.items():
        others = {key: value for key, value in settings[name].items() if key not in LIMITS}
        tasks[name].set_config("generation_kwargs", {**others, LIMITS[0]: most})
    return cut


def overrides(harness: Harness, cut: Mapping[str, int]) -> dict[str, Any] | None:
    """The benchmark's generation settings for the harness, None without any.

    A limit among them holds for every task, so that where one task was cut all of them were, to the same number.
    """
    settings: dict[str, Any] = dict(harness.gen_kwargs)
    if cut and LIMITS[0] in settings:
        settings[LIMITS[0]] = min(cut.values())
    return settings or None
