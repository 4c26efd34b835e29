"""A file of predictions checked as the server checks it, in a process of its own. Needs numpy and pyarrow."""

from __future__ import annotations

from pathlib import Path

from leaderboard.packaging.challenge import Challenge
from leaderboard.predictions.confined import check_file
from leaderboard.predictions.sentences import problems
from leaderboard.records import Problem


def problems_of(file: Path, challenge: Challenge) -> list[Problem]:
    """Every problem inside a file. Raises Infrastructure when the kit's ids cannot be read, OSError."""
    rules = challenge.benchmark.predictions
    assert rules is not None
    return problems(check_file(file, file.name, rules, challenge.data), file.name, challenge.benchmark)
