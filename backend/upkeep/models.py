"""Keeping the facts of the board's models up to date: some models a round, one commit a round, never one a model."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from leaderboard import FileStore
from leaderboard.errors import (
    Conflict,
    HubUnavailable,
    ModelDisabled,
    ModelGated,
    ModelNotFound,
    ModelPrivate,
    ModelUnavailable,
    NotFound,
    RevisionNotFound,
)
from leaderboard.models.facts import (
    KnownModels,
    facts_file,
    facts_path,
    learned,
    newcomer,
    read_facts,
    refreshed,
    renamed,
)
from leaderboard.models.repositories import is_another
from leaderboard.records import ModelFacts, is_repo_id, now

FIRST_WAIT_S = 60.0
MAX_WAIT_S = 6 * 3600.0
GONE = (ModelNotFound, ModelPrivate, ModelDisabled)
"""Answers that mean that people cannot have the checkpoint any more."""
log = logging.getLogger(__name__)


class HubQuestions(Protocol):
    """The Hub, as far as it is asked here."""

    def overview(self, model: str, revision: str = "main") -> ModelFacts:
        """Raises ModelUnavailable, HubUnavailable."""
        ...

    def has_commit(self, model: str, revision: str) -> bool:
        """Raises ModelUnavailable, HubUnavailable."""
        ...


class Refresher:
    """Asks the Hub about the models of a results store, the next `batch` of them each round, again and again.

    Models that were imported, and of which only the old board's knowledge is kept, come first: a round goes on, a batch
    and a commit at a time, until the Hub was asked about all of them.
    """

    def __init__(
        self,
        hub: HubQuestions,
        store: FileStore,
        batch: int,
        clock: Callable[[], float] = time.monotonic,
        ended: Callable[[], bool] = lambda: False,
    ) -> None:
        self._hub = hub
        self._store = store
        self._batch = batch
        self._clock = clock
        self._ended = ended
        self._models = KnownModels(store)
        self._running = threading.Lock()
        self._left: list[str] = []
        self._troubles = 0
        self._not_before = 0.0

    def run(self) -> int:
        """One round: how many models had changed. Trouble of the Hub is logged and makes later rounds wait."""
        learned_now = self.learn()
        if learned_now or self._clock() < self._not_before or not self._running.acquire(blocking=False):
            return learned_now
        try:
            self._left = self._left or self._models.models()
            return self._ask(self._left)[1]
        finally:
            self._running.release()

    def learn(self) -> int:
        """Ask about all imported models of which the Hub told nothing yet: how many facts were written.

        Which these are is in the store, so that whoever starts again goes on. Does nothing while another thread asks.
        """
        if self._clock() < self._not_before or not self._running.acquire(blocking=False):
            return 0
        try:
            left = sorted(model for model, facts in self._models.all().facts.items() if facts.imported)
            total, written = len(left), 0
            while left:
                asked, changed = self._ask(left)
                written += changed
                log.info("Facts of imported models: %s of %s known.", f"{total - len(left):,}", f"{total:,}")
                if not asked or not changed or self._clock() < self._not_before or self._ended():
                    break
            return written
        finally:
            self._running.release()

    def _ask(self, left: list[str]) -> tuple[int, int]:
        """Ask about the next models of `left`, and take these from it: how many were asked about, and how many changed.

        What changed is one commit.
        """
        round_, asked = _Round(self._store), 0
        for _ in range(min(self._batch, len(left))):
            if self._ended():
                break
            try:
                self._look(left[0], round_)
            except HubUnavailable as trouble:
                self._wait(trouble)
                break
            left.pop(0)
            asked += 1
        else:
            self._troubles = 0
        return asked, self._write(round_)

    def _look(self, model: str, round_: _Round) -> None:
        kept = round_.read(model)
        if kept is None:
            return
        try:
            seen = self._overview(kept)
            is_newcomer = is_another(kept, seen, self._hub)
        except GONE:
            round_.write(model, kept.model_copy(update={"available": False, "imported": False}))
        except ModelGated:
            round_.write(model, kept.model_copy(update={"gated": True, "imported": False}))
        except ModelUnavailable as reason:
            if kept.imported:
                round_.write(model, kept.model_copy(update={"imported": False}))
            log.info("The facts of %s stay as they are: %s", model, reason)
        else:
            if is_newcomer:
                round_.write(model, newcomer(seen, now()))
                log.info("%s is another repository now.", model)
                return
            now_kept = learned(kept, seen) if kept.imported else refreshed(kept, seen)
            if seen.model != model and is_repo_id(seen.model):
                round_.write(seen.model, renamed(now_kept, round_.read(seen.model), model, now()))
                round_.remove(model)
                log.info("%s is called %s now.", model, seen.model)
            else:
                round_.write(model, now_kept)

    def _overview(self, kept: ModelFacts) -> ModelFacts:
        """What the Hub says of the model; of an imported one at the commit that was evaluated, while it is there.

        Raises ModelUnavailable, HubUnavailable.
        """
        if kept.imported:
            with suppress(RevisionNotFound):
                return self._hub.overview(kept.model, kept.revision)
        return self._hub.overview(kept.model)

    def _wait(self, trouble: HubUnavailable) -> None:
        wait = min(FIRST_WAIT_S * 2.0 ** min(self._troubles, 16), MAX_WAIT_S)
        self._troubles += 1
        self._not_before = self._clock() + max(wait, trouble.retry_after_s or 0.0)
        log.warning("Facts of models are refreshed later: %s", trouble)

    def _write(self, round_: _Round) -> int:
        changes = round_.changes()
        if changes:
            try:
                expected = {path: round_.versions[path] for path in changes}
                self._store.commit(changes, f"Refresh facts of {len(changes)} models", expected)
            except Conflict as conflict:  # one attempt: asking the Hub again is for a later round
                log.info("Facts are refreshed another time: %s", conflict)
                return 0
            except HubUnavailable as trouble:
                self._wait(trouble)
                return 0
        return len(changes)


class _Round:
    """The files that one round looked at, and what they shall be."""

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._before: dict[str, bytes | None] = {}
        self._after: dict[str, bytes | None] = {}
        self.versions: dict[str, str | None] = {}

    def read(self, model: str) -> ModelFacts | None:
        """The model's facts as this round leaves them; None when there are none that can be read."""
        path = facts_path(model)
        if path not in self._before:
            try:
                content, version = self._store.read(path)
                self._before[path], self.versions[path] = content, version
            except NotFound:
                self._before[path] = self.versions[path] = None
        content_now = self._after.get(path, self._before[path])
        return read_facts(content_now) if content_now else None

    def write(self, model: str, facts: ModelFacts) -> None:
        """Leave these facts; the model was read before."""
        self._after[facts_path(model)] = facts_file(facts)

    def remove(self, model: str) -> None:
        """Leave no file; the model was read before."""
        self._after[facts_path(model)] = None

    def changes(self) -> dict[str, bytes | None]:
        """The files that differ from what is there."""
        return {path: content for path, content in self._after.items() if content != self._before[path]}
