"""A model that is renamed on the Hub, and another repository that takes its name: who is flagged, and who is not."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from huggingface_hub import HfApi

import localhub
from backend.upkeep.models import Refresher
from leaderboard.api.board import model_of
from leaderboard.board.contents import contents_path
from leaderboard.community.flags import LIST_PATH, Category, Draft, Flag, FlagList, State
from leaderboard.errors import NotAccepted
from leaderboard.identity import Asker
from leaderboard.models.facts import KnownModels
from leaderboard.models.repositories import Repositories, Repository, present_command
from leaderboard.models.summary import summary
from leaderboard.records import ModelFacts, Person, Provenance, Request
from leaderboard.service import Service
from tests.leaderboard.board.test_contents import block
from tests.leaderboard.models.test_copies import ADA, CARD, DATE, MIA, checkpoint, move, publish, submission

WHY = "Its training data holds the questions of the benchmark."
EVE = Asker(Person(name="eve"))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path / "hub", tokens={"ada": "hf_ada", "eve": "hf_eve"}) as running:
        running.hub.commit("ada/first", checkpoint(1), date=DATE)
        yield running


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"maintainers": "mia", "anonymous_sender": "ada"}


def evaluated(service: Service, name: str, time: str) -> Request:
    """A model that was submitted and measured at `time`."""
    request = service.intake.submit(submission(name), ADA)
    publish(service, request, time)
    return request


def flagged(service: Service, model: str) -> Flag:
    draft = Draft(model=model, category=Category.CONTAMINATION, evidence=WHY)
    return service.flag_desk.flags.decide(service.flag_desk.propose(draft, EVE).id, State.ACCEPTED, "mia")


def taken_by_another(hub: localhub.Running, name: str) -> None:
    HfApi(endpoint=hub.endpoint, token="hf_ada").create_repo(name)
    hub.hub.commit(name, checkpoint(7), date=DATE + timedelta(days=30))


def refresh(service: Service) -> None:
    Refresher(service.hub, service.results_store, 100).run()


def public_list(service: Service) -> FlagList:
    return FlagList.model_validate_json(service.results_store.read(LIST_PATH)[0])


def in_store(service: Service) -> dict[str, bool]:
    """Model -> whether it is flagged, as those who read only the store see it."""
    table = pd.read_parquet(io.BytesIO(service.results_store.read(contents_path("tiny"))[0]))
    return dict(zip(table["fullname"], table["Flagged"].tolist(), strict=True))


def test_a_flag_goes_with_a_renamed_model(service: Service, hub: localhub.Running) -> None:
    evaluated(service, "ada/first", "2026-03-01T00:00:00Z")
    flag = flagged(service, "ada/first")
    service.publish_decisions("tiny")
    assert in_store(service) == {"ada/first": True}

    move(hub, "ada/first", "ada/best")
    refresh(service)
    service.publish_decisions("tiny")
    listed = public_list(service)
    assert listed.flagged == {"ada/best": ["contamination"]}
    [entry] = listed.flags
    assert (entry.model, entry.flagged_as, entry.name_taken) == ("ada/best", "ada/first", False)
    assert entry.link == "/model/ada/best#flags"
    assert in_store(service) == {"ada/best": True}

    taken_by_another(hub, "ada/first")
    evaluated(service, "ada/first", "2099-01-01T00:00:00Z")
    table = service.contents.frame("tiny")
    assert dict(zip(table["fullname"], table["Flagged"].tolist(), strict=True)) == {
        "ada/best": True,
        "ada/first": False,
    }
    assert [each.id for each in service.flags.of_model("ada/best")] == [flag.id]
    assert service.flags.of_model("ada/first") == []
    theirs = flagged(service, "ada/first")
    assert [each.id for each in service.flags.of_model("ada/first")] == [theirs.id]
    assert public_list(service).flagged == {"ada/best": ["contamination"], "ada/first": ["contamination"]}


@pytest.mark.parametrize("noticed_by", ["refresher", "submission"])
def test_who_takes_a_name_before_the_rename_was_seen_is_not_accused(
    service: Service, hub: localhub.Running, noticed_by: str
) -> None:
    evaluated(service, "ada/first", "2026-03-01T00:00:00Z")
    flag = flagged(service, "ada/first")
    move(hub, "ada/first", "ada/best")
    taken_by_another(hub, "ada/first")
    if noticed_by == "refresher":
        refresh(service)
    evaluated(service, "ada/first", "2099-01-01T00:00:00Z")
    service.publish_decisions("tiny")

    listed = public_list(service)
    assert listed.flagged == {}, "the name is somebody else's now"
    assert (listed.flags[0].name_taken, listed.flags[0].link) == (True, f"/flags#flag-{flag.id}")
    assert listed.flags[0].commits, "the flagged repository can be told by its commits"
    table = service.contents.frame("tiny").set_index("result_time")
    assert table["Flagged"].tolist() == [True, False]
    assert table["Available on the hub"].tolist() == [False, True]
    assert [each.podium.time[:4] for each in model_of(service, "ada/first").evaluations] == ["2099"]
    assert service.flags.of_model("ada/first") == []


def test_a_new_commit_or_a_rewritten_history_is_the_same_repository(service: Service, hub: localhub.Running) -> None:
    evaluated(service, "ada/first", "2026-03-01T00:00:00Z")
    flagged(service, "ada/first")
    HfApi(endpoint=hub.endpoint, token="hf_ada").super_squash_history("ada/first")
    hub.hub.commit("ada/first", checkpoint(3), date=DATE + timedelta(days=40))
    refresh(service)
    evaluated(service, "ada/first", "2026-04-01T00:00:00Z")
    assert service.contents.frame("tiny")["Flagged"].tolist() == [True, True]


def test_what_was_started_before_and_measured_after_a_rename_is_told_by_its_commit() -> None:
    known = {
        "ada/best": ModelFacts(
            model="ada/best", revision="a" * 40, weights={"a" * 40: "w"}, aliases={"ada/first": "2026-02-01T00:00:00Z"}
        ),
        "ada/first": ModelFacts(model="ada/first", revision="b" * 40, weights={"b" * 40: "v"}),
    }
    repositories, later = Repositories({name: summary(facts) for name, facts in known.items()}), "2026-03-01T00:00:00Z"
    assert repositories.of("ada/first", later, ["a" * 40]) == Repository("ada/best")
    assert repositories.of("ada/first", later, ["b" * 40]) == Repository("ada/first")
    assert repositories.of("ada/first", later) == Repository("ada/first")
    assert repositories.since("ada/first", later) == "2026-02-01T00:00:00Z"
    assert repositories.since("ada/first", "2026-01-01T00:00:00Z") == ""


def test_the_start_of_a_name_survives_the_next_submission(service: Service, hub: localhub.Running) -> None:
    evaluated(service, "ada/first", "2026-03-01T00:00:00Z")
    move(hub, "ada/first", "ada/best")
    taken_by_another(hub, "ada/first")
    evaluated(service, "ada/first", "2099-01-01T00:00:00Z")
    since = KnownModels(service.results_store).names("ada/first").since
    assert since and datetime.fromisoformat(since) <= datetime.now(UTC)
    hub.hub.commit("ada/first", checkpoint(8), date=DATE + timedelta(days=31))
    evaluated(service, "ada/first", "2099-01-02T00:00:00Z")
    assert KnownModels(service.results_store).names("ada/first").since == since


def test_reproduce_names_the_repository_that_was_measured() -> None:
    known = {
        "ada/best": ModelFacts(
            model="ada/best", revision="a" * 40, weights={"a" * 40: "w"}, aliases={"ada/first": "2026-02-01T00:00:00Z"}
        ),
        "ada/first": ModelFacts(model="ada/first", revision="b" * 40, weights={"b" * 40: "v"}),
        "ada/taken": ModelFacts(model="ada/taken", revision="b" * 40, since="2026-02-01T00:00:00Z"),
    }
    command = "lm_eval --model_args pretrained={name},revision=main,tokenizer={name} --tasks {name}-questions"

    def reproduced(name: str, time: str, revision: str) -> str:
        made = Provenance(command=command.format(name=name))
        measured = block(model=name, time=time, revision=revision, provenance=made)
        return present_command(measured, Repositories({name: summary(facts) for name, facts in known.items()}))

    before, after = "2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"
    moved = "lm_eval --model_args pretrained=ada/best,revision=main,tokenizer=ada/best --tasks ada/first-questions"
    assert reproduced("ada/first", before, "a" * 40) == moved
    assert reproduced("ada/first", after, "b" * 40) == command.format(name="ada/first")
    assert reproduced("ada/taken", before, "a" * 40) == "", "nobody knows what it is called now"
    assert reproduced("ada/taken", after, "b" * 40) == command.format(name="ada/taken")


def test_what_was_removed_is_refused_with_the_reason_under_every_name(service: Service, hub: localhub.Running) -> None:
    evaluated(service, "ada/first", "2026-03-01T00:00:00Z")
    hub.hub.commit("ada/first", checkpoint(1) | {"README.md": CARD + "More."}, date=DATE + timedelta(days=1))
    wish = Draft(model="ada/first", category=Category.REMOVAL, evidence="We have retracted this checkpoint.")
    flag = service.flag_desk.propose(wish, Asker(ADA))
    service.flag_desk.decide(flag.id, State.ACCEPTED, Asker(MIA), "As you wish.")

    def refusals(name: str) -> list[str]:
        problems = service.intake.look(submission(name), ADA).problems
        return [problem.message for problem in problems if problem.code == "removed"]

    [reason] = refusals("ada/first")
    assert "its owner had its results removed from this board on" in reason and "As you wish." in reason
    with pytest.raises(NotAccepted):
        service.intake.submit(submission("ada/first"), ADA)
    move(hub, "ada/first", "ada/best")
    assert refusals("ada/best") and refusals("ada/first"), "a new name does not undo it"
    taken_by_another(hub, "ada/first")
    refresh(service)
    assert refusals("ada/first") == [], "the name is another repository's now"
