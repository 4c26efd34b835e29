"""Queueing a submission once, whatever happens to the connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from leaderboard.cli.client.session import Session
from leaderboard.errors import NotAccepted, NotAllowed, NotFound, ServerUnavailable

NOT_UPLOADED = "artifact_missing"
"""The problem of a file that is not uploaded yet."""
Body = Mapping[str, Any]


class Queued(NamedTuple):
    """A request, and whether it was there before."""

    request: dict[str, Any]
    existing: bool


def benchmark_of(session: Session, wanted: str) -> dict[str, Any]:
    """The benchmark of that id, or the only one. Raises NotFound, NotAccepted."""
    benchmarks: list[dict[str, Any]] = session.api.get("/benchmarks")
    ids = [benchmark["id"] for benchmark in benchmarks]
    if wanted in ids:
        return benchmarks[ids.index(wanted)]
    if not wanted and len(benchmarks) == 1:
        return benchmarks[0]
    what = f"has no benchmark {wanted!r}" if wanted else "has several benchmarks"
    raise NotFound(f"{session.server} {what}. Choose one with --benchmark: {', '.join(ids)}.")


def look(session: Session, body: Body) -> dict[str, Any]:
    """What would happen if this were submitted; a file that is not uploaded yet is no problem. Raises NotAccepted."""
    from leaderboard.cli.client.api import problems_of

    answer: dict[str, Any] = session.api.post("/submissions/check", body)
    problems = [problem for problem in problems_of({"error": "", **answer}) if problem.code != NOT_UPLOADED]
    if answer.get("existing"):
        return answer
    for problem in problems:
        if problem.severity == "warning":
            session.out.warn(f"{problem.message} {problem.fix}".strip())
    errors = [problem for problem in problems if problem.severity != "warning"]
    if errors:
        raise NotAccepted(errors)
    return answer


def quota_of(session: Session, benchmark_id: str, look: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is left of each quota: of the team where there is one, else as the look at the submission says."""
    try:
        answer = session.api.get("/quota", {"benchmark": benchmark_id})
    except (NotFound, NotAllowed):  # an older server; nobody in particular asks
        answer = look
    quota: list[dict[str, Any]] = answer.get("quota") or []
    return quota


def quota_line(quota: Mapping[str, Any]) -> str:
    """A quota in words."""
    from leaderboard.cli.client.tell import until

    period = quota.get("period") or f"in {quota['period_days']:g} days"
    what = "failures after scoring began" if quota.get("counts") == "failures" else "submissions"
    frees = until(quota.get("frees_at"))
    more = f"; one more {frees}" if frees else ""
    return f"{quota['left']:,} of {quota['limit']:,} {what} left for {quota['name']} ({period}){more}"


def queue(session: Session, body: Body) -> Queued:
    """Submit. The same that is there already, also from a try whose answer was lost, is found. Raises PodiumError."""
    before = _mine(session, body)
    patience = session.api.patience
    for attempt in range(1, patience.tries + 1):
        try:
            answer = session.api.call("POST", "/submissions", json=body, accepted=(409,), repeatable=False)
        except ServerUnavailable as error:
            if not error.may_have_arrived:
                raise
            if fresh := _mine(session, body).keys() - before.keys():
                return Queued(session.request(sorted(fresh)[0]), existing=False)
            if attempt == patience.tries:
                raise
            session.out.note(f"{error} Nothing was queued; trying again.")
            continue
        if answer.status_code != 409:
            return Queued(session.api.json_of(answer), existing=False)
        existing = str(session.api.json_of(answer).get("existing") or "").rpartition("/")[2]
        if not existing:
            session.api.refuse(answer)
        return Queued(session.request(existing), existing=True)
    raise AssertionError("unreachable")


def _mine(session: Session, body: Body) -> dict[str, Any]:
    """Requests of one's own that the body could have made, by id."""
    sender = session.me().get("sender") or ""
    name = body["model"] if body["kind"] == "checkpoint" else body["name"]
    params = {"benchmark": body["benchmark"], "sender": sender, "name": name, "limit": 1000}
    found = session.api.get("/requests", params)["requests"]
    sha256 = (body.get("artifact") or {}).get("sha256")
    return {each["id"]: each for each in found if sha256 in (None, each.get("revision"))}
