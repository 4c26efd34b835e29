"""The values of a column, whichever format they came in: what they are, and which of them are wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from leaderboard.benchmarks.challenge import PredictionColumn
from leaderboard.predictions.findings import Mask

Raw: TypeAlias = "pa.Array | list[Any]"
"""As a file has them: Arrow's values, or Python's from JSON."""

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
NOT_FINITE = r"(?i)^[+-]?(nan|inf|infinity)$"
INTEGER = r"^[+-]?[0-9]{1,18}$"
MOST_INTEGER = 10**18
"""Integers lie between it and its negative."""
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
IN_JSON: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "choice": (str, int, bool),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
"""Type of a column -> Python's types of its values in JSON."""
AS_IT_IS: dict[str, type] = {"string": str, "choice": str, "integer": int, "number": float, "boolean": bool}
"""Type of a column -> the one of these that needs no conversion."""
IN_ARROW = {
    "string": pa.string(),
    "choice": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
}


class Checked(NamedTuple):
    """A column's values, and which are wrong."""

    values: pa.Array
    """Text, int64, double or Boolean, by the column's type; null where there is none or a wrong one."""
    wrong: dict[str, Mask]
    """Code of a finding -> where."""


def check(column: PredictionColumn, raw: Raw) -> Checked:
    """The values of a column in the type that the rules give it, and what is wrong with them."""
    array, unlike = arrow(raw, column.type)
    given = ~mask(pc.is_null(array))
    if types.is_string(array.type):
        given &= ~mask(pc.equal(array, ""))
    values, wrong = CHECKS[column.type](column, array)
    wrong = {code: found & given for code, found in wrong.items()}
    wrong["values_wrong_type"] = wrong.get("values_wrong_type", False) | unlike
    if not column.empty:
        wrong["values_empty"] = ~given & ~unlike
    usable = given & ~np.logical_or.reduce(list(wrong.values()))
    return Checked(pc.if_else(pa.array(usable), values, pa.scalar(None, values.type)), wrong)


def texts(raw: Raw) -> tuple[pa.Array, Mask]:
    """Ids as text, and which are of another type than text or integer; null where there is none."""
    array, unlike = arrow(raw, "choice")
    text = as_text(array)
    if text is None:
        return pa.nulls(len(array), pa.string()), unlike | ~mask(pc.is_null(array))
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text), unlike


def described(raw: Raw, at: int, code: str = "") -> str:
    """The value at a position, in words; `code` says what is wrong with it."""
    value = raw[at] if isinstance(raw, list) else raw[at].as_py()
    if isinstance(raw, list) and isinstance(value, str) and code == "values_wrong_type":
        return f"the text {value}"
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "an object"
    if value is None:
        return ""
    text = str(value)
    if isinstance(value, float):
        return text.removesuffix(".0")
    return text.lower() if isinstance(value, bool) else text


def mask(found: pa.Array) -> Mask:
    """Arrow's Booleans as numpy's; null is false."""
    return np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def arrow(raw: Raw, kind: str) -> tuple[pa.Array, Mask]:
    """The values as Arrow's, and where JSON has one of another type, which is null then."""
    if isinstance(raw, list):
        return _from_json(raw, kind)
    if types.is_dictionary(raw.type):
        raw = raw.dictionary_decode()
    if types.is_large_string(raw.type) or types.is_string_view(raw.type):
        raw = raw.cast(pa.string())
    return raw, np.zeros(len(raw), np.bool_)


def as_text(array: pa.Array) -> pa.Array | None:
    """Text, integers and Booleans as text; None for other types."""
    if types.is_string(array.type):
        return array
    textual = types.is_integer(array.type) or types.is_boolean(array.type) or types.is_null(array.type)
    return array.cast(pa.string()) if textual else None


def _from_json(values: list[Any], kind: str) -> tuple[pa.Array, Mask]:
    allowed, ready = IN_JSON[kind], values
    unlike = np.zeros(len(values), np.bool_)
    kinds = set(map(type, values)) - {type(None)}
    if not kinds <= set(allowed):
        unlike = np.fromiter((value is not None and type(value) not in allowed for value in values), np.bool_)
    if not kinds <= {AS_IT_IS[kind]}:
        convert = FROM_JSON[kind]
        ready = [None if value is None or bad else convert(value) for value, bad in zip(values, unlike, strict=True)]
    try:
        return pa.array(ready, IN_ARROW[kind]), unlike
    except UnicodeEncodeError:  # a lone half of a surrogate pair, which is no text
        halves = np.fromiter((isinstance(value, str) and not _is_text(value) for value in values), np.bool_)
        array, unlike = _from_json([None if half else value for value, half in zip(values, halves, strict=True)], kind)
        return array, unlike | halves
    except OverflowError:  # an integer of more than 64 bits
        long = np.fromiter((isinstance(value, int) and abs(value) > MOST_INTEGER for value in values), np.bool_)
        array, unlike = _from_json([None if cut else value for value, cut in zip(values, long, strict=True)], kind)
        return array, unlike | long


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number_of(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _text_of(value: str | int | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()


FROM_JSON: dict[str, Callable[[Any], Any]] = {
    "string": str,
    "choice": _text_of,
    "integer": int,
    "number": _number_of,
    "boolean": bool,
}


def _string(column: PredictionColumn, array: pa.Array) -> Checked:
    if not types.is_string(array.type):
        return _unlike(column, array)
    return Checked(array, {"values_too_long": mask(pc.greater(pc.utf8_length(array), column.max_characters))})


def _choice(column: PredictionColumn, array: pa.Array) -> Checked:
    text = as_text(array)
    if text is None:
        return _unlike(column, array)
    known = mask(pc.is_in(text, value_set=pa.array(column.choices, pa.string())))
    return Checked(text, {"values_unknown_choice": ~known})


def _boolean(column: PredictionColumn, array: pa.Array) -> Checked:
    if types.is_boolean(array.type):
        return Checked(array, {})
    if not types.is_string(array.type):
        return _unlike(column, array)
    lower = pc.utf8_lower(array)
    known = mask(pc.is_in(lower, value_set=pa.array(list(BOOLEANS))))
    true = pc.is_in(lower, value_set=pa.array([word for word, value in BOOLEANS.items() if value]))
    return Checked(true, {"values_wrong_type": ~known})


def _integer(column: PredictionColumn, array: pa.Array) -> Checked:
    if types.is_string(array.type):
        fits = mask(pc.match_substring_regex(array, INTEGER))
        values = pc.utf8_ltrim(_where(fits, array), "+").cast(pa.int64())
    elif types.is_integer(array.type):
        most = pa.scalar(MOST_INTEGER, pa.uint64() if types.is_uint64(array.type) else pa.int64())
        fits = mask(pc.less_equal(array, most))
        values = _where(fits, array).cast(pa.int64())
    else:
        return _unlike(column, array)
    return Checked(values, {"values_wrong_type": ~fits, "values_out_of_range": _outside(column, values)})


def _number(column: PredictionColumn, array: pa.Array) -> Checked:
    fits, finite = np.ones(len(array), np.bool_), np.ones(len(array), np.bool_)
    if types.is_string(array.type):
        fits = mask(pc.match_substring_regex(array, NUMBER))
        finite = ~mask(pc.match_substring_regex(array, NOT_FINITE))
        values = pc.utf8_ltrim(_where(fits, array), "+").cast(pa.float64())
    elif types.is_integer(array.type) or types.is_floating(array.type) or types.is_decimal(array.type):
        values = array.cast(pa.float64(), safe=False)
    else:
        return _unlike(column, array)
    finite &= mask(pc.is_finite(values)) | ~fits
    outside = _outside(column, values) & finite
    wrong = {"values_wrong_type": ~fits & finite, "values_not_finite": ~finite, "values_out_of_range": outside}
    return Checked(values, wrong)


def _unlike(column: PredictionColumn, array: pa.Array) -> Checked:
    """Every value is of another type."""
    return Checked(pa.nulls(len(array), IN_ARROW[column.type]), {"values_wrong_type": np.ones(len(array), np.bool_)})


def _where(chosen: Mask, array: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(chosen), array, pa.scalar(None, array.type))


def _outside(column: PredictionColumn, values: pa.Array) -> Mask:
    if column.range is None:
        return np.zeros(len(values), np.bool_)
    low, high = column.range
    return mask(pc.or_(pc.less(values, low), pc.greater(values, high)))


CHECKS: dict[str, Callable[[PredictionColumn, pa.Array], Checked]] = {
    "string": _string,
    "choice": _choice,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
}
"""Type of a column -> what looks at its values; what it says of empty ones is passed over."""
