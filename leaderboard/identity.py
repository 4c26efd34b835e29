"""Who asks. The API and the pages learn it here and nowhere else, so that sign-in is added in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from leaderboard.records import Person
from leaderboard.settings import Settings


class Asked(Protocol):
    """What identity needs of a request: FastAPI's and Gradio's both have it."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The request's headers."""
        ...


class Identity:
    """Tells the sender of a request from what the server knows, never from what the client says."""

    def __init__(self, settings: Settings) -> None:
        self.anonymous = Person(name=settings.anonymous_sender)

    def sender(self, request: Asked) -> Person:
        """The person behind `request`. There is no sign-in yet: everybody is the settings' anonymous sender."""
        del request
        return self.anonymous
