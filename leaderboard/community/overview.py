"""All flags of a board for readers: those that wait for a decision, and what was decided."""

from __future__ import annotations

from pydantic import BaseModel

from leaderboard.community.flags import Flags, Listed, State

DECIDED_SHOWN = 100


class FlagOverview(BaseModel):
    """The open flags and some of the decided ones, by what their models are called now."""

    open: list[Listed]
    """Those that wait for a decision, the oldest first."""
    decided: list[Listed]
    """The accepted, rejected and withdrawn ones from `offset` on, the last decision first."""
    decided_total: int
    offset: int


def flag_overview(flags: Flags, offset: int = 0, limit: int = DECIDED_SHOWN) -> FlagOverview:
    """Every open flag, and `limit` of the decided ones. Raises Unreadable."""
    listed = flags.current().flags
    decided = [flag for flag in listed if flag.state is not State.PROPOSED]
    decided.sort(key=lambda flag: (flag.decided or flag.time, flag.id), reverse=True)
    return FlagOverview(
        open=[flag for flag in listed if flag.state is State.PROPOSED],
        decided=decided[offset : offset + limit],
        decided_total=len(decided),
        offset=offset,
    )
