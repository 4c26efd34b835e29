"""Flags: what is held against the results of this board, and what its maintainers decided."""

from __future__ import annotations

from leaderboard.community.overview import DECIDED_SHOWN, flag_overview
from leaderboard.documents.render import render
from leaderboard.documents.visit import Visit
from leaderboard.service import Service

TITLE = "Flags"


def draw(service: Service, visit: Visit) -> str:
    """The page of open and decided flags."""
    shown = flag_overview(service.flags, DECIDED_SHOWN * visit.number("page"))
    return render("flags", shown=shown, page=visit.number("page"), page_size=DECIDED_SHOWN, query=visit.query)
