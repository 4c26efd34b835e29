"""Health, readiness and metrics of a service, over real stores."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

import localhub
from leaderboard.api import add_api, catch_errors
from leaderboard.api.monitor import ReaderTimes, monitor_routes
from leaderboard.errors import ModelUnavailable, PodiumError
from leaderboard.monitoring.listener import listening
from leaderboard.monitoring.readiness import Check, Readiness
from leaderboard.records import Request, Status
from leaderboard.service import Service
from localhub.faults import Fault
from tests.leaderboard.people import Open

HERE = ("127.0.0.1", 40000)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub")) as running:
        yield running


def client(service: Service, address: tuple[str, int] = HERE) -> TestClient:
    """Somebody at `address` who asks the service directly."""
    app = FastAPI()
    app.include_router(monitor_routes(service))
    add_api(app, service)
    catch_errors(app)
    app.add_middleware(ReaderTimes, registry=service.monitor.registry, pages=["", "queue"])
    return TestClient(app, client=address)


def values(text: str) -> dict[tuple[str, ...], float]:
    """(name, values of the labels in order of their names) -> value."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def request(name: str, **more: Any) -> Request:
    return Request(model=f"org/{name}", revision="a" * 40, benchmark="tiny", precision="float32", **more)


# --- health and readiness


def test_a_service_is_alive_and_ready(service: Service) -> None:
    asker = client(service)
    assert (asker.get("/healthz").status_code, asker.get("/healthz").text) == (200, "ok\n")
    answer = asker.get("/readyz")
    assert answer.status_code == 200 and answer.json()["ready"] is True
    assert [check["name"] for check in answer.json()["checks"]] == ["store", "benchmarks"]


def test_a_store_that_is_gone_is_not_ready_yet_alive(service: Service, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "results")
    asker = client(service)
    answer = asker.get("/readyz")
    store = answer.json()["checks"][0]
    assert (answer.status_code, answer.json()["ready"], store["ok"]) == (503, False, False)
    assert "PODIUM_RESULTS_DIR" in store["sentence"] and str(tmp_path) not in answer.text
    assert asker.get("/healthz").status_code == 200


def test_a_benchmark_that_breaks_is_seen(opened: Open, tmp_path: Path) -> None:
    folder = tmp_path / "benchmarks"
    shutil.copytree("benchmarks", folder)
    service = opened(benchmarks_dir=folder)
    (folder / "tiny.yaml").write_text("id: tiny\ncolumns: 3\n")
    answer = client(service).get("/readyz")
    assert answer.status_code == 503
    assert [check["name"] for check in answer.json()["checks"] if not check["ok"]] == ["benchmarks"]


def test_a_scheduler_that_ends_no_rounds_is_seen(service: Service) -> None:
    ages = [5.0]
    service.monitor.watch_scheduler(lambda: ages[0])
    assert service.monitor.readiness.report().ready
    ages[0] = service.settings.lease_s + 1
    service.monitor.readiness._looked = float("-inf")
    [check] = [check for check in service.monitor.readiness.report().checks if check.name == "scheduler"]
    assert not check.ok and "no round" in check.sentence


def test_many_who_ask_make_one_look() -> None:
    looks, time = [], [0.0]

    def check() -> Check:
        looks.append(time[0])
        return Check(name="store", ok=True, sentence="Fine.")

    readiness = Readiness([check], clock=lambda: time[0])
    assert [readiness.report().ready for _ in range(3)] == [True] * 3 and looks == [0.0]
    time[0] = 10.0
    readiness.report()
    assert looks == [0.0, 10.0]


# --- metrics


def test_the_queue_is_counted_by_status(service: Service) -> None:
    for number in range(3):
        service.queue.submit(request(f"m{number}", submitted_time="2026-01-01T00:00:00Z"))
    service.queue.cancel(service.queue.pending()[0], "ada")
    found = values(client(service).get("/metrics").text)
    assert found[("podium_requests", "PENDING")] == 2 and found[("podium_requests", "CANCELLED")] == 1
    assert {name[1] for name in found if name[0] == "podium_requests"} == {status.value for status in Status}
    assert found[("podium_oldest_pending_seconds",)] > 86_400
    assert found[("podium_queue_up",)] == 1


def test_an_empty_queue_has_no_oldest(service: Service) -> None:
    assert values(client(service).get("/metrics").text)[("podium_oldest_pending_seconds",)] == 0


def test_questions_to_the_hub_are_counted_with_those_that_it_refused(service: Service, hub: localhub.Running) -> None:
    asker = client(service)
    before = values(asker.get("/metrics").text)
    hub.faults.set([Fault("429", path="nobody", seconds=600)])  # longer than anybody waits
    with pytest.raises(PodiumError):
        service.hub.overview("nobody/nothing")
    hub.faults.set([])
    with pytest.raises(ModelUnavailable):
        service.hub.overview("nobody/nothing")
    after = values(asker.get("/metrics").text)
    assert after[("podium_hub_calls_total",)] >= before[("podium_hub_calls_total",)] + 2
    limited = ("podium_hub_answers_total", "429")
    assert after[limited] > before[limited]
    assert ("podium_hub_answers_total", "404") in after or ("podium_hub_answers_total", "401") in after


def test_readers_wait_by_route_and_no_path_of_theirs_becomes_a_label(service: Service) -> None:
    asker = client(service)
    for name in ("one", "two"):
        asker.get(f"/api/v1/models/org/{name}")
        asker.get(f"/{name}.php")
    asker.request("BREW", "/queue")
    text = asker.get("/metrics").text
    counted = {name[1:]: value for name, value in values(text).items() if name[0] == "podium_http_seconds_count"}
    assert counted[("GET", "/api/v1/models/{org}/{name}", "4xx")] == 2
    assert counted[("GET", "other", "4xx")] == 2
    assert counted[("other", "/queue", "4xx")] == 1
    assert "one" not in {label for labels in counted for label in labels} and "BREW" not in text


def test_two_services_in_one_process_count_apart(opened: Open, tmp_path: Path) -> None:
    first, second = opened(), opened(requests_dir=tmp_path / "others")
    first.queue.submit(request("m"))
    asked = [
        values(client(service).get("/metrics").text)[("podium_requests", "PENDING")] for service in (first, second)
    ]
    assert asked == [1, 0]


@pytest.mark.parametrize(
    ("networks", "address", "headers", "status"),
    [
        (None, "127.0.0.1", {}, 200),
        (None, "::1", {}, 200),
        (None, "10.0.0.7", {}, 403),
        (None, "testclient", {}, 403),
        (None, "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 403),
        (None, "127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 403),
        ("10.0.0.0/8", "10.0.0.7", {}, 200),
        ("10.0.0.0/8", "127.0.0.1", {}, 403),
    ],
)
def test_who_may_read_metrics(
    opened: Open, networks: str | None, address: str, headers: dict[str, str], status: int
) -> None:
    service = opened(**({"metrics_from": networks} if networks else {}))
    answer = client(service, (address, 40000)).get("/metrics", headers=headers)
    assert answer.status_code == status
    assert ("podium_requests" in answer.text) is (status == 200)


# --- a worker's own port


def test_a_worker_answers_on_a_port_of_its_own(service: Service) -> None:
    import httpx

    with listening(service.monitor, "127.0.0.1", 0) as address, httpx.Client(trust_env=False) as asker:
        assert asker.get(f"{address}/healthz").text == "ok\n"
        assert json.loads(asker.get(f"{address}/readyz").text)["ready"] is True
        assert "podium_requests" in asker.get(f"{address}/metrics").text
        assert asker.get(f"{address}/metrics", headers={"Via": "1.1 x"}).status_code == 403
        assert asker.get(f"{address}/api/v1/requests").status_code == 404


def test_registries_may_be_shared_with_what_counts_already(service: Service) -> None:
    registry = CollectorRegistry()
    from leaderboard.monitoring.monitor import Monitor

    assert Monitor(service.settings, service.stores, service.queue, registry).registry is registry
