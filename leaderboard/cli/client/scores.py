"""The scores of a finished request, beside those that its sender computed before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from leaderboard.cli.client.session import Session
from leaderboard.cli.client.tell import number
from leaderboard.cli.output import Output
from leaderboard.errors import NotFound

DIFFERS = 0.01
"""Share of the graded score by which a local score may be off without a word."""
ScoreRow = dict[str, Any]
"""`key`, `score` (raw), `local`; None is unknown."""


def scores_of(session: Session, request: Mapping[str, Any]) -> list[ScoreRow]:
    """Every score of a request that has finished; none while its result is not published. Raises PodiumError."""
    if request.get("status") != "FINISHED":
        return []
    try:
        model = session.api.get(f"/models/{quote(str(request['model']))}")
    except NotFound:
        return []
    blocks = [evaluation["podium"] for evaluation in model.get("evaluations", [])]
    block = next((block for block in blocks if block.get("request_id") == request["id"]), None)
    local = request.get("local_scores") or {}
    return [
        {"key": key, "score": score.get("raw"), "local": local.get(key)}
        for key, score in ((block or {}).get("scores") or {}).items()
    ]


def show_scores(out: Output, scores: Sequence[ScoreRow]) -> None:
    """The scores as a table, and a word about those that differ."""
    if not scores:
        return
    if not any(row["local"] is not None for row in scores):
        out.table(("score", "value"), [[row["key"], number(row["score"])] for row in scores], numbers=("value",))
        return
    rows = [[row["key"], number(row["score"]), number(row["local"])] for row in scores]
    out.table(("score", "value", "local"), rows, numbers=("value", "local"))
    for row in scores:
        if differs(row["score"], row["local"]):
            out.warn(f"{row['key']}: the graded score is not your local one. The request's page says what may be why.")


def differs(graded: Any, local: Any) -> bool:
    """Whether a local score is off by more than DIFFERS of the graded one."""
    if not isinstance(graded, int | float) or not isinstance(local, int | float):
        return False
    return abs(graded - local) > DIFFERS * abs(graded)
