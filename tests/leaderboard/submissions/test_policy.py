"""Quotas, official providers, the list of what is not taken, and how maintainers lift each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

import localhub
from leaderboard.benchmarks import Benchmark, Column, Part, Policy, load_benchmarks
from leaderboard.documents import about
from leaderboard.documents.visit import Visit
from leaderboard.errors import BadBenchmark, NotAccepted, NotFound, Unreadable
from leaderboard.records import Person, Request, Status, submission_of, utc
from leaderboard.service import Service
from leaderboard.settings import PROJECT
from leaderboard.stores.local import LocalStore
from leaderboard.submissions.policy import Policies, Rules, organisation, policy_path
from tests.leaderboard.people import ORGANIZATIONS, TOKENS, bearer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CARD = "---\nlicense: mit\n---\n" + "A checkpoint made for a test. " * 10
ADA, BOB, EVE, MIA = (
    Person(name="ada", orgs=("lab",)),
    Person(name="bob", orgs=("Lab",)),
    Person(name="eve"),
    Person(name="mia"),
)


def benchmark(**policy: Any) -> Benchmark:
    return Benchmark(
        id="tiny",
        version="1",
        title="Tiny",
        description="",
        columns=[Column(key="a", title="A", run=["t"], parts=[Part(task="t", metrics=["acc,none"])])],
        policy=Policy.model_validate(policy),
    )


def rules(**policy: Any) -> Rules:
    return Rules(benchmark(**policy), {})


def sent(by: str, at: datetime, status: Status = Status.PENDING, **more: Any) -> Request:
    reply: dict[str, Any] = {"model": "org/name", "benchmark": "tiny", "sender": by, "submitted_time": utc(at)}
    return Request(**reply | {"status": status} | more)


# --- counting


def test_what_counts_and_what_does_not() -> None:
    day = timedelta(days=1)
    own = rules(quota={"person": 3, "period_days": 7})
    requests = [
        sent("ada", NOW - day, Status.FINISHED),
        sent("ADA", NOW - 2 * day, Status.RUNNING),
        sent("ada", NOW - day, Status.FAILED),
        sent("ada", NOW - day, Status.CANCELLED),
        sent("ada", NOW - 7 * day, Status.FINISHED),
        sent("eve", NOW - day, model="ada/name"),
        sent("ada", NOW - day, benchmark="other"),
        sent("ada", NOW - day).model_copy(update={"submitted_time": "yesterday"}),
    ]
    [left] = own.allowances(ADA, "ada/model", requests, NOW)
    assert (left.whose, left.name, left.used, left.left) == ("person", "ada", 2, 1)
    assert left.frees_at == utc(NOW + 5 * day)


def test_the_owner_of_a_model_does_not_pay_for_what_others_submit() -> None:
    own = rules(quota={"person": 1, "organisation": 1})
    requests = [sent("eve", NOW, model="lab/model") for _ in range(9)]
    assert [allowance.left for allowance in own.allowances(ADA, "lab/model", requests, NOW)] == [1, 1]


def test_an_organisation_pays_for_its_own_models_sent_by_its_members() -> None:
    own = rules(quota={"organisation": 2})
    requests = [sent("ada", NOW, sender_org="lab"), sent("bob", NOW, sender_org="Lab"), sent("bob", NOW)]
    [left] = own.allowances(BOB, "lab/next", requests, NOW)
    assert (left.whose, left.name, left.used, left.left) == ("organisation", "Lab", 2, 0)
    assert own.allowances(BOB, "bob/own", requests, NOW) == []
    assert own.allowances(EVE, "lab/next", requests, NOW) == []


def test_members_of_official_providers_submit_their_own_models_without_limit() -> None:
    own = rules(quota={"person": 1, "organisation": 1}, official_providers=["LAB"])
    requests = [sent("ada", NOW, sender_org="lab") for _ in range(9)]
    assert own.allowances(ADA, "lab/model", requests, NOW) == []
    assert [item.left for item in own.allowances(ADA, "ada/model", requests, NOW)] == [1], "these do not count"
    requests.append(sent("ada", NOW))
    assert [item.left for item in own.allowances(ADA, "ada/model", requests, NOW)] == [0], "others' as anybody"
    assert [allowance.left for allowance in own.allowances(EVE, "lab/model", requests, NOW)] == [1], (
        "as do others theirs"
    )


AGES = st.lists(st.integers(0, 20 * 86_400), max_size=12)


@given(ages=AGES, limit=st.integers(1, 6), days=st.integers(1, 10))
@settings(deadline=None)
def test_a_quota_frees_up_when_it_says_and_not_before(ages: list[int], limit: int, days: int) -> None:
    own = rules(quota={"person": limit, "period_days": days})
    requests = [sent("ada", NOW - timedelta(seconds=age)) for age in ages]

    def left(at: datetime) -> int:
        [one] = own.allowances(ADA, "ada/m", requests, at)
        return one.left

    [now] = own.allowances(ADA, "ada/m", requests, NOW)
    assert now.used == sum(age < days * 86_400 for age in ages)
    assert now.left == max(limit - now.used, 0)
    assert (now.frees_at is None) == (now.used == 0)
    if now.frees_at:
        frees = datetime.fromisoformat(now.frees_at)
        assert frees > NOW
        assert left(frees - timedelta(seconds=1)) == now.left
        assert left(frees) > now.left


@given(ages=AGES, limit=st.integers(1, 6))
@settings(deadline=None)
def test_nobody_gets_more_than_the_quota_in_any_period(ages: list[int], limit: int) -> None:
    """Whoever submits whenever they are let in stays within the limit in every window of the period's length."""
    own, taken = rules(quota={"person": limit, "period_days": 2}), []
    for age in sorted(ages, reverse=True):
        at = NOW - timedelta(seconds=age)
        [one] = own.allowances(ADA, "ada/m", taken, at)
        if one.left:
            taken.append(sent("ada", at))
    times = [datetime.fromisoformat(item.submitted_time) for item in taken]
    assert all(sum(time <= other < time + timedelta(days=2) for other in times) <= limit for time in times)


# --- not to be submitted


def test_a_list_of_what_is_not_taken() -> None:
    own = rules(do_not_submit=[{"model": "org/Bad", "reason": "No."}, {"model": "mill/*", "reason": "Too many."}])
    assert own.refusal("ORG/bad") == ("ORG/bad", "No.")
    assert own.refusal("org/good", "mill/base") == ("mill/base", "Too many.")
    assert rules(do_not_submit=[{"model": "gpt2", "reason": "Old."}]).refusal("org/gpt2", "gpt2") == ("gpt2", "Old.")
    assert own.refusal("org/bad2") is None and own.refusal("windmill/x") is None and own.refusal() is None


@pytest.mark.parametrize("model", ["*", "*/name", "org/na*", "or*", "org/name/x", "org/[a]"])
def test_patterns_stand_for_whole_organisations_only(model: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        benchmark(do_not_submit=[{"model": model, "reason": "No."}])


def test_a_policy_in_a_file_is_checked_with_its_line(tmp_path: Path) -> None:
    text = (PROJECT / "benchmarks" / "tiny.yaml").read_text().replace("  include_path: tasks/tiny\n", "  {}\n")
    place = tmp_path / "tiny.yaml"
    place.write_text(text + "policy:\n  quota: {person: 0, period_days: 7}\n  official: [lab]\n")
    with pytest.raises(BadBenchmark) as caught:
        load_benchmarks(tmp_path)
    reply = "\n".join(caught.value.lines)
    assert "policy.quota.person" in reply and "official_providers" in reply


# --- what maintainers decide


@pytest.fixture
def policies(tmp_path: Path) -> Policies:
    listed = benchmark(
        quota={"person": 1, "organisation": 1},
        official_providers=["big"],
        do_not_submit=[{"model": "org/*", "reason": "A mill."}],
    )
    return Policies(LocalStore(tmp_path / "results"), {"tiny": listed})


def test_maintainers_lift_and_impose_each_rule(policies: Policies) -> None:
    def decide(*words: Any) -> None:
        policies.decide("tiny", *words, MIA, "Because.")

    used = [sent("ada", NOW, sender_org="lab")]
    decide("quota", "Ada", "lift")
    assert [item.whose for item in policies.rules("tiny").allowances(ADA, "lab/m", used, NOW)] == ["organisation"]
    decide("quota", "lab", "lift")
    assert policies.rules("tiny").allowances(ADA, "lab/m", used, NOW) == []
    decide("quota", "ada", "impose")
    assert [allowance.left for allowance in policies.rules("tiny").allowances(ADA, "lab/m", used, NOW)] == [0]

    decide("official_provider", "BIG", "lift")
    decide("official_provider", "lab", "impose")
    assert policies.rules("tiny").official() == {"lab"}

    decide("do_not_submit", "org/one", "lift")
    decide("do_not_submit", "other/two", "impose")
    now = policies.rules("tiny")
    assert now.refusal("org/ONE") is None and now.refusal("org/two") == ("org/two", "A mill.")
    assert now.refusal("other/two") == ("other/two", "Because.")

    assert not now.may_copy("eve/copy")
    decide("copy", "eve/copy", "lift")
    assert policies.rules("tiny").may_copy("eve/copy")
    assert [(entry.by, entry.why) for entry in policies.history("tiny")] == [("mia", "Because.")] * 8


def test_decisions_of_two_maintainers_at_once_are_both_kept(policies: Policies) -> None:
    threads = [
        threading.Thread(target=policies.decide, args=("tiny", "quota", f"p{number}", "lift", MIA, "All."))
        for number in range(8)
    ]
    for item in threads:
        item.start()
    for thread in threads:
        thread.join()
    assert {entry.subject for entry in policies.history("tiny")} == {f"p{number}" for number in range(8)}


def test_an_unknown_benchmark_and_a_broken_file(policies: Policies, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="tiny"):
        policies.rules("../x")
    LocalStore(tmp_path / "results").commit({policy_path("tiny"): b'{"decisions": 1}'}, "broken")
    with pytest.raises(Unreadable):
        policies.rules("tiny")


# --- over HTTP


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    weights = b'{"w":{"dtype":"BF16","shape":[10],"data_offsets":[0,20]}}'
    config = '{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}'
    with localhub.running(tmp_path_factory.mktemp("hub"), tokens=TOKENS, organizations=ORGANIZATIONS) as it:
        for number, model in enumerate(["ada/one", "ada/two", "ada/three", "lab/one", "lab/two", "mill/one"]):
            body = len(weights).to_bytes(8, "little") + weights + bytes([number]) * 20
            files = {"README.md": CARD, "config.json": config, "tokenizer.json": "{}", "model.safetensors": body}
            it.hub.commit(model, files, date=NOW)
        yield it


QUOTA = """
policy:
  quota: {person: 2, organisation: 1, period_days: 7}
  official_providers: [big]
  do_not_submit:
    - {model: mill/*, reason: Its models are made by a script}
"""


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    source = PROJECT / "benchmarks"
    (folder / "tasks").symlink_to(source / "tasks")
    (folder / "tiny.yaml").write_text((source / "tiny.yaml").read_text() + QUOTA)
    return {"sign_in": "required", "maintainers": "keepers", "benchmarks_dir": folder}


def post(api: TestClient, who: str, model: str, what: str = "", precision: str = "bfloat16") -> Any:
    body = {"benchmark": "tiny", "model": model, "precision": precision}
    return api.post(f"/api/v1/submissions{what}", json=body, headers=bearer(who))


def refused(answer: Any) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [problem["code"] for problem in answer.json()["problems"] if problem["severity"] == "error"]


def test_what_is_left_is_told_before_and_the_next_one_is_refused_with_the_time(
    api: TestClient, service: Service
) -> None:
    [own] = post(api, "ada", "ada/one", "/check").json()["quota"]
    assert (own["name"], own["limit"], own["used"], own["left"], own["frees_at"]) == ("ada", 2, 0, 2, None)
    for model in ("ada/one", "ada/two"):
        assert post(api, "ada", model).status_code == 201
    look = post(api, "ada", "ada/three", "/check").json()
    assert not look["accepted"] and look["quota"][0]["left"] == 0
    [problem] = [entry for entry in look["problems"] if entry["code"] == "quota_used_up"]
    assert look["quota"][0]["frees_at"][:10] in problem["fix"] and "UTC" in problem["fix"]
    assert refused(post(api, "ada", "ada/three")) == ["quota_used_up"]
    assert post(api, "eve", "ada/three").status_code == 201, "somebody else has a quota of their own"
    own = next(item for item in service.queue.pending() if item.sender == "ada")
    service.queue.cancel(own, "ada")
    assert post(api, "ada", "ada/three", precision="float16").status_code == 201, "cancelled ones are given back"


def test_an_organisations_quota_is_shared_by_its_members(api: TestClient) -> None:
    first = post(api, "ada", "lab/one")
    assert first.json()["sender_org"] == "lab"
    assert refused(post(api, "bob", "lab/two")) == ["organisation_quota_used_up"]
    assert post(api, "eve", "lab/two").json()["sender_org"] == ""


def test_a_resubmission_keeps_its_first_sender_and_counts_for_who_made_it(api: TestClient, service: Service) -> None:
    first = post(api, "ada", "ada/one").json()
    api.post(f"/api/v1/requests/{first['id']}/cancel", json={}, headers=bearer("ada")).raise_for_status()
    again = post(api, "eve", "ada/one").json()
    assert (again["id"], again["sender"], again["resubmitted_by"]) == (first["id"], "ada", "eve")
    assert [(step["by"], step["to"]) for step in again["history"]] == [
        ("ada", "PENDING"), ("ada", "CANCELLED"), ("eve", "PENDING"),
    ]  # fmt: skip
    left = {who: service.intake.quota("tiny", Person(name=who))[0].used for who in ("ada", "eve")}
    assert left == {"ada": 0, "eve": 1}
    for who in ("ada", "eve"):
        assert api.get("/api/v1/requests", params={"sender": who}).json()["total"] == 1
    api.post(f"/api/v1/requests/{first['id']}/cancel", json={}, headers=bearer("eve")).raise_for_status()
    own = post(api, "ada", "ada/one").json()
    assert (own["sender"], own["resubmitted_by"]) == ("ada", "")


def test_a_refused_model_and_lifting_it(api: TestClient) -> None:
    assert refused(post(api, "eve", "Mill/one")) == ["do_not_submit"]
    ruling = {"kind": "do_not_submit", "subject": "mill/one", "effect": "lift", "why": "This one was made by hand."}
    address = "/api/v1/policy/tiny"
    assert api.post(address, json=ruling).status_code == 401
    assert api.post(address, json=ruling, headers=bearer("ada")).status_code == 403
    reply = api.post(address, json=ruling | {"by": "ada"}, headers=bearer("mia"))
    assert reply.status_code == 422
    assert api.post(address, json=ruling | {"subject": "../../x"}, headers=bearer("mia")).status_code == 422
    assert api.post(address, json=ruling, headers=bearer("mia")).json()["by"] == "mia"
    assert post(api, "eve", "mill/one").status_code == 201
    answer = api.get(address).json()
    assert [decision["subject"] for decision in answer["decisions"]] == ["mill/one"]
    assert answer["official_providers"] == ["big"] and answer["policy"]["quota"]["person"] == 2


def test_the_about_page_says_what_is_not_taken_and_what_was_decided(api: TestClient, service: Service) -> None:
    for subject, effect in (("bob/model", "impose"), ("mill/one", "lift")):
        ruling = {"kind": "do_not_submit", "subject": subject, "effect": effect, "why": f"A reason for {subject}."}
        api.post("/api/v1/policy/tiny", json=ruling, headers=bearer("mia")).raise_for_status()
    page = about.draw(service, Visit())
    not_accepted, _, decisions = page.partition('id="decisions"')
    for words in ("mill/*", "Its models are made by a script", "bob/model", "A reason for bob/model."):
        assert words in not_accepted
    assert "mill/one" not in not_accepted
    assert "mill/one" in decisions and "A reason for mill/one." in decisions and "may be submitted" in decisions


def test_many_at_once_do_not_slip_past_a_quota(service: Service) -> None:
    taken: list[Request] = []
    refusals: list[NotAccepted] = []

    def send(precision: str) -> None:
        wanted = submission_of({"benchmark": "tiny", "model": "ada/one", "precision": precision})
        try:
            taken.append(service.intake.submit(wanted, EVE))
        except NotAccepted as error:
            refusals.append(error)

    threads = [
        threading.Thread(target=send, args=(entry,)) for entry in ("bfloat16", "float16", "float32", "8bit", "4bit")
    ]
    for item in threads:
        item.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(refusals)) == (2, 3)


def test_for_whom_a_submission_is() -> None:
    assert organisation(ADA, "LAB/model") == "lab"
    assert organisation(ADA, "ada/model") == "" == organisation(EVE, "lab/model")
