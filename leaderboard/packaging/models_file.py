"""`models.txt`: the Hub models that a package of code loads, one a line."""

from __future__ import annotations

from typing import NamedTuple

from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.packaging.problems import PACKAGE
from leaderboard.records import Problem, is_repo_id, is_revision

FILE = "models.txt"
MOST_BYTES = 64_000


class Wish(NamedTuple):
    """A line of the file."""

    line: int
    model: str
    revision: str


def models_problems(content: bytes, rules: CodeRules, benchmark: Benchmark) -> list[Problem]:
    """What is wrong with the file, as far as that can be told without the Hub."""
    if not rules.max_models:
        return [PACKAGE.problem("code_models_not_taken", benchmark=benchmark.title)]
    wishes, problems = read_wishes(content)
    names = {wish.model for wish in wishes}
    if len(names) > rules.max_models:
        problems.append(
            PACKAGE.problem("code_models_too_many", found=len(names), limit=rules.max_models, benchmark=benchmark.title)
        )
    return problems


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
