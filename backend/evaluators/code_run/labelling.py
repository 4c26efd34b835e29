"""Which labels are revealed: those that the package's `score_pairs` scores best, or random ones where it fails."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from backend.evaluators.code_run.answers import checked
from backend.evaluators.code_run.data import TEST, TRAIN
from backend.evaluators.code_run.failures import CallFailed, FailureKind
from backend.evaluators.code_run.inside.messages import Most
from backend.evaluators.code_run.output import Output
from backend.evaluators.code_run.process import Confinement, SubmittedProcess
from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.results.log_parts import say

Pair = dict[str, str]
RANDOM = "random"


class Revealed(NamedTuple):
    """What was chosen."""

    indexes: list[int]
    """Of the pairs, in their order."""
    policy: str
    """The file that chose them, `random`, or `none` where nothing is revealed."""
    reason: str
    """Why they are random though the package has such a file; empty otherwise."""
    at_random: list[int]
    """The pairs that would have been revealed at random."""


def reveal(
    rules: CodeRules,
    has_file: bool,
    pairs: Sequence[Pair],
    confinement: Confinement,
    output: Output,
    seed: str,
    private: Collection[int] = (),
) -> Revealed:
    """Choose the pairs whose labels `predict` is told. Equal scores are put in a random order, by `seed`.

    `private`: pairs whose labels nobody is told; `score_pairs` scores them too, and does not learn which they are.
    Raises OutOfTime.
    """
    order = [at for at in range(len(pairs)) if at not in private]
    budget = min(rules.label_budget, len(order))
    if not budget:
        return Revealed([], "none", "", [])
    random.Random(seed).shuffle(order)
    at_random = sorted(order[:budget])
    if not has_file:
        return Revealed(at_random, RANDOM, "", at_random)
    try:
        scores = _scores(rules, pairs, confinement, output)
    except CallFailed as failed:
        reason = failed.sentence(rules.show_output)
        say(f"{rules.labelling_entry} was not used, the {budget} revealed labels are random: {reason}.")
        return Revealed(at_random, RANDOM, failed.place(rules.show_output), at_random)
    order.sort(key=lambda index: -scores[index])
    return Revealed(sorted(order[:budget]), rules.labelling_entry, "", at_random)


def _scores(rules: CodeRules, pairs: Sequence[Pair], confinement: Confinement, output: Output) -> list[float]:
    """What `score_pairs` returns, in a process of its own. Raises CallFailed, OutOfTime."""
    process = SubmittedProcess(confinement, output)
    try:
        process.ask("import", rules.labelling_entry.removesuffix(".py"), seconds=rules.setup_seconds)
        most = Most(document_bytes=1024 + 64 * len(pairs), buffer_bytes=16 * len(pairs) + 1024, buffers=1)
        scores = process.ask("call", "score_pairs", pairs, TRAIN, TEST, seconds=rules.call_seconds, most=most)
    finally:
        process.close()
    return _checked(scores, len(pairs))


def _checked(scores: Any, wanted: int) -> list[float]:
    values = scores.tolist() if hasattr(scores, "tolist") else scores
    if not isinstance(values, list):
        raise CallFailed(FailureKind.ANSWER, "`score_pairs` did not return a list")
    if len(values) != wanted:
        sizes = f"{len(values):,} for {wanted:,}"
        raise CallFailed(FailureKind.ANSWER, "`score_pairs` returned another number of scores than pairs", sizes)
    return [float(checked(value, 0.0, None)) for value in values]
