"""`models.txt`: Hub models that a package loads, pinned to commits and contents when it is submitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.errors import ModelUnavailable
from leaderboard.hub.hub import Hub
from leaderboard.hub.loaded_files import loaded_files, loaded_weights, pinned_files
from leaderboard.packaging.models_file import Wish, models_problems, read_wishes
from leaderboard.packaging.problems import PACKAGE
from leaderboard.records import HubModel, ModelFacts, Problem


class Pinned(NamedTuple):
    """What became of the file."""

    models: tuple[HubModel, ...]
    problems: list[Problem]


def pin_models(content: bytes, rules: CodeRules, benchmark: Benchmark, hub: Hub) -> Pinned:
    """The models that `content` names at their commits now, or every problem. Raises HubUnavailable."""
    wishes, _ = read_wishes(content)
    problems = models_problems(content, rules, benchmark)
    if any(problem.code != "code_models_line" for problem in problems):
        return Pinned((), problems)
    found: dict[str, ModelFacts] = {}
    for wish in wishes:
        try:
            facts = hub.facts(wish.model, wish.revision)
        except ModelUnavailable as error:
            reason = error.code.replace("_", " ")
            problems.append(PACKAGE.problem("code_model_unreadable", line=wish.line, model=wish.model, reason=reason))
            continue
        problems += _model_problems(wish, facts)
        found[facts.model] = facts
    size = sum(facts.files[name] or 0 for facts in found.values() for name in loaded_files(facts)) / 1e9
    if size > rules.max_model_gb:
        problems.append(
            PACKAGE.problem(
                "code_models_too_large", found=f"{size:.1f}", limit=rules.max_model_gb, benchmark=benchmark.title
            )
        )
    if problems:
        return Pinned((), problems)
    return Pinned(tuple(_pinned(facts) for facts in found.values()), [])


def _model_problems(wish: Wish, facts: ModelFacts) -> Iterator[Problem]:
    if not loaded_weights(facts):
        yield PACKAGE.problem("code_model_no_safetensors", line=wish.line, model=wish.model)
    if any(isinstance(config, dict) and config.get("auto_map") for config in facts.configs.values()):
        yield PACKAGE.problem("code_model_own_code", line=wish.line, model=wish.model)


def _pinned(facts: ModelFacts) -> HubModel:
    return HubModel(model=facts.model, revision=facts.revision, files=pinned_files(facts), params=facts.params)
