"""The HTTP API under /api/v1, described at /docs. The pages and the command line use what it uses."""

from __future__ import annotations

from fastapi import FastAPI

from leaderboard.api.board import board_routes
from leaderboard.api.bundles import bundle_routes
from leaderboard.api.community import flag_routes, request_routes
from leaderboard.api.compare import compare_routes
from leaderboard.api.competitions import organiser_routes, participant_routes
from leaderboard.api.events import event_routes
from leaderboard.api.guard import PREFIX
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

__all__ = ["add_api", "catch_errors"]


def add_api(app: FastAPI, service: Service) -> None:
    """Give an app every route of the API; it also needs `catch_errors`.

    The routes become the app's own: FastAPI resolves those of an included router once more at the first request.
    """
    for make in ROUTES:
        app.router.routes.extend(make(service).routes)
    app.add_api_route(f"{PREFIX}/{{path:path}}", say_nothing_is_here, methods=METHODS, include_in_schema=False)


def say_nothing_is_here() -> None:
    """Answer for the API where it has no route; otherwise whatever is mounted beside it would."""
    raise NotFound("The API has no such address, or it does not take that method there. /docs lists its addresses.")
