"""What the engine says of its work, taken out of one process and put into another that goes on with a run."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from backend.evaluators.shared_prefix.fallback import Failure
from backend.evaluators.shared_prefix.probe import Probe

if TYPE_CHECKING:
    from backend.evaluators.shared_prefix.model import SharedPrefixLM

COUNTS = ("tokens_saved", "stock_probe_tokens", "halved")


def account(lm: "SharedPrefixLM") -> dict[str, Any]:
    """Where the engine stands, as JSON takes it."""
    return {
        "counts": {name: getattr(lm, name) for name in COUNTS},
        "tokens": lm.runner.tokens if lm.runner else 0,
        "answered": dict(lm.answered),
        "reasons": list(lm.fallback.reasons),
        "failures": [asdict(failure) for failure in lm.fallback.failures],
        "probed": lm.probe.questions if lm.probe else 0,
        "probe": lm.probe and [lm.probe.max_difference, lm.probe.tolerance, lm.probe.passed],
        "budget_bytes": lm.budget_bytes,
    }


def since(lm: "SharedPrefixLM", before: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine did since `before`, an account of it."""
    now = account(lm)
    return {
        **now,
        "counts": {name: now["counts"][name] - before["counts"][name] for name in COUNTS},
        "tokens": now["tokens"] - before["tokens"],
        "answered": {name: count - before["answered"][name] for name, count in now["answered"].items()},
        "reasons": now["reasons"][len(before["reasons"]) :],
        "failures": now["failures"][len(before["failures"]) :],
        "probed": now["probed"] - before["probed"],
    }


def add(lm: "SharedPrefixLM", done: Mapping[str, Any]) -> None:
    """Have the engine count as its own what another did, and heed what that found out about the model.

    Raises KeyError, TypeError, ValueError for what is no account; the engine is then as it was.
    """
    counts = {name: int(done["counts"][name]) for name in COUNTS}
    answered = {name: int(done["answered"][name]) for name in lm.answered}
    tokens, probed, budget = int(done["tokens"]), int(done["probed"]), done["budget_bytes"]
    reasons = [str(reason) for reason in done["reasons"]]
    failures = [Failure(**failure) for failure in done["failures"]]
    difference, tolerance, passed = done["probe"] or (0.0, 0.0, True)
    difference, tolerance = float(difference), float(tolerance)
    for name, count in counts.items():
        setattr(lm, name, getattr(lm, name) + count)
    for name, count in answered.items():
        lm.answered[name] += count
    if lm.runner:
        lm.runner.tokens += tokens
    lm.fallback.reasons += reasons
    lm.fallback.failures += failures
    if done["probe"]:
        lm.probe = lm.probe or Probe()
        lm.probe.questions += probed
        lm.probe.max_difference = max(lm.probe.max_difference, difference)
        lm.probe.tolerance = tolerance
        lm.probe.passed &= bool(passed)
        lm.fallback.probe_failed |= not passed
    lm.adopt_budget(None if budget is None else int(budget))
