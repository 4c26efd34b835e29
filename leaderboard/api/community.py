"""Flags, discussions and votes, and what people may do with requests. docs/community.md explains them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from leaderboard import records
from leaderboard.api.answers import kept, kept_model
from leaderboard.api.guard import guarded_router
from leaderboard.community.discussions import Discussion
from leaderboard.community.flags import Draft, Flag, FlagList, State
from leaderboard.community.overview import DECIDED_SHOWN, FlagOverview, flag_overview
from leaderboard.community.request_desk import Corrections
from leaderboard.community.texts import Note, Text
from leaderboard.community.votes import Ballot
from leaderboard.errors import NotFound
from leaderboard.service import Service


class Reason(BaseModel):
    """Why something is done."""

    model_config = ConfigDict(extra="forbid")

    note: Note = ""


class Decision(Reason):
    """What becomes of a flag."""

    state: State


class Remark(BaseModel):
    """Something to say."""

    model_config = ConfigDict(extra="forbid")

    text: Text = Field(min_length=1)


NO_REASON = Reason()


def flag_routes(service: Service) -> APIRouter:
    """GET and POST /flags, /flags/{id}/state, /discussions/...; GET /flags.json."""
    routes = guarded_router(service, tags=["flags"])
    desk = service.flag_desk

    @routes.get("/flags.json", response_model=FlagList)
    def get_flags(request: Request) -> Response:
        """Every flag. `flagged: true` means that the maintainers accepted it; false, that they did not."""
        return kept(request, desk.flags.listed().to_json())

    @routes.get("/flags", response_model=FlagOverview)
    def overview(
        request: Request,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=0, le=1000)] = DECIDED_SHOWN,
    ) -> Response:
        """The flags that wait for a decision, and `limit` of the decided ones, the last decision first."""
        return kept_model(request, flag_overview(desk.flags, offset, limit))

    @routes.get("/flags/{flag_id}", response_model=Flag)
    def get_flag(request: Request, flag_id: str) -> Response:
        """One flag with its evidence and its history."""
        return kept_model(request, desk.flags.get(flag_id))

    @routes.post("/flags", status_code=201)
    def propose_flag(draft: Draft, request: Request, response: Response) -> Flag:
        """Flag a model's results. It is proposed to the maintainers, and its discussion is opened."""
        flag = desk.propose(draft, service.identity.asker(request))
        response.headers["Location"] = f"/api/v1/flags/{flag.id}"
        return flag

    @routes.post("/flags/{flag_id}/state")
    def decide_flag(flag_id: str, decision: Decision, request: Request) -> Flag:
        """Accept or reject a flag (maintainers), or withdraw it (also its flagger, while nothing is decided)."""
        return desk.decide(flag_id, decision.state, service.identity.asker(request), decision.note)

    @routes.get("/discussions/{kind}/{subject}", response_model=Discussion)
    def get_discussion(request: Request, kind: Literal["flags", "requests"], subject: str) -> Response:
        """The discussion of a flag or of a failed request: where it is, and what was said where it is kept here."""
        discussion = desk.discussions.get(kind, subject)
        if discussion is None:
            raise NotFound("There is no such discussion.")
        return kept_model(request, discussion)

    @routes.post("/discussions/{kind}/{subject}/comments", status_code=201)
    def comment(kind: Literal["flags", "requests"], subject: str, remark: Remark, request: Request) -> Discussion:
        """Take part in a discussion, on the Hub in your own name where your token allows it."""
        return desk.say(kind, subject, remark.text, service.identity.asker(request))

    return routes


def request_routes(service: Service) -> APIRouter:
    """Votes for a request, and changes of it: cancel, relaunch, rerun, correct, report."""
    routes = guarded_router(service, tags=["requests"], prefix="/requests/{request_id}")
    desk = service.request_desk

    @routes.get("/votes", response_model=Ballot)
    def get_votes(request: Request, request_id: str) -> Response:
        """Who voted for it beside its submitter."""
        return kept_model(request, desk.votes.of(service.queue.get(request_id)))

    @routes.post("/votes", status_code=201)
    def vote(request: Request, request_id: str) -> records.Request:
        """Vote for a pending request."""
        return desk.vote(request_id, service.identity.asker(request))

    @routes.delete("/votes")
    def take_vote_back(request: Request, request_id: str) -> records.Request:
        """Take your vote back."""
        return desk.take_vote_back(request_id, service.identity.asker(request))

    @routes.post("/cancel")
    def cancel(request: Request, request_id: str, reason: Reason = NO_REASON) -> records.Request:
        """Take a pending or running request out: its submitter, the model's owner, maintainers."""
        return desk.cancel(request_id, service.identity.asker(request), reason.note)

    @routes.post("/relaunch")
    def relaunch(request: Request, request_id: str, reason: Reason = NO_REASON) -> records.Request:
        """Put a failed or cancelled request back into the queue."""
        return desk.relaunch(request_id, service.identity.asker(request), reason.note)

    @routes.post("/rerun")
    def rerun(request: Request, request_id: str, reason: Reason = NO_REASON) -> records.Request:
        """Evaluate a finished request once more; the old result is kept."""
        return desk.rerun(request_id, service.identity.asker(request), reason.note)

    @routes.patch("")
    def correct(request: Request, request_id: str, corrections: Corrections) -> records.Request:
        """Correct what the request says of its checkpoint."""
        return desk.correct(request_id, corrections, service.identity.asker(request))

    @routes.post("/report", status_code=201)
    def report(request: Request, request_id: str, reason: Reason = NO_REASON) -> Discussion:
        """Open a discussion of a failure, with its reason, request file and log."""
        return desk.report(request_id, service.identity.asker(request), reason.note)

    return routes
