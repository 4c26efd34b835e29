"""What a job left to be published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from backend.workdir import Workdir
from leaderboard.errors import Unreadable
from leaderboard.records import Request, block_of
from leaderboard.results.private_results import MOST_BYTES


class Outcome(NamedTuple):
    """What `leaderboard.results.results.Results.publish` takes."""

    aggregated: Mapping[str, Any]
    """The harness's result, with our block under `podium`."""
    details: Mapping[str, bytes]
    """Task -> Parquet."""
    private: Mapping[str, bytes]
    """What is kept beside the result and not published (`leaderboard.results.private_results`)."""


def outcome(workdir: Workdir, request: Request) -> Outcome | None:
    """What the job of this attempt left; None for a run with a limit, which is never published.

    Raises Unreadable when the outputs are not those of this request's attempt.
    """
    aggregated = workdir.results()
    place = str(workdir.path / "results.json")
    try:
        block = block_of(aggregated.get("podium"))
    except ValueError as error:
        raise Unreadable(place, str(error)) from error
    if (block.request_id, block.attempt) != (request.id, request.attempts):
        raise Unreadable(place, "it is the result of another attempt")
    if block.limit is not None:
        return None
    details = workdir.details() if workdir.benchmark().details != "none" else {}
    return Outcome(aggregated | {"podium": block}, details, workdir.private(MOST_BYTES))
