"""Teams of a competition: founded, joined by invitation, left. `competition/{benchmark}/teams.json`, for everybody.

Submissions of every member count for the team, those from before they joined too. Nobody gains submissions by a
change: a team takes somebody only while both together have submitted no more than one participant could have, and is
left only by somebody since whose joining no member has submitted anything.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic import BaseModel, Field

from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark
from leaderboard.competitions.decided import Clock, DecisionFile, DecisionFiles, utc_clock
from leaderboard.errors import NotFound, NotPossible
from leaderboard.queue.queue import Queue
from leaderboard.records import AnyRequest, Status, moment, utc

PREFIX = "Team "
"""What every team's name begins with: no account's name does, so that the two are never mistaken for each other."""
NAME = re.compile(r"Team [A-Za-z0-9][A-Za-z0-9 ._-]{0,38}")
ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
MAX_INVITED = 20
NOT_COUNTED = (Status.FAILED, Status.CANCELLED)


class Member(BaseModel):
    """Somebody in a team."""

    name: str
    joined: str
    """When (UTC)."""


class Team(BaseModel):
    """A team."""

    name: str
    """Begins with "Team "."""
    founder: str
    """Who founded it; the next member, once they left."""
    founded: str
    """When (UTC)."""
    members: list[Member]
    """In the order in which they joined."""
    invited: list[str] = Field(default_factory=list)
    """Who may join. Any member invites."""

    @property
    def names(self) -> list[str]:
        """Of its members."""
        return [member.name for member in self.members]

    def member(self, person: str) -> Member | None:
        """The member of that name."""
        return next((member for member in self.members if same(member.name, person)), None)

    def invites(self, person: str) -> bool:
        """Whether they may join."""
        return any(same(name, person) for name in self.invited)


class TeamFile(DecisionFile):
    """The teams of a benchmark."""

    teams: list[Team] = Field(default_factory=list)
    """Oldest first; a team without members is gone."""

    def of(self, person: str) -> Team | None:
        """The team that somebody is in."""
        return next((team for team in self.teams if team.member(person)), None)

    def named(self, name: str) -> Team:
        """The team of that name. Raises NotFound."""
        team = next((team for team in self.teams if same(team.name, name)), None)
        if team is None:
            raise NotFound(f"There is no team {name!r}.")
        return team


class Counted(NamedTuple):
    """What people submitted so far."""

    submissions: int
    """Those that count: all but the failed and cancelled ones."""
    first: datetime | None
    """The first of these."""


class Teams:
    """The teams of every benchmark. Safe for threads and processes."""

    def __init__(self, store: FileStore, queue: Queue, clock: Clock = utc_clock) -> None:
        self._files = DecisionFiles(store, "teams", TeamFile, clock)
        self._queue = queue

    # --- reading

    def listed(self, benchmark_id: str) -> TeamFile:
        """Every team, and what was decided. Raises Unreadable."""
        return self._files.read(benchmark_id)

    def team_of(self, benchmark_id: str, person: str) -> Team | None:
        """The team that somebody is in; None where they are in none. Raises Unreadable."""
        return self._files.read(benchmark_id).of(person)

    def members(self, benchmark_id: str, person: str) -> frozenset[str]:
        """The names whose submissions count with somebody's: their team's members, or they alone. Raises Unreadable."""
        team = self.team_of(benchmark_id, person)
        return frozenset(team.names) if team else frozenset({person})

    def participant(self, benchmark_id: str, person: str) -> str:
        """The name for which somebody's submissions count: their team's, or their own. Raises Unreadable."""
        return self.name_of(benchmark_id, person) or person

    def name_of(self, benchmark_id: str, person: str) -> str:
        """Name of the team that somebody is in; empty where they are in none. Raises Unreadable."""
        team = self.team_of(benchmark_id, person)
        return team.name if team else ""

    # --- deciding

    def found(self, benchmark: Benchmark, name: str, by: str) -> Team:
        """Found a team with `by` as its only member. Raises NotPossible."""
        self._still_open(benchmark)
        full_name = team_name(name)

        def decide(held: TeamFile) -> Team:
            self._without_team(held, by)
            if any(same(team.name, full_name) for team in held.teams):
                raise NotPossible(f"There is a {full_name} already. Choose another name.")
            time = utc(self._files.now())
            team = Team(name=full_name, founder=by, founded=time, members=[Member(name=by, joined=time)])
            held.teams.append(team)
            held.decisions.append(self._files.decision(by, "founded the team", team.name))
            return team

        return self._files.change(benchmark.id, decide, f"Found {full_name}")

    def invite(self, benchmark: Benchmark, person: str, by: str) -> Team:
        """Let somebody join the team of `by`. Raises NotPossible."""
        self._still_open(benchmark)
        if not ACCOUNT.fullmatch(person):
            raise NotPossible(
                f"{person[:100]!r} is not the name of an account. Write the name with which they sign in."
            )

        def decide(held: TeamFile) -> Team:
            team = self._own(held, by)
            if team.member(person):
                raise NotPossible(f"{person} is in {team.name} already.")
            if team.invites(person):
                return team
            if len(team.invited) >= MAX_INVITED:
                raise NotPossible(f"{MAX_INVITED} people are invited to {team.name} already. Take an invitation back.")
            team.invited.append(person)
            held.decisions.append(self._files.decision(by, f"invited {person} to the team", team.name))
            return team

        return self._files.change(benchmark.id, decide, f"{by} invites {person}")

    def take_back(self, benchmark: Benchmark, person: str, by: str) -> Team:
        """Take an invitation to the team of `by` back. Raises NotPossible, NotFound."""

        def decide(held: TeamFile) -> Team:
            team = self._own(held, by)
            if not team.invites(person):
                raise NotFound(f"{person} is not invited to {team.name}.")
            team.invited = [name for name in team.invited if not same(name, person)]
            held.decisions.append(self._files.decision(by, f"took the invitation of {person} back", team.name))
            return team

        return self._files.change(benchmark.id, decide, f"{by} does not invite {person} any more")

    def join(self, benchmark: Benchmark, name: str, by: str) -> Team:
        """Accept an invitation. Raises NotFound, NotPossible."""
        self._still_open(benchmark)

        def decide(held: TeamFile) -> Team:
            team = held.named(name)
            if team.member(by):
                return team
            self._without_team(held, by)
            if not team.invites(by):
                raise NotPossible(f"{by} is not invited to {team.name}. Ask {team.founder} for an invitation.")
            self._has_room(benchmark, team, by)
            team.invited = [other for other in team.invited if not same(other, by)]
            team.members.append(Member(name=by, joined=utc(self._files.now())))
            held.decisions.append(self._files.decision(by, "joined the team", team.name))
            return team

        return self._files.change(benchmark.id, decide, f"{by} joins {name}")

    def leave(self, benchmark: Benchmark, by: str) -> None:
        """Leave one's team; a team without members is gone. Raises NotPossible."""
        self._still_open(benchmark)

        def decide(held: TeamFile) -> None:
            team = self._own(held, by)
            member = team.member(by)
            assert member is not None
            if len(team.members) > 1 and self._submitted_since(benchmark.id, team, member.joined):
                raise NotPossible(
                    f"{team.name} has submitted since {by} joined it, and those submissions count for all of its "
                    "members: it cannot be left any more."
                )
            team.members.remove(member)
            if not team.members:
                held.teams.remove(team)
            elif same(team.founder, by):
                team.founder = team.members[0].name
            held.decisions.append(self._files.decision(by, "left the team", team.name))

        self._files.change(benchmark.id, decide, f"{by} leaves the team")

    # --- rules

    def _still_open(self, benchmark: Benchmark) -> None:
        rules = benchmark.competition
        if rules is None or rules.team_size < 2:
            raise NotPossible(f"{benchmark.title} has no teams: everybody takes part alone.")
        if rules.ends is not None and self._files.now() >= rules.ends:
            raise NotPossible(f"{benchmark.title} ended at {utc(rules.ends)}: its teams stay as they are.")

    def _own(self, held: TeamFile, person: str) -> Team:
        team = held.of(person)
        if team is None:
            raise NotPossible(f"{person} is in no team.")
        return team

    def _without_team(self, held: TeamFile, person: str) -> None:
        team = held.of(person)
        if team is not None:
            raise NotPossible(f"{person} is in {team.name} already. Nobody is in two teams; leave it first.")

    def _has_room(self, benchmark: Benchmark, team: Team, person: str) -> None:
        rules = benchmark.competition
        assert rules is not None
        if len(team.members) >= rules.team_size:
            raise NotPossible(f"{team.name} is full: a team has at most {rules.team_size} members.")
        counted = self._counted(benchmark.id, [*team.names, person])
        most = self._most(benchmark, counted.first)
        if most is not None and counted.submissions > most:
            raise NotPossible(
                f"{team.name} and {person} have submitted {counted.submissions} times together, and one participant "
                f"could have submitted {most} times until now: they cannot become one team."
            )

    def _counted(self, benchmark_id: str, people: list[str]) -> Counted:
        times = [
            time
            for request in self._submissions(benchmark_id, people)
            if request.status not in NOT_COUNTED and (time := moment(request.submitted_time)) is not None
        ]
        return Counted(len(times), min(times, default=None))

    def _most(self, benchmark: Benchmark, first: datetime | None) -> int | None:
        """Submissions that one participant could have made since the first one; None where nothing limits them."""
        assert benchmark.competition is not None
        limits = benchmark.competition.limits
        most = [limits.total] if limits.total is not None else []
        if limits.per_day is not None and first is not None:
            days = (_midnight(self._files.now()) - _midnight(first)) // timedelta(days=1) + 1
            most.append(limits.per_day * days)
        return min(most, default=None)

    def _submitted_since(self, benchmark_id: str, team: Team, joined: str) -> bool:
        since = moment(joined)
        times = (moment(request.submitted_time) for request in self._submissions(benchmark_id, team.names))
        return any(since is None or time is None or time >= since for time in times)

    def _submissions(self, benchmark_id: str, people: list[str]) -> list[AnyRequest]:
        names = {name.lower() for name in people}
        view = self._queue.view()
        return [each for each in view if each.benchmark == benchmark_id and each.sender.lower() in names]


def same(name: str, other: str) -> bool:
    """Whether two names mean the same account or team; both are ASCII."""
    return name.lower() == other.lower()


def team_name(name: str) -> str:
    """`name` as a team's. Raises NotPossible."""
    words = " ".join(name.split())
    full = words if words.lower().startswith(PREFIX.lower()) else PREFIX + words
    full = PREFIX + full[len(PREFIX) :]
    if not NAME.fullmatch(full):
        raise NotPossible(
            "This is not a name for a team. It has at most 39 characters: letters from A to Z, digits, spaces, `.`, "
            "`_` and `-`, and begins with a letter or digit."
        )
    return full


def _midnight(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
