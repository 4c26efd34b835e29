"""The interface `train-predict`: labels are chosen, the package is trained, and predicts all pairs in one call."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from backend.evaluators.code_run.answers import Answer, checked
from backend.evaluators.code_run.data import TEST, TRAIN, Pairs
from backend.evaluators.code_run.failures import CallFailed
from backend.evaluators.code_run.inside.messages import Most
from backend.evaluators.code_run.items import import_entry
from backend.evaluators.code_run.labelling import Revealed
from backend.evaluators.code_run.output import Output
from backend.evaluators.code_run.process import LITTLE, Confinement, SubmittedProcess
from backend.failures import JobFailed
from leaderboard.benchmarks.challenge import CodeRules

BYTES_A_PAIR = 1024
"""Of the dictionary that `predict` returns for it."""
MOST_KINDS_SHOWN = 5


class Predicted(NamedTuple):
    """The rows whose labels were not revealed."""

    rows: list[int]
    """Their places among the pairs."""
    labels: list[float | str]
    answers: list[Answer]
    seconds: dict[str, float]
    """Of `train` and of `predict`."""


def train_and_predict(
    rules: CodeRules, pairs: Pairs, revealed: Revealed, confinement: Confinement, output: Output
) -> Predicted:
    """Train and predict in one process. Raises JobFailed, OutOfTime."""
    labeled = [{**pairs.ids[index], rules.label: pairs.labels[index]} for index in revealed.indexes]
    process = SubmittedProcess(confinement, output)
    try:
        import_entry(process, rules, time.monotonic() + rules.setup_seconds)
        begin = time.monotonic()
        _call(process, rules, "train", TRAIN)
        trained = time.monotonic()
        most = Most(document_bytes=(1 << 20) + BYTES_A_PAIR * len(pairs.ids), buffer_bytes=0, buffers=0)
        rows = _call(process, rules, "predict", TRAIN, TEST, labeled, most=most)
        seconds = {"train": trained - begin, "predict": time.monotonic() - trained}
    finally:
        process.close()
    answers = _by_ids(rows, rules, pairs, set(revealed.indexes))
    scored = [index for index in range(len(pairs.ids)) if index not in set(revealed.indexes)]
    return Predicted(scored, [pairs.labels[index] for index in scored], [answers[index] for index in scored], seconds)


def _call(process: SubmittedProcess, rules: CodeRules, name: str, *arguments: Any, most: Most = LITTLE) -> Any:
    """Call one of its functions, in whatever time is left. Raises JobFailed, OutOfTime."""
    try:
        return process.ask("call", name, *arguments, most=most)
    except CallFailed as failure:
        reason = failure.sentence(rules.show_output)
        sentence = f"`{name}` in {rules.entry} failed: {reason}. Fix it and submit the package again."
        if name == "train":
            raise JobFailed("code_train", sentence) from None
        raise JobFailed("code_predict", sentence) from None


def _by_ids(rows: Any, rules: CodeRules, pairs: Pairs, revealed: set[int]) -> dict[int, Answer]:
    """Index of a pair -> its prediction. Raises JobFailed with every sort of problem, and how many rows have it.

    Ids of test data are not named: a submitter may not know them.
    """
    places = {key: index for index, key in enumerate(pairs.keys())}
    answers: dict[int, Answer] = {}
    problems = Counter[str]()
    if not isinstance(rows, list):
        raise _refused(rules, ["it is not a list of dictionaries"])
    for row in rows:
        if not isinstance(row, dict) or not all(name in row for name in (*rules.id, rules.prediction)):
            problems[f"without {', '.join([*rules.id, rules.prediction])}"] += 1
            continue
        index = places.get(tuple(str(row[name]) for name in rules.id))
        if index is None:
            problems["for pairs that were not asked for"] += 1
        elif index in answers:
            problems["for a pair that has one already"] += 1
        else:
            try:
                answers[index] = checked(row[rules.prediction], pairs.labels[index], rules.prediction_range)
            except CallFailed as failure:
                problems[f"with {failure.what} as `{rules.prediction}`"] += 1
                answers[index] = 0.0
    missing = len(places.keys()) - len(answers.keys() | revealed)
    lines = [f"{count:,} rows {what}" for what, count in problems.most_common(MOST_KINDS_SHOWN)]
    lines += [f"{missing:,} of {len(places):,} pairs have no row"] if missing else []
    if lines:
        raise _refused(rules, lines)
    return answers


def _refused(rules: CodeRules, lines: Sequence[str]) -> JobFailed:
    return JobFailed(
        "code_answers",
        f"What `predict` in {rules.entry} returned cannot be scored: {'; '.join(lines)}. Return one dictionary for "
        f"each pair of {rules.pairs}, with {', '.join(f'`{name}`' for name in (*rules.id, rules.prediction))}, and "
        "submit the package again.",
    )
