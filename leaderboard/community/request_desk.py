"""What people may do with requests: vote, withdraw, relaunch, run again, correct, report a failure."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from leaderboard.community.discussions import Discussion, Discussions
from leaderboard.community.flags import Flag
from leaderboard.community.removals import Removals
from leaderboard.community.rights import Rights
from leaderboard.community.texts import Note, code, literal, one_line, owner, quoted
from leaderboard.community.votes import Votes
from leaderboard.errors import Conflict, NotAccepted, NotAllowed, NotFound, NotPossible
from leaderboard.identity import Asker
from leaderboard.queue.priority import given_priority
from leaderboard.queue.queue import Queue
from leaderboard.records import Edit, ModelType, Problem, Request, Status, is_repo_id, is_revision, now
from leaderboard.stores.edit import EditedFiles

Line = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)]


class Corrections(BaseModel):
    """What a maintainer may change of a request; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model_type: ModelType | None = None
    base_model: Line | None = None
    license: Line | None = None
    architectures: Line | None = None
    params: float | None = Field(default=None, gt=0, le=100_000)
    """Parameters in billions."""
    priority: float | None = Field(default=None, ge=-1000, le=1000)
    """Comes before everything else in the order of running; 0 unless a maintainer says otherwise."""
    note: Note = ""
    """Why."""


class RequestDesk:
    """Changes of requests that people ask for, with rights checked. Changes of status are in the request's history."""

    def __init__(
        self,
        queue: Queue,
        votes: Votes,
        discussions: Discussions,
        rights: Rights,
        address: str,
        wake: Callable[[], None],
        removals: Removals,
    ) -> None:
        """`address`: of the board, for links from the Hub; `wake` is called when a worker has something to do."""
        self.queue = queue
        self.votes = votes
        self.discussions = discussions
        self._rights = rights
        self._address = address
        self._wake = wake
        self._removals = removals

    def vote(self, request_id: str, asker: Asker) -> Request:
        """Raises NotFound, NotPossible."""
        return self.votes.give(self.queue.get(request_id), asker.name)

    def take_vote_back(self, request_id: str, asker: Asker) -> Request:
        """Raises NotFound, NotPossible."""
        return self.votes.take_back(self.queue.get(request_id), asker.name)

    def cancel(self, request_id: str, asker: Asker, note: str = "") -> Request:
        """Take it out of the queue: submitter, owner or maintainer. Raises NotFound, NotAllowed, NotPossible."""
        request = self.queue.get(request_id)
        if not self._rights.may_cancel(asker.person, request):
            raise NotAllowed(
                f"Only who submitted it, the owner of {request.model} and this board's maintainers may withdraw it."
            )
        how = "withdrawn" if not self._rights.is_maintainer(asker.person) else "cancelled by a maintainer"
        cancelled = self.queue.cancel(request, asker.name, f"{how}: {note}" if note else how)
        self._wake()
        return cancelled

    def relaunch(self, request_id: str, asker: Asker, note: str = "") -> Request:
        """Put a failed or cancelled request back; noted in its discussion. Raises NotFound, NotAllowed, NotPossible."""
        self._only_maintainers(asker)
        request = self.queue.relaunch(self._shown(request_id), asker.name, f"relaunched: {note}" if note else "")
        text = f"{literal(asker.name)} has relaunched [the request]({self._address}/request/{request.id})."
        self.discussions.note(
            "requests", request.id, text + (f"\n\n{quoted(note)}" if note else ""), asker.name, asker.token
        )
        self._wake()
        return request

    def rerun(self, request_id: str, asker: Asker, note: str = "") -> Request:
        """Evaluate a finished request once more. Raises NotFound, NotAllowed, NotPossible."""
        self._only_maintainers(asker)
        request = self.queue.rerun(self._shown(request_id), asker.name, f"run again: {note}" if note else "")
        self._wake()
        return request

    def correct(self, request_id: str, corrections: Corrections, asker: Asker) -> Request:
        """Change what it says of the checkpoint. Raises NotFound, NotAllowed, NotAccepted, NotPossible."""
        self._only_maintainers(asker)
        changes = corrections.model_dump(exclude_unset=True, exclude_none=True, mode="json")
        note = changes.pop("note", "")
        if changes.get("base_model") and not is_repo_id(changes["base_model"]):
            raise NotAccepted([NO_REPO])

        def decide(current: Request, files: EditedFiles) -> None:
            changed = [
                Edit(time=now(), by=asker.name, field=name, before=before, after=after, note=note)
                for name, after in changes.items()
                if (before := _value(current, name)) != after
            ]
            if not changed:
                raise NotPossible("Nothing would change: the request says all of this already.")
            for edit in changed:
                votes = current.priority - given_priority(current) if edit.field == "priority" else 0
                setattr(current, edit.field, edit.after + votes if votes else edit.after)
            current.edits.extend(changed)

        return self.queue.amend(self.queue.get(request_id), decide, "Correct {}")

    def report(self, request_id: str, asker: Asker, note: str = "") -> Discussion:
        """Discuss a failure: its reason, file and log. Raises NotFound, NotPossible, NotAllowed, HubUnavailable."""
        request = self.queue.get(request_id)
        if request.status is not Status.FAILED:
            raise NotPossible(f"{request.model} is {request.status.value}; only a failure can be reported.")
        discussion = self.discussions.get("requests", request.id)
        if discussion is not None:
            return self.discussions.say(discussion, note or "It has failed again.", asker.name, asker.token)
        title = f"{request.model} failed on {request.benchmark}"
        text = self._text(request, note)
        remark = note or "Please look at this failure."
        return self.discussions.write(
            self.discussions.prepare("requests", request.id, title, text, asker.name, asker.token, remark)
        )

    def end_all(self, flag: Flag, asker: Asker) -> None:
        """Take the requests of a removed model out of the queue."""
        waiting = self.queue.view().open
        removed = self._removals.among({request.model for request in waiting})
        for request in waiting:
            if request.model in removed:
                with suppress(NotPossible, NotFound, Conflict):  # it ended meanwhile, and is not shown either way
                    self.queue.cancel(request, asker.name, f"its model was removed: {flag.category.value}")

    def _shown(self, request_id: str) -> Request:
        """A request whose result would be shown. Raises NotFound, NotPossible for a removed model's."""
        request = self.queue.get(request_id)
        why = self._removals.why(request.model)
        if why:
            raise NotPossible(f"It would not be shown. {why}")
        return request

    def _only_maintainers(self, asker: Asker) -> None:
        if not self._rights.is_maintainer(asker.person):
            raise NotAllowed(f"Only this board's maintainers may do this; you are {asker.name}.")

    def _text(self, request: Request, note: str) -> str:
        """What opens the discussion of a failure on the Hub."""
        why, api = request.failure, f"{self._address}/api/v1/requests/{request.id}"
        reason = (
            f"{quoted(why.message)}\n\n({code(why.code)}, the fault of the {why.fault.value})" if why else "> unknown"
        )
        revision = request.revision if is_revision(request.revision) else one_line(request.revision)
        return (
            f"The evaluation of {code(request.model)} at {code(revision)} ({code(request.precision)}) on "
            f"{code(request.benchmark)} failed.\n\n{reason}\n\n"
            f"- [Request]({self._address}/request/{request.id})\n- [Request file]({api}/file)\n- [Log]({api}/log)\n\n"
            f"{quoted(note) if note else ''}\n\nFor @{owner(request.model)}, whose model it is, and the maintainers."
        )


NO_REPO = Problem(
    code="invalid_model_id",
    field="base_model",
    message="The base model is not a Hub repository id.",
    fix="Give it as organisation/name.",
)


def _value(request: Request, field: str) -> Any:
    """A field as a maintainer sees it: of the priority, the part that votes are added to."""
    return given_priority(request) if field == "priority" else getattr(request, field)
