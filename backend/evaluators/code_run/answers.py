"""What submitted code returned, checked against the kind of the right answer: a number, a text or an array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.evaluators.code_run.failures import CallFailed, FailureKind

Array = npt.NDArray[Any]
Answer = float | str | Array
"""Of what a right answer is, and an accepted prediction."""
Range = tuple[float, float] | None
MOST_CHARACTERS = 10_000
KINDS = {
    bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list", dict: "a dictionary",
    bytes: "bytes", np.ndarray: "an array", type(None): "None",
}  # fmt: skip


def checked(value: Any, label: Answer, allowed: Range) -> Answer:
    """`value` as a prediction where `label` is right. Raises CallFailed, which quotes neither."""
    if isinstance(label, str):
        return _text(value)
    if isinstance(label, np.ndarray):
        return _array(value, label, allowed)
    return _number(value, allowed)


def failed(label: Answer, stand_in: float | str) -> Answer:
    """What stands for the prediction of a call that failed."""
    if isinstance(label, np.ndarray):
        return np.full(label.shape, float(stand_in) if not isinstance(stand_in, str) else 0.0)
    return str(stand_in) if isinstance(label, str) else (0.0 if isinstance(stand_in, str) else float(stand_in))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(f"{_kind(value)} where a text is asked for")
    if len(value) > MOST_CHARACTERS:
        raise _wrong(f"a text of more than {MOST_CHARACTERS:,} characters")
    return value


def _number(value: Any, allowed: Range) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(f"{_kind(value)} where a number is asked for")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _wrong("a number that is not finite")
    if allowed is not None and not allowed[0] <= number <= allowed[1]:
        raise _wrong(f"a number outside {allowed[0]:g} to {allowed[1]:g}")
    return number


def _array(value: Any, label: Array, allowed: Range) -> Array:
    if not isinstance(value, np.ndarray | list):
        raise _wrong(f"{_kind(value)} where an array is asked for")
    try:
        array = np.asarray(value, np.float64)
    except (ValueError, TypeError, OverflowError):
        raise _wrong("a list that is no array of numbers") from None
    if array.shape != label.shape:
        raise _wrong("an array of another shape than is asked for", f"{array.shape} for {label.shape}")
    if not np.isfinite(array).all():
        raise _wrong("an array with numbers that are not finite")
    if allowed is not None and array.size and not allowed[0] <= array.min() <= array.max() <= allowed[1]:
        raise _wrong(f"an array with numbers outside {allowed[0]:g} to {allowed[1]:g}")
    return array


def _kind(value: Any) -> str:
    return KINDS.get(type(value), "something else")


def _wrong(what: str, sizes: str = "") -> CallFailed:
    return CallFailed(FailureKind.ANSWER, what, sizes)
