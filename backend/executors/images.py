"""Images that organisers name, pulled by the worker before a job needs them: jobs have no network and never pull."""

from __future__ import annotations

import logging
import threading
import time

from backend.sandbox import containers

AGAIN_S = 600
"""How long a pull that failed is not tried again."""

log = logging.getLogger(__name__)


class Images:
    """The images of this machine. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failed: dict[str, float] = {}

    def ensure(self, image: str) -> None:
        """Have `image` here if that can be; a job finds out by itself whether it is, and says what is missing."""
        with self._lock:
            if time.monotonic() < self._failed.get(image, 0.0):
                return
            if why := containers.pull(image):
                self._failed[image] = time.monotonic() + AGAIN_S
                log.warning("A benchmark's image is not here. %s", why)
            else:
                self._failed.pop(image, None)
