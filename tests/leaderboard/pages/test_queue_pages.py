"""What the pages and the API say of requests that failed, wait or cannot be run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

import localhub
from leaderboard.pages import model as model_page
from leaderboard.pages import queue as queue_page
from leaderboard.pages import request as request_page
from leaderboard.pages.shell import Visit
from leaderboard.records import Abilities, Failure, Fault, PodiumBlock, Provenance, Request, Score, now
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
