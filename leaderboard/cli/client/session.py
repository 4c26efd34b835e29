"""A verb's run: its output, and the server that it talks to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from leaderboard.cli.output import Output
from leaderboard.errors import NotSignedIn

if TYPE_CHECKING:
    from leaderboard.cli.client.api import Api


class Session(NamedTuple):
    """What every verb of the participants works with."""

    api: Api
    out: Output

    @property
    def server(self) -> str:
        """The server's address."""
        return self.api.account.server

    def page(self, path: str) -> str:
        """Address of one of the board's pages."""
        return f"{self.server}{path}"

    def me(self) -> dict[str, Any]:
        """Who the server takes us for. Raises PodiumError."""
        me: dict[str, Any] = self.api.get("/me")
        return me

    def not_signed_in(self) -> NotSignedIn:
        """The error where one has to sign in first."""
        return NotSignedIn(f"You are not signed in at {self.server}. Run `podium login --server {self.server}`.")

    def request(self, request_id: str) -> dict[str, Any]:
        """A request as it stands. Raises PodiumError."""
        request: dict[str, Any] = self.api.get(request_path(request_id))
        return request


@contextmanager
def open_session(server: str, as_json: bool) -> Iterator[Session]:
    """A session at `server`, or at that of the last login. Raises BadSettings, WrongUse."""
    from leaderboard.cli.client.accounts import Accounts
    from leaderboard.cli.client.api import Api

    out = Output(as_json)
    with Api(Accounts().chosen(server), out.note) as api:
        yield Session(api, out)


def request_path(request_id: str, rest: str = "") -> str:
    """Path of a request below the API."""
    return f"/requests/{quote(request_id.strip(), safe='')}{rest}"
