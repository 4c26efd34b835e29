"""What the pages show of a result that is not for everybody."""

from __future__ import annotations

import json
from dataclasses import dataclass

from leaderboard.api.private_results import may_see_details
from leaderboard.documents.community import reader_of
from leaderboard.documents.render import address
from leaderboard.documents.visit import Visit
from leaderboard.errors import NotFound
from leaderboard.records import PodiumBlock, Score
from leaderboard.results.private_results import DETAILED_RESULTS, HIDDEN_SCORES
from leaderboard.service import Service


@dataclass(frozen=True)
class PrivatePart:
    """What this reader may see beside the published result."""

    detailed_results: str = ""
    """Address of the page that the scoring program wrote; empty when there is none, or none for this reader."""
    hidden: tuple[tuple[str, Score], ...] = ()
    """Title and score of the hidden columns; empty for all but the maintainers."""
    final: tuple[tuple[str, Score], ...] = ()
    """Title and score of the columns on a competition's private labels; empty before everybody may see them."""


def private_part(service: Service, visit: Visit, block: PodiumBlock) -> PrivatePart:
    """What the reader may see of the result whose block this is."""
    run = (block.request_id, block.attempt)
    person = reader_of(service, visit)
    page = ""
    if service.private_results.has(*run, DETAILED_RESULTS):
        try:
            allowed = may_see_details(service, person, service.queue.get(block.request_id))
        except NotFound:
            allowed = False
        path = f"/api/v1/requests/{block.request_id}/detailed-results"
        page = address(path, attempt=block.attempt) if allowed else ""
    hidden: tuple[tuple[str, Score], ...] = ()
    if service.rights.is_maintainer(person) and service.private_results.has(*run, HIDDEN_SCORES):
        scores = json.loads(service.private_results.read(*run, HIDDEN_SCORES))
        hidden = tuple((column["title"], Score.model_validate(column["score"])) for column in scores.values())
    return PrivatePart(page, hidden, _final_scores(service, block))


def _final_scores(service: Service, block: PodiumBlock) -> tuple[tuple[str, Score], ...]:
    """The scores on the private labels, once they are shown."""
    benchmark = service.benchmarks[block.benchmark]
    scores = service.competition_boards.private_scores(benchmark.id, block.request_id, block.attempt)
    if scores is None:
        return ()
    shown = [column for column in benchmark.columns if column.key in scores.columns]
    return tuple((column.title, scores.columns[column.key]) for column in shown)
