"""What the first reader of a page would wait for, done in the background when the service starts."""

from __future__ import annotations

import logging
import threading

from leaderboard.documents.render import TEMPLATES
from leaderboard.errors import PodiumError
from leaderboard.service import Service

PAGES = ("document", "leaderboard", "model", "request", "queue")
"""Templates of the pages that people open first."""
BEGINS_AFTER_S = 1.0
"""Who asks as soon as the service has started is answered first: both would share the processor."""

log = logging.getLogger(__name__)


def warm_up(service: Service) -> threading.Timer:
    """Soon read what pages need of boards, requests and models, and compile their templates; returns the timer."""
    timer = threading.Timer(BEGINS_AFTER_S, _warm_up, (service,))
    timer.name, timer.daemon = "warm-up", True
    timer.start()
    return timer


def _warm_up(service: Service) -> None:
    try:
        for benchmark_id in service.benchmarks:
            service.boards.get(benchmark_id)
        service.queue.view()
        service.models.repositories()
        for page in PAGES:
            TEMPLATES.get_template(f"{page}.html")
    except (PodiumError, OSError, ValueError):
        log.exception("The pages could not be prepared; the first reader waits for them.")
