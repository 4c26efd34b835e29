"""What a competition and a track ask of a submission of any kind: its time, the terms, the disclosures.

Each problem of a disclosure is at `disclosure.KEY`. Sentences never repeat an answer: some are not for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.competition import Disclosure
from leaderboard.records import BaseSubmission, Problem, utc
from leaderboard.submissions.case import Case
from leaderboard.submissions.catalogue import Catalogue, Template, shown

Answers = Mapping[str, bool | float | str]
ENTRY = Catalogue(
    {
        "not_started_yet": Template(
            "benchmark",
            "{benchmark} takes no submissions yet: it begins at {when}.",
            "Submit it from then on.",
        ),
        "has_ended": Template(
            "benchmark",
            "{benchmark} takes no more submissions: it ended at {when}.",
            "Results stay on the board; nothing more can be submitted.",
        ),
        "terms_not_accepted": Template(
            "terms",
            "{benchmark} has terms, and this submission does not accept their present version {version}.",
            "Read them on the page About or at /api/v1/benchmarks/{id}/terms, and accept them: set terms to {version}.",
        ),
        "disclosure_missing": Template(
            "disclosure", "The track {track} asks: {question} There is no answer.", "Give {kind} as {field}."
        ),
        "disclosure_type": Template(
            "disclosure", "The answer {field} to the question {question} is not {kind}.", "Give {kind} as {field}."
        ),
        "disclosure_unknown": Template(
            "disclosure", "The track {track} does not ask for {field}.", "Leave it out. The track asks for: {known}."
        ),
    }
)


def entry(case: Case) -> Iterator[Problem]:
    """Everything that the competition and the track ask, all problems at once.

    Nothing of what is in the queue already: who sends it again, perhaps after the end, is led to what they have sent.
    """
    if case.benchmark is None or case.is_taken:
        return
    yield from _time(case.benchmark, case.at)
    yield from _terms(case.benchmark, case.submission)
    if case.submission.track in case.benchmark.tracks:
        yield from _disclosures(case.benchmark, case.submission)


def public_answers(benchmark: Benchmark, submission: BaseSubmission) -> dict[str, bool | float | str]:
    """The answers that everybody may read."""
    return _answers(benchmark, submission, public=True)


def private_answers(benchmark: Benchmark, submission: BaseSubmission) -> dict[str, bool | float | str]:
    """The answers that only the organisers may read."""
    return _answers(benchmark, submission, public=False)


def accepted_terms(benchmark: Benchmark) -> str:
    """The version of the terms that an accepted submission has accepted; empty where there are none."""
    terms = benchmark.competition.terms if benchmark.competition else None
    return terms.version if terms else ""


def _answers(benchmark: Benchmark, submission: BaseSubmission, public: bool) -> dict[str, bool | float | str]:
    given = submission.disclosure
    asked = [question for question in benchmark.disclosures(submission.track) if question.public is public]
    return {question.key: given[question.key] for question in asked if _is_given(given, question.key)}


def _time(benchmark: Benchmark, at: datetime) -> Iterator[Problem]:
    rules = benchmark.competition
    if rules is not None and rules.starts is not None and at < rules.starts:
        yield ENTRY.problem("not_started_yet", benchmark=benchmark.title, when=_moment(rules.starts))
    if rules is not None and rules.ends is not None and at >= rules.ends:
        yield ENTRY.problem("has_ended", benchmark=benchmark.title, when=_moment(rules.ends))


def _moment(time: datetime) -> str:
    return utc(time).replace("T", " ").replace("Z", " UTC")


def _terms(benchmark: Benchmark, submission: BaseSubmission) -> Iterator[Problem]:
    version = accepted_terms(benchmark)
    if version and submission.terms != version:
        yield ENTRY.problem("terms_not_accepted", benchmark=benchmark.title, version=version, id=benchmark.id)


def _disclosures(benchmark: Benchmark, submission: BaseSubmission) -> Iterator[Problem]:
    asked, given = benchmark.disclosures(submission.track), submission.disclosure
    track = benchmark.tracks[submission.track].title
    for question in asked:
        field, kind = f"disclosure.{question.key}", expected(question)
        if not _is_given(given, question.key):
            if question.required:
                words = {"question": _asked(question), "kind": kind}
                missing = ENTRY.problem_with("disclosure_missing", words, track=track, field=field)
                yield missing.model_copy(update={"field": field})
        elif not fits(question, given[question.key]):
            words = {"question": _asked(question), "kind": kind}
            wrong = ENTRY.problem_with("disclosure_type", words, field=field)
            yield wrong.model_copy(update={"field": field})
    known = ", ".join(question.key for question in asked) or "nothing"
    for key in given.keys() - {question.key for question in asked}:
        field = f"disclosure.{key}"
        unknown = ENTRY.problem_with("disclosure_unknown", {"known": known}, track=track, field=field)
        yield unknown.model_copy(update={"field": field})


def _is_given(given: Answers, key: str) -> bool:
    return given.get(key, "") != ""


def _asked(question: Disclosure) -> str:
    """The question as it stands in a sentence."""
    text = shown(" ".join(question.title.split()), 200)
    return text if text.endswith((".", "!", "?")) else f"{text}."


def expected(question: Disclosure) -> str:
    """What answers a question, for a sentence."""
    return {
        "text": "a text",
        "checkbox": "true or false",
        "number": "a number",
        "url": "an address that begins with http:// or https://",
        "select": f"one of: {_listed(question.choices)}",
    }[question.type]


def _listed(choices: Iterable[str]) -> str:
    return ", ".join(shown(choice) for choice in choices)


def fits(question: Disclosure, answer: bool | float | str) -> bool:
    """Whether the answer is of the right type, and one of the choices."""
    if question.type == "checkbox":
        return isinstance(answer, bool)
    if question.type == "number":
        return isinstance(answer, float) and not isinstance(answer, bool)
    if not isinstance(answer, str):
        return False
    if question.type == "select":
        return answer in question.choices
    return question.type != "url" or _is_web_address(answer)


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host = parts.hostname
        parts.port  # noqa: B018 (raises where it is no number)
    except ValueError:
        return False
    plain = text.isprintable() and not set(text) & set(" \"'<>\\`")
    return plain and parts.scheme in ("http", "https") and bool(host) and parts.username is None
