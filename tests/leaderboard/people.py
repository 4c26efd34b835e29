"""People of a Hub on loopback, signed in to a board by its OpenID provider, as a browser does it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import httpx
from fastapi import FastAPI
from fastapi.testclient import TestClient

from leaderboard.api import add_api, catch_errors
from leaderboard.api.signin import STAMP_COOKIE
from leaderboard.identity import STAMP_HEADER
from leaderboard.service import Service

Open = Callable[..., Service]
"""Opens a board with settings of its own."""

BOARD = "http://127.0.0.1:7860"
"""The Hub lets unregistered applications on this machine sign people in."""
TOKENS = {"ada": "hf_ada", "bob": "hf_bob", "eve": "hf_eve", "mia": "hf_mia"}
ORGANIZATIONS = {"lab": {"ada": "admin", "bob": "contributor"}, "keepers": {"mia": "write"}}


def at_the_hub(address: str, token: str) -> str:
    """Show `token` at the provider's page; the address that it sends the browser back to."""
    fields = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    answer = httpx.post(address.partition("?")[0], data=fields | {"token": token}, trust_env=False)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def sign_in(browser: TestClient, name: str, back: str = "/") -> httpx.Response:
    """Sign `browser` in as `name`; the board's last answer, a redirect back."""
    begun = browser.get("/api/v1/sign-in", params={"back": back}, follow_redirects=False)
    assert begun.status_code == 303, begun.text
    return browser.get(at_the_hub(begun.headers["location"], TOKENS[name]), follow_redirects=False)


def stamped(browser: TestClient) -> dict[str, str]:
    """The headers that our pages send along with what changes something."""
    return {STAMP_HEADER: browser.cookies.get(STAMP_COOKIE) or "", "origin": BOARD}


def bearer(name: str) -> dict[str, str]:
    """The header by which a program says who it is."""
    return {"Authorization": f"Bearer {TOKENS[name]}"}


def client_of(service: Service, base_url: str = BOARD) -> TestClient:
    """A browser, or a program, at a board's API."""
    app = FastAPI()
    add_api(app, service)
    catch_errors(app)
    return TestClient(app, base_url=base_url)
