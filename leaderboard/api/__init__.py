"""The HTTP API under /api/v1, described at /docs. The pages and the command line use what it uses."""

from __future__ import annotations

from fastapi import APIRouter

from leaderboard.api.board import board_routes
from leaderboard.api.bundles import bundle_routes
from leaderboard.api.community import flag_routes, request_routes
from leaderboard.api.compare import compare_routes
from leaderboard.api.competitions import organiser_routes, participant_routes
from leaderboard.api.events import event_routes
from leaderboard.api.kits import kit_routes
from leaderboard.api.participation import participation_routes
from leaderboard.api.policy import policy_routes
from leaderboard.api.private_results import private_result_routes
from leaderboard.api.problems import catch_errors
from leaderboard.api.queue import queue_routes
from leaderboard.api.signin import sign_in_routes
from leaderboard.api.submissions import submission_routes
from leaderboard.api.table import table_routes
from leaderboard.api.uploads import artifact_routes, upload_routes
from leaderboard.errors import NotFound
from leaderboard.service import Service

ROUTES = (
    board_routes,
    table_routes,
    compare_routes,
    submission_routes,
    upload_routes,
    artifact_routes,
    bundle_routes,
    kit_routes,
    event_routes,
    queue_routes,
    private_result_routes,
    policy_routes,
    participation_routes,
    flag_routes,
    request_routes,
    participant_routes,
    organiser_routes,
    sign_in_routes,
)
"""Each makes the routes of one subject."""
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

__all__ = ["build_api", "catch_errors"]


def build_api(service: Service) -> APIRouter:
    """Every route of the API; the app that includes it also needs `catch_errors`."""
    api = APIRouter(prefix="/api/v1")
    for make in ROUTES:
        api.include_router(make(service))
    api.add_api_route("/{path:path}", say_nothing_is_here, methods=METHODS, include_in_schema=False)
    return api


def say_nothing_is_here() -> None:
    """Answer for the API where it has no route; otherwise whatever is mounted beside it would."""
    raise NotFound("The API has no such address, or it does not take that method there. /docs lists its addresses.")
