"""`podium login`, `logout` and `whoami`: who one is at a server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from leaderboard.cli.client.options import AsJson, Server
from leaderboard.cli.client.session import open_session
from leaderboard.cli.output import Output
from leaderboard.errors import NotAllowed, WrongUse

TOKENS_AT = "An access token of the Hub (its settings, Access Tokens; the permission to read is enough)"


def login(
    server: Server = "",
    token_file: Annotated[Path | None, typer.Option("--token-file", help="Read the token from this file.")] = None,
    allow_http: Annotated[
        bool, typer.Option("--allow-http", help="Send the token unencrypted to a server that has no https.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Sign in at a board with an access token of the Hub: pasted, from a file, or on standard input."""
    from leaderboard.cli.client.accounts import Account, Accounts, is_private_way
    from leaderboard.cli.client.api import Api

    out, accounts = Output(as_json), Accounts()
    address = accounts.chosen(server).server
    if not (is_private_way(address) or allow_http):
        raise WrongUse(
            f"{address} is not reached by https: anybody on the way can read your token. Use its https address, or "
            "add --allow-http in a network that you trust."
        )
    token = _token(out, token_file)
    with Api(Account(address, token=token), out.note) as api:
        me = api.get("/me")
    if not me.get("name"):
        raise NotAllowed(f"{address} has no sign-in: everybody takes part as {me.get('sender')}. No login is needed.")
    accounts.keep(Account(address, me["name"], token))
    out.done(f"Signed in at {address} as {me['name']}; the token is in {accounts.path}, for you alone")
    out.next("podium submit FILE")
    out.end(server=address, name=me["name"], orgs=me.get("orgs", []), roles=me.get("roles", []))


def logout(server: Server = "", as_json: AsJson = False) -> None:
    """Forget the token of a board. To end it everywhere, delete it in the Hub's settings."""
    from leaderboard.cli.client.accounts import Accounts

    out, accounts = Output(as_json), Accounts()
    address = accounts.chosen(server).server
    had = accounts.forget(address)
    if had:
        out.done(f"The token for {address} is deleted from {accounts.path}")
    else:
        out.note(f"You were not signed in at {address}")
    out.end(server=address, was_signed_in=had)


def whoami(server: Server = "", as_json: AsJson = False) -> None:
    """Show who you are at a board, and what you may do there."""
    with open_session(server, as_json) as session:
        me = session.me()
        if me.get("sign_in") == "required" and not me.get("name"):
            raise session.not_signed_in()
        session.out.facts(
            [
                ("name", me.get("name") or f"{me.get('sender')} (not signed in)"),
                ("server", session.server),
                ("organisations", ", ".join(me.get("orgs", []))),
                ("roles", ", ".join(me.get("roles", []))),
            ]
        )
        session.out.next("podium list")
        session.out.end(server=session.server, **me)


def _token(out: Output, file: Path | None) -> str:
    """The token, of printable characters. Raises WrongUse."""
    if file is not None:
        try:
            token = file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise WrongUse(f"The token cannot be read from {file}: {error}.") from None
    elif out.answers_questions:
        token = out.ask(f"{TOKENS_AT}, not shown while you paste it", secret=True)
    else:
        token = sys.stdin.read(10_000).strip()
    if not token:
        raise WrongUse("There is no token. Paste it when asked, pipe it in, or name a file with --token-file.")
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise WrongUse("That is not a token: it has spaces, line breaks or other characters that no token has.")
    return token
