"""Rules about a repository: whether it can be read, its card, its code, its configuration, its weights.

They hold for the submitted checkpoint and, but for warnings, for the base model of an adapter or delta.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leaderboard.benchmarks import Limits
from leaderboard.hub.file_contents import CARD, MAX_CONFIG_BYTES
from leaderboard.hub.loaded_files import ADAPTER_WEIGHTS, INDEX, SHARD, is_adapter
from leaderboard.records import ModelFacts, Problem, Severity, WeightType
from leaderboard.submissions.kinds.checkpoint.checks.case import CheckpointCase, Lookup, config
from leaderboard.submissions.kinds.checkpoint.checks.catalogue import problem, problem_with
from leaderboard.submissions.kinds.checkpoint.checks.native import Native
from leaderboard.submissions.kinds.checkpoint.checks.references import references

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
NOT_WEIGHTS = ("training_args.bin",)


def model_problems(case: CheckpointCase) -> Iterator[Problem]:
    """The submitted repository."""
    yield from _repository(case.model, case)


def base_problems(case: CheckpointCase) -> Iterator[Problem]:
    """The base model of an adapter or delta: its errors, said as the base model's."""
    if case.submission.weight_type is WeightType.ORIGINAL:
        return
    problems = list(_repository(case.base, case))
    if case.base_facts and is_adapter(case.base_facts):
        problems.append(problem("is_an_adapter", **_named(case.base_facts)))
    for each in problems:
        if each.severity is Severity.ERROR:
            yield problem_with("base_model_problem", {"message": each.message, "fix": each.fix})


RULES = (model_problems, base_problems)


def _repository(lookup: Lookup, case: CheckpointCase) -> Iterator[Problem]:
    """Problems of one repository, adapter or whole checkpoint."""
    if lookup is None:
        return
    if not isinstance(lookup, ModelFacts):
        yield problem(lookup.code, model=lookup.model, revision=lookup.revision)
        return
    if lookup.private:
        yield problem("private", model=lookup.model)
    limits = case.benchmark.limits if case.benchmark else Limits()
    yield from _card(lookup, limits.min_card_characters)
    yield from _code(lookup)
    yield from _configs(lookup)
    yield from references(lookup)
    if not is_adapter(lookup):
        yield from _architecture(lookup, case.native)
    yield from _weights(lookup)


def _named(facts: ModelFacts) -> dict[str, str]:
    """How sentences name the repository."""
    return {"model": facts.model, "sha": facts.revision[:7]}


def _card(facts: ModelFacts, least: int) -> Iterator[Problem]:
    if CARD in facts.unreadable:
        yield problem("unreadable_model_card", why=facts.unreadable[CARD], **_named(facts))
        return
    if facts.card_text is None:
        yield problem("no_model_card", **_named(facts))
    elif (count := len(facts.card_text.strip())) < least:
        yield problem("short_model_card", count=count, least=least, **_named(facts))
    if not _licensed(facts.card):
        yield problem("no_licence", **_named(facts))


def _licensed(card: dict[str, Any]) -> bool:
    """Whether the front matter names a licence: an id, or "other" with name and link."""
    if card.get("license") == "other":
        return bool(card.get("license_name") and card.get("license_link"))
    return bool(card.get("license"))


def _code(facts: ModelFacts) -> Iterator[Problem]:
    asking = [name for name, content in sorted(facts.configs.items()) if has_auto_map(content)]
    if asking:
        yield problem("auto_map", files=", ".join(asking), **_named(facts))
    python = sorted(name for name in facts.files if name.lower().endswith((".py", ".pyc", ".so")))
    if python:
        yield problem("custom_code", files=_some(python), **_named(facts))


def has_auto_map(content: Any) -> bool:
    """Whether `auto_map` stands anywhere in a parsed JSON file."""
    left = [content]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if value.get("auto_map"):
                return True
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
    return False


def _configs(facts: ModelFacts) -> Iterator[Problem]:
    for name, why in sorted(facts.unreadable.items()):
        if name.endswith(".json") and name != INDEX:
            too_big = (facts.files.get(name) or 0) > MAX_CONFIG_BYTES
            yield problem("too_big_config" if too_big else "unreadable_config", file=name, why=why, **_named(facts))


def _architecture(facts: ModelFacts, native: Native) -> Iterator[Problem]:
    if "config.json" not in facts.files:
        yield problem("no_config", **_named(facts))
    elif "config.json" not in facts.unreadable and not native.has(config(facts).get("model_type"), facts.architectures):
        name = ", ".join(facts.architectures[:3]) or config(facts).get("model_type") or "of no named architecture"
        yield problem("unknown_architecture", architecture=name, version=native.version, **_named(facts))


def _weights(facts: ModelFacts) -> Iterator[Problem]:
    own = (ADAPTER_WEIGHTS,) if is_adapter(facts) else tuple(n for n in facts.files if "/" not in n)
    safetensors = [name for name in own if name in facts.files and name.endswith(".safetensors")]
    broken = {n: why for n, why in sorted(facts.unreadable.items()) if n.endswith(".safetensors") or n == INDEX}
    for name, why in broken.items():
        yield problem("broken_safetensors", file=name, why=why, **_named(facts))
    if not safetensors:
        yield problem("no_safetensors", **_named(facts))
    elif not facts.parameters and not broken and all(map(SHARD.fullmatch, facts.shards)):
        yield problem("unknown_size", **_named(facts))
    pickles = sorted(n for n in facts.files if n.endswith(PICKLES) and not n.endswith(NOT_WEIGHTS))
    if pickles and safetensors:
        yield problem("pickle_weights", files=_some(pickles), **_named(facts))


def _some(names: list[str]) -> str:
    """The first three names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
