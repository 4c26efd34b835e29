"""One step of a round: what goes wrong with one request, file or store is logged, and the others go on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec

from leaderboard.errors import PodiumError

STEP_ERRORS = (PodiumError, OSError, ValueError)
"""What one request, file or store may do wrong without stopping the others."""
P = ParamSpec("P")
log = logging.getLogger(__name__)


def attempt(what: str, step: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> bool:
    """Do a step and return whether it went well; `what` completes the sentence "Could not ..."."""
    try:
        step(*args, **kwargs)
    except STEP_ERRORS as error:
        log.warning("Could not %s: %s", what, error)
        return False
    return True
