"""`python -m localhub`: serve a folder as a Hub."""

import argparse
import os
import sys
from pathlib import Path

import uvicorn

from localhub.errors import Invalid, LocalHubError
from localhub.faults import KINDS, Fault, Faults
from localhub.oauth import OpenId
from localhub.server import create_app
from localhub.serving import bind, endpoint_of
from localhub.store import Hub


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser("python -m localhub", description="The Hugging Face Hub's HTTP API over a folder.")
    made.add_argument("--root", type=Path, required=True, help="the folder; created if it does not exist")
    made.add_argument("--host", default="127.0.0.1", help="address to listen on (default: only this machine)")
    made.add_argument("--port", type=int, default=8090, help="port to listen on, 0 for a free one (default: 8090)")
    made.add_argument(
        "--token",
        action="append",
        default=[],
        metavar="USER[:read][=TOKEN]",
        help="add a user or another token; without =TOKEN a new one is printed once. Everybody who can list "
        "this machine's processes can read a token on the command line: for demos only",
    )
    made.add_argument(
        "--org",
        action="append",
        default=[],
        metavar="NAME=USER:ROLE,...",
        help="add an organisation, or members to it; roles: read, contributor, write, admin",
    )
    made.add_argument(
        "--oauth-client",
        action="append",
        default=[],
        metavar="ID=REDIRECT_URI",
        help="register an application for sign-in (public, with PKCE); those on this machine need none",
    )
    made.add_argument(
        "--choose-user", action="store_true", help="let visitors sign in as any user without a token: for demos only"
    )
    made.add_argument("--fault-switch", action="store_true", help="enable /_localhub/faults for this machine")
    made.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND[:PROBABILITY[:PATH]]",
        help=f"switch on a fault (implies --fault-switch): {', '.join(KINDS)}",
    )
    made.add_argument("--fault-seed", type=int, default=0, help="random seed of the faults (default: 0)")
    return made


def _prepare(options: argparse.Namespace) -> Hub:
    hub = Hub(options.root)
    _add_tokens(hub, options.token)
    _add_organizations(hub, options.org)
    if not hub.accounts.users():
        _add_tokens(hub, ["admin"])
    for spec in options.oauth_client:
        client_id, _, redirect_uri = spec.partition("=")
        OpenId(hub.root, hub.accounts).add_client(client_id, [redirect_uri])
    if options.fault:
        Faults(hub.root).set([Fault.parse(text) for text in options.fault], seed=options.fault_seed)
    return hub


def _add_tokens(hub: Hub, specs: list[str]) -> None:
    for spec in specs:
        who, _, token = spec.partition("=")
        name, _, role = who.partition(":")
        made = hub.accounts.add_user(name, token=token or None, role=role or "write")
        if not token:
            print(f"token of {name} (shown once): {made}", flush=True)


def _add_organizations(hub: Hub, specs: list[str]) -> None:
    for spec in specs:
        name, _, people = spec.partition("=")
        members = dict(person.partition(":")[::2] for person in people.split(",") if person)
        hub.accounts.add_organization(name, {user: role or "write" for user, role in members.items()})


def main(argv: list[str] | None = None) -> int:
    """Serve until interrupted; prints the endpoint when ready."""
    options = parser().parse_args(argv)
    try:
        hub = _prepare(options)
        listening = bind(options.host, options.port)
        os.umask(0o022)
        faulty = options.fault_switch or bool(options.fault)
        app = create_app(hub, choose_user=options.choose_user, fault_switch=faulty)
    except LocalHubError as error:
        print(f"localhub: {error.message}", file=sys.stderr)
        return 2 if isinstance(error, Invalid) else 1
    except OSError as error:
        print(f"localhub: cannot serve {options.root} on {options.host}:{options.port}: {error}", file=sys.stderr)
        return 1
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=5)
    print(f"localhub: serving {options.root} at {endpoint_of(listening)}", flush=True)
    print(f"export HF_ENDPOINT={endpoint_of(listening)} HF_HUB_DISABLE_XET=1", flush=True)
    uvicorn.Server(config).run(sockets=[listening])
    return 0


if __name__ == "__main__":
    sys.exit(main())
