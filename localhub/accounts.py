"""Users, organisations and tokens: `users.json` under the root, which an operator may also edit by hand."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localhub.clock import now, stamp
from localhub.drafts import Drafts
from localhub.errors import Invalid, NotFound, Unauthenticated
from localhub.files import read_json
from localhub.names import valid_name
from localhub.userfile import UserFile

ORG_ROLES = ("read", "contributor", "write", "admin")
READ, WRITE, DISCUSS = "read", "write", "discuss"
TOKEN_SCOPES = {"read": frozenset({READ}), "write": frozenset({READ, WRITE, DISCUSS})}


def digest(token: str) -> str:
    """The sha256 of a token, which is all that is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True)
class Visitor:
    """The sender of a request: a user with the scopes of the token, or a stranger (`name` is None)."""

    name: str | None = None
    scopes: frozenset[str] = frozenset()
    orgs: Mapping[str, str] = field(default_factory=dict)
    """Organisation -> role."""
    token_name: str = ""
    token_role: str = "read"

    @property
    def is_stranger(self) -> bool:
        """Whether no valid token was sent."""
        return self.name is None

    def role_in(self, namespace: str) -> str | None:
        """`admin` in their own namespace, their role in an organisation, None elsewhere. Names ignore case."""
        if self.name is None:
            return None
        if namespace.lower() == self.name.lower():
            return "admin"
        return next((role for org, role in self.orgs.items() if org.lower() == namespace.lower()), None)


STRANGER = Visitor()


class Accounts:
    """The users and organisations of one Hub. Reads see every change of the file, by any process or editor."""

    def __init__(self, root: Path) -> None:
        self._file = UserFile(root)
        self._grants = root / "oauth" / "tokens"
        self._drafts = Drafts(root)

    def add_user(
        self, name: str, *, token: str | None = None, role: str = "write", fullname: str = "", email: str = ""
    ) -> str:
        """Add a user (or another token of theirs) and return the token, a new one by default.

        Only the sha256 of the token is stored. Raises Invalid.
        """
        if role not in TOKEN_SCOPES:
            raise Invalid(f'Unknown token role "{role}": expected one of {", ".join(TOKEN_SCOPES)}')
        token = token or "hf_" + secrets.token_urlsafe(24).replace("-", "x").replace("_", "y")
        with self._file.changing() as data:
            _check_free(name, data["organizations"], "an organisation")
            key = _spelled(name, data["users"]) or name
            user = data["users"].setdefault(key, {"fullname": fullname or name, "email": email, "tokens": []})
            others = [row for row in user.get("tokens", ()) if row["sha256"] != digest(token)]
            row = {"sha256": digest(token), "role": role, "name": f"token {len(others) + 1}", "created": stamp(now())}
            user["tokens"] = [*others, row]
        return token

    def add_organization(self, name: str, members: Mapping[str, str], *, fullname: str = "") -> None:
        """Add an organisation, or members (user -> role) to it; every member must be a user. Raises Invalid."""
        with self._file.changing() as data:
            _check_free(name, data["users"], "a user")
            key = _spelled(name, data["organizations"]) or name
            org = data["organizations"].setdefault(key, {"fullname": fullname or name, "members": {}})
            for member, role in members.items():
                spelled = _spelled(member, data["users"])
                if spelled is None:
                    users = ", ".join(sorted(data["users"])) or "none"
                    raise Invalid(f'Unknown user "{member}" for organisation {name}: the users are {users}')
                if role not in ORG_ROLES:
                    raise Invalid(
                        f'Unknown role "{role}" of {member} in {name}: expected one of {", ".join(ORG_ROLES)}'
                    )
                org["members"][spelled] = role

    def visitor(self, token: str | None) -> Visitor:
        """The owner of `token`; a stranger without one. Raises Unauthenticated for an unknown token."""
        if not token:
            return STRANGER
        sha, users = digest(token), self._file.read()["users"]
        for name, user in users.items():
            for row in user.get("tokens", ()):
                if row["sha256"] == sha:
                    scopes = TOKEN_SCOPES.get(row.get("role", "read"), frozenset({READ}))
                    return Visitor(
                        name, scopes, self.organizations_of(name), row.get("name", ""), row.get("role", "read")
                    )
        grant = read_json(self._grants / f"{sha}.json")
        if grant and grant["expires"] > now().timestamp() and (name := _spelled(grant["user"], users)):
            role = "write" if WRITE in grant["scopes"] else "read"
            return Visitor(name, frozenset(grant["scopes"]), self.organizations_of(name), grant["client"], role)
        raise Unauthenticated("Invalid username or password.")

    def grant(self, user: str, scopes: frozenset[str], client: str, seconds: int) -> str:
        """Create a token for an OpenID client; it expires after `seconds`."""
        token = "hf_oauth_" + secrets.token_urlsafe(32)
        expires = now().timestamp() + seconds
        record = {"user": user, "scopes": sorted(scopes), "client": client, "expires": expires}
        self._drafts.write_json(self._grants / f"{digest(token)}.json", record, mode=0o600)
        return token

    def organizations_of(self, user: str) -> dict[str, str]:
        """Organisation -> role of one user."""
        orgs = self._file.read()["organizations"].items()
        return {name: org["members"][user] for name, org in orgs if user in org.get("members", {})}

    def users(self) -> list[str]:
        """Names of all users."""
        return sorted(self._file.read()["users"])

    def user(self, name: str) -> dict[str, Any]:
        """`{name, fullname, email}` of a user; raises NotFound."""
        users = self._file.read()["users"]
        spelled = _spelled(name, users)
        if spelled is None:
            raise NotFound(f"User {name} not found")
        return {
            "name": spelled,
            "fullname": users[spelled].get("fullname") or spelled,
            "email": users[spelled].get("email"),
        }

    def organization(self, name: str) -> dict[str, Any]:
        """`{name, fullname, members}` of an organisation; raises NotFound."""
        orgs = self._file.read()["organizations"]
        spelled = _spelled(name, orgs)
        if spelled is None:
            raise NotFound(f"Organization {name} not found")
        return {
            "name": spelled,
            "fullname": orgs[spelled].get("fullname") or spelled,
            "members": orgs[spelled]["members"],
        }

    def spelled(self, namespace: str) -> str:
        """The namespace in its owner's spelling; unchanged when nobody has that name."""
        data = self._file.read()
        return _spelled(namespace, data["users"]) or _spelled(namespace, data["organizations"]) or namespace

    def is_organization(self, namespace: str) -> bool:
        """Whether the namespace belongs to an organisation."""
        return _spelled(namespace, self._file.read()["organizations"]) is not None


def _spelled(name: str, names: Mapping[str, Any]) -> str | None:
    if name in names:
        return name
    return next((candidate for candidate in names if candidate.lower() == name.lower()), None)


def _check_free(name: str, others: Mapping[str, Any], what: str) -> None:
    if not valid_name(name):
        raise Invalid(f'Invalid name "{name[:100]}": letters, digits, "-", "_" and ".", at most 96 characters')
    if _spelled(name, others):
        raise Invalid(f'"{name}" is already {what}')
