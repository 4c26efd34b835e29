"""What results hold that is not for everybody: the page of the scoring program, and scores of hidden columns."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from leaderboard import records
from leaderboard.api.guard import guarded_router
from leaderboard.errors import NotAllowed
from leaderboard.records import Person
from leaderboard.results.private_results import DETAILED_RESULTS, HIDDEN_SCORES
from leaderboard.service import Service

FOREIGN_PAGE = "; ".join(
    (
        "sandbox allow-scripts",
        "default-src 'none'",
        "script-src 'unsafe-inline'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "font-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "webrtc 'block'",
    )
)
"""The policy of a page that a stranger's program wrote: its scripts run in an origin of their own, without a network.

Not even the cookies and the storage of the board are theirs. Our pages let no frame of theirs go to another site.
"""
HEADERS = {
    "Content-Security-Policy": FOREIGN_PAGE,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
Attempt = Annotated[int | None, Query(ge=1, le=10**6, description="Number of the run; the last one by default")]


def private_result_routes(service: Service) -> APIRouter:
    """GET /requests/{id}/detailed-results, /requests/{id}/hidden-scores."""
    routes = guarded_router(service, tags=["results"], prefix="/requests/{request_id}")

    @routes.get("/detailed-results", response_class=Response)
    def get_detailed_results(request: Request, request_id: str, attempt: Attempt = None) -> Response:
        """The page that the benchmark's scoring program wrote; only for its sender where details are not public."""
        scored = service.queue.get(request_id)
        if not may_see_details(service, service.identity.visitor(request), scored):
            raise NotAllowed("The organisers of this benchmark do not show you these detailed results.")
        page = service.private_results.read(scored.id, attempt or scored.attempts, DETAILED_RESULTS)
        return Response(page, media_type="text/html; charset=utf-8", headers=HEADERS)

    @routes.get("/hidden-scores")
    def get_hidden_scores(request_id: str, attempt: Attempt = None) -> dict[str, Any]:
        """Scores of the benchmark's hidden columns by key, for the maintainers."""
        scored = service.queue.get(request_id)
        content = service.private_results.read(scored.id, attempt or scored.attempts, HIDDEN_SCORES)
        scores: dict[str, Any] = json.loads(content)
        return scores

    return routes


def may_see_details(service: Service, person: Person, request: records.Request) -> bool:
    """Whether the person may read the detailed results of the request."""
    benchmark = service.benchmarks.get(request.benchmark)
    if benchmark is None or service.rights.is_maintainer(person):
        return benchmark is not None
    for_sender = benchmark.bundle is None or benchmark.bundle.settings.show_detailed_results_in_submission_panel
    return benchmark.details == "public" or (for_sender and service.rights.is_self(person, request.sender))
