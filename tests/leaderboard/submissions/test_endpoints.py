"""Hosted models as they are taken in: every problem by its code, and the request that is queued."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import localhub
from leaderboard.errors import AlreadyRequested, Infrastructure, NotAccepted
from leaderboard.records import EndpointSubmission, Person, Severity, request_path
from leaderboard.records.kinds.named import EndpointRequest
from leaderboard.service import Service, open_service
from leaderboard.settings import PROJECT, Settings
from leaderboard.submissions.kinds.endpoint.catalogue import ENDPOINT
from leaderboard.submissions.kinds.endpoint.intake import unanswered
from localhub.store import Hub as HubFolder
from tests.leaderboard.people import client_of
from tests.leaderboard.submissions.documented import documented

ANN = Person(name="ann", orgs=("lab",))
DEMO = PROJECT / "checkpoints" / "podium-demo"
URL = "https://93.184.215.14/v1"
KEYS = """
team: {key: sk-secret, hosts: ["93.184.215.14", "127.0.0.1:8000", "93.184.215.15"], senders: [lab]}
other: {key: sk-secret, hosts: ["93.184.215.14"], senders: [bob]}
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("endpoints")
    with localhub.running(folder / "hub") as hub:
        store = HubFolder(folder / "hub")
        for name in ("tiny-base", "no-tokenizer"):
            store.commit_folder(f"podium-demo/{name}", sorted((DEMO / name).iterdir())[0])
        coded = {"tokenizer.json": "{}", "tokenizer_config.json": '{"auto_map": {"AutoTokenizer": "own.Own"}}'}
        store.commit("podium-demo/coded", coded, "Add")
        (folder / "benchmarks").mkdir()
        shutil.copytree(PROJECT / "benchmarks" / "tasks", folder / "benchmarks" / "tasks")
        tiny = yaml.safe_load((PROJECT / "benchmarks" / "tiny.yaml").read_text())
        boards = {
            "tiny": {"kinds": ["checkpoint", "endpoint"]},
            "part": {"kinds": ["endpoint"], "endpoint": {"partial": True, "apis": ["chat"]}},
            "choice": {"kinds": ["endpoint"], "endpoint": {"partial": True}, "columns": tiny["columns"][:2]},
            "closed": {},
        }
        for name, more in boards.items():
            (folder / "benchmarks" / f"{name}.yaml").write_text(
                yaml.safe_dump({**tiny, **more, "id": name, "title": name.title()})
            )
        (folder / "secrets").mkdir(mode=0o700)
        (folder / "secrets" / "endpoints.yaml").write_text(KEYS)
        (folder / "secrets" / "endpoints.yaml").chmod(0o600)
        places = {f"{name}_dir": folder / name for name in ("requests", "results", "work", "benchmarks", "secrets")}
        yield open_service(
            Settings.model_validate(
                {**places, "hub_endpoint": hub.endpoint, "endpoint_hosts": "127.0.0.1:8000", "endpoint_http": True}
            )
        )


def hosted(benchmark: str = "tiny", tokenizer: str = "podium-demo/tiny-base", **endpoint: Any) -> EndpointSubmission:
    given = {"url": URL, "model": "m", "api": "completions", **endpoint}
    fields = {"kind": "endpoint", "benchmark": benchmark, "name": "hosted", "tokenizer": tokenizer, "endpoint": given}
    return EndpointSubmission.model_validate(fields)


def codes(service: Service, submission: EndpointSubmission) -> list[str]:
    return [problem.code for problem in service.intake.look(submission, ANN).problems]


@pytest.mark.parametrize(
    ("submission", "expected"),
    [
        (hosted(), []),
        (hosted(secret="team"), []),
        (hosted(url="http://127.0.0.1:8000/v1", secret="team"), []),
        (hosted("part", "", api="chat"), ["endpoint_columns_left_out"]),
        (hosted(url="https://127.0.0.1/v1"), ["endpoint_private_address"]),
        (hosted(url="http://127.0.0.1:8001/v1"), ["endpoint_private_address"]),
        (hosted(url="https://[::ffff:10.0.0.1]/v1"), ["endpoint_private_address"]),
        (hosted(url="https://0x7f000001/v1"), ["endpoint_url_unreadable"]),
        (hosted(url="https://user:word@example.org/v1"), ["endpoint_url_credentials"]),
        (hosted(url="https://93.184.215.14/v1?key=1"), ["endpoint_url_query"]),
        (hosted(url="https://93.184.215.14:22/v1"), ["endpoint_port"]),
        (hosted(url="https://no-such-name.invalid/v1"), ["endpoint_unresolved"]),
        (hosted(url="https://93.184.215.14/" + "v" * 400), ["endpoint_url_too_long"]),
        (hosted(tokenizer=""), ["endpoint_columns_unscored"]),
        (hosted(tokenizer="", api="chat"), ["endpoint_columns_unscored"]),
        (hosted("choice", "", api="chat"), ["endpoint_nothing_scored"]),
        (hosted("part"), ["endpoint_api_not_taken"]),
        (hosted("closed"), ["kind_not_taken"]),
        (hosted(secret="missing"), ["endpoint_secret_unknown"]),
        (hosted(secret="other"), ["endpoint_secret_unknown"]),
        (hosted(secret="team", url="https://93.184.215.99/v1"), ["endpoint_secret_unknown"]),
        (hosted(secret="team", url="https://93.184.215.14:8443/v1"), ["endpoint_secret_unknown"]),
        (hosted(secret="team", url="http://93.184.215.15/v1"), ["endpoint_secret_in_clear"]),
        (hosted(tokenizer="nobody/nothing"), ["endpoint_tokenizer_unreadable"]),
        (hosted(tokenizer="not a name"), ["endpoint_tokenizer_unreadable"]),
        (hosted(tokenizer="podium-demo/no-tokenizer"), ["endpoint_tokenizer_missing"]),
        (hosted(tokenizer="podium-demo/coded"), ["endpoint_tokenizer_code"]),
        (
            hosted(url="https://10.0.0.1:25/v1", tokenizer="nobody/nothing", secret="other"),
            ["endpoint_port", "endpoint_private_address", "endpoint_secret_unknown", "endpoint_tokenizer_unreadable"],
        ),
    ],
)
def test_every_problem_is_told_at_once(service: Service, submission: EndpointSubmission, expected: list[str]) -> None:
    assert codes(service, submission) == expected


def test_the_sentences_name_columns_and_no_key(service: Service) -> None:
    [lost] = service.intake.look(hosted("tiny", "", api="chat"), ANN).problems
    assert lost.severity is Severity.ERROR and lost.field == "endpoint.api"
    assert lost.message == (
        "The interface chat gives no log-likelihoods, so these columns of Tiny would have no score: "
        "Arithmetic, Comparison, Dates, Logic, Sequences."
    )
    [missing] = service.intake.look(hosted(secret="missing"), ANN).problems
    [forbidden] = service.intake.look(hosted(secret="other"), ANN).problems
    assert missing.message.replace("missing", "other") == forbidden.message, "nobody learns which names there are"
    assert unanswered(service.benchmarks["tiny"], "completions", tokenizer=True) == []


def test_http_is_an_operators_choice(service: Service) -> None:
    strict = open_service(service.settings.model_copy(update={"endpoint_http": False}))
    found = strict.intake.look(hosted(url="http://93.184.215.14/v1"), ANN).problems
    assert [problem.code for problem in found] == ["endpoint_not_https"]
    assert codes(service, hosted(url="http://93.184.215.14/v1")) == []


def test_what_is_queued(service: Service) -> None:
    queued = service.intake.submit(hosted(secret="team"), ANN)
    assert isinstance(queued, EndpointRequest) and queued.model == "ann/hosted" and queued.kind == "endpoint"
    assert queued.tokenizer == "podium-demo/tiny-base" and re.fullmatch("[0-9a-f]{40}", queued.tokenizer_revision)
    assert {"tokenizer.json", "tokenizer_config.json", "config.json"} <= queued.files.keys()
    assert not any(name.endswith(".safetensors") for name in queued.files), "weights are not needed"
    assert queued.endpoint.secret == "team" and not queued.use_chat_template
    stored = service.queue.store.read(request_path(queued))[0]
    assert b"sk-secret" not in stored and b'"secret": "team"' in stored
    with pytest.raises(AlreadyRequested):
        service.intake.submit(hosted(secret="team"), ANN)
    for other in (hosted(model="n"), hosted(url=URL + "/x"), hosted("part", "", api="chat")):
        assert service.intake.submit(other, ANN).revision != queued.revision
    with pytest.raises(NotAccepted):
        service.intake.submit(hosted(url="https://127.0.0.1/v1"), ANN)


def test_it_comes_in_over_the_api(service: Service) -> None:
    body = hosted(model="over-the-api").model_dump(mode="json")
    answer = client_of(service).post("/api/v1/submissions", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["endpoint"]["model"] == "over-the-api"
    refused = client_of(service).post("/api/v1/submissions", json=hosted(url="https://[::1]/v1").model_dump())
    [problem] = refused.json()["problems"]
    assert refused.status_code == 422 and (problem["code"], problem["field"]) == (
        "endpoint_private_address", "endpoint.url",
    )  # fmt: skip


def test_a_file_of_keys_that_is_damaged_is_no_problem_of_a_submission(service: Service, tmp_path: Path) -> None:
    (tmp_path / "endpoints.yaml").write_text("team: sk-secret")
    (tmp_path / "endpoints.yaml").chmod(0o600)
    broken = open_service(service.settings.model_copy(update={"secrets_dir": tmp_path}))
    with pytest.raises(Infrastructure, match="cannot be read") as told:
        broken.intake.look(hosted(secret="team"), ANN)
    assert "sk-secret" not in str(told.value)
    assert codes(broken, hosted(model="keyless")) == []


def test_the_documentation_lists_every_problem_as_it_is_said() -> None:
    assert documented("endpoints.md", ENDPOINT) == set(ENDPOINT)
