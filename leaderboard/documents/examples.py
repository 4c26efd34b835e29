"""One example of the details as people read it: the question, the choices, the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Choice:
    """One answer that the model could choose."""

    text: str
    loglikelihood: float | None
    chosen: bool
    """Whether the model found it likeliest."""
    correct: bool


@dataclass(frozen=True)
class Example:
    """One row of details."""

    doc_id: int | None
    right: bool | None
    """None when no metric decides."""
    question: str
    """The prompt's last paragraph block."""
    prompt: str
    """All of it, few-shot examples included."""
    choices: list[Choice]
    """Empty where the model wrote an answer."""
    answer: str
    """What the model wrote, as the metric read it."""
    written: str
    """What the model wrote, whole."""
    target: str
    metrics: dict[str, float | None]


def read_example(row: Mapping[str, Any]) -> Example:
    """The details row `row`, whatever its task put into it."""
    arguments = _arguments(row.get("arguments"))
    prompt = str(arguments[0][0]) if arguments and arguments[0] else ""
    choices = _choices(arguments, row.get("filtered_resps"), row.get("target"))
    target = next((choice.text for choice in choices if choice.correct), None) or _text(row.get("target"))
    return Example(
        doc_id=row.get("doc_id"),
        right=row.get("right"),
        question=prompt.rstrip().rsplit("\n\n", 1)[-1],
        prompt=prompt,
        choices=choices,
        answer="" if choices else _text(row.get("filtered_resps")),
        written="" if choices else _text(row.get("resps")),
        target=target,
        metrics=dict(row.get("metrics") or {}),
    )


def _arguments(value: Any) -> list[list[Any]]:
    """The calls to the model: from the harness's `{gen_args_0: {arg_0: …}}`, or a list of lists."""
    calls = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, Sequence) else []
    return [list(call.values()) if isinstance(call, Mapping) else list(call) for call in calls if _is_call(call)]


def _is_call(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, Sequence) and not isinstance(value, str))


def _choices(arguments: list[list[Any]], answers: Any, target: Any) -> list[Choice]:
    """The choices of a log-likelihood task; empty when the task is not one."""
    texts = [str(call[1]) for call in arguments if len(call) > 1 and isinstance(call[1], str)]
    if len(texts) < 2 or len(texts) != len(arguments):
        return []
    values = [_loglikelihood(answer) for answer in answers] if isinstance(answers, Sequence) else []
    values += [None] * (len(texts) - len(values))
    measured = [value for value in values if value is not None]
    top = max(measured) if measured else None
    correct = _correct(texts, target)
    return [
        Choice(text.strip(), value, value is not None and value == top, index == correct)
        for index, (text, value) in enumerate(zip(texts, values, strict=False))
    ]


def _loglikelihood(value: Any) -> float | None:
    """From `[-3.2, false]`, however deep the harness nested it; it also writes numbers as text."""
    while isinstance(value, Sequence) and not isinstance(value, str) and value:
        value = value[0]
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _correct(texts: Sequence[str], target: Any) -> int | None:
    """Index of the right choice: the target is an index, or the choice's text."""
    expected = str(target).strip()
    if expected.isdecimal() and int(expected) < len(texts):
        return int(expected)
    return next((index for index, text in enumerate(texts) if text.strip() == expected), None)


def _text(value: Any) -> str:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, list):
        return "\n".join(_text(item) for item in value)
    return "" if value is None else str(value)
