"""Selections, openings, reviews and baselines: what holds, who may read it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leaderboard.competitions.reviews import ReviewState
from leaderboard.errors import NotFound, NotPossible, Unreadable
from tests.leaderboard.competitions.made import END, Competition, benchmark


def texts_below(folder: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())


# --- selections


def test_any_member_chooses_for_the_team_until_the_end_and_nobody_else_reads_it(held: Competition) -> None:
    first, second, third = (held.submit(person) for person in ("ann", "bob", "bob"))
    held.clock.pass_days(2)
    held.team("ann", "bob")
    held.selections.choose(benchmark(), [first.id, second.id], "ann")
    held.selections.choose(benchmark(), [third.id, third.id], "bob")
    held.selections.choose(benchmark(), [own := held.submit("eve").id], "eve")
    assert held.selections.of("pairs") == {"Team Reds": [third.id], "eve": [own]}
    assert held.selections.by("pairs", "ann") == [third.id] == held.selections.by("pairs", "bob")
    assert "selections" not in texts_below(held.root / "results") + " ".join(held.public.list())
    assert "chose" not in texts_below(held.root / "results") + texts_below(held.root / "requests")
    held.clock.time = END
    with pytest.raises(NotPossible, match="ended at 2026-04-01T00:00:00Z: what was chosen until then stays"):
        held.selections.choose(benchmark(), [], "ann")


def test_everything_that_is_wrong_with_a_choice_is_said_at_once(held: Competition) -> None:
    theirs, pending = held.submit("eve"), held.submit("ann", finished=False)
    own = [held.submit("ann").id for _ in range(2)]
    elsewhere = held.submit("ann", benchmark="others")
    with pytest.raises(NotPossible) as refused:
        held.selections.choose(benchmark(), [*own, theirs.id, pending.id, elsewhere.id], "ann")
    for wrong in (theirs, pending, elsewhere):
        assert f"{wrong.id} is not a finished submission of yours" in str(refused.value)
    assert "At most 2 can be chosen; these are 5" in str(refused.value)
    assert held.selections.of("pairs") == {}
    with pytest.raises(NotPossible, match="the best submission of each participant counts"):
        held.selections.choose(benchmark(final_submissions=None), own, "ann")


def test_a_choice_falls_with_what_it_was_made_of(held: Competition) -> None:
    alone, of_bob = held.submit("ann"), held.submit("bob")
    held.selections.choose(benchmark(), [alone.id], "ann")
    held.clock.pass_days(2)
    held.team("cem", "ann", "bob")
    assert held.selections.of("pairs") == {}, "what ann chose alone does not hold for her team"
    held.selections.choose(benchmark(), [alone.id, of_bob.id], "cem")
    held.teams.leave(benchmark(), "bob")
    assert held.selections.of("pairs") == {"Team Reds": [alone.id]}
    held.queue.rerun(held.queue.get(alone.id), "mia")
    assert held.selections.of("pairs") == {}, "it is evaluated once more"
    held.finish(held.queue.get(alone.id))
    assert held.selections.of("pairs") == {"Team Reds": [alone.id]}


# --- openings


def test_the_private_board_opens_at_its_time_or_by_an_organiser_after_the_end(held: Competition) -> None:
    timed = benchmark(split={"opens": END.isoformat()})
    assert not held.openings.opened(timed, held.clock())
    assert held.openings.opened(timed, END)
    by_hand = benchmark()
    assert not held.openings.opened(by_hand, END)
    with pytest.raises(NotPossible, match="taken until 2026-04-01T00:00:00Z"):
        held.openings.open(by_hand, "mia", "All is checked.")
    held.clock.time = END
    opened = held.openings.open(by_hand, "mia", "All is checked.")
    assert (opened.by, opened.time, opened.why) == ("mia", "2026-04-01T00:00:00Z", "All is checked.")
    assert held.openings.opened(by_hand, END) and held.openings.by("pairs") == opened
    with pytest.raises(NotPossible, match="is open already"):
        held.openings.open(by_hand, "mia", "Again.")


def test_without_private_labels_there_is_nothing_to_open(held: Competition) -> None:
    plain = benchmark(split=None)
    assert not held.openings.opened(plain, END)
    with pytest.raises(NotPossible, match="has no private board"):
        held.openings.open(plain, "mia", "Why not.")


# --- reviews


def test_a_review_has_a_public_state_and_notes_that_are_not(held: Competition) -> None:
    request = held.submit("ann")
    held.reviews.decide(benchmark(), request.id, ReviewState.IN_REVIEW, "mia")
    held.notes.add(benchmark(), request.id, "The code looks like bob's.", "mia")
    with pytest.raises(NotPossible, match="refused with a reason"):
        held.reviews.decide(benchmark(), request.id, ReviewState.REFUSED, "mia")
    review = held.reviews.decide(benchmark(), request.id, ReviewState.REFUSED, "mia", "It read the labels.")
    assert held.reviews.of("pairs") == {request.id: review}
    assert (review.state, review.reason, review.by) == ("refused", "It read the labels.", "mia")
    assert [note.text for note in held.notes.of("pairs")[request.id]] == ["The code looks like bob's."]
    assert "looks like" not in texts_below(held.root / "results") + texts_below(held.root / "requests")
    log = json.loads(held.public.read("competition/pairs/reviews.json")[0])["decisions"]
    assert [(step["by"], step["what"].split()[-1], step["why"]) for step in log] == [
        ("mia", "review", ""),
        ("mia", "refused", "It read the labels."),
    ]


def test_only_finished_submissions_of_the_benchmark_are_reviewed_and_marked(held: Competition) -> None:
    pending, elsewhere = held.submit("ann", finished=False), held.submit("ann", benchmark="others")
    with pytest.raises(NotPossible, match="is PENDING; this is for finished submissions"):
        held.reviews.decide(benchmark(), pending.id, ReviewState.ACCEPTED, "mia")
    with pytest.raises(NotFound, match="is not one of Pairs"):
        held.baselines.mark(benchmark(), elsewhere.id, True, "mia")
    with pytest.raises(NotFound):
        held.notes.add(benchmark(), "0" * 16, "Who?", "mia")


# --- baselines


def test_a_baseline_is_marked_and_the_mark_taken_away_with_who_and_why(held: Competition) -> None:
    request = held.submit("mia")
    held.baselines.mark(benchmark(), request.id, True, "mia", "Ours.")
    held.baselines.mark(benchmark(), request.id, True, "mia", "Once more.")
    assert held.baselines.of("pairs") == [request.id]
    held.baselines.mark(benchmark(), request.id, False, "mia", "A mistake.")
    assert held.baselines.of("pairs") == []
    log = json.loads(held.public.read("competition/pairs/baselines.json")[0])["decisions"]
    assert [step["why"] for step in log] == ["Ours.", "A mistake."]


def test_a_broken_file_is_named(held: Competition) -> None:
    held.public.commit({"competition/pairs/baselines.json": b"{"}, "by hand")
    with pytest.raises(Unreadable, match="it does not hold decisions"):
        held.baselines.of("pairs")
