"""Times, sizes and numbers as people read them. What is not known is "unknown", never a guess."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from leaderboard.records import moment

UNKNOWN = "unknown"


def duration(seconds: float | None) -> str:
    """`45 s`, `3 min`, `2 h 10 min`, `4 days`."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        hours, minutes = divmod(whole // 60, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days = whole // 86400
    return f"{days} day{'s' if days > 1 else ''}"


def ago(text: str | None, now: datetime | None = None) -> str:
    """`3 min ago`, `in 2 h`, `just now`; `unknown` without a time."""
    when = moment(text)
    if when is None:
        return UNKNOWN
    seconds = ((now or datetime.now(UTC)) - when).total_seconds()
    if abs(seconds) < 10:
        return "just now"
    return f"{duration(seconds)} ago" if seconds > 0 else f"in {duration(-seconds)}"


def time_left(text: str | None, now: datetime | None = None) -> str:
    """Time until then: `4 min`; `any moment` when it is past."""
    when = moment(text)
    if when is None:
        return UNKNOWN
    seconds = (when - (now or datetime.now(UTC))).total_seconds()
    return duration(seconds) if seconds >= 1 else "any moment"


def exact(text: str | None) -> str:
    """`2026-11-20 18:40:12 UTC`."""
    when = moment(text)
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if when else UNKNOWN


def params(billions: float | None) -> str:
    """`0.6 B`, `72.7 B`, `1.4 M`; older boards write 0 or -1 where they do not know."""
    if billions is None or not billions > 0:
        return UNKNOWN
    if billions < 0.01:
        return f"{billions * 1000:.2g} M"
    return f"{billions:.3g} B"


def score(value: float | None, digits: int = 2) -> str:
    """A score with fixed digits, or a dash for "not measured"."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def count(value: int | None) -> str:
    """`1,043`."""
    return UNKNOWN if value is None else f"{value:,}"


def percent(share: float) -> str:
    """A share as `30 %`, rounded up to whole percents: what is said to be less than it is."""
    return f"{math.floor(100 * share) + 1} %"


def points(value: float) -> str:
    """`+1.50` or `−0.25`."""
    return f"{value:+.2f}".replace("-", "−")


def size(number: int | None) -> str:
    """Bytes as `1.5 MB`."""
    if number is None:
        return UNKNOWN
    amount, unit = float(number), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def engine(account: Mapping[str, Any]) -> str:
    """How the tokens were computed, from a result's `provenance.engine`."""
    if not account:
        return "The engine that evaluated it is unknown."
    if account.get("engine") == "endpoint":
        requests, retries, prompts, answers = (
            count(account.get(name)) for name in ("requests", "retries", "prompt_tokens", "answer_tokens")
        )
        return (
            f"Asked over {account.get('api')} as {account.get('model')}: {requests} requests ({retries} of them "
            f"repeated), {prompts} tokens of prompts and {answers} of answers."
        )
    if account.get("engine") != "shared-prefix":
        why = account.get("fallback")
        return f"Evaluated with the harness's own backend{f' ({why})' if why else ''}."
    questions = count((account.get("probe") or {}).get("questions"))
    forwarded, saved = count(account.get("tokens_forwarded")), count(account.get("tokens_saved"))
    return (
        f"Evaluated with shared prefixes, checked against the stock backend on {questions} questions: "
        f"{forwarded} tokens computed, {saved} saved."
    )


def code_run(account: Mapping[str, Any]) -> list[str]:
    """How a package of code was called, sentences, from a result's `provenance.code`."""
    if not account:
        return []
    sentences = []
    if "calls" in account:
        kinds = ", ".join(f"{count(calls)} {kind.replace('_', ' ')}" for kind, calls in account["failures"].items())
        failed = f"{count(account['failed_calls'])} failed ({kinds})" if kinds else "none failed"
        sentences.append(f"{count(account['calls'])} calls, {failed}.")
        sentences += [f"Failed: {words}." for words in account.get("failures_in_words", [])]
    else:
        sentences.append(f"{count(account.get('predictions'))} predictions in one call.")
    if revealed := account.get("revealed_labels"):
        how = "at random" if account["labelling"] == "random" else f"chosen by {account['labelling']}"
        sentences.append(f"{count(revealed)} labels were revealed, {how}.")
    if reason := account.get("labelling_failed"):
        sentences.append(f"The package's own choice failed: {reason}.")
    if same := account.get("near_constant"):
        sentences.append(f"{same['share']:.1%} of its {count(same['answers'])} answers are the same.")
    return sentences
