"""What participants and organisers decide in a competition: teams, the final selection, reviews, baselines, re-runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from leaderboard.api.answers import kept_model
from leaderboard.api.guard import guarded_router
from leaderboard.board.to_review import rows_to_review
from leaderboard.community.texts import Note as Line
from leaderboard.community.texts import Text
from leaderboard.competitions.decided import Decision
from leaderboard.competitions.reruns import Rerun
from leaderboard.competitions.reviews import Note, Review, ReviewState
from leaderboard.competitions.teams import Team
from leaderboard.errors import NotSignedIn
from leaderboard.records import Person
from leaderboard.service import Service

RERUNS_TOLD, DECISIONS_TOLD = 20, 500
"""The last ones, in an answer."""
Why = Annotated[Line, Field(min_length=3)]


class Body(BaseModel):
    """What somebody sends."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Reason(Body):
    """Why something is decided; everybody can read it."""

    why: Why


class Founding(Body):
    """A team to found."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    """"Team " is put before it where it does not begin so."""


class Invitation(Body):
    """Somebody to invite."""

    person: Annotated[str, Field(min_length=1, max_length=100)]
    """The name with which they sign in."""


class Joining(Body):
    """A team to join."""

    team: Annotated[str, Field(min_length=1, max_length=60)]


class Selection(Body):
    """Submissions for the final ranking."""

    requests: Annotated[list[str], Field(max_length=1000)]
    """Ids of finished submissions, in place of those that were chosen before."""


class ReviewDecision(Body):
    """Where a review stands now."""

    state: ReviewState
    reason: Line = ""
    """For everybody; a refusal needs one."""


class NewNote(Body):
    """A note for the other organisers."""

    text: Annotated[Text, Field(min_length=1)]


class BaselineMark(Reason):
    """Whether a submission is a baseline."""

    baseline: bool


class RerunAnswer(BaseModel):
    """A re-run of all finished submissions, and how far it is."""

    id: str
    by: str
    time: str
    """When it was started (UTC)."""
    why: str
    total: int
    """Submissions that were finished then."""
    finished: int
    """Submissions with a new result."""
    lost: int
    """Failed or cancelled since, or gone."""
    waiting: int
    """Submissions that wait or run."""


class CompetitionAnswer(BaseModel):
    """What was decided in a competition."""

    benchmark: str
    private_board_open: bool
    """Whether everybody sees the private board; false where there is none."""
    opened: Decision | None
    """Who opened it; null where it opened at its time, or is not open."""
    selections: dict[str, list[str]] | None
    """Team or person -> ids of the requests that they chose; null until the private board is open."""
    teams: list[Team]
    reviews: dict[str, Review]
    """Id of the request -> where its review stands."""
    baselines: list[str]
    """Ids of requests."""
    reruns: list[RerunAnswer]
    """The last 20, oldest first."""
    phases_taken_over: list[str]
    """Tracks of the phases that have the submissions of the phase before."""
    decisions: list[Decision]
    """The last 500, the newest first; the files have more."""


class Candidate(BaseModel):
    """A finished submission that can be chosen."""

    request: str
    """Its id."""
    model: str
    submitted_time: str


class ParticipantAnswer(BaseModel):
    """What a participant decided, for themselves and their team."""

    benchmark: str
    participant: str
    """The name for which their submissions count: their team's, or their own."""
    team: Team | None
    invitations: list[str]
    """Names of teams that they may join."""
    final_submissions: int | None
    """How many they may choose; null where nothing is chosen."""
    selection: list[str]
    """Ids of the requests that they chose."""
    candidates: list[Candidate]
    """The newest first."""


class ReviewedRow(BaseModel):
    """A row of the board as organisers see it."""

    request: str
    model: str
    track: str
    rank: int | None
    average: float | None
    baseline: bool
    review: Review | None
    notes: list[Note]


class ReviewsAnswer(BaseModel):
    """The first rows of the board, and all that were reviewed."""

    benchmark: str
    rows: list[ReviewedRow]


def participant(service: Service, request: Request) -> Person:
    """Who takes part. Raises NotSignedIn for a stranger: strangers share one name."""
    asker = service.identity.asker(request)
    if asker.is_stranger and service.identity.signs_in:
        raise NotSignedIn("Sign in to take part: teams and selections belong to somebody.")
    return asker.person


def participant_answer(service: Service, benchmark_id: str, person: str) -> ParticipantAnswer:
    """What somebody decided. Raises NotFound, Unreadable."""
    benchmark, decided = service.benchmark(benchmark_id), service.competitions
    final = benchmark.competition.final_submissions if benchmark.competition else None
    return ParticipantAnswer(
        benchmark=benchmark.id,
        participant=decided.teams.participant(benchmark.id, person),
        team=decided.teams.team_of(benchmark.id, person),
        invitations=[team.name for team in decided.teams.listed(benchmark.id).teams if team.invites(person)],
        final_submissions=final,
        selection=decided.selections.by(benchmark.id, person) if final else [],
        candidates=[
            Candidate(request=each.id, model=each.model, submitted_time=each.submitted_time)
            for each in (decided.selections.candidates(benchmark.id, person) if final else [])
        ],
    )


def competition_answer(service: Service, benchmark_id: str) -> CompetitionAnswer:
    """What was decided in a competition. Raises NotFound, Unreadable."""
    benchmark, decided = service.benchmark(benchmark_id), service.competitions
    is_open = decided.openings.opened(benchmark, datetime.now(UTC))
    return CompetitionAnswer(
        benchmark=benchmark.id,
        private_board_open=is_open,
        selections=decided.selections.of(benchmark.id) if is_open else None,
        opened=decided.openings.by(benchmark.id),
        teams=decided.teams.listed(benchmark.id).teams,
        reviews=dict(decided.reviews.of(benchmark.id)),
        baselines=list(decided.baselines.of(benchmark.id)),
        reruns=[rerun_answer(service, rerun) for rerun in decided.reruns.of(benchmark.id)[-RERUNS_TOLD:]],
        phases_taken_over=decided.migrations.done(benchmark.id),
        decisions=decided.log(benchmark.id)[:DECISIONS_TOLD],
    )


def rerun_answer(service: Service, rerun: Rerun) -> RerunAnswer:
    """A re-run and how far it is."""
    progress = service.competitions.reruns.progress(rerun)
    return RerunAnswer(
        id=rerun.id,
        by=rerun.by,
        time=rerun.time,
        why=rerun.why,
        total=progress.total,
        finished=progress.finished,
        lost=progress.lost,
        waiting=progress.waiting,
    )


def reviews_answer(service: Service, benchmark_id: str) -> ReviewsAnswer:
    """The rows that organisers look at, with their notes. Raises NotFound, Unreadable."""
    benchmark, decided = service.benchmark(benchmark_id), service.competitions
    notes = decided.notes.of(benchmark.id)
    rows = rows_to_review(service.boards.refresh(benchmark.id).board, decided.standings.of(benchmark.id))
    return ReviewsAnswer(
        benchmark=benchmark.id,
        rows=[
            ReviewedRow(
                request=row.request_id,
                model=row.model,
                track=row.track,
                rank=row.rank,
                average=row.average,
                baseline=row.standing.is_baseline,
                review=row.standing.review,
                notes=list(notes.get(row.request_id, [])),
            )
            for row in rows
        ],
    )


def participant_routes(service: Service) -> APIRouter:
    """GET /benchmarks/{benchmark}/competition; what participants do below it."""
    routes = guarded_router(service, tags=["competitions"], prefix="/benchmarks/{benchmark}/competition")
    teams = service.competitions.teams

    @routes.get("", response_model=CompetitionAnswer)
    def get_competition(request: Request, benchmark: str) -> Response:
        """What was decided in a competition: teams, reviews, baselines, re-runs, and every decision about them."""
        return kept_model(request, competition_answer(service, benchmark))

    @routes.get("/mine")
    def get_mine(request: Request, benchmark: str) -> ParticipantAnswer:
        """Your team, your invitations and what you chose for the final ranking."""
        return participant_answer(service, benchmark, participant(service, request).name)

    @routes.post("/teams", status_code=201)
    def found_team(benchmark: str, founding: Founding, request: Request) -> Team:
        """Found a team."""
        return teams.found(service.benchmark(benchmark), founding.name, participant(service, request).name)

    @routes.post("/teams/invitations", status_code=201)
    def invite(benchmark: str, invitation: Invitation, request: Request) -> Team:
        """Let somebody join your team."""
        return teams.invite(service.benchmark(benchmark), invitation.person, participant(service, request).name)

    @routes.delete("/teams/invitations/{person}")
    def take_invitation_back(benchmark: str, person: str, request: Request) -> Team:
        """Take an invitation to your team back."""
        return teams.take_back(service.benchmark(benchmark), person, participant(service, request).name)

    @routes.post("/teams/join")
    def join_team(benchmark: str, joining: Joining, request: Request) -> Team:
        """Accept an invitation."""
        return teams.join(service.benchmark(benchmark), joining.team, participant(service, request).name)

    @routes.post("/teams/leave", status_code=204)
    def leave_team(benchmark: str, request: Request) -> None:
        """Leave your team, as long as it has not submitted anything since you joined it."""
        teams.leave(service.benchmark(benchmark), participant(service, request).name)

    @routes.put("/selection")
    def choose(benchmark: str, selection: Selection, request: Request) -> ParticipantAnswer:
        """Choose submissions for the final ranking, in place of those that you or your team chose before."""
        person = participant(service, request).name
        service.competitions.selections.choose(service.benchmark(benchmark), selection.requests, person)
        return participant_answer(service, benchmark, person)

    return routes


def organiser_routes(service: Service) -> APIRouter:
    """What organisers do in a competition. For maintainers."""
    routes = guarded_router(service, tags=["competitions"], prefix="/benchmarks/{benchmark}/competition")
    decided = service.competitions

    def name(request: Request) -> str:
        return service.identity.asker(request).name

    @routes.post("/opening", status_code=201)
    def open_private_board(benchmark: str, reason: Reason, request: Request) -> Decision:
        """Show everybody the private board, for good."""
        return decided.openings.open(service.benchmark(benchmark), name(request), reason.why)

    @routes.get("/reviews")
    def get_reviews(benchmark: str) -> ReviewsAnswer:
        """The first rows of the board and all that were reviewed, with the organisers' notes."""
        return reviews_answer(service, benchmark)

    @routes.post("/reviews/{request_id}")
    def review(benchmark: str, request_id: str, decision: ReviewDecision, request: Request) -> Review:
        """Set where the review of a submission stands. A refused one has no rank any more and stays visible."""
        to, reason = decision.state, decision.reason
        return decided.reviews.decide(service.benchmark(benchmark), request_id, to, name(request), reason)

    @routes.post("/reviews/{request_id}/notes", status_code=201)
    def add_note(benchmark: str, request_id: str, note: NewNote, request: Request) -> Note:
        """Note something about a submission for the other organisers."""
        return decided.notes.add(service.benchmark(benchmark), request_id, note.text, name(request))

    @routes.post("/baselines/{request_id}")
    def mark_baseline(benchmark: str, request_id: str, mark: BaselineMark, request: Request) -> list[str]:
        """Mark a submission as a baseline, which has no rank, or take the mark away; the ids that are marked then."""
        served = service.benchmark(benchmark)
        decided.baselines.mark(served, request_id, mark.baseline, name(request), mark.why)
        return list(decided.baselines.of(served.id))

    @routes.post("/reruns", status_code=201)
    def run_all_again(benchmark: str, reason: Reason, request: Request) -> RerunAnswer:
        """Evaluate all finished submissions once more, as after a fix. Old results are kept."""
        rerun = decided.reruns.start(service.benchmark(benchmark), name(request), reason.why)
        service.wake()
        return rerun_answer(service, rerun)

    return routes
