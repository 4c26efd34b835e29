"""Teams: nobody is in two, and nobody gains submissions by joining or leaving one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from leaderboard.competitions.teams import Teams, team_name
from leaderboard.errors import NotFound, NotPossible
from tests.leaderboard.competitions.made import END, Competition, benchmark


def test_a_team_is_founded_and_joined_by_invitation(held: Competition) -> None:
    assert held.teams.members("pairs", "ann") == {"ann"} and held.teams.team_of("pairs", "ann") is None
    team = held.teams.found(benchmark(), "Reds", "ann")
    assert (team.name, team.founder, team.names) == ("Team Reds", "ann", ["ann"])
    with pytest.raises(NotPossible, match="Ask ann for an invitation"):
        held.teams.join(benchmark(), "Team Reds", "bob")
    held.teams.invite(benchmark(), "Bob", "ann")
    assert held.teams.join(benchmark(), "team reds", "bob").names == ["ann", "bob"]
    assert held.teams.members("pairs", "BOB") == {"ann", "bob"} == held.teams.members("pairs", "ann")
    assert held.teams.participant("pairs", "bob") == "Team Reds" and held.teams.participant("pairs", "eve") == "eve"
    assert held.teams.name_of("pairs", "bob") == "Team Reds" and held.teams.name_of("pairs", "eve") == ""
    assert held.teams.members("others", "bob") == {"bob"}
    listed = held.teams.listed("pairs")
    assert listed.teams[0].invited == []
    assert [(step.by, step.what, step.subject) for step in listed.decisions] == [
        ("ann", "founded the team", "Team Reds"),
        ("ann", "invited Bob to the team", "Team Reds"),
        ("bob", "joined the team", "Team Reds"),
    ]
    assert all(step.time == "2026-03-01T00:00:00Z" for step in listed.decisions)


def test_nobody_is_in_two_teams_and_no_team_is_too_large(held: Competition) -> None:
    held.team("ann", "bob", "cem")
    held.teams.found(benchmark(), "Blues", "eve")
    for person in ("bob", "dan"):
        held.teams.invite(benchmark(), person, "eve")
    with pytest.raises(NotPossible, match="bob is in Team Reds already"):
        held.teams.join(benchmark(), "Team Blues", "bob")
    with pytest.raises(NotPossible, match="ann is in Team Reds already"):
        held.teams.found(benchmark(), "Greens", "ann")
    held.teams.invite(benchmark(), "dan", "ann")
    with pytest.raises(NotPossible, match="Team Reds is full: a team has at most 3 members"):
        held.teams.join(benchmark(), "Team Reds", "dan")
    with pytest.raises(NotPossible, match="There is a Team reds already"):
        held.teams.found(benchmark(), "reds", "dan")


def test_the_last_place_is_taken_by_one_of_those_who_come_at_once(held: Competition) -> None:
    held.teams.found(benchmark(), "Reds", "ann")
    people = ["bob", "cem", "dan", "eve", "fay", "gus"]
    for person in people:
        held.teams.invite(benchmark(), person, "ann")

    def join(person: str) -> bool:
        try:
            Teams(held.public, held.queue, held.clock).join(benchmark(), "Team Reds", person)
        except NotPossible:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(join, people)) == 2
    assert len(held.teams.members("pairs", "ann")) == 3


def test_an_invitation_can_be_taken_back(held: Competition) -> None:
    held.teams.found(benchmark(), "Reds", "ann")
    held.teams.invite(benchmark(), "bob", "ann")
    held.teams.take_back(benchmark(), "bob", "ann")
    with pytest.raises(NotPossible, match="not invited"):
        held.teams.join(benchmark(), "Team Reds", "bob")
    with pytest.raises(NotFound, match="bob is not invited"):
        held.teams.take_back(benchmark(), "bob", "ann")
    with pytest.raises(NotPossible, match="is not the name of an account"):
        held.teams.invite(benchmark(), "../bob", "ann")


def test_nobody_leaves_with_submissions_of_the_team(held: Competition) -> None:
    held.submit("bob")
    held.clock.pass_days(1)
    held.team("ann", "bob")
    held.teams.leave(benchmark(), "bob")
    assert held.teams.members("pairs", "ann") == {"ann"}
    held.teams.invite(benchmark(), "bob", "ann")
    held.teams.join(benchmark(), "Team Reds", "bob")
    held.submit("ann", finished=False)
    for person in ("ann", "bob"):
        with pytest.raises(NotPossible, match=f"Team Reds has submitted since {person} joined it"):
            held.teams.leave(benchmark(), person)


def test_the_last_member_takes_the_team_along(held: Competition) -> None:
    held.team("ann", "bob")
    held.teams.leave(benchmark(), "ann")
    assert held.teams.listed("pairs").teams[0].founder == "bob"
    held.submit("bob")
    held.teams.leave(benchmark(), "bob")
    assert held.teams.listed("pairs").teams == [] and held.teams.members("pairs", "bob") == {"bob"}


def test_two_who_submitted_apart_do_not_become_one_with_more_than_one_could_have_had(held: Competition) -> None:
    for person in ("ann", "bob"):
        held.submit(person)
        held.submit(person)
    held.teams.found(benchmark(), "Reds", "ann")
    held.teams.invite(benchmark(), "bob", "ann")
    with pytest.raises(NotPossible, match="submitted 4 times together, and one participant could have submitted 2"):
        held.teams.join(benchmark(), "Team Reds", "bob")
    held.clock.pass_days(1)
    assert held.teams.join(benchmark(), "Team Reds", "bob").names == ["ann", "bob"], "two a day for two days"


def test_the_total_limits_who_may_join_and_failed_submissions_do_not_count(held: Competition) -> None:
    of_three = benchmark(limits={"total": 3})
    for person in ("ann", "ann", "bob", "bob"):
        last = held.submit(person, finished=False)
    held.teams.found(of_three, "Reds", "ann")
    held.teams.invite(of_three, "bob", "ann")
    with pytest.raises(NotPossible, match="could have submitted 3 times"):
        held.teams.join(of_three, "Team Reds", "bob")
    held.queue.cancel(last, "bob")
    assert held.teams.join(of_three, "Team Reds", "bob").names == ["ann", "bob"]


def test_teams_stay_as_they_are_when_it_has_ended_and_are_not_where_none_are_wanted(held: Competition) -> None:
    held.team("ann", "bob")
    with pytest.raises(NotPossible, match="Pairs has no teams"):
        held.teams.found(benchmark(team_size=1), "Blues", "eve")
    held.clock.time = END
    for change in (lambda: held.teams.leave(benchmark(), "bob"), lambda: held.teams.found(benchmark(), "B", "eve")):
        with pytest.raises(NotPossible, match="ended at 2026-04-01T00:00:00Z: its teams stay"):
            change()


@pytest.mark.parametrize("name", ["", "-", "ä", "x" * 40, "<b>", "a/b", "..", "Team"])
def test_a_name_that_is_none(name: str) -> None:
    if name == "Team":
        assert team_name(name) == "Team Team"
        return
    with pytest.raises(NotPossible, match="not a name for a team"):
        team_name(name)


def test_no_team_is_called_as_somebody_could_be() -> None:
    assert team_name("bob") == "Team bob" == team_name("  team   bob ")
