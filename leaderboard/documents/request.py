"""One request: its timeline, its log while it runs, the file itself, and what can be done about it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from leaderboard.documents.community import actions
from leaderboard.documents.entry import said, said_privately
from leaderboard.documents.local_scores import local_scores
from leaderboard.documents.queue import waits
from leaderboard.documents.render import address, render
from leaderboard.documents.visit import Visit
from leaderboard.errors import NotFound
from leaderboard.live.events import state_of
from leaderboard.queue.durations import Accuracy
from leaderboard.queue.estimates import Estimate
from leaderboard.queue.workers import all_in_trouble
from leaderboard.records import OPEN, NamedRequest, PodiumBlock, Request, Status, block_of, kind_of
from leaderboard.results.log_parts import log_parts
from leaderboard.service import Service

TITLE = "Request"


def draw(service: Service, here: Visit) -> str:
    """The page of the request that the address names. Raises NotFound."""
    if not here.rest:
        raise NotFound("This address names no request. The Queue page lists them all.")
    request = service.queue.get(here.rest[0])
    workers = service.workers()
    estimate = service.estimates().of(request) if request.status in OPEN else Estimate()
    benchmark = service.benchmarks.get(request.benchmark)
    return render(
        "request",
        request=request,
        in_competition=benchmark is not None and benchmark.competition is not None,
        open=request.status in OPEN,
        waiting=waits(request, estimate, datetime.now(UTC)) if request.status is Status.PENDING else None,
        end=estimate.end,
        held_up=[worker for worker in workers if worker.trouble] if all_in_trouble(workers) else [],
        log=log_parts(service.logs.read(request.id)),
        state=state_of(request),
        standing=estimate.standing,
        accuracy=service.estimates().accuracy if request.status in OPEN else Accuracy(),
        file=json.dumps(json.loads(service.queue.raw(request.id)), indent=2, ensure_ascii=False),
        path=service.queue.path_of(request),
        again=again_address(request),
        local=local_scores(request, graded_block(service, request), service.benchmarks.get(request.benchmark)),
        may=actions(service, here, request),
        hub=hub_address(service, request),
        said=said(service, request),
        said_privately=said_privately(service, here, request),
    )


def graded_block(service: Service, request: Request) -> PodiumBlock | None:
    """The block of its published result; None while there is none."""
    path = service.results.published(request) if request.status is Status.FINISHED else None
    return block_of(service.results.read(path)["podium"]) if path else None


def hub_address(service: Service, request: Request) -> str:
    """Where its files are on the Hub; empty for what is not there."""
    on_hub = kind_of(request).on_hub
    return f"{service.settings.hub_endpoint}/{request.model}/tree/{request.revision}" if on_hub else ""


def again_address(request: Request) -> str:
    """The form, filled as this request was, to submit a failed or cancelled one again."""
    if isinstance(request, NamedRequest):
        name = request.model.partition("/")[2]
        return address(
            "/submit", benchmark=request.benchmark, kind=request.kind, name=name, description=request.description
        )
    return address(
        "/submit",
        benchmark=request.benchmark,
        model=request.model,
        revision=request.requested_revision or request.revision,
        precision=request.precision,
        weight_type=request.weight_type,
        base_model=request.base_model,
        model_type=request.model_type,
        use_chat_template="true" if request.use_chat_template else "",
    )
