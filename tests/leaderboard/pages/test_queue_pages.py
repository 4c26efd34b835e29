"""What the pages and the API say of requests that failed, wait or cannot be run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

import localhub
from leaderboard.documents import model as model_page
from leaderboard.documents import queue as queue_page
from leaderboard.documents import request as request_page
from leaderboard.documents import words
from leaderboard.documents.visit import Visit
from leaderboard.records import (
    Abilities,
    Failure,
    Fault,
    HistoryEntry,
    PodiumBlock,
    Progress,
    Provenance,
    Request,
    Score,
    Status,
    TaskProgress,
    new_id,
    now,
    request_path,
    utc,
)
from leaderboard.service import Service

GPU = "4bit needs an NVIDIA GPU, and this worker computes on its processor."
THEIRS = Failure(fault=Fault.SUBMISSION, code="checkpoint_unreadable", message="A file is damaged.")
OURS = Failure(fault=Fault.INFRASTRUCTURE, code="job_crashed", message="The process ended.")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub")) as running:
        yield running


def register(service: Service, trouble: str = "", sandbox: list[str] | None = None) -> None:
    worker = Abilities(worker="w1", benchmarks=["tiny"], refused={"4bit": GPU}, updated=now())
    worker = worker.model_copy(update={"trouble": trouble, "sandbox": sandbox})
    service.queue.store.commit({"workers/w1.json": worker.model_dump_json().encode()}, "What w1 can do")


def submitted(service: Service, name: str, **fields: object) -> Request:
    request = Request(benchmark="tiny", model=f"org/{name}", revision="a" * 40, sender="ann")
    return service.queue.submit(request.model_copy(update=fields))


def page_of(service: Service, request: Request) -> str:
    return request_page.draw(service, Visit((request.id,)))


def test_a_request_that_nobody_can_run_says_so_and_has_no_place(service: Service, api: TestClient) -> None:
    register(service)
    refused, fine = submitted(service, "refused", precision="4bit", priority=9.0), submitted(service, "fine")
    page = page_of(service, refused)
    assert f"No worker of this board can run it. w1: {GPU}" in page
    assert "in the queue" not in page and "expected start" not in page
    assert "Number 1 in the queue; expected start" in page_of(service, fine)
    answer = api.get(f"/api/v1/requests/{refused.id}").json()
    assert answer["obstacle"] == f"No worker of this board can run it. w1: {GPU}"
    assert api.get(f"/api/v1/requests/{fine.id}").json()["obstacle"] is None
    listed = {row["model"]: row["obstacle"] for row in api.get("/api/v1/requests").json()["requests"]}
    assert listed == {"org/refused": answer["obstacle"], "org/fine": None}
    assert GPU in queue_page.draw(service, Visit())


@pytest.mark.parametrize(("sandbox", "warned"), [([], True), (["landlock"], False), (None, False)])
def test_a_worker_without_a_sandbox_is_named_to_everybody(
    service: Service, sandbox: list[str] | None, warned: bool
) -> None:
    register(service, sandbox=sandbox)
    sentence = "The worker w1 runs jobs without a sandbox (PODIUM_SANDBOX=off)"
    assert (sentence in queue_page.draw(service, Visit())) is warned


def test_a_file_that_cannot_be_claimed_says_why_on_its_page_and_in_the_api(service: Service, api: TestClient) -> None:
    request = submitted(service, "branch", revision="main")
    assert "is not a commit" in page_of(service, request)
    assert "is not a commit" in api.get(f"/api/v1/requests/{request.id}").json()["obstacle"]


def test_a_failure_says_whose_it_is(service: Service) -> None:
    register(service)
    theirs = service.queue.fail(service.queue.claim(submitted(service, "theirs"), "w1", 60), THEIRS)
    ours = service.queue.retry(service.queue.claim(submitted(service, "ours"), "w1", 60), OURS, 1, 0)
    again = service.queue.retry(service.queue.claim(submitted(service, "again"), "w1", 60), OURS, 3, 900)
    assert "<b>This is a problem in the submission.</b> A file is damaged." in page_of(service, theirs)
    assert (
        "<b>This is a problem on our side, as far as we know.</b> The process ended. It was tried once and is not"
        in (page_of(service, ours))
    )
    assert "The process ended. This was attempt 1 of 3. It is tried again at about" in page_of(service, again)
    queue = queue_page.draw(service, Visit())
    assert "This is a problem in the submission." in queue and "This was attempt 1 of 3." in queue


def test_a_worker_in_trouble_is_shown_and_nothing_is_expected_meanwhile(service: Service) -> None:
    register(service, trouble="Its disk is full.")
    request = submitted(service, "waits")
    for page in (queue_page.draw(service, Visit()), page_of(service, request)):
        assert "The worker w1 stopped taking requests" in page and "Its disk is full." in page
    assert "Number 1 in the queue." in page_of(service, request)


def test_the_points_of_a_waiting_request_are_on_its_page_and_in_the_api(service: Service, api: TestClient) -> None:
    register(service)
    first = submitted(service, "first", params=10.0)
    second = submitted(service, "second", params=10.0, votes=3, priority=3.0, official=True)
    page, answer = page_of(service, second), api.get(f"/api/v1/requests/{second.id}").json()
    assert answer["ranking"]["given"] == 1.0 and answer["queue_position"] == 1
    terms = {term["term"]: (term["points"], term["why"]) for term in answer["ranking"]["terms"]}
    assert terms == {
        "votes": (1.0, "2 votes besides the sender's"), "official": (1.0, "submitted for an official provider"),
    }  # fmt: skip
    for shown in ("2 votes besides the sender&#39;s", "+1.00", "set by a maintainer, before all points", "+2.00"):
        assert shown in page
    assert "another request of its sender runs or comes first" in page_of(service, first) and "−0.25" in page_of(
        service, first
    )
    service.queue.cancel(second, "ann")
    assert "Why it has this place" not in page_of(service, second)
    assert api.get(f"/api/v1/requests/{second.id}").json()["ranking"] is None


def test_a_running_request_shows_each_task(service: Service) -> None:
    claimed = service.queue.claim(submitted(service, "model"), "w1", 600)
    assert "nothing answered yet" in page_of(service, claimed)
    tasks = [TaskProgress(task="sums", done=4, total=4), TaskProgress(task="<i>dates", done=1, total=1600)]
    service.queue.renew(claimed, 600, Progress(task="<i>dates", done=5, total=1604, tasks=tasks))
    page = page_of(service, claimed)
    assert '<tr class="done"><td>sums</td><td class="n num">4 of 4</td></tr>' in page
    assert '<tr class="now"><td>&lt;i&gt;dates</td><td class="n num">1 of 1,600</td></tr>' in page
    assert "5 of 1,604 answered" in page


def test_the_log_is_shown_in_parts_and_nothing_in_it_is_markup(service: Service) -> None:
    request = submitted(service, "model")
    assert "data-log></div>" in page_of(service, request)
    service.logs.write(request.id, "podium: loading <b>\nWARNING x: <b>\n100%|███| 2/2 [00:01]\nTraceback <b>")
    page = page_of(service, request)
    assert '<pre class="own">loading &lt;b&gt;</pre>' in page
    assert (
        '<details id="fold-1"><summary>1 message of libraries</summary><pre>WARNING x: &lt;b&gt;</pre></details>'
        in page
    )
    assert "<summary>1 progress bar</summary>" in page and '<pre class="output">Traceback &lt;b&gt;</pre>' in page


def test_how_far_off_the_estimates_were_is_said_once_it_is_known(service: Service, api: TestClient) -> None:
    register(service)
    waiting = submitted(service, "waiting")
    unknown = "How far off expected times are is not known yet: fewer than ten were made."
    assert unknown in queue_page.draw(service, Visit()) and unknown in page_of(service, waiting)
    for number in range(12):
        start = datetime(2026, 1, 1, number, tzinfo=UTC)
        done = Request(benchmark="tiny", model=f"org/d{number}", revision="b" * 40, status=Status.FINISHED, id=new_id())
        done.history = [
            HistoryEntry(time=utc(start), from_=Status.PENDING, to=Status.RUNNING, by="w1"),
            HistoryEntry(
                time=utc(start + timedelta(seconds=100 + 30 * (number % 2))),
                from_=Status.RUNNING, to=Status.FINISHED, by="w1",
            ),
        ]  # fmt: skip
        service.queue.store.commit({request_path(done): done.to_json()}, "Add")
    answer = api.get(f"/api/v1/requests/{waiting.id}").json()
    assert 0.2 < answer["expected_error"] < 0.31, "130 s instead of 100, and 100 instead of 130"
    sentence = f"Half of the last 11 expected times were off by less than {words.percent(answer['expected_error'])}."
    assert sentence in queue_page.draw(service, Visit()) and sentence in page_of(service, waiting)


@pytest.mark.parametrize(("share", "text"), [(0.0, "1 %"), (0.294, "30 %"), (0.3, "31 %"), (2.5, "251 %")])
def test_what_is_said_to_be_less_is_less(share: float, text: str) -> None:
    assert words.percent(share) == text


@pytest.mark.parametrize(("runs", "sentence"), [(0, ""), (1, "an interrupted run."), (2, "2 interrupted runs.")])
def test_a_result_that_went_on_from_earlier_runs_says_so(service: Service, runs: int, sentence: str) -> None:
    block = PodiumBlock(
        request_id="0" * 16, attempt=runs + 1, benchmark="tiny", benchmark_version="1", model="org/resumed",
        revision="a" * 40, precision="float32", weight_type="Original", use_chat_template=False,
        time="2026-01-01T00:00:00Z", average=None, provenance=Provenance(resumed_runs=runs),
        scores={column.key: Score(raw=None, normalised=None) for column in service.benchmark("tiny").columns},
    )  # fmt: skip
    service.results.publish({"results": {}, "podium": block}, {}, service.contents.changes)
    page = model_page.draw(service, Visit(("org", "resumed"), {"benchmark": "tiny"}))
    assert "Reproduce these scores" in page
    assert ("It went on from the answers of" in page) == bool(runs) and sentence in page


def test_waiting_requests_of_others_can_be_voted_for_on_the_queue_page(service: Service) -> None:
    own = submitted(service, "own", sender=service.settings.anonymous_sender)
    other = submitted(service, "other", sender="ada")

    def vote_forms() -> list[str]:
        return re.findall(r'data-send="([A-Z]+ /api/v1/requests/[0-9a-f]+/votes)"', queue_page.draw(service, Visit()))

    assert vote_forms() == [f"POST /api/v1/requests/{other.id}/votes"], f"not for {own.id}"
    service.request_desk.votes.give(other, service.settings.anonymous_sender)
    assert vote_forms() == [f"DELETE /api/v1/requests/{other.id}/votes"]
