"""What every page says while the Hub does not respond: what still works and what does not."""

from __future__ import annotations

from leaderboard.documents.render import render
from leaderboard.records.times import utc
from leaderboard.service import Service


def outage_note(service: Service) -> str:
    """The note; empty while the Hub responds, or when nobody knows."""
    outage = service.hub.outage
    if not outage.is_on:
        return ""
    answered = outage.answered_at
    return render("outage", on_hub=service.settings.store == "hub", answered=utc(answered) if answered else "")
