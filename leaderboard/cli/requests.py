"""`podium status`, `logs`, `cancel`, `list` and `watch`: what became of a submission."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from leaderboard.cli.client.options import AsJson, RequestId, Server
from leaderboard.cli.client.session import Session, open_session, request_path
from leaderboard.errors import NotPossible


def status(request_id: RequestId, server: Server = "", as_json: AsJson = False) -> None:
    """Show where a submission stands, and its scores once it has finished."""
    from leaderboard.cli.client.scores import scores_of, show_scores
    from leaderboard.cli.client.tell import ago, raise_if_failed, status_line

    with open_session(server, as_json) as session:
        request = session.request(request_id)
        raise_if_failed(request)
        session.out.facts(
            [
                ("submission", str(request.get("model"))),
                ("benchmark", str(request.get("benchmark"))),
                ("status", status_line(request)),
                ("submitted", ago(request.get("submitted_time"))),
                ("page", session.page(f"/request/{request['id']}")),
            ]
        )
        scores = scores_of(session, request)
        show_scores(session.out, scores)
        ended = request["status"] == "FINISHED"
        session.out.next(f"podium board {request['benchmark']}" if ended else f"podium watch {request['id']}")
        session.out.end(request=request, scores=scores)


def watch(request_id: RequestId, server: Server = "", as_json: AsJson = False) -> None:
    """Follow a submission to its end. It can be interrupted and run again; the submission goes on."""
    with open_session(server, as_json) as session:
        watch_to_end(session, request_id)


def watch_to_end(session: Session, request_id: str) -> None:
    """Follow a request, show its scores. Raises SubmissionFailed, PodiumError."""
    from leaderboard.cli.client.scores import scores_of, show_scores
    from leaderboard.cli.client.tell import raise_if_failed
    from leaderboard.cli.client.watch import follow

    request = follow(session, request_id)
    raise_if_failed(request)
    session.out.done(f"{request['model']} has finished")
    scores = scores_of(session, request)
    show_scores(session.out, scores)
    session.out.next(f"podium board {request['benchmark']}")
    session.out.end(request=request, scores=scores)


def logs(
    request_id: RequestId,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=1000, help="How many of the last lines.")] = 200,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Show the last lines of a submission's log."""
    with open_session(server, as_json) as session:
        text = session.api.text(request_path(request_id, "/log"), {"lines": lines})
        if text:
            session.out.line(text.rstrip("\n"))
        else:
            session.out.note("There is no log yet: it begins with the run")
        session.out.next(f"podium status {request_id}")
        session.out.end(id=request_id, log=text)


def cancel(
    request_id: RequestId,
    note: Annotated[str, typer.Option("--note", help="Why; everybody can read it.")] = "",
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Take a submission that waits or runs out of the queue. It does not count for your limits."""
    with open_session(server, as_json) as session:
        try:
            request = session.api.post(request_path(request_id, "/cancel"), {"note": note})
        except NotPossible:
            request = session.request(request_id)
            if request["status"] != "CANCELLED":  # the answer to an earlier try may have been lost
                raise
        session.out.done(f"{request['model']} is cancelled")
        session.out.next("podium list")
        session.out.end(request=request)


def list_mine(
    benchmark: Annotated[str, typer.Option("--benchmark", "-b", metavar="ID", help="Only of this benchmark.")] = "",
    state: Annotated[
        list[str] | None,
        typer.Option("--status", help="Only with this status: pending, running, finished, failed, cancelled."),
    ] = None,
    sender: Annotated[str, typer.Option("--sender", help="Of somebody else.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many, the newest first.")] = 20,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """List your submissions, the newest first."""
    from leaderboard.cli.client.tell import ago, status_line

    with open_session(server, as_json) as session:
        whose = sender or session.me().get("sender")
        if not whose:
            raise session.not_signed_in()
        params: dict[str, Any] = {"sender": whose, "benchmark": benchmark, "limit": limit}
        params["status"] = [name.upper() for name in state or ()]
        answer = session.api.get("/requests", params)
        rows = [
            [each["id"], each["model"], each["benchmark"], ago(each["submitted_time"]), status_line(each)]
            for each in answer["requests"]
        ]
        if rows:
            session.out.table(("id", "submission", "benchmark", "submitted", "status"), rows)
        else:
            session.out.note(f"{whose} has submitted nothing that fits")
        if answer["total"] > len(rows):
            session.out.note(f"{len(rows):,} of {answer['total']:,}; --limit shows more")
        session.out.next(f"podium status {rows[0][0]}" if rows else "podium submit FILE")
        session.out.end(total=answer["total"], requests=answer["requests"])
