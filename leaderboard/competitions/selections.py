"""What participants choose for the final ranking. `competition/{benchmark}/selections.json` of the private store.

Nobody else reads it before the private board opens: a choice tells what somebody takes for their best.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark
from leaderboard.competitions.decided import Clock, DecisionFile, DecisionFiles, utc_clock
from leaderboard.competitions.teams import Teams
from leaderboard.errors import NotPossible
from leaderboard.queue.queue import Queue
from leaderboard.records import AnyRequest, Status, utc


class SelectionFile(DecisionFile):
    """The choices of a benchmark's participants."""

    chosen: dict[str, list[str]] = Field(default_factory=dict)
    """Name of a team, or of somebody without one -> ids of requests, as they were chosen."""


class Selections:
    """The choices of every benchmark's participants. Safe for threads and processes."""

    def __init__(self, private: FileStore, queue: Queue, teams: Teams, clock: Clock = utc_clock) -> None:
        """`private`: a store that nobody but the service reads."""
        self._files = DecisionFiles(private, "selections", SelectionFile, clock)
        self._queue = queue
        self._teams = teams

    def of(self, benchmark_id: str) -> dict[str, list[str]]:
        """Name of a team, or of somebody without one -> ids of the chosen requests.

        Left out is what does not hold any more: of somebody who joined a team later, of members who left it, and of
        requests that are not finished now. Raises Unreadable.
        """
        chosen = {name: self._holding(benchmark_id, name, ids) for name, ids in self._chosen(benchmark_id).items()}
        return {name: ids for name, ids in chosen.items() if ids}

    def by(self, benchmark_id: str, person: str) -> list[str]:
        """The ids that hold for somebody and their team. Raises Unreadable."""
        name = self._teams.participant(benchmark_id, person)
        return self._holding(benchmark_id, name, self._chosen(benchmark_id).get(name, []))

    def candidates(self, benchmark_id: str, person: str) -> list[AnyRequest]:
        """The finished submissions of somebody and their team, the newest first. Raises Unreadable."""
        names = {name.lower() for name in self._teams.members(benchmark_id, person)}
        own = [
            request
            for request in self._queue.view()
            if request.benchmark == benchmark_id and request.sender.lower() in names
            and request.status is Status.FINISHED
        ]  # fmt: skip
        return sorted(own, key=lambda request: request.submitted_time, reverse=True)

    def choose(self, benchmark: Benchmark, request_ids: Sequence[str], by: str) -> list[str]:
        """Choose these, and no others, for somebody and their team. Raises NotPossible, saying all that is wrong."""
        rules = benchmark.competition
        if rules is None or rules.final_submissions is None:
            raise NotPossible(
                f"Nothing is chosen for {benchmark.title}: the best submission of each participant counts."
            )
        if rules.ends is not None and self._files.now() >= rules.ends:
            raise NotPossible(f"{benchmark.title} ended at {utc(rules.ends)}: what was chosen until then stays.")
        ids = list(dict.fromkeys(request_ids))
        own = {request.id for request in self.candidates(benchmark.id, by)}
        wrong = [f"{each} is not a finished submission of yours or your team's." for each in ids if each not in own]
        if len(ids) > rules.final_submissions:
            wrong.append(f"At most {rules.final_submissions} can be chosen; these are {len(ids)}.")
        if wrong:
            raise NotPossible(" ".join(wrong))
        name = self._teams.participant(benchmark.id, by)

        def decide(held: SelectionFile) -> list[str]:
            if held.chosen.get(name, []) != ids:
                held.chosen[name] = ids
                held.decisions.append(self._files.decision(by, f"chose {', '.join(ids) or 'nothing'}", name))
            return ids

        return self._files.change(benchmark.id, decide, f"A selection for {benchmark.id}")

    def _chosen(self, benchmark_id: str) -> dict[str, list[str]]:
        return self._files.read(benchmark_id).chosen

    def _holding(self, benchmark_id: str, name: str, ids: Sequence[str]) -> list[str]:
        """Of the chosen ones those of present members, finished now."""
        team = next((team for team in self._teams.listed(benchmark_id).teams if team.name == name), None)
        if team is None and self._teams.team_of(benchmark_id, name) is not None:
            return []
        names = {member.lower() for member in (team.names if team else [name])}
        known = self._queue.view().by_id
        requests = [known[each] for each in ids if each in known]
        return [each.id for each in requests if each.sender.lower() in names and each.status is Status.FINISHED]
