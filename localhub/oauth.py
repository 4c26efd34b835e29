"""OpenID Connect for one Hub: clients, codes that work once, tokens, and the key that signs identities."""

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from localhub.accounts import DISCUSS, READ, WRITE, Accounts, digest
from localhub.drafts import Drafts
from localhub.errors import Invalid, Unauthenticated
from localhub.files import locked, read_json

CODE_SECONDS = 300
TOKEN_SECONDS = 8 * 3600
SCOPES = {
    "openid": frozenset[str](),
    "profile": frozenset[str](),
    "email": frozenset[str](),
    "read-memberships": frozenset[str](),
    "read-repos": frozenset({READ}),
    "contribute-repos": frozenset({READ, DISCUSS}),
    "write-discussions": frozenset({READ, DISCUSS}),
    "write-repos": frozenset({READ, WRITE, DISCUSS}),
    "manage-repos": frozenset({READ, WRITE, DISCUSS}),
}
"""Scopes that an application may request, and the rights of its token."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class SignIn:
    """The parameters of an application's sign-in request."""

    client_id: str
    redirect_uri: str
    scope: str
    nonce: str
    challenge: str
    """PKCE, S256; empty only for a client with a secret."""


class OpenId:
    """The provider's state, in `oauth/` under the root, shared by all processes."""

    def __init__(self, root: Path, accounts: Accounts) -> None:
        self._folder, self._accounts = root / "oauth", accounts
        self._lock = root / "locks" / "oauth.lock"
        self._drafts = Drafts(root)

    def add_client(self, client_id: str, redirect_uris: list[str], *, secret: str | None = None) -> None:
        """Register an application; without a secret it is a public one and must use PKCE."""
        with locked(self._lock):
            clients = read_json(self._folder / "clients.json", {})
            clients[client_id] = {"redirect_uris": redirect_uris, "secret_sha256": digest(secret) if secret else None}
            self._drafts.write_json(self._folder / "clients.json", clients, mode=0o600)

    def check_sign_in(self, sign_in: SignIn) -> None:
        """Raise Invalid unless the application is registered (or on this machine) and its request is complete."""
        client = self._client(sign_in.client_id)
        if client is None and urlsplit(sign_in.redirect_uri).hostname not in _LOOPBACK:
            raise Invalid(f'The application "{sign_in.client_id[:100]}" is not registered with this Hub')
        if client is not None and sign_in.redirect_uri not in client["redirect_uris"]:
            raise Invalid("The application has not registered this redirect_uri")
        if urlsplit(sign_in.redirect_uri).scheme not in ("http", "https"):
            raise Invalid("The redirect_uri must start with http:// or https://")
        if not sign_in.challenge and not (client and client["secret_sha256"]):
            raise Invalid("The application must use PKCE: code_challenge with code_challenge_method S256")
        if "openid" not in sign_in.scope.split():
            raise Invalid('The scope must include "openid"')

    def code_for(self, user: str, may: frozenset[str], sign_in: SignIn) -> str:
        """Create a code for a user who has signed in; it works once, for five minutes."""
        code = secrets.token_urlsafe(32)
        record = {"user": user, "may": sorted(may), "wanted": vars(sign_in), "expires": time.time() + CODE_SECONDS}
        self._drafts.write_json(self._folder / "codes" / f"{digest(code)}.json", record, mode=0o600)
        return code

    def redeem(
        self, issuer: str, code: str, redirect_uri: str, client_id: str, secret: str, verifier: str
    ) -> dict[str, Any]:
        """Exchange a code for tokens; raises Invalid or Unauthenticated (RFC 6749 names in the message)."""
        path = self._folder / "codes" / f"{digest(code)}.json"
        with locked(self._lock):
            record = read_json(path)
            path.unlink(missing_ok=True)
        if not record or record["expires"] < time.time():
            raise Invalid("invalid_grant: the code is unknown, used or expired")
        sign_in = SignIn(**record["wanted"])
        if sign_in.client_id != client_id or sign_in.redirect_uri != redirect_uri:
            raise Invalid("invalid_grant: the code was given to another application or address")
        client = self._client(client_id)
        expected = client["secret_sha256"] if client else None
        if expected and not hmac.compare_digest(expected, digest(secret)):
            raise Unauthenticated("invalid_client: the client secret is wrong")
        if sign_in.challenge and not hmac.compare_digest(sign_in.challenge.encode(), _challenge(verifier).encode()):
            raise Invalid("invalid_grant: the code verifier does not match the challenge")
        return self._tokens(issuer, record["user"], frozenset(record["may"]), sign_in)

    def _tokens(self, issuer: str, user: str, may: frozenset[str], sign_in: SignIn) -> dict[str, Any]:
        scopes = [scope for scope in sign_in.scope.split() if scope in SCOPES and SCOPES[scope] <= may]
        granted = frozenset[str]().union(*(SCOPES[scope] for scope in scopes))
        token = self._accounts.grant(user, granted, sign_in.client_id, TOKEN_SECONDS)
        moment = int(time.time())
        claims = self.claims(user) | {"iss": issuer, "aud": sign_in.client_id, "iat": moment, "exp": moment + 3600}
        claims["auth_time"] = moment
        if sign_in.nonce:
            claims["nonce"] = sign_in.nonce
        key = self._key()
        identity = jwt.encode({"alg": "RS256", "kid": key.thumbprint()}, claims, key)
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": " ".join(scopes),
            "id_token": identity,
        }

    def claims(self, user: str) -> dict[str, Any]:
        """The claims about a user, for applications."""
        about = self._accounts.user(user)
        orgs = sorted(self._accounts.organizations_of(about["name"]).items())
        email = {"email": about["email"], "email_verified": True} if about["email"] else {}
        return {
            "sub": hashlib.sha256(about["name"].lower().encode()).hexdigest()[:24],
            "name": about["fullname"],
            "preferred_username": about["name"],
            "isPro": False,
            "orgs": [{"sub": org, "name": org, "preferred_username": org, "roleInOrg": role} for org, role in orgs],
            **email,
        }

    def public_keys(self) -> dict[str, Any]:
        """The JSON Web Key Set."""
        key = self._key()
        return {"keys": [{**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": "RS256"}]}

    def sweep(self) -> None:
        """Delete expired codes and tokens."""
        for path in (*(self._folder / "codes").glob("*.json"), *(self._folder / "tokens").glob("*.json")):
            if read_json(path, {"expires": 0})["expires"] < time.time():
                path.unlink(missing_ok=True)

    def _client(self, client_id: str) -> dict[str, Any] | None:
        client: dict[str, Any] | None = read_json(self._folder / "clients.json", {}).get(client_id)
        return client

    def _key(self) -> RSAKey:
        path = self._folder / "key.json"
        with locked(self._lock):
            data = read_json(path)
            if data is None:
                data = RSAKey.generate_key(2048).as_dict(private=True)
                self._drafts.write_json(path, data, mode=0o600)
        return RSAKey.import_key(data)


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
