"""Public discussions in a dataset repository on the Hub: opened and answered, never edited."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from huggingface_hub import HfApi

from leaderboard.errors import HubUnavailable, NotAllowed
from leaderboard.hub.client import client_of
from leaderboard.hub.errors import DiscussionsMissing, HubRefusal, discussion_refused, translated

MAX_TITLE = 200
LOOKED_THROUGH = 40
"""Discussions, the newest first, among which one is looked for whose answer was lost."""


@dataclass(frozen=True)
class OpenedDiscussion:
    """A discussion on the Hub."""

    num: int
    url: str


@dataclass(frozen=True)
class HubDiscussions:
    """The discussions of the dataset `repo` at `endpoint`; `token` is the board's own."""

    repo: str
    endpoint: str
    token: str | None = field(default=None, repr=False)
    timeout_s: float = 30.0

    def open(self, title: str, text: str, token: str | None = None) -> OpenedDiscussion:
        """Open a discussion in the name of `token`, the board's own without one; `title` must be unlike any other's.

        The board makes the repository if it is not there. Raises NotAllowed when the Hub does not let that token,
        HubUnavailable.
        """
        title = title[:MAX_TITLE]
        try:
            num = self._open_or_create(title, text, token)
        except HubUnavailable:
            known = self._find(title)
            if known is None:
                raise
            num = known
        return OpenedDiscussion(num, f"{self.endpoint.rstrip('/')}/datasets/{self.repo}/discussions/{num}")

    def say(self, num: int, text: str, token: str | None = None) -> None:
        """Add a comment in the name of `token`, the board's own without one. Raises NotAllowed, HubUnavailable."""
        with self._client(token) as client:
            client.comment_discussion(self.repo, num, text, repo_type="dataset")

    def close(self, num: int, token: str | None = None) -> None:
        """End it in the name of `token`, the board's own without one. Raises NotAllowed, HubUnavailable."""
        with self._client(token) as client:
            client.change_discussion_status(self.repo, num, "closed", repo_type="dataset")

    def comments(self, num: int) -> int:
        """How many comments it has beside the one that opened it. Raises NotAllowed, HubUnavailable."""
        with self._client(None) as client:
            events = client.get_discussion_details(self.repo, num, repo_type="dataset").events
        return max(0, sum(event.type == "comment" for event in events) - 1)

    def create(self) -> None:
        """Make the repository unless it is there. Raises NotAllowed, HubUnavailable."""
        try:
            with self._client(None) as client:
                client.create_repo(self.repo, repo_type="dataset", private=False, exist_ok=True)
        except NotAllowed as refusal:
            raise NotAllowed(f"{refusal} Its operator has to make the dataset {self.repo}.") from None

    def _open_or_create(self, title: str, text: str, token: str | None) -> int:
        try:
            return self._open(title, text, token)
        except DiscussionsMissing:
            known = self._find(title)  # opened, and only not to be read back yet
            if known is not None:
                return known
        self.create()
        return self._open(title, text, token)

    def _open(self, title: str, text: str, token: str | None) -> int:
        with self._client(token) as client:
            return client.create_discussion(self.repo, title, description=text, repo_type="dataset").num

    def _find(self, title: str) -> int | None:
        """The discussion with that title; None where there is none, or the Hub does not say."""
        try:
            with self._client(None) as client:
                newest = client.get_repo_discussions(self.repo, discussion_type="discussion", repo_type="dataset")
                return next((known.num for known in islice(newest, LOOKED_THROUGH) if known.title == title), None)
        except (HubUnavailable, NotAllowed):
            return None

    @contextmanager
    def _client(self, token: str | None) -> Iterator[HfApi]:
        """The client with `token`, the board's own without one; it asks once: again could open a second discussion."""
        try:
            with translated(f"the discussions of {self.repo}"):
                yield client_of(self.endpoint, token or self.token, self.timeout_s)
        except HubRefusal as refusal:
            raise discussion_refused(refusal, self.repo, "your token" if token else "this board") from refusal
