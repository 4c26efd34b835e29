"""Refreshing facts against a Hub on loopback, over a folder store that counts its commits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from huggingface_hub import HfApi

import localhub
from backend.upkeep.models import Refresher
from leaderboard.errors import HubUnavailable
from leaderboard.hub.hub import Hub
from leaderboard.models.facts import KnownModels, facts_file, facts_path, read_facts
from leaderboard.records import ModelFacts
from leaderboard.stores.local import LocalStore
from localhub.faults import Fault
from localhub.names import Kind
from tests.leaderboard.importer.test_importer import TINY, Board
from tests.leaderboard.old_boards import request, result_v2, write

DATE = datetime(2026, 1, 1, tzinfo=UTC)
MODELS = [f"ada/m{number}" for number in range(5)]


class Store(LocalStore):
    """Notes which paths each commit changes."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.commits: list[list[str]] = []

    def commit(
        self, changes: Mapping[str, bytes | None], message: str, expected: Mapping[str, str | None] | None = None
    ) -> str:
        version = super().commit(changes, message, expected)
        self.commits.append(sorted(changes))
        return version


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path / "hub", tokens={"ada": "hf_ada"}) as it:
        for model in MODELS:
            it.hub.commit(model, {"README.md": "---\nlicense: mit\ntags: [one]\n---\nText"}, date=DATE)
        yield it


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "results")
    files = {facts_path(model): facts_file(kept(model)) for model in MODELS}
    made.commit(files, "As submitted")
    made.commits.clear()
    return made


def kept(model: str) -> ModelFacts:
    weights = {"model.safetensors": "1" * 64}
    return ModelFacts(model=model, revision="a" * 40, card={"license": "apache-2.0"}, sha256=weights)


def facts(store: LocalStore, model: str) -> ModelFacts:
    result = read_facts(store.read(facts_path(model))[0])
    assert result is not None
    return result


def test_what_changes_is_taken_and_what_was_measured_stays(hub: localhub.Running, store: Store) -> None:
    assert Refresher(Hub(hub.endpoint), store, 100).run() == 5
    assert store.commits == [[facts_path(model) for model in MODELS]], "one commit for all"
    result = facts(store, MODELS[0])
    assert (result.license, result.likes, result.available) == ("mit", 0, True)
    assert "one" in result.tags and result.created_at and result.last_modified
    assert result.revision == "a" * 40 and result.sha256 == kept(MODELS[0]).sha256


def test_nothing_is_written_when_nothing_changed(hub: localhub.Running, store: Store) -> None:
    refresher = Refresher(Hub(hub.endpoint), store, 100)
    refresher.run()
    store.commits.clear()
    assert refresher.run() == 0 and store.commits == []


def test_all_models_have_their_turn_in_batches(hub: localhub.Running, store: Store) -> None:
    refresher = Refresher(Hub(hub.endpoint), store, 2)
    assert [refresher.run() for _ in range(3)] == [2, 2, 1]
    assert [path for commit in store.commits for path in commit] == [facts_path(model) for model in MODELS]


def test_a_model_that_left_and_came_back(hub: localhub.Running, store: Store) -> None:
    api = HfApi(endpoint=hub.endpoint, token="hf_ada")
    refresher = Refresher(Hub(hub.endpoint), store, 100)
    api.update_repo_settings(MODELS[0], private=True)
    api.delete_repo(MODELS[1])
    refresher.run()
    assert [facts(store, model).available for model in MODELS[:3]] == [False, False, True]
    api.update_repo_settings(MODELS[0], private=False)
    refresher.run()
    assert facts(store, MODELS[0]).available


def test_a_renamed_model_has_its_facts_under_the_new_name(hub: localhub.Running, store: Store) -> None:
    api = HfApi(endpoint=hub.endpoint, token="hf_ada")
    api.move_repo(MODELS[0], "ada/second")
    refresher = Refresher(Hub(hub.endpoint), store, 100)
    refresher.run()
    models = KnownModels(store)
    assert models.models() == [*MODELS[1:], "ada/second"]
    assert models.names(MODELS[0]).now == "ada/second"
    assert len(store.commits) == 1
    api.move_repo("ada/second", "ada/third")
    refresher.run()
    assert KnownModels(store).names(MODELS[0]).now == "ada/third"
    assert set(facts(store, "ada/third").aliases) == {MODELS[0], "ada/second"}
    assert set(facts(store, "ada/third").weights) == {"a" * 40}


def test_trouble_of_the_hub_keeps_what_was_seen_and_makes_it_wait(hub: localhub.Running, store: Store) -> None:
    class Tired:
        """The Hub, until it has had enough."""

        def __init__(self) -> None:
            self.asked: list[str] = []

        def overview(self, model: str) -> ModelFacts:
            self.asked.append(model)
            if len(self.asked) > 2:
                raise HubUnavailable("Later.", 10)
            return Hub(hub.endpoint).overview(model)

    tired, clock = Tired(), [0.0]
    refresher = Refresher(tired, store, 100, lambda: clock[0])
    assert refresher.run() == 2 and len(tired.asked) == 3
    assert refresher.run() == 0 and len(tired.asked) == 3, "it is left alone"
    waits = []
    for _ in range(3):
        while refresher.run() == 0 and len(tired.asked) == 3 + len(waits):
            clock[0] += 10
        waits.append(clock[0])
    assert waits == [60, 180, 420], "twice as long each time"
    assert tired.asked[2:] == [MODELS[2]] * 4, "and it goes on where it was"


def test_a_hub_that_answers_with_errors_changes_nothing(hub: localhub.Running, store: Store) -> None:
    hub.faults.set([Fault("500")])
    assert Refresher(Hub(hub.endpoint, timeout_s=2), store, 100).run() == 0
    assert store.commits == [] and facts(store, MODELS[0]).available


def test_somebody_who_was_faster_is_not_overwritten(hub: localhub.Running, store: Store) -> None:
    class Racing(Hub):
        def overview(self, model: str) -> ModelFacts:
            changed = kept(model).model_copy(update={"revision": "b" * 40})
            LocalStore(store.root).commit({facts_path(model): facts_file(changed)}, "Submitted meanwhile")
            return super().overview(model)

    assert Refresher(Racing(hub.endpoint), store, 1).run() == 0
    assert facts(store, MODELS[0]).revision == "b" * 40


def imported(model: str, revision: str) -> ModelFacts:
    """What an old board knew: wrong by now."""
    return ModelFacts(
        model=model, revision=revision, imported=True, card={"license": "mit"}, likes=3, tags=["merge"], available=True
    )


@pytest.fixture
def old_board(tmp_path: Path, hub: localhub.Running) -> Store:
    """Facts of seven models from elsewhere, two of which are gone; one was evaluated at a commit that is gone."""
    for model in MODELS:
        hub.hub.commit(
            model, {"README.md": "---\nlicense: apache-2.0\ntags: [moe]\n---\nText", "model.safetensors": b"x"}
        )
    commits = {model: HfApi(endpoint=hub.endpoint).model_info(model).sha or "" for model in MODELS} | {
        MODELS[4]: "f" * 40
    }
    store = Store(tmp_path / "old")
    gone = {f"ada/gone{number}": "a" * 40 for number in range(2)}
    store.commit(
        {facts_path(model): facts_file(imported(model, sha)) for model, sha in (commits | gone).items()}, "Import"
    )
    store.commits.clear()
    return store


def test_the_hub_is_asked_about_all_imported_models_in_batches(
    hub: localhub.Running, old_board: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "backend.upkeep.models")
    assert Refresher(Hub(hub.endpoint), old_board, 3).run() == 7
    assert [len(commit) for commit in old_board.commits] == [3, 3, 1]
    assert "Facts of imported models: 6 of 7 known." in caplog.text
    known = facts(old_board, MODELS[0])
    assert (known.license, known.likes) == ("apache-2.0", 0) and not known.imported
    assert "moe" in known.tags and "merge" not in known.tags
    assert known.weights, "copies of it are known by its weights"
    assert not facts(old_board, MODELS[4]).weights, "the Hub has other weights now than those that were evaluated"
    gone = facts(old_board, "ada/gone0")
    assert (gone.available, gone.license, gone.likes) == (False, "mit", 3), "what the old board knew"


def test_what_was_not_asked_yet_is_asked_by_the_next_process(hub: localhub.Running, old_board: Store) -> None:
    class Tired(Hub):
        left = 4

        def overview(self, model: str, revision: str = "main") -> ModelFacts:
            self.left -= 1
            if self.left < 0:
                raise HubUnavailable("Later.", 10)
            return super().overview(model, revision)

    assert Refresher(Tired(hub.endpoint), old_board, 3).run() == 4
    waiting = [model for model in KnownModels(old_board).models() if facts(old_board, model).imported]
    assert len(waiting) == 3 and all(facts(old_board, model).likes == 3 for model in waiting)
    old_board.commits.clear()
    assert Refresher(Hub(hub.endpoint), old_board, 100).run() == 3
    assert old_board.commits == [[facts_path(model) for model in waiting]]


def test_a_row_that_was_imported_shows_what_the_hub_says(hub: localhub.Running, tmp_path: Path) -> None:
    commit = hub.hub.commit(MODELS[0], {"README.md": "---\nlicense: apache-2.0\ntags: [moe, merge]\n---\nText"})
    hub.hub.repos.get(Kind.MODEL, MODELS[0]).update(likes=41)
    old = tmp_path / "old"
    write(
        old,
        f"{MODELS[0]}_eval_request_False_bfloat16_Original.json",
        request(MODELS[0], commit, license="mit", likes=2),
    )
    write(old, f"{MODELS[0]}/results_2024-06-26T11-00-00.123456.json", result_v2(TINY, MODELS[0], commit))
    board = Board(tmp_path / "board")
    board.take(old)
    row = board.contents.frame("tiny").iloc[0]
    assert (row["Hub License"], row["Hub ❤️"], row["Merged"], row["MoE"]) == ("mit", 2, False, False)
    assert Refresher(Hub(hub.endpoint), board.store, 100).learn() == 1
    row = board.contents.frame("tiny").iloc[0]
    assert (row["Hub License"], row["Hub ❤️"], row["Merged"], row["MoE"]) == ("apache-2.0", 41, True, True)
