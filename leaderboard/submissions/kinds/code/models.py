"""`models.txt`: Hub models that a package loads, pinned to commits and contents when it is submitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.errors import ModelUnavailable
from leaderboard.hub.hub import Hub
from leaderboard.hub.loaded_files import loaded_files, loaded_weights, pinned_files
from leaderboard.packaging.problems import PACKAGE
from leaderboard.records import HubModel, ModelFacts, Problem, is_repo_id, is_revision

FILE = "models.txt"
MOST_BYTES = 64_000


class Wish(NamedTuple):
    """A line of the file."""

    line: int
    model: str
    revision: str


class Pinned(NamedTuple):
    """What became of the file."""

    models: tuple[HubModel, ...]
    problems: list[Problem]


def pin_models(content: bytes, rules: CodeRules, benchmark: Benchmark, hub: Hub) -> Pinned:
    """The models that `content` names at their commits now, or every problem. Raises HubUnavailable."""
    if not rules.max_models:
        return Pinned((), [PACKAGE.problem("code_models_not_taken", benchmark=benchmark.title)])
    wishes, problems = read_wishes(content)
    names = {wish.model for wish in wishes}
    if len(names) > rules.max_models:
        limit = PACKAGE.problem(
            "code_models_too_many", found=len(names), limit=rules.max_models, benchmark=benchmark.title
        )
        return Pinned((), [*problems, limit])
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


def read_wishes(content: bytes) -> tuple[list[Wish], list[Problem]]:
    """The lines of a models.txt, and those that name no model."""
    wishes, problems = [], []
    text = content[:MOST_BYTES].decode(errors="replace").removeprefix("\ufeff")
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        model, at, revision = words.partition("@")
        if is_repo_id(model) and (is_revision(revision) if at else True):
            wishes.append(Wish(number, model, revision or "main"))
        else:
            problems.append(PACKAGE.problem("code_models_line", line=number, text=words))
    return wishes, problems


def _model_problems(wish: Wish, facts: ModelFacts) -> Iterator[Problem]:
    if not loaded_weights(facts):
        yield PACKAGE.problem("code_model_no_safetensors", line=wish.line, model=wish.model)
    if any(isinstance(config, dict) and config.get("auto_map") for config in facts.configs.values()):
        yield PACKAGE.problem("code_model_own_code", line=wish.line, model=wish.model)


def _pinned(facts: ModelFacts) -> HubModel:
    return HubModel(model=facts.model, revision=facts.revision, files=pinned_files(facts), params=facts.params)
