"""Rules about how a checkpoint is stored quantised: method and bits are known, and some worker has the package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from leaderboard.records import ModelFacts, Problem
from leaderboard.submissions.kinds.checkpoint.checks.case import CheckpointCase, config, quantisation
from leaderboard.submissions.kinds.checkpoint.checks.catalogue import problem, problem_with

GPTQ_BITS = (2, 3, 4, 8)


def stored(case: CheckpointCase) -> Iterator[Problem]:
    """The weights can be read in the way in which they are stored."""
    facts = case.whole
    if facts is None:
        return
    named = {"model": facts.model, "sha": facts.revision[:7]}
    methods = [method_of(each) for each in _descriptions(facts)]
    if unknown := [method for method in methods if method not in case.native.quantisations]:
        value = unknown[0] or "no quant_method"
        yield problem("unknown_quantisation", value=value, version=case.native.version, **named)
        return
    bits = [each.get("bits") for each in _descriptions(facts) if method_of(each) == "gptq"]
    if wrong := [value for value in bits if not (type(value) is int and value in GPTQ_BITS)]:
        yield problem("quantisation_bits", value=wrong[0], **named)
    for method in methods:
        reasons = [worker.refused.get(method) for worker in case.abilities]
        if reasons and all(reasons):
            yield problem_with("quantisation_not_possible", {"why": str(reasons[0])}, method=method, **named)


def method_of(description: Mapping[str, Any]) -> str:
    """The method as transformers tells it from a `quantization_config`; empty where it names none."""
    if description.get("load_in_8bit") or description.get("load_in_4bit"):
        return "bitsandbytes_4bit" if description.get("load_in_4bit") else "bitsandbytes_8bit"
    return str(description.get("quant_method") or "")


def _descriptions(facts: ModelFacts) -> list[Mapping[str, Any]]:
    """Every `quantization_config` that transformers looks at: of config.json and of its text model."""
    own = quantisation(facts)
    parts = [value for value in config(facts).values() if isinstance(value, dict)]
    inside = [part.get("quantization_config") for part in parts]
    return [each for each in (own, *inside) if isinstance(each, dict) and each]


RULES = (stored,)
