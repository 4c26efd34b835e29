"""What is known of the harness's metrics by name: which are shares from 0 to 1, and in which lower is better."""

from __future__ import annotations

from collections.abc import Collection, Iterator

SHARES = frozenset(
    {"acc", "acc_all", "acc_bytes", "acc_mutual_info", "acc_norm", "exact_match", "exact_match_original", "em"}
    | {"inst_level_loose_acc", "inst_level_strict_acc", "prompt_level_loose_acc", "prompt_level_strict_acc"}
    | {"contains", "likelihood", "math_verify", "mc1", "mc2", "pass@1", "pass_at_1"}
)
"""Metrics between 0 and 1 in which higher is better, whatever the task. Others have to be declared."""
LOWER_IS_BETTER = frozenset(
    {"bits_per_byte", "brier_score", "byte_perplexity", "cer", "perplexity", "ter", "wer", "word_perplexity"}
)
"""Metrics in which lower is better, whatever the task."""


def undeclared(metric: str, higher_is_better: bool, ranged: bool, lower: Collection[str] = ()) -> Iterator[str]:
    """What is missing in a column's `higher_is_better` and `range` for one of its metrics, a sentence each.

    `metric` is a key as the harness writes it, `metric,filter`; `ranged` says whether there is a `range`, `lower` names
    further metrics of the task in which lower is better.
    """
    name = metric.partition(",")[0]
    if higher_is_better and (name in LOWER_IS_BETTER or name in lower):
        yield (
            f"Lower is better in {name!r}. Write `higher_is_better: false` and `range: [lowest, highest]` in the "
            "column, such as `range: [1, 100]`: the lowest value then gets 100 points and the highest 0."
        )
    elif not ranged and (name not in SHARES or not higher_is_better):
        yield (
            f"Nothing says between which values {name!r} lies. Write `range: [lowest, highest]` in the column, such as "
            "`range: [0, 1]` for a share, and `higher_is_better: false` where lower is better."
        )
