"""Who one is at which server: tokens in a file of the user's own, readable by nobody else."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer

from leaderboard.errors import BadSettings, WrongUse

FILE = "servers.json"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
HOW = "Name it with --server URL or PODIUM_SERVER, or run `podium login --server URL`."


@dataclass(frozen=True)
class Account:
    """A server, and who one is there."""

    server: str
    """Its address, without a slash at its end."""
    name: str = ""
    """As the server knows the person; empty for nobody in particular."""
    token: str = field(default="", repr=False)
    """Empty where one has not signed in. Never print it."""


class Accounts:
    """The file of servers and tokens."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or Path(typer.get_app_dir("podium"))) / FILE

    def chosen(self, server: str = "") -> Account:
        """The account at `server`, or at that of the last login. Raises BadSettings, WrongUse."""
        known = self._read()
        address = clean_address(server) if server else str(known.get("last") or "")
        if not address:
            raise BadSettings(f"No server is known. {HOW}")
        entry = known.get("servers", {}).get(address, {})
        return Account(address, str(entry.get("name", "")), str(entry.get("token", "")))

    def keep(self, account: Account) -> None:
        """Remember an account, and that its server was the last one. Raises BadSettings."""
        known = self._read()
        servers = known.get("servers", {}) | {account.server: {"name": account.name, "token": account.token}}
        self._write({"version": 1, "last": account.server, "servers": servers})

    def forget(self, server: str) -> bool:
        """Forget the token of a server; whether there was one. Raises BadSettings."""
        known = self._read()
        servers = dict(known.get("servers", {}))
        had = bool(servers.get(server, {}).get("token"))
        servers.pop(server, None)
        if had:
            self._write({"version": 1, "last": known.get("last", ""), "servers": servers})
        return had

    def _read(self) -> dict[str, Any]:
        try:
            if os.name == "posix" and self.path.stat().st_mode & 0o077:
                raise BadSettings(f"{self.path} holds tokens, and others can read it. Run: chmod 600 {self.path}")
            content = json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise BadSettings(f"{self.path} cannot be read: {error.strerror}.") from None
        except ValueError:
            raise BadSettings(f"{self.path} is damaged. Delete it, and sign in again with `podium login`.") from None
        return content if isinstance(content, dict) else {}

    def _write(self, content: dict[str, Any]) -> None:
        new = self.path.with_name(f".{FILE}.{secrets.token_hex(4)}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(json.dumps(content, indent=2) + "\n")
            new.replace(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink()
            raise BadSettings(f"{self.path} cannot be written: {error.strerror}. Nothing was remembered.") from None


def clean_address(server: str) -> str:
    """A server's address as it is remembered and compared. Raises WrongUse."""
    address = re.sub(r"/(api/v1)?/*$", "", server.strip())
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or parts.username or parts.query or parts.fragment:
        raise WrongUse(f"{server!r} is not the address of a server. Write it like https://board.example.org.")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}"


def is_private_way(server: str) -> bool:
    """Whether nobody on the way to `server` can read a token: https, or this machine itself."""
    parts = urlsplit(server)
    return parts.scheme == "https" or parts.hostname in LOOPBACK
