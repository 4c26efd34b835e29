"""What a result says of a run of code beside its scores: counts, limits, versions. Nothing of the data."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from backend.evaluators.code_run import inside
from backend.evaluators.code_run.answers import Answer
from backend.evaluators.code_run.data import Item
from backend.evaluators.code_run.items import Calls
from backend.evaluators.code_run.labelling import Revealed
from backend.evaluators.code_run.output import Output
from backend.evaluators.code_run.scoring import Alike
from backend.evaluators.code_run.train_predict import Predicted
from leaderboard import __version__
from leaderboard.benchmarks.challenge import CodeRules

PACKAGES = ("numpy", "pandas", "scipy", "scikit-learn", "torch", "transformers", "safetensors")
LIMITS = ("wall_seconds", "setup_seconds", "call_seconds", "memory_gb", "tmp_mb", "label_budget", "max_failures")


class Outcome(NamedTuple):
    """What came of a run."""

    rows: Sequence[int]
    """Which pairs or items they are."""
    labels: Sequence[Answer]
    answers: Sequence[Answer]
    """Of each label, with what stands in for calls that failed."""
    own_answers: Sequence[Answer]
    """Those that are the package's own."""
    said: dict[str, Any]
    """For the result."""
    at_random: Predicted | None = None
    """Where labels are revealed: what it predicts when they are revealed at random."""


def of_calls(rows: Sequence[int], items: Sequence[Item], calls: Calls) -> Outcome:
    """The outcome of calls for each of these items; `rows` are their places among all."""
    seconds = sorted(calls.seconds)
    said = {
        "calls": len(calls.answers),
        "failed_calls": calls.failed,
        "failures": calls.by_kind(),
        "failures_in_words": calls.worst(),
        "seconds": {
            "calls": round(sum(seconds), 3),
            "median_call": round(seconds[len(seconds) // 2], 6) if seconds else None,
            "slowest_call": round(seconds[-1], 6) if seconds else None,
        },
    }
    return Outcome(rows, [item.label for item in items], calls.answers, calls.answered, said)


def of_predicted(predicted: Predicted, revealed: Revealed, at_random: Predicted | None) -> Outcome:
    """The outcome of one `predict` for all pairs."""
    said = {
        "predictions": len(predicted.answers),
        "revealed_labels": len(revealed.indexes),
        "labelling": revealed.policy,
        "labelling_failed": revealed.reason,
        "seconds": {name: round(value, 3) for name, value in predicted.seconds.items()},
    }
    return Outcome(predicted.rows, predicted.labels, predicted.answers, predicted.answers, said, at_random)


def account(rules: CodeRules, output: Output, outcome: Outcome, same: Alike | None) -> dict[str, Any]:
    """What provenance says under `code`."""
    return {
        "interface": rules.interface,
        "runner": runner_version(),
        "limits": {name: getattr(rules, name) for name in LIMITS},
        "processes": output.processes,
        "printed_bytes": output.bytes,
        **outcome.said,
        "near_constant": None if same is None else {"share": round(same.share, 4), "answers": same.answers},
    }


@cache
def runner_version() -> str:
    """Digest of the program that calls submitted code."""
    files = sorted(Path(inside.__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:12]


@cache
def provenance_packages() -> dict[str, str]:
    """Versions of what submitted code most often uses here, and of Podium."""
    versions = {"python": platform.python_version(), "podium": __version__}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
