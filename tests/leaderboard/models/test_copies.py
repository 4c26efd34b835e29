"""Copies and renames, from the Hub on loopback to the queue, the flags' seam, the API and the board."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from huggingface_hub import HfApi

import localhub
from leaderboard.api.board import model_of
from leaderboard.community.flags import Category, State
from leaderboard.errors import AlreadyRequested, NotAccepted
from leaderboard.models.facts import KnownModels, Names
from leaderboard.models.lineage import Copy
from leaderboard.records import CheckpointSubmission, Person, PodiumBlock, Provenance, Request
from leaderboard.service import Service
from leaderboard.stores.local import LocalStore

DATE = datetime(2026, 1, 1, tzinfo=UTC)
CARD = "---\nlicense: mit\n---\n" + "A checkpoint made for a test. " * 10
CONFIG = json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"]})
HEADER = b'{"w":{"dtype":"BF16","shape":[10],"data_offsets":[0,20]}}'
ADA, EVE, MIA = Person(name="ada"), Person(name="eve"), Person(name="mia")


def checkpoint(number: int, **more: str) -> dict[str, bytes | str]:
    weights = len(HEADER).to_bytes(8, "little") + HEADER + bytes([number]) * 20
    return {"README.md": CARD, "config.json": CONFIG, "tokenizer.json": "{}", "model.safetensors": weights} | more


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path / "hub", tokens={"ada": "hf_ada"}) as it:
        it.hub.commit("ada/first", checkpoint(1), date=DATE)
        it.hub.commit("eve/copy", checkpoint(1), date=DATE + timedelta(days=1))
        it.hub.commit("eve/own", checkpoint(2), date=DATE)
        yield it


def submission(model: str, **more: Any) -> CheckpointSubmission:
    return CheckpointSubmission(**{"benchmark": "tiny", "model": model} | more)


def codes(service: Service, model: str, by: Person = EVE) -> list[str]:
    return [
        problem.code for problem in service.intake.look(submission(model), by).problems if problem.code != "no_worker"
    ]


def move(hub: localhub.Running, old: str, new: str) -> None:
    answer = httpx.post(
        f"{hub.endpoint}/api/repos/move",
        json={"fromRepo": old, "toRepo": new, "type": "model"},
        headers={"Authorization": "Bearer hf_ada"},
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text


def publish(service: Service, request: Request, time: str) -> None:
    block = PodiumBlock(
        request_id=request.id,
        attempt=1,
        benchmark="tiny",
        benchmark_version="1",
        model=request.model,
        revision=request.revision,
        precision=request.precision,
        weight_type=request.weight_type,
        use_chat_template=False,
        time=time,
        scores={},
        average=50.0,
        provenance=Provenance(),
    )
    service.results.publish({"results": {}, "podium": block.model_dump(mode="json")}, {})


# --- copies


def test_a_copy_is_caught_before_it_is_queued(service: Service) -> None:
    told: list[Copy] = []
    service.intake.on_copy.append(told.append)
    assert codes(service, "eve/copy") == []
    first = service.intake.submit(submission("ada/first"), ADA)
    assert codes(service, "eve/copy") == ["copy_of"]
    with pytest.raises(NotAccepted) as caught:
        service.intake.submit(submission("eve/copy"), EVE)
    [problem] = caught.value.problems
    assert "ada/first" in problem.message and first.revision[:7] in problem.message
    assert codes(service, "eve/own") == []
    assert [request.model for request in service.queue.view().requests] == ["ada/first"]
    assert service.models.models() == ["ada/first"] and told == []


def test_a_maintainer_lets_a_copy_in_which_is_told_and_stands_on_its_row(service: Service) -> None:
    told: list[Copy] = []
    service.intake.on_copy.append(told.append)
    first = service.intake.submit(submission("ada/first"), ADA)
    service.policies.decide("tiny", "copy", "eve/copy", "lift", MIA, "Its author moved house.")
    copy = service.intake.submit(submission("eve/copy"), EVE)
    [reply] = told
    assert reply[:4] == ("eve/copy", copy.revision, "ada/first", first.revision) and reply.weights
    publish(service, first, "2026-03-01T00:00:00Z")
    publish(service, copy, "2026-03-01T00:00:01Z")
    [flag] = service.flag_desk.flags.of_model("eve/copy")
    assert (flag.category, flag.state, flag.by) == (Category.COPY, State.PROPOSED, "podium")
    assert first.revision in flag.evidence and "ada/first" in flag.evidence
    table = service.contents.frame("tiny").set_index("fullname")
    assert table["copy_of"].isna()["ada/first"] and table["copy_of"]["eve/copy"] == "ada/first"


def test_an_original_that_comes_later_is_taken_and_the_copy_is_told(service: Service) -> None:
    told: list[Copy] = []
    service.intake.on_copy.append(told.append)
    service.intake.submit(submission("eve/copy"), EVE)
    assert codes(service, "ada/first") == ["copied_by"]
    service.intake.submit(submission("ada/first"), ADA)
    [reply] = told
    assert (reply.model, reply.of) == ("eve/copy", "ada/first")


def test_the_same_weights_at_another_commit_are_pointed_out(service: Service, hub: localhub.Running) -> None:
    first = service.intake.submit(submission("ada/first"), ADA)
    hub.hub.commit("ada/first", {"README.md": CARD + "More words."}, date=DATE + timedelta(days=9))
    [problem] = [p for p in service.intake.look(submission("ada/first"), ADA).problems if p.code == "same_weights"]
    assert first.revision[:7] in problem.message
    second = service.intake.submit(submission("ada/first"), ADA)
    assert second.revision != first.revision
    hub.hub.commit("ada/first", checkpoint(3), date=DATE + timedelta(days=10))
    service.intake.submit(submission("ada/first"), ADA)
    assert codes(service, "eve/copy") == ["copy_of"], "commits that are not the newest are known too"


def test_the_index_reads_only_what_changed(service: Service, tmp_path: Path) -> None:
    reads: list[str] = []

    class Counting(LocalStore):
        def read_many(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes, str]]:
            wanted = list(paths)
            reads.extend(wanted)
            return super().read_many(wanted)

    models = KnownModels(Counting(tmp_path / "results"))
    service.intake.submit(submission("ada/first"), ADA)
    assert models.models() == ["ada/first"]
    reads.clear()
    assert models.models() == ["ada/first"] and reads == []
    service.intake.submit(submission("eve/own"), EVE)
    assert models.models() == ["ada/first", "eve/own"] and reads == ["facts/eve/own.json"]


# --- renames


def test_a_renamed_repository_is_not_its_own_copy_and_keeps_its_rows(service: Service, hub: localhub.Running) -> None:
    first = service.intake.submit(submission("ada/first"), ADA)
    publish(service, first, "2026-03-01T00:00:00Z")
    move(hub, "ada/first", "ada/best")
    for name in ("ada/best", "ada/first"):
        with pytest.raises(AlreadyRequested) as caught:
            service.intake.submit(submission(name), ADA)
        assert caught.value.existing.id == first.id
    second = service.intake.submit(submission("ada/first", precision="float32"), ADA)
    assert second.model == "ada/best"
    assert service.models.models() == ["ada/best"]
    assert service.models.names("ada/first").now == "ada/best"

    publish(service, second, "2026-03-02T00:00:00Z")
    table = service.contents.frame("tiny")
    assert table["fullname"].tolist() == ["ada/best", "ada/best"]
    assert all("ada/best" in link for link in table["Model"]) and table["eval_name"][0].startswith("ada_best")
    for name in ("ada/best", "ada/first"):
        model = model_of(service, name)
        assert (model.model, model.earlier_names) == ("ada/best", ["ada/first"])
        assert len(model.evaluations) == len(model.requests) == 2
    assert codes(service, "eve/copy") == ["copy_of"]


def test_who_takes_a_name_that_became_free_has_results_of_their_own(service: Service, hub: localhub.Running) -> None:
    first = service.intake.submit(submission("ada/first"), ADA)
    publish(service, first, "2026-03-01T00:00:00Z")
    move(hub, "ada/first", "ada/best")
    service.intake.submit(submission("ada/best", precision="float32"), ADA)
    HfApi(endpoint=hub.endpoint, token="hf_ada").create_repo("ada/first")
    hub.hub.commit("ada/first", checkpoint(7), date=DATE + timedelta(days=30))
    taken = service.intake.submit(submission("ada/first"), ADA)
    assert taken.model == "ada/first"
    publish(service, taken, "2099-01-01T00:00:00Z")
    table = service.contents.frame("tiny").set_index("result_time")["fullname"]
    assert table.to_dict() == {"2026-03-01T00:00:00Z": "ada/best", "2099-01-01T00:00:00Z": "ada/first"}
    assert [item.podium.time[:4] for item in model_of(service, "ada/best").evaluations] == ["2026"]
    assert [evaluation.podium.time[:4] for evaluation in model_of(service, "ada/first").evaluations] == ["2099"]


def test_what_has_no_time_belongs_to_its_own_name_alone() -> None:
    names = Names("org/now", {"org/before": "2026-01-02T00:00:00Z"})
    assert names.include("org/now", "") and names.include("org/before", "")
    assert not names.include("org/other", "") and not names.include("org/before", "2026-01-03T00:00:00Z")
