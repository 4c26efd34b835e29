"""Whether this worker may claim requests. What a failure points at is probed first, again and again until it works.

The disk is written to, the Hub is asked about the model whose files it did not give, and the executor runs a trivial
job. Nothing is claimed meanwhile, so trouble of the worker or the Hub meets no request but those that were running.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable

from backend import Executor, Job
from backend.failures import Part
from backend.workdir import Workdir
from leaderboard.errors import HubUnavailable, ModelUnavailable, PodiumError
from leaderboard.hub.hub import Hub
from leaderboard.records import Abilities
from leaderboard.settings import Settings

MAX_WAIT_S = 600.0
HUB_TIMEOUT_S = 10.0
MIN_FREE_BYTES = 100_000_000
"""With less free space no job can leave its log and details."""
WRITTEN_BYTES = 1 << 16
log = logging.getLogger(__name__)


class Trial:
    """A trivial job: it shows whether jobs run here, and finds out what they can do."""

    def __init__(self, executor: Executor, workdir: Workdir, prepare: Callable[[Workdir], Job]) -> None:
        """`prepare` makes a job of the work folder."""
        self._executor = executor
        self._workdir = workdir
        self._prepare = prepare
        self._handle: str | None = None
        self.found: Abilities | None = None
        """What the last one that worked found out, maybe in an earlier process."""

    def probe(self) -> str | None:
        """Why no job runs, a sentence; empty when one did its work, None while it is under way."""
        try:
            if self._handle is None and self._executor.slots() < 1:
                return None
            if self._handle is None:
                self._handle = self._executor.submit(self._prepare(self._workdir))
            if self._executor.poll([self._handle])[self._handle].state.is_open:
                return None
            self._handle = None
            if not self._workdir.done:
                return (
                    "Jobs do not run on it; abilities/log.txt in its work folder, the log of its trial job, says why."
                )
            self.found = self._workdir.abilities()
        except OSError as error:
            return f"Jobs cannot be started on it ({error.strerror or type(error).__name__})."
        except PodiumError:
            log.exception("What the trial job found cannot be read.")
            return "What its trial job wrote cannot be read."
        return ""


class Health:
    """What of this worker is suspected of failing, and why it takes no requests."""

    def __init__(self, settings: Settings, trial: Trial, make_room: Callable[[], None], clock: Callable[[], float]):
        self._folder = settings.work_dir.absolute()
        self._wait_s = settings.backoff_s
        self._clock = clock
        self._make_room = make_room
        # Without a token, as jobs download: whether ours is known there says nothing about the Hub.
        self._hub = Hub(settings.hub_endpoint, None, min(settings.hub_timeout_s, HUB_TIMEOUT_S))
        self._model = ""
        self._probes = {Part.DISK: self._disk, Part.HUB: self._hub_answers, Part.EXECUTOR: trial.probe}
        self._due: dict[Part, float] = {}
        """What is suspected -> when it is probed next."""
        self._strikes: Counter[Part] = Counter()
        """Suspicions and probes that failed since a job did its work."""
        self._reasons: dict[Part, str] = {}
        self._trusted: set[Part] = set()
        """What is probed while requests are claimed."""
        self.suspect(Part.EXECUTOR)  # nobody knows yet whether jobs run here

    @property
    def fit(self) -> bool:
        """Whether requests may be claimed."""
        return self._due.keys() <= self._trusted

    @property
    def trouble(self) -> str:
        """Why none are, in sentences; empty while nothing is known to be wrong."""
        return " ".join(self._reasons[part] for part in Part if part in self._reasons)

    def trust(self, part: Part) -> None:
        """`part` worked when this worker last ran: a probe shows whether it still does, and nothing waits for it."""
        self._trusted.add(part)

    def suspect(self, part: Part, model: str = "") -> None:
        """A failure points at `part`. It is probed at once the first time, after a while when it fails repeatedly."""
        self._model = model or self._model
        self._trusted.discard(part)
        if part not in self._due:
            self._due[part] = self._clock() + self._backoff(part)
            if self._strikes[part]:
                self._reasons[part] = REPEATED[part]
            self._strikes[part] += 1

    def worked(self) -> None:
        """A job did its work: earlier suspicions say nothing any more."""
        self._strikes.clear()

    def look(self) -> None:
        """Probe what is suspected and due, and note what works again."""
        before = self.trouble
        if self._is_short():
            self.suspect(Part.DISK)
        for part in [part for part in Part if self._due.get(part, float("inf")) <= self._clock()]:
            reason = self._probes[part]()
            if reason is not None:
                self._trusted.discard(part)
            if reason:
                self._due[part] = self._clock() + self._backoff(part)
                self._strikes[part] += 1
                self._reasons[part] = reason
            elif reason is not None:
                del self._due[part]
                self._reasons.pop(part, None)
        if self.trouble and self.trouble != before:
            log.warning("This worker takes no requests for now. %s", self.trouble)
        elif before and not self.trouble:
            log.info("This worker takes requests again.")

    def disk_fails(self) -> bool:
        """Whether the work folder cannot be written now."""
        return bool(self._written())

    def close(self) -> None:
        """End what asks the Hub."""
        self._hub.close()

    def _backoff(self, part: Part) -> float:
        """Seconds until the next probe: none at first, then doubled with every strike."""
        strikes = self._strikes[part]
        return min(self._wait_s * 2.0 ** min(strikes - 1, 32), MAX_WAIT_S) if strikes else 0.0

    def _is_short(self) -> bool:
        """Whether the disk is all but full; this costs nothing and is asked in every round."""
        return self._folder.exists() and shutil.disk_usage(self._folder).free < MIN_FREE_BYTES

    def _disk(self) -> str:
        if self._is_short():
            self._make_room()
        if self._is_short():
            return "Its disk is full."
        return self._written()

    def _written(self) -> str:
        """Why the work folder cannot be written, a sentence; empty when it can."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder) as file:
                file.write(bytes(WRITTEN_BYTES))
        except OSError as error:
            return f"Its work folder cannot be written ({error.strerror})."
        return ""

    def _hub_answers(self) -> str:
        """The Hub is asked about the model whose files it did not give; that there is none is an answer too."""
        try:
            self._hub.overview(self._model)
        except HubUnavailable:
            return "The Hub does not answer it."
        except ModelUnavailable:
            return ""
        return ""


REPEATED = {
    Part.DISK: "Its disk was full several times in a row.",
    Part.HUB: "The Hub did not give it the files of several models in a row.",
    Part.EXECUTOR: "Its jobs could not be run several times in a row.",
}
