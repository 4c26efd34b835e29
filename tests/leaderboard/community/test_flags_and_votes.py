"""Flags and votes over a folder: what is written, what is refused, and that nobody's is lost."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from leaderboard.benchmarks import load_benchmarks
from leaderboard.board.rows import KnownFacts, frame, in_columns, measured
from leaderboard.community.flags import LIST_PATH, MAX_OPEN, MOVES, Category, Draft, FlagList, Flags, State, Upheld
from leaderboard.community.removals import Removals
from leaderboard.community.votes import Votes, votes_path
from leaderboard.errors import NotFound, NotPossible, Unreadable
from leaderboard.models.summary import summary
from leaderboard.queue.queue import Queue
from leaderboard.records import ModelFacts, Request
from leaderboard.stores.local import LocalStore
from tests.leaderboard.board.test_contents import block
from tests.shared import ROOT

WHY = "The test questions are in its training data, see the card."
TINY = load_benchmarks(ROOT / "benchmarks", ["tiny"])["tiny"]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "results")


@pytest.fixture
def flags(store: LocalStore) -> Flags:
    return Flags(store)


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(LocalStore(tmp_path / "requests"))


def draft(model: str = "org/model", category: Category = Category.CONTAMINATION) -> Draft:
    return Draft(model=model, category=category, evidence=WHY, links=["https://example.org/a?b=c#d"])


def raised(flags: Flags, model: str = "org/model", category: Category = Category.COPY, by: str = "ann") -> str:
    return flags.add(flags.draft(draft(model, category), by)).id


def public(store: LocalStore) -> dict[str, object]:
    result: dict[str, object] = json.loads(store.read(LIST_PATH)[0])
    return result


# --- flags


def test_a_flag_is_proposed_decided_and_never_loses_its_history(flags: Flags) -> None:
    flag = flags.get(raised(flags))
    assert (flag.state, flag.by, flag.evidence) == (State.PROPOSED, "ann", WHY)
    flags.decide(flag.id, State.ACCEPTED, "mia", "Checked.")
    appealed = flags.decide(flag.id, State.REJECTED, "mia", "The owner is right.")
    steps = [(step.from_, step.to, step.by, step.note) for step in appealed.history]
    assert steps == [
        (None, State.PROPOSED, "ann", ""),
        (State.PROPOSED, State.ACCEPTED, "mia", "Checked."),
        (State.ACCEPTED, State.REJECTED, "mia", "The owner is right."),
    ]
    assert flags.get(flag.id) == appealed


def test_true_means_flagged(flags: Flags, store: LocalStore) -> None:
    accepted, rejected, waiting = (raised(flags, f"org/{name}") for name in ("accepted", "rejected", "waiting"))
    flags.decide(accepted, State.ACCEPTED, "mia")
    flags.decide(rejected, State.REJECTED, "mia")
    answer = public(store)
    assert answer["flagged"] == {"org/accepted": ["copy without attribution"]}
    entries = {flag["id"]: flag for flag in answer["flags"]}  # type: ignore[attr-defined]
    assert {key: item["flagged"] for key, item in entries.items()} == {accepted: True, rejected: False, waiting: False}
    assert entries[waiting]["decided"] is None and entries[accepted]["decided"]
    assert "`flagged: true` means" in str(answer["about"])


@pytest.mark.parametrize("before", list(State))
@pytest.mark.parametrize("to", list(State))
def test_only_what_the_rules_say_can_follow(flags: Flags, before: State, to: State) -> None:
    flag = raised(flags)
    if before is not State.PROPOSED:
        flags.decide(flag, before, "mia")
    if to in MOVES[before]:
        assert flags.decide(flag, to, "mia").state is to
    else:
        with pytest.raises(NotPossible, match=f"is {before.value}"):
            flags.decide(flag, to, "mia")


def test_nobody_fills_the_board_with_flags(flags: Flags) -> None:
    first = raised(flags)
    with pytest.raises(NotPossible, match="already"):
        raised(flags)
    for number in range(MAX_OPEN - 1):
        raised(flags, f"org/{number}")
    with pytest.raises(NotPossible, match=f"{MAX_OPEN} of your flags wait"):
        raised(flags, "org/one-more")
    raised(flags, "org/one-more", by="bob")
    flags.decide(first, State.REJECTED, "mia")
    raised(flags, "org/one-more")


def test_flaggers_at_the_same_time_are_all_heard(flags: Flags, store: LocalStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: raised(Flags(store), by=f"person{number}"), range(24)))
    listed = flags.listed()
    assert {flag.id for flag in listed.flags} == set(made) and len(made) == 24


def test_a_double_click_is_one_flag(flags: Flags, store: LocalStore) -> None:
    def click(_: int) -> bool:
        try:
            raised(Flags(store))
        except NotPossible:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(click, range(8))) == 1
    assert len(flags.listed().flags) == 1


def test_a_broken_list_is_told_and_can_be_mended(flags: Flags, store: LocalStore) -> None:
    flag = raised(flags)
    flags.decide(flag, State.ACCEPTED, "mia")
    whole = public(store)
    store.commit({LIST_PATH: b"{}}", "flags/ab/junk.json": b"no"}, "by hand")
    with pytest.raises(Unreadable):
        flags.listed()
    flags.rebuild_list()
    assert public(store) == whole


@pytest.mark.parametrize("name", ["", "../secret", "0" * 15, "0" * 17, "Z" * 16, "00/0000000000000"])
def test_an_id_is_never_a_path(flags: Flags, name: str) -> None:
    with pytest.raises(NotFound):
        flags.get(name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"evidence": "short"},
        {"evidence": "x" * 10_001},
        {"links": ["javascript:alert(1)"]},
        {"links": ["https://example.org/<script>"]},
        {"links": ["https://example.org/a b"]},
        {"links": ["https://example.org"] * 11},
        {"category": "ugly"},
        {"by": "somebody-else"},
        {"state": "accepted"},
    ],
)
def test_what_a_flagger_says_is_bounded(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Draft.model_validate({"model": "org/model", "category": "other", "evidence": WHY} | wrong)


def test_accepted_flags_label_rows_and_removals_take_them_away() -> None:
    paths = {number: f"tiny/org/model{number}/results_x.json" for number in (1, 2, 3)}
    rows = [measured(block(number), path, "1", TINY) for number, path in paths.items()]
    known = KnownFacts(
        flagged=[
            Upheld("org/model2", Category.REMOVAL.value, "/model/org/model2#flags"),
            Upheld("org/model1", "contamination", "https://hub/d/1"),
        ]
    )
    table = frame(in_columns(rows, TINY), known, TINY)
    assert table["fullname"].tolist() == ["org/model1", "org/model3"]
    assert table["Flagged"].tolist() == [True, False]
    assert table["flag_category"].tolist()[0] == "contamination"
    assert table["flag_link"].tolist()[0] == "https://hub/d/1"
    assert table["flag_link"].isna().tolist() == [False, True]


def test_a_new_name_does_not_leave_a_flag_behind() -> None:
    rows = [measured(block(1), "tiny/org/model1/results_x.json", "1", TINY) | {"result_time": "2026-01-01T00:00:00Z"}]
    renamed = ModelFacts(model="org/renamed", revision="0" * 40, aliases={"org/model1": "2026-02-01T00:00:00Z"})
    for raised_at, flagged in (("2026-01-15T00:00:00Z", True), ("2026-03-01T00:00:00Z", False)):
        held = [Upheld("org/model1", "other", "/x", raised_at)]
        table = frame(in_columns(rows, TINY), KnownFacts(facts={"org/renamed": summary(renamed)}, flagged=held), TINY)
        assert table["fullname"].tolist() == ["org/renamed"]
        assert table["Flagged"].tolist() == [flagged], "after the rename the old name is somebody else's"
        assert not flagged or table["flag_link"].tolist() == ["/model/org/renamed#flags"]


def test_a_removal_counts_before_any_other_flag(flags: Flags) -> None:
    for category in (Category.COPY, Category.REMOVAL, Category.BROKEN):
        flags.decide(raised(flags, category=category), State.ACCEPTED, "mia")
    assert flags.upheld()[0].category == Category.REMOVAL.value


def test_who_was_removed_is_told_of_many_models_by_one_look_at_the_flags(
    flags: Flags, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    removals = Removals(flags, lambda model: {"org/older": "org/model1"}.get(model, model))
    asked = {"org/model1", "org/older", "org/model2", "org/model3"}
    assert removals.among(asked) == set()
    for model, category in (("org/model1", Category.REMOVAL), ("org/model2", Category.COPY)):
        flags.decide(raised(flags, model, category), State.ACCEPTED, "mia")
    raised(flags, "org/model3", Category.REMOVED)
    looks: list[FlagList] = []
    current = Flags.current

    def noting(self: Flags) -> FlagList:
        looks.append(current(self))
        return looks[-1]

    monkeypatch.setattr(Flags, "current", noting)
    assert removals.among(asked) == {"org/model1", "org/older"} and len(looks) == 1
    assert [model for model in sorted(asked) if removals.why(model)] == ["org/model1", "org/older"]
    store.commit({LIST_PATH: b"{"}, "break it", {LIST_PATH: store.list()[LIST_PATH]})
    assert removals.among(asked) == set(), "the board goes on without what cannot be read"


# --- votes


def asked(queue: Queue, number: int = 1, sender: str = "ann") -> Request:
    answer = {"benchmark": "tiny", "model": f"org/model{number}", "revision": f"{number:040x}"}
    return queue.submit(Request(**answer, sender=sender, submitted_time=f"2026-01-01T00:00:{number:02}Z"))


def test_votes_move_a_request_up_and_back(queue: Queue) -> None:
    first, second = asked(queue, 1), asked(queue, 2)
    votes = Votes(queue)
    assert [element.id for element in queue.pending()] == [first.id, second.id]
    voted = votes.give(second, "bob")
    assert (voted.votes, voted.priority) == (2, 1)
    assert [entry.id for entry in queue.pending()] == [second.id, first.id]
    assert (votes.take_back(second, "bob").votes, queue.get(second.id).priority) == (1, 0)
    assert [item.id for item in queue.pending()] == [first.id, second.id]


def test_a_person_has_one_vote_and_the_submitters_is_counted(queue: Queue) -> None:
    request, votes = asked(queue), Votes(queue)
    with pytest.raises(NotPossible, match="counted already"):
        votes.give(request, "ann")
    votes.give(request, "bob")
    with pytest.raises(NotPossible, match="already"):
        votes.give(request, "bob")
    with pytest.raises(NotPossible, match="not voted"):
        votes.take_back(request, "eve")
    assert queue.get(request.id).votes == 2
    assert votes.has_voted(request, "ann") and votes.has_voted(request, "bob") and not votes.has_voted(request, "eve")


def test_names_are_compared_as_the_hub_does(queue: Queue, flags: Flags) -> None:
    request, votes = asked(queue, sender="Ann"), Votes(queue)
    with pytest.raises(NotPossible, match="counted already"):
        votes.give(request, "ann")
    votes.give(request, "Bob")
    with pytest.raises(NotPossible, match="already"):
        votes.give(request, "bob")
    assert votes.has_voted(request, "BOB") and votes.take_back(request, "BOB").votes == 1
    raised(flags, by="Ann")
    with pytest.raises(NotPossible, match="already"):
        raised(flags, by="ann")


def test_only_what_waits_can_be_voted_for(queue: Queue) -> None:
    request = asked(queue)
    queue.claim(request, "worker", 60)
    with pytest.raises(NotPossible, match="RUNNING"):
        Votes(queue).give(request, "bob")


def test_voters_at_the_same_time_all_count(tmp_path: Path, queue: Queue) -> None:
    request = asked(queue)

    def vote(number: int) -> None:
        own = Queue(LocalStore(tmp_path / "requests"))
        Votes(own).give(own.get(request.id), f"person{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(vote, range(24)))
    result = queue.get(request.id)
    assert (result.votes, result.priority) == (25, 24)
    assert len(Votes(queue).of(result).votes) == 24


def test_votes_are_kept_in_one_commit_with_the_priority(queue: Queue) -> None:
    request = asked(queue)
    before = queue.store.changes_since(None).version
    Votes(queue).give(request, "bob")
    changed = queue.store.changes_since(before).paths
    assert set(changed) == {votes_path(request), queue.path_of(request)}
    assert queue.view().set_aside == []


def test_a_priority_that_maintainers_gave_is_kept(queue: Queue) -> None:
    request = asked(queue)
    path = queue.path_of(request)
    stored = json.loads(queue.store.read(path)[0])
    queue.store.commit({path: json.dumps(stored | {"priority": 5}).encode()}, "by hand")
    assert Votes(queue).give(request, "bob").priority == 6
