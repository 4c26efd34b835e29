"""What a competition asks of a submission: the track's questions, and its terms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from leaderboard.cli.output import Output
from leaderboard.errors import PodiumError, WrongUse

YES = ("yes", "y", "true", "1")
NO = ("no", "n", "false", "0")
Answer = bool | float | str


def track_of(benchmark: Mapping[str, Any], wanted: str) -> str:
    """Id of the track; the first one where none is wanted. Raises WrongUse."""
    tracks = benchmark.get("tracks") or {"open": {}}
    track = wanted or next(iter(tracks))
    if track not in tracks:
        raise WrongUse(f"{benchmark['title']} has no track {track!r}. It has: {', '.join(tracks)}.")
    return str(track)


def questions_of(benchmark: Mapping[str, Any], track: str) -> dict[str, Mapping[str, Any]]:
    """What a submission of the track is asked, by key: the fact sheet of its bundle, and the track's own questions."""
    sheet = (benchmark.get("bundle") or {}).get("fact_sheet") or []
    own = (benchmark.get("tracks") or {}).get(track, {}).get("discloses") or []
    asked = {_sheet_key(question["key"]): {**question, "choices": question.get("selection", [])} for question in sheet}
    return asked | {question["key"]: question for question in own}


def _sheet_key(key: str) -> str:
    """The key of a fact sheet's question as submissions write it."""
    return re.sub(r"[^a-z0-9_-]+", "_", key.lower()).strip("_-")[:32]


def disclosure(questions: Mapping[str, Mapping[str, Any]], given: Sequence[str], out: Output) -> dict[str, Answer]:
    """The answers to the questions, from `--answer KEY=VALUE` or asked. Raises WrongUse with all problems."""
    texts = dict(pair(text, "--answer") for text in given)
    problems = [
        f"There is no question {key!r}; this track asks: {_listed(questions)}." for key in texts.keys() - questions
    ]
    answers: dict[str, Answer] = {}
    for key, question in questions.items():
        if key not in texts and out.answers_questions:
            texts[key] = out.ask(_question(question))
        if texts.get(key, "") == "":
            if question.get("required", True):
                problems.append(
                    f"The track asks: {question['title']} Answer it with --answer {key}={_example(question)}."
                )
            continue
        try:
            answers[key] = _converted(question, texts[key])
        except ValueError:
            problems.append(f"--answer {key}: {texts[key]!r} does not fit. Give {_example(question)}.")
    if problems:
        raise WrongUse(" ".join(problems))
    return answers


def accepted_terms(benchmark: Mapping[str, Any], accept: bool, out: Output) -> str:
    """Version of the terms that the person accepts; empty where there are none. Raises WrongUse, PodiumError."""
    terms = (benchmark.get("competition") or {}).get("terms")
    if not terms:
        return ""
    version = str(terms["version"])
    if accept:
        return version
    if not out.answers_questions:
        raise WrongUse(
            f"{benchmark['title']} has terms (version {version}). Read them on its page About, and accept them with "
            "--accept-terms."
        )
    for line in str(terms["text"]).splitlines():
        out.line(line)
    if not out.agree(f"Do you accept these terms of {benchmark['title']} (version {version})?"):
        raise PodiumError("Nothing was submitted: the terms were not accepted.")
    return version


def local_scores(benchmark: Mapping[str, Any], given: Sequence[str]) -> dict[str, float]:
    """Scores of `--score KEY=VALUE`. Raises WrongUse."""
    keys = [column["key"] for column in benchmark.get("columns", [])]
    scores: dict[str, float] = {}
    for text in given:
        key, value = pair(text, "--score")
        if key not in keys:
            raise WrongUse(f"--score {key}: {benchmark['title']} has no such score. It has: {', '.join(keys)}.")
        try:
            scores[key] = float(value)
        except ValueError:
            raise WrongUse(f"--score {key}: {value!r} is not a number.") from None
    return scores


def pair(text: str, option: str) -> tuple[str, str]:
    """Key and value of `KEY=VALUE`. Raises WrongUse."""
    key, sign, value = text.partition("=")
    if not (sign and key.strip()):
        raise WrongUse(f"{option} {text!r}: write KEY=VALUE.")
    return key.strip(), value.strip()


def _question(question: Mapping[str, Any]) -> str:
    optional = "" if question.get("required", True) else ", or nothing"
    return f"{question['title']} ({_example(question)}{optional})"


def _example(question: Mapping[str, Any]) -> str:
    kinds = {"checkbox": "yes or no", "number": "a number", "url": "an https:// address", "text": "a text"}
    if question.get("type") == "select":
        return " | ".join(question.get("choices", []))
    return kinds.get(str(question.get("type", "text")), "a text")


def _converted(question: Mapping[str, Any], text: str) -> Answer:
    """The answer in the question's type. Raises ValueError."""
    kind = question.get("type", "text")
    if kind == "checkbox":
        if text.lower() not in (*YES, *NO):
            raise ValueError(text)
        return text.lower() in YES
    if kind == "number":
        return float(text)
    if kind == "select" and text not in question.get("choices", []):
        raise ValueError(text)
    return text


def _listed(questions: Mapping[str, Any]) -> str:
    return ", ".join(questions) or "nothing"
