"""The last look before a submission is queued: nobody gets more than a limit allows, however many front ends there are.

Each submission where something is limited writes, in the commit of its request file, a small file for everybody whose
limits it uses up: `limits/{benchmark}/{digest of the name}.json` in the requests store. The store refuses the commit
when another submission of theirs has changed that file since the submissions were counted; then they are counted anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from leaderboard.errors import Infrastructure, NotAccepted
from leaderboard.queue.queue import Queue
from leaderboard.queue.retries import PODIUM
from leaderboard.records import Person, Request, kind_of, new_id, utc
from leaderboard.stores.edit import EditedFiles
from leaderboard.submissions.allowances import Allowance, Members
from leaderboard.submissions.case import Case
from leaderboard.submissions.entry import private_answers
from leaderboard.submissions.policy import Rules, organisation
from leaderboard.submissions.private_answers import PrivateAnswers
from leaderboard.submissions.rules import errors, on_admission

FOLDER = "limits"


class Entry(NamedTuple):
    """A submission that is to be let in."""

    case: Case
    rules: Rules | None
    """The benchmark's policy; None where nothing is limited."""
    sender: Person


class Admission:
    """Counts, and lets in. Safe for threads and processes."""

    def __init__(
        self, queue: Queue, clock: Callable[[], datetime], members: Members, answers: PrivateAnswers | None
    ) -> None:
        """`answers`: where answers are kept that are not for everybody; None where there is no such place."""
        self._queue = queue
        self._clock = clock
        self._members = members
        self._answers = answers

    def allowances(self, rules: Rules, sender: Person, name: str, at: datetime) -> Sequence[Allowance]:
        """What `sender` may still submit at `at`, with what is called `name` next."""
        if not rules.limited:
            return []
        members = self._members(rules.benchmark.id, sender.name)
        return rules.allowances(sender, name, self._queue.view(), at, members)

    def admit(self, entry: Entry, request: Request, files: EditedFiles) -> None:
        """Let `request` in, as a part of the edit that queues it. Raises NotAccepted, OSError, Unreadable."""
        case, rules, sender = entry
        paths = self._paths(rules, sender, case.name) if rules is not None and rules.limited else []
        for path in paths:
            files.find(path)  # before the count: whoever changes it from now on makes the commit fail
        at = self._clock()
        allowances = self.allowances(rules, sender, case.name, at) if rules is not None else []
        wrong = errors(on_admission(replace(case, at=at, allowances=allowances)))
        if wrong:
            raise NotAccepted(wrong)
        request.submitted_time = utc(at)
        _keep_first_sender(case, request, sender)
        note = {"schema_version": 1, "request": request.id, "time": utc(at), "nonce": new_id()}
        for path in paths:
            files.write(path, (json.dumps(note) + "\n").encode())
        self._keep_private(case, request)

    def _keep_private(self, case: Case, request: Request) -> None:
        answers = private_answers(case.benchmark, case.submission) if case.benchmark else {}
        if self._answers is not None:
            self._answers.write(request.id, answers)
        elif answers:
            raise Infrastructure("This board has no folder for private answers. Tell the maintainers.")

    def _paths(self, rules: Rules, sender: Person, name: str) -> Iterable[str]:
        names = {*self._members(rules.benchmark.id, sender.name), sender.name, organisation(sender, name)} - {""}
        digests = sorted({hashlib.sha256(each.casefold().encode()).hexdigest()[:32] for each in names})
        return [f"{FOLDER}/{rules.benchmark.id}/{digest}.json" for digest in digests]


def _keep_first_sender(case: Case, request: Request, sender: Person) -> None:
    """Leave a model's request to whoever submitted it first; in a competition what counts is who submits."""
    benchmark = case.benchmark
    competes = benchmark is not None and (benchmark.competition is not None or benchmark.bundle is not None)
    first = request.history[0].by if request.history else sender.name
    keeps = kind_of(request).on_hub and not competes and first not in (PODIUM, sender.name)
    request.sender, request.resubmitted_by = (first, sender.name) if keeps else (sender.name, "")
