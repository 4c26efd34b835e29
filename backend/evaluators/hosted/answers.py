"""Whether what an endpoint answered is what the harness reads: checked before, since it is a stranger's."""

from __future__ import annotations

import math
from typing import Any, NoReturn

from backend.relay.errors import job_failed


class Answers:
    """Checks the answers of one endpoint. Its methods raise JobFailed."""

    def __init__(self, host: str) -> None:
        self._host = host

    def text(self, answer: dict[str, Any], chat: bool) -> str:
        """The one generated text; empty for an answer without content."""
        choice = self._choice(answer)
        message = choice.get("message") if chat else choice
        if not isinstance(message, dict):
            self._refuse("an answer has no message")
        text = message.get("content" if chat else "text")
        if text is not None and not isinstance(text, str):
            self._refuse("an answer's text is no text")
        if text is None and not chat:
            self._refuse("an answer has no text")
        return text or ""

    def likelihood(self, answer: dict[str, Any], tokens: int, context: int) -> tuple[float, bool]:
        """Log-likelihood of the prompt's tokens from `context` on, and whether each was the likeliest.

        The endpoint has to give log-probabilities of the prompt's `tokens` and of the one that follows.
        """
        given = self._choice(answer).get("logprobs")
        values = given.get("token_logprobs") if isinstance(given, dict) else None
        best = given.get("top_logprobs") if isinstance(given, dict) else None
        if not isinstance(values, list) or not isinstance(best, list):
            self._refuse("an answer has no logprobs (token_logprobs and top_logprobs)")
        if len(values) != tokens + 1 or len(best) != tokens + 1:
            self._refuse(
                f"logprobs of {tokens + 1} tokens were asked for (echo, one new token), and there are {len(values)}"
            )
        total, greedy = 0.0, True
        for value, alternatives in zip(values[context:-1], best[context:-1], strict=True):
            number = self._number(value)
            total += number
            if not isinstance(alternatives, dict) or not alternatives:
                self._refuse("top_logprobs has no alternatives")
            greedy = greedy and number >= max(self._number(each) for each in alternatives.values())
        return total, greedy

    def _choice(self, answer: dict[str, Any]) -> dict[str, Any]:
        choices = answer.get("choices")
        if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
            self._refuse("an answer does not have one entry in choices")
        choice: dict[str, Any] = choices[0]
        return choice

    def _number(self, value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            self._refuse("a log-probability is no number")
        return float(value)

    def _refuse(self, why: str) -> NoReturn:
        raise job_failed("endpoint_garbage", self._host, why)
