"""From a job's outputs to the board: result, details and contents table in one commit, keyed by request and attempt."""

from __future__ import annotations

from backend.workdir import Workdir
from leaderboard.board.contents import Contents
from leaderboard.errors import Unreadable
from leaderboard.records import PodiumBlock, Request
from leaderboard.results.results import Results


def publish(workdir: Workdir, request: Request, results: Results, contents: Contents | None) -> str | None:
    """Publish what the job left and return the result's path; None for a run with a limit, which is never published.

    Doing it twice changes nothing. Raises Unreadable when the outputs are not those of this request's attempt.
    """
    aggregated = workdir.results()
    place = str(workdir.path / "results.json")
    try:
        block = PodiumBlock.model_validate(aggregated.get("podium"))
    except ValueError as error:
        raise Unreadable(place, str(error)) from error
    if (block.request_id, block.attempt) != (request.id, request.attempts):
        raise Unreadable(place, "it is the result of another attempt")
    if block.limit is not None:
        return None
    details = workdir.details() if workdir.benchmark().details != "none" else {}
    return results.publish(aggregated, details, contents.changes if contents else {})
