"""What pages show of a competition's rules, without a browser: the form, the page About, what was answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaderboard.documents import about, request
from leaderboard.documents.entry import said, said_privately
from leaderboard.documents.visit import Visit
from leaderboard.errors import NotAccepted
from leaderboard.pages import submit_named
from leaderboard.pages.submit import Form, entry_values
from leaderboard.records import Person
from leaderboard.service import Service
from tests.leaderboard.submissions.contests import ADA, contest, opened, submit

MIA = Person(name="mia")
QUESTIONS: list[dict[str, Any]] = [
    {"key": "method", "title": "How does it <i>work</i>?"},
    {"key": "code", "title": "Where is the code?", "type": "url", "required": False},
    {"key": "human", "title": "Labelled by hand?", "type": "checkbox"},
    {"key": "contact", "title": "Whom may we ask?", "required": False, "public": False},
]
OPEN = {"title": "Open", "allows": {"external_data": True}, "discloses": QUESTIONS}
CLOSED = {"title": "Closed", "allows": {}, "discloses": [{"key": "seed", "title": "Seed", "type": "number"}]}


@pytest.fixture
def service(tmp_path: Path) -> Service:
    benchmark = contest(
        tracks={"open": OPEN}, starts="2026-01-01T00:00:00+01:00", ends="2999-01-01T00:00:00Z",
        terms={"version": "v2", "text": "Play **fair**.<script>"}, limits={"per_day": 2}, team_size=3,
    )  # fmt: skip
    return opened(tmp_path, benchmark, sign_in="optional", maintainers="mia")


def visit(person: Person | None = None, **query: str) -> Visit:
    return Visit(query={"benchmark": "contest", **query}, person=person)


def test_the_form_asks_for_everything_and_says_what_is_left(service: Service) -> None:
    page = submit_named.draw(service, visit(ADA))
    for name in ("disclosure.method", "disclosure.code", "disclosure.human", "disclosure.contact"):
        assert f'name="{name}"' in page
    assert 'name="terms" value="v2" required' in page and "Play <strong>fair</strong>.&lt;script&gt;" in page
    assert "How does it &lt;i&gt;work&lt;/i&gt;?" in page and "Only the organisers read it." in page
    assert "External data: allowed. Tools: not allowed." in page
    assert "from 2025-12-31 23:00:00 UTC until 2999-01-01 00:00:00 UTC" in page
    assert "Your quota: 2 of 2 left today (UTC)." in page
    submit(service.intake, "one", terms="v2", disclosure={"method": "Trees", "human": False})
    page = submit_named.draw(service, visit(ADA))
    assert "Your quota: 1 of 2 left today (UTC); resets at " in page
    assert "Failures after scoring began, open submissions included: 19 of 20 left today (UTC)" in page


def test_a_track_is_chosen_and_only_its_questions_are_asked(tmp_path: Path) -> None:
    benchmark = contest(tracks={"open": OPEN, "closed": CLOSED}, bundle=None, kinds=["endpoint"], predictions=None)
    benchmark["columns"] = [{"key": "a", "title": "A", "run": ["t"], "parts": [{"task": "t", "metrics": ["acc,none"]}]}]
    service = opened(tmp_path, benchmark)
    page = submit_named.draw(service, visit(track="closed"))
    assert '<option value="closed" selected>Closed</option>' in page
    assert 'data-track="open" hidden disabled' in page and 'data-track="closed" >' in page


def test_the_rules_are_on_the_page_about(service: Service) -> None:
    page = about.draw(service, visit())
    assert "A person or team may submit 2 times in a UTC day." in page
    assert "At most 20 submissions a UTC day may fail after scoring has begun" in page
    assert 'id="terms">Terms, version v2' in page and "for the organisers only" in page
    assert "APIs" not in page and "Models and services hosted by others: not allowed." in page


def test_answers_are_shown_to_those_who_may_read_them(service: Service) -> None:
    answers = {"method": "<b>Trees</b>", "code": "https://x.org/a", "human": True, "contact": "ada-at-home"}
    made = submit(service.intake, "one", terms="v2", disclosure=answers)
    for reader in (None, ADA):
        page = request.draw(service, Visit((made.id,), person=reader))
        assert "&lt;b&gt;Trees&lt;/b&gt;" in page and "Terms accepted</dt><dd>version v2" in page
        assert '<a href="https://x.org/a" rel="nofollow noopener ugc">' in page
        assert "ada-at-home" not in page and said_privately(service, Visit(person=reader), made) == []
    page = request.draw(service, Visit((made.id,), person=MIA))
    assert "ada-at-home" in page and "Whom may we ask?" in page
    assert [each.question for each in said(service, made)] == [question["title"] for question in QUESTIONS[:3]]


def test_answers_beside_a_checkpoint_are_checked_as_a_programs_are(service: Service) -> None:
    values = ("/submit?benchmark=contest", "{}", "org/name", "", "bfloat16", "other", "Original", "", False)
    made = Form(*values)._replace(answers='{"track": "open", "terms": "v2", "disclosure": {"a": 1}, "kind": "code"}')
    wanted = made.submission(service)
    assert (wanted.track, wanted.terms, wanted.disclosure, wanted.kind) == ("open", "v2", {"a": 1.0}, "checkpoint")
    for odd in ("", "[1]", "{", "[" * 100_000):
        assert entry_values(odd) == {}
    with pytest.raises(NotAccepted):
        made._replace(answers='{"disclosure": {"a": [1]}}').submission(service)
