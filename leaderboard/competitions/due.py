"""A thread that does what competitions have due: phases take submissions over, interrupted re-runs go on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from leaderboard.benchmarks import Benchmark
from leaderboard.competitions.competitions import Competitions
from leaderboard.errors import PodiumError

log = logging.getLogger(__name__)

LOOK_S = 15.0
STOP_S = 10.0


class DueThread:
    """Looks every `every_s` seconds until it is stopped."""

    def __init__(
        self,
        competitions: Competitions,
        benchmarks: Mapping[str, Benchmark],
        wake: Callable[[], None],
        every_s: float = LOOK_S,
    ) -> None:
        """`wake` is called when a worker has something to do."""
        self._competitions = competitions
        self._benchmarks = benchmarks
        self._wake = wake
        self._every_s = every_s
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="competitions", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it; what is left is done by the next one."""
        self._ending.set()
        self._thread.join(STOP_S)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                if self._competitions.go_on(list(self._benchmarks.values())):
                    self._wake()
            except (PodiumError, OSError) as error:
                log.warning("What competitions have due could not be done: %s", error)
            self._ending.wait(self._every_s)
