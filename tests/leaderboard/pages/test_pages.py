"""What the pages show, without a browser: words, orders, examples, and that nothing of a submitter's becomes markup."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2.meta
import jinja2.nodes
import pandas as pd
import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.api import add_api
from leaderboard.columns import AVERAGE
from leaderboard.community.discussions import Comment, Discussion
from leaderboard.community.flags import Category, Flag, State
from leaderboard.documents import words
from leaderboard.documents.community import Actions, FlagSection, ShownFlag, Talk
from leaderboard.documents.entry import Said
from leaderboard.documents.examples import read_example
from leaderboard.documents.missing import NotFoundPage
from leaderboard.documents.model import neighbours, rank_of
from leaderboard.documents.queue import ENDED_SHOWN, SHOWN, Filters, Waiting, arrange
from leaderboard.documents.reference import mount_reference
from leaderboard.documents.render import TEMPLATES, address, model_link, prose, render
from leaderboard.documents.request import again_address
from leaderboard.documents.visit import parse_visit
from leaderboard.pages.gradio_html import GradioPages
from leaderboard.pages.submit import check_results
from leaderboard.queue.request_index import OPEN, in_short
from leaderboard.queue.view import EndedRequests, QueueView, SetAside
from leaderboard.records import (
    Abilities,
    Failure,
    Fault,
    HistoryEntry,
    Problem,
    Progress,
    Request,
    Severity,
    Status,
    request_path,
    utc,
)
from leaderboard.results.log_parts import log_parts
from leaderboard.service import Service, open_service
from leaderboard.settings import PROJECT, Settings


@pytest.fixture
def service(tmp_path: Path) -> Service:
    folders = {f"{name}_dir": tmp_path / name for name in ("requests", "results", "work")}
    named = {"hub_endpoint": "http://127.0.0.1:9", "benchmarks": "tiny"}
    return open_service(Settings.model_validate({**folders, **named}))


NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
EVIL = "<img src=x onerror=alert(1)>\"'&"


def request(name: str, status: Status = Status.PENDING, minutes: int = 0, **more: Any) -> Request:
    time = utc(NOW - timedelta(minutes=minutes))
    fields: dict[str, Any] = {
        "model": f"org/{name}",
        "revision": "a" * 40,
        "benchmark": "tiny",
        "id": f"{abs(hash(name)):016x}"[:16],
        "status": status,
        "submitted_time": time,
        "sender": "ada",
        "history": [HistoryEntry(time=time, to=status, by="ada")],
    }
    return Request(**fields | more)


def finished(name: str, seconds: int, minutes: int) -> Request:
    start, end = NOW - timedelta(minutes=minutes, seconds=seconds), NOW - timedelta(minutes=minutes)
    history = [
        HistoryEntry(time=utc(start), to=Status.RUNNING, by="w"),
        HistoryEntry(time=utc(end), to=Status.FINISHED, by="w"),
    ]
    return request(name, Status.FINISHED, minutes, history=history)


# --- words


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "unknown"),
        (float("nan"), "unknown"),
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86400, "1 day"),
        (200000, "2 days"),
    ],
)
def test_durations(seconds: float | None, expected: str) -> None:
    assert words.duration(seconds) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "unknown"),
        ("yesterday", "unknown"),
        ("2026-11-20T17:57:00Z", "3 min ago"),
        ("2026-11-20T18:00:03Z", "just now"),
        ("2026-11-20T20:00:00Z", "in 2 h"),
        ("2026-11-19T18:00:00.123456", "1 day ago"),
    ],
)
def test_times_are_relative_and_never_guessed(text: str, expected: str) -> None:
    assert words.ago(text, NOW) == expected


@pytest.mark.parametrize(
    ("billions", "expected"),
    [(None, "unknown"), (0, "unknown"), (-1, "unknown"), (0.00019, "0.19 M"), (0.6, "0.6 B"), (72.7, "72.7 B")],
)
def test_an_unknown_size_is_unknown(billions: float | None, expected: str) -> None:
    assert words.params(billions) == expected


# --- addresses


def test_how_a_package_of_code_was_called_is_said() -> None:
    calls = {
        "calls": 1200, "failed_calls": 3, "failures": {"exception": 2, "time_limit": 1},
        "failures_in_words": ["2 of the calls: KeyError at estimator.py:7"],
        "near_constant": {"share": 0.995, "answers": 1197},
    }  # fmt: skip
    assert words.code_run(calls) == [
        "1,200 calls, 3 failed (2 exception, 1 time limit).",
        "Failed: 2 of the calls: KeyError at estimator.py:7.",
        "99.5% of its 1,197 answers are the same.",
    ]
    one = {
        "predictions": 35,
        "revealed_labels": 5,
        "labelling": "random",
        "labelling_failed": "KeyError at labeling.py:2",
    }
    assert words.code_run({**one, "near_constant": None}) == [
        "35 predictions in one call.",
        "5 labels were revealed, at random.",
        "The package's own choice failed: KeyError at labeling.py:2.",
    ]
    assert words.code_run({}) == []


def test_an_address_says_its_subject_and_its_view() -> None:
    visit = parse_visit("/model/org/a%20b?benchmark=tiny&page=3&task=x%26y")
    assert visit.rest == ("org", "a b")
    assert (visit.benchmark, visit.number("page"), visit.query["task"]) == ("tiny", 3, "x&y")


@given(st.text(max_size=60))
def test_any_address_can_be_read(text: str) -> None:
    visit = parse_visit(f"//[/queue?page={text}")
    assert visit.number("page") >= 0


def test_the_form_can_be_filled_as_a_request_was() -> None:
    link = again_address(request("m", requested_revision="main", use_chat_template=True))
    visit = parse_visit(link)
    assert visit.query["model"] == "org/m"
    assert (visit.query["revision"], visit.query["use_chat_template"]) == ("main", "true")
    assert address("/queue", benchmark="", mine=None) == "/queue"


# --- queue


def view_of(requests: list[Request], aside: list[SetAside]) -> QueueView:
    files = {request_path(request): request for request in requests}
    ended = [in_short(path, "", request) for path, request in files.items() if request.status not in OPEN]
    return QueueView(
        [request for request in requests if request.status in OPEN],
        EndedRequests(sorted(ended, key=lambda request: request.ended_time)),
        aside,
        lambda paths: map(files.__getitem__, paths),
    )


def test_the_queue_is_arranged_by_state_and_filter() -> None:
    waiting = [request("second", minutes=1), request("first", minutes=3)]
    stuck = request("stuck", revision="main")
    ended = [finished("old", 10, 50), request("bad", Status.FAILED, 3), request("gone", Status.CANCELLED, 5)]
    other = request("elsewhere", benchmark="other", minutes=2)
    view = view_of([*waiting, stuck, *ended, other, request("r", Status.RUNNING)], [SetAside("x.json", "no")])

    shown = arrange(view, Filters("tiny"), NOW)
    assert [(row.request.model, row.position) for row in shown.waiting] == [
        ("org/first", 1),
        ("org/second", 3),
        ("org/stuck", None),
    ]
    assert "not a commit" in shown.waiting[-1].why
    assert [row.model for row in shown.ended] == ["org/bad", "org/gone", "org/old"]
    assert shown.counts == {"pending": 3, "finished": 1, "failed": 1, "cancelled": 1, "running": 1}

    workers = [Abilities(worker="w1", benchmarks=["tiny"], trouble="Its disk is full.")]
    held_up = arrange(view, Filters("tiny"), NOW, workers)
    assert [(row.position, row.expected) for row in held_up.waiting] == [(1, None), (2, None), (None, None)]
    [refused] = arrange(view, Filters("other"), NOW, workers).waiting
    assert (refused.position, refused.expected) == (None, None)
    assert refused.why == "No worker of this board can run it. w1: It does not serve the benchmark other."
    assert held_up.in_trouble == workers

    failed = arrange(view, Filters("tiny", status="failed"), NOW)
    assert (failed.running, failed.waiting, [row.model for row in failed.ended]) == ([], [], ["org/bad"])
    assert failed.counts == shown.counts
    assert arrange(view, Filters("tiny", name="FIRST"), NOW).counts == {"pending": 1}
    assert arrange(view, Filters("tiny", sender="bob"), NOW).counts == {}


def test_the_queue_page_shows_a_bounded_number_of_rows_and_says_how_many_there_are() -> None:
    waiting = [request(f"w{number}", minutes=number) for number in range(SHOWN + 30)]
    running = [request(f"r{number}", Status.RUNNING) for number in range(SHOWN + 20)]
    ended = [finished(f"e{number}", 10, number) for number in range(ENDED_SHOWN + 10)]
    aside = [SetAside(f"x{number}.json", "no") for number in range(SHOWN + 1)]
    shown = arrange(view_of([*waiting, *running, *ended], aside), Filters("tiny"), NOW)
    rows = (shown.running, shown.waiting, shown.ended, shown.set_aside)
    assert [len(part) for part in rows] == [SHOWN, SHOWN, ENDED_SHOWN, SHOWN]
    assert [row.position for row in shown.waiting] == list(range(1, SHOWN + 1))
    assert [row.model for row in shown.ended] == [f"org/e{number}" for number in range(ENDED_SHOWN)], "the last ones"
    assert sum(shown.counts.values()) == len(waiting) + len(running) + len(ended)
    page = render("queue", shown=shown, filters=Filters("tiny"), query={}, statuses=list(Status), mine=None)
    for total, which, number in ((230, "first", 200), (220, "first", 200), (60, "last", 50), (201, "first", 200)):
        assert f"{total} in all; the {which} {number} are shown." in page
    few = arrange(view_of([*waiting[:3], *running[:3], *ended[:3]], aside[:3]), Filters("tiny"), NOW)
    page = render("queue", shown=few, filters=Filters("tiny"), query={}, statuses=list(Status), mine=None)
    assert "in all" not in page


# --- submit


def test_every_check_is_a_tick_or_its_problems() -> None:
    warning = Problem(code="no_worker", field="precision", message="m", fix="f", severity=Severity.WARNING)
    strange = Problem(code="new_code", field="model", message="m", fix="f")
    lines = check_results([warning, strange], readable=True, with_chat_template=False)
    assert "Chat template" not in [line.label for line in lines]
    assert {line.label for line in lines if line.problems} == {"Precision and weight type", "Form"}
    assert len(check_results([], readable=True, with_chat_template=True)) == len(lines)
    assert [line.problems for line in check_results([strange], readable=False, with_chat_template=True)] == [[strange]]


# --- examples


def choice_row(target: Any) -> dict[str, Any]:
    arguments = {
        f"gen_args_{at}": {"arg_0": "Shot\n\nWhich?\nAnswer:", "arg_1": f" {word}"} for at, word in enumerate("abc")
    }
    answers = [["-3.0", "False"], [-1.5, True], [-9, False]]
    return {"doc_id": 4, "arguments": arguments, "filtered_resps": answers, "target": target, "right": False}


@pytest.mark.parametrize("target", [2, "2", "c", " c"])
def test_choices_say_which_is_right_and_which_was_likeliest(target: Any) -> None:
    example = read_example(choice_row(target))
    assert example.question == "Which?\nAnswer:"
    assert [choice.text for choice in example.choices] == ["a", "b", "c"]
    assert [choice.loglikelihood for choice in example.choices] == [-3.0, -1.5, -9.0]
    assert [choice.chosen for choice in example.choices] == [False, True, False]
    assert [choice.correct for choice in example.choices] == [False, False, True]
    assert example.target == "c"


def test_a_written_answer_is_shown_as_the_metric_read_it() -> None:
    row = {
        "arguments": [["Write 42.", {"until": ["\n"]}]],
        "resps": [["So: 42 it is"]],
        "filtered_resps": ["42"],
        "target": "42",
    }
    example = read_example(row)
    assert (example.choices, example.answer, example.written, example.target) == ([], "42", "So: 42 it is", "42")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES, VALUES)
def test_no_shape_of_details_breaks_the_page(arguments: Any, answers: Any, target: Any) -> None:
    row = {"arguments": arguments, "filtered_resps": answers, "resps": answers, "target": target}
    example = read_example(row)
    assert isinstance(example.answer, str)


def test_the_place_counts_those_that_are_better() -> None:
    frame = pd.DataFrame({"request_id": ["a", "b", "c", "d"], AVERAGE: [5.0, 9.0, 5.0, None]})
    assert rank_of(frame, "b") == (1, 3)
    assert rank_of(frame, "a") == rank_of(frame, "c") == (2, 3)
    assert rank_of(frame, "d") is None
    assert rank_of(frame, "x") is None


# --- escaping


class Tags(HTMLParser):
    """Collects the tags that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def tags(markup: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(markup)
    return parser.elements


EVIL_TALK = Talk(
    "flags",
    "0" * 16,
    Discussion(
        kind="flags",
        subject="0" * 16,
        title=EVIL,
        by=EVIL,
        time=EVIL,
        opened=EVIL,
        comments=[Comment(id=EVIL, time=EVIL, by=EVIL, text=EVIL + "[x](javascript:x)")],
    ),
)


def test_nothing_of_a_submitter_becomes_markup() -> None:
    failure = Failure(fault=Fault.SUBMISSION, code=EVIL, message=EVIL)
    bad = request(EVIL, Status.FAILED, failure=failure, sender=EVIL, license=EVIL, architectures=EVIL, base_model=EVIL)
    running = request(EVIL + "r", Status.RUNNING, progress=Progress(task=EVIL, done=5, total=4))
    view = view_of([bad, running, request(EVIL + "p", sender=EVIL)], [SetAside(EVIL, EVIL)])
    sick = [Abilities(worker=EVIL, trouble=EVIL, benchmarks=[EVIL])]
    shown = arrange(view, Filters("tiny", name=EVIL), NOW, sick)
    everything = arrange(view, Filters("tiny"), NOW)
    pages = [
        render("queue", shown=arranged, filters=Filters("tiny", name=EVIL), query={"benchmark": EVIL}, mine=None)
        for arranged in (shown, everything)
    ]
    pages.append(
        render(
            "request",
            request=bad,
            open=False,
            waiting=Waiting(bad, None, None, EVIL),
            held_up=[Abilities(worker=EVIL, trouble=EVIL)],
            log=log_parts(f"{EVIL}\nWARNING x: {EVIL}"),
            standing=None,
            file=EVIL,
            path=EVIL,
            again=again_address(bad),
            hub="https://hub",
            in_competition=True,
            local=None,
            said=[Said(EVIL, EVIL), Said(EVIL, EVIL, is_address=True)],
            said_privately=[Said(EVIL, EVIL)],
            may=Actions(True, True, True, True, True, True, EVIL_TALK, [EVIL]),
        )
    )
    flag = Flag(id="0" * 16, model=EVIL, category=Category.OTHER, evidence=EVIL, links=[EVIL], by=EVIL, time=EVIL)
    shown_flag = ShownFlag(flag, EVIL_TALK, [State.ACCEPTED, State.WITHDRAWN])
    pages += [
        str(TEMPLATES.get_template("talk.html").module.flags(FlagSection(EVIL, [shown_flag], EVIL, [], writes, True)))
        for writes in (True, False)
    ]
    pages += [
        str(model_link(EVIL)),
        render("trouble", sentence=EVIL, ours=True),
        str(prose(EVIL + "[x](javascript:x)")),
    ]
    for page in pages:
        elements = tags(page)
        assert not [tag for tag, _ in elements if tag in {"img", "script"}], page
        assert not [
            attribute for _, attributes in elements for attribute in attributes if attribute.startswith("on")
        ], page
        assert not [
            attributes["href"] for _, attributes in elements if (attributes.get("href") or "").startswith("javascript")
        ], page
    assert tags(str(prose("[x](https://a.example)")))[1] == (
        "a", {"href": "https://a.example", "rel": "nofollow noopener ugc"}
    )  # fmt: skip


# --- documents


DOCUMENT = """<head><base href="./"><script>one("a &amp; b")</script><script src="x.js"></script></head>
<script data-mode>two()
</script>"""


def documents() -> TestClient:
    app = FastAPI()

    @app.get("/model")
    def page() -> HTMLResponse:
        return HTMLResponse(DOCUMENT)

    @app.get("/api/model")
    def data() -> JSONResponse:
        return JSONResponse({"content": "x"})

    app.add_middleware(GradioPages, pages=["", "model", "queue"], deep=["model"], style="theme.css?1")
    return TestClient(app, follow_redirects=False)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/model/", "http://testserver/model"),
        ("/model/x", "http://testserver/model?subject=x"),
        ("/model/org/name", "http://testserver/model?subject=org/name"),
        ("/model/org/a%20b/?page=2&task=x%26y", "http://testserver/model?subject=org/a+b&page=2&task=x%26y"),
        ("/model/org/name?subject=other", "http://testserver/model?subject=org/name"),
        ("/model//evil.example/", "http://testserver/model?subject=evil.example"),
        ("/queue/?benchmark=tiny", "http://testserver/queue?benchmark=tiny"),
    ],
)
def test_a_deep_address_is_redirected_to_its_page_and_names_the_same_subject(path: str, target: str) -> None:
    client = documents()
    answer = client.get(path)
    assert answer.status_code == 307 and not answer.headers["location"].startswith(("/", "http"))
    redirected = str(client.build_request("GET", path).url.join(answer.headers["location"]))
    assert redirected == target
    if "other" not in path:
        assert parse_visit(redirected.removeprefix("http://testserver")) == parse_visit(path.replace("//", "/"))


def test_a_page_is_sent_as_gradio_wrote_it_and_allows_the_scripts_that_are_in_it() -> None:
    answer = documents().get("/model", headers={"accept-encoding": "gzip"})
    assert answer.text == DOCUMENT and int(answer.headers["content-length"]) == len(answer.content)
    hashes = [
        base64.b64encode(hashlib.sha256(script).digest()).decode() for script in (b'one("a &amp; b")', b"two()\n")
    ]
    [sources] = re.findall("script-src ([^;]*)", answer.headers["content-security-policy"])
    assert sources.split() == ["'self'", "'unsafe-eval'", *(f"'sha256-{digest}'" for digest in hashes)]
    assert answer.headers["link"] == "<theme.css?1>; rel=preload; as=style"


def test_everything_else_passes_untouched() -> None:
    answer = documents().get("/api/model")
    assert answer.json() == {"content": "x"} and "content-security-policy" not in answer.headers
    for path in ("/other/x", "/queue/x", "/model.txt"):
        assert documents().get(path).status_code == 404


# --- the API's page


def test_the_page_of_the_api_is_a_document_with_every_address_in_it(service: Service) -> None:
    app = FastAPI(title='A "board"', docs_url=None)
    add_api(app, service)
    mount_reference(app, service)
    client = TestClient(app)
    page = client.get("/docs").text
    elements = tags(page)
    loaded = [attributes["src"] for _, attributes in elements if "src" in attributes]
    assert loaded and not [link for link in loaded if "//" in (link or "")]
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert client.get(f"/docs-assets/{name}").status_code == 200 and name not in page, "only when asked for"
    assert page.count("<script") == page.count("<script defer src="), "the policy refuses scripts in the markup"
    assert '<a href="/queue"' in page and '<footer class="site">' in page and '<a href="/openapi.json">' in page
    description = app.openapi()
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            summary = f'<b class="verb">{method.upper()}</b> <code>{path}</code>'
            assert page.count(summary) == 1, summary
            details = page.partition(summary)[2].partition("</details>")[0]
            for parameter in operation.get("parameters", ()):
                assert f"<code>{parameter['name']}</code>" in details, (path, parameter["name"])
    submission = page.partition("<code>/api/v1/submissions</code>")[2].partition("</details>")[0]
    for text in (
        "<code>CheckpointSubmission</code>",
        "<code>precision</code>",
        "float16, bfloat16",
        "<code>409</code>",
    ):
        assert text in submission, text


# --- addresses that do not exist


def test_a_browser_at_an_address_of_nothing_is_shown_a_page_and_a_program_is_not(service: Service) -> None:
    app = FastAPI()
    app.add_api_route("/there", lambda: {"all": "well"})
    app.add_middleware(NotFoundPage, service=service)
    client = TestClient(app)
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = client.get("/org/<b>name", headers=browser)
    assert answer.status_code == 404 and answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Page not found" in answer.text and "/org/&lt;b&gt;name" in answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert client.get("/there", headers=browser).json() == {"all": "well"}
    for path, headers in (("/nothing", {}), ("/api/v1/nothing", browser)):
        assert client.get(path, headers=headers).json() == {"detail": "Not Found"}


def test_a_models_neighbours_share_ranks_and_leave_out_rows_without_one() -> None:
    scores = [10.0, 50.0, 30.0, None, 50.0]
    frame = pd.DataFrame({"request_id": list("abcde"), "fullname": [f"o/{c}" for c in "abcde"], AVERAGE: scores})
    assert neighbours(frame, "c") == [(1, "o/b", 50.0), (1, "o/e", 50.0), (4, "o/a", 10.0)]
    assert neighbours(frame, "d") == [] == neighbours(frame, "nobody")


def test_templates_use_only_names_that_a_page_gives() -> None:
    rooms = (PROJECT / "leaderboard" / room for room in ("pages", "documents"))
    code = "".join(path.read_text() for room in rooms for path in room.glob("*.py"))
    given = set(re.findall(r"\b(\w+)=", code)) | set(re.findall(r'"(\w+)":', code))
    for name in TEMPLATES.list_templates(["html"]):
        assert TEMPLATES.loader is not None
        source, _, _ = TEMPLATES.loader.get_source(TEMPLATES, name)
        parsed = TEMPLATES.parse(source)
        own = {name.name for name in parsed.find_all(jinja2.nodes.Name) if name.ctx == "store"}
        own |= {macro.name for macro in parsed.find_all(jinja2.nodes.Macro)}
        used = jinja2.meta.find_undeclared_variables(parsed) - set(TEMPLATES.globals) - own
        assert used <= given, f"{name} uses {sorted(used - given)}"
