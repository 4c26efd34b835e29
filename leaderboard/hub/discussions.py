"""Public discussions in a dataset repository on the Hub: opened and answered, never edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
from huggingface_hub.utils import build_hf_headers, get_session  # type: ignore[attr-defined]

from leaderboard.errors import HubUnavailable, NotAllowed

MAX_TITLE = 200
LOOKED_THROUGH = 2
"""Pages of discussions, the newest first, in which one is looked for whose answer was lost."""


class Missing(NotAllowed):
    """The repository or the discussion is not there, or not for this token."""


@dataclass(frozen=True)
class Opened:
    """A discussion on the Hub."""

    num: int
    url: str


@dataclass(frozen=True)
class Forum:
    """The discussions of the dataset `repo` at `endpoint`; `token` is the board's own."""

    repo: str
    endpoint: str
    token: str | None = field(default=None, repr=False)
    timeout_s: float = 30.0

    def open(self, title: str, text: str, token: str | None = None) -> Opened:
        """Open a discussion in the name of `token`, the board's own without one; `title` must be unlike any other's.

        The board makes the repository if it is not there. Raises NotAllowed when the Hub does not let that token,
        HubUnavailable.
        """
        title = title[:MAX_TITLE]
        body = {"title": title, "description": text, "pullRequest": False}
        try:
            try:
                num = self._ask("POST", "", token, body).get("num")
            except Missing:
                self.create()
                num = self._ask("POST", "", token, body).get("num")
        except HubUnavailable:
            num = self._find(title)
            if num is None:
                raise
        if not isinstance(num, int):
            raise HubUnavailable("The Hub does not say which discussion it opened.", 60)
        return Opened(num, f"{self.endpoint.rstrip('/')}/datasets/{self.repo}/discussions/{num}")

    def say(self, num: int, text: str, token: str | None = None) -> None:
        """Add a comment in the name of `token`, the board's own without one. Raises NotAllowed, HubUnavailable."""
        self._ask("POST", f"/{num}/comment", token, {"comment": text})

    def create(self) -> None:
        """Make the repository unless it is there. Raises NotAllowed, HubUnavailable."""
        namespace, _, name = self.repo.partition("/")
        body = {"name": name, "organization": namespace, "type": "dataset", "visibility": "public"}
        try:
            self._send("POST", f"{self.endpoint.rstrip('/')}/api/repos/create", None, body, fine=(409,))
        except NotAllowed as refusal:
            raise NotAllowed(f"{refusal} Its operator has to make the dataset {self.repo}.") from None

    def _find(self, title: str) -> int | None:
        """The discussion with that title; None where there is none, or the Hub does not say."""
        for page in range(LOOKED_THROUGH):
            try:
                said = self._ask("GET", f"?type=discussion&p={page}", None, None)
            except (HubUnavailable, NotAllowed):
                return None
            entries = said.get("discussions")
            for one in entries if isinstance(entries, list) else []:
                if isinstance(one, dict) and one.get("title") == title and isinstance(one.get("num"), int):
                    return int(one["num"])
        return None

    def _ask(self, method: str, path: str, token: str | None, body: Mapping[str, Any] | None) -> dict[str, Any]:
        url = f"{self.endpoint.rstrip('/')}/api/datasets/{self.repo}/discussions{path}"
        return self._send(method, url, token, body)

    def _send(
        self, method: str, url: str, token: str | None, body: Mapping[str, Any] | None, fine: tuple[int, ...] = ()
    ) -> dict[str, Any]:
        """The answer's JSON object. Asked once: a second question could open a second discussion."""
        headers = build_hf_headers(token=token or self.token or False, library_name="podium")
        try:
            answer = get_session().request(method, url, headers=headers, json=body, timeout=self.timeout_s)
        except (httpx2.HTTPError, OSError) as error:
            raise HubUnavailable(f"The connection to the Hub failed ({type(error).__name__}).", 60) from error
        if answer.status_code in (401, 403, 404):
            who = "your token" if token else "this board"
            refusal = Missing if answer.status_code == 404 else NotAllowed
            raise refusal(f"The Hub does not let {who} write in {self.repo} (it answered {answer.status_code}).")
        if answer.status_code >= 400 and answer.status_code not in fine:
            raise HubUnavailable(f"The Hub would not take part in a discussion (it answered {answer.status_code}).", 60)
        try:
            said = answer.json()
        except ValueError:
            raise HubUnavailable("The Hub's answer cannot be read.", 60) from None
        return said if isinstance(said, dict) else {}
