"""Signing in at the Hub's OpenID provider: code flow with PKCE, state and nonce; the identity's signature is verified.

https://openid.net/specs/openid-connect-core-1_0.html
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ValidationError

from leaderboard.errors import HubUnavailable, NotAllowed
from leaderboard.identity.sealed import Sealed
from leaderboard.records import Person
from leaderboard.settings import Settings

SIGN_IN_WAIT_S = 10.0
"""Seconds for an answer of the provider: somebody is waiting for the next page."""
SIGN_IN_S = 600
"""Seconds that a person may take at the provider."""
PLACES_S = 3600.0
"""Seconds for which the provider's addresses and keys are remembered."""
MAX_ANSWER_BYTES = 1_000_000
MAX_ORGS = 200
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures that need the provider's private key; never `none` or one under a shared secret."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
NO_ANSWER = "The Hub's sign-in does not answer as it should. Try again in a minute."
REFUSED = "The Hub did not confirm who you are: {}. Sign in again."


class Places(BaseModel):
    """The provider's description of itself, as far as it is needed."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str


class Pending(Sealed):
    """A sign-in that was begun: what the browser brings back from the provider must fit."""

    state: str
    nonce: str
    verifier: str
    """PKCE: proves that whoever redeems the code is who asked for it."""
    redirect_uri: str
    back: str
    """Where the person was."""


class SignedIn(NamedTuple):
    """What a finished sign-in says."""

    person: Person
    token: str
    """Of the person, for the Hub; never log it."""
    lasts_s: int
    """Seconds for which the token is good."""


class Provider:
    """The OpenID provider of one Hub. Safe for threads."""

    def __init__(self, settings: Settings) -> None:
        self._endpoint = settings.hub_endpoint.rstrip("/")
        self._timeout = min(settings.hub_timeout_s, SIGN_IN_WAIT_S)
        self._scopes = settings.oauth_scopes
        self._secret = settings.oauth_client_secret
        public = settings.public_url.rstrip("/")
        own = f"{public}/api/v1/sign-in/client.json" if public.startswith("https://") else "podium"
        self.client_id = settings.oauth_client_id or own
        self._lock = threading.Lock()
        self._known: tuple[float, Places, KeySet] | None = None

    def begin(self, redirect_uri: str, back: str) -> tuple[str, Pending]:
        """The address to send a person to, and what to remember until they return. Raises HubUnavailable."""
        places, _ = self._describe()
        expires = int(time.time()) + SIGN_IN_S
        pending = Pending(
            expires=expires,
            state=generate_token(32),
            nonce=generate_token(32),
            verifier=generate_token(64),
            redirect_uri=redirect_uri,
            back=back,
        )
        with self._client(redirect_uri) as client:
            address, _ = client.create_authorization_url(
                places.authorization_endpoint, state=pending.state, nonce=pending.nonce, code_verifier=pending.verifier
            )
        return str(address), pending

    def finish(self, pending: Pending, code: str) -> SignedIn:
        """Exchange the code that the person brought back. Raises NotAllowed, HubUnavailable."""
        places, keys = self._describe()
        try:
            with self._client(pending.redirect_uri) as client:
                tokens = client.fetch_token(places.token_endpoint, code=code, code_verifier=pending.verifier)
                claims = self._claims(str(tokens.get("id_token") or ""), places, keys, pending.nonce)
                answer = client.get(places.userinfo_endpoint)
        except OAuthError as error:
            raise NotAllowed(REFUSED.format(error.error)) from None
        except (httpx.HTTPError, ValueError) as error:
            raise HubUnavailable(NO_ANSWER, 60) from error
        about = _object(answer)
        if answer.status_code != 200 or about.get("sub") != claims["sub"]:
            raise NotAllowed(REFUSED.format("its answers are about two people"))
        lasts = tokens.get("expires_in")
        return SignedIn(
            _person(about), str(tokens["access_token"]), lasts if isinstance(lasts, int) and lasts > 0 else SIGN_IN_S
        )

    def _client(self, redirect_uri: str) -> OAuth2Client:
        secret = self._secret.get_secret_value() if self._secret else None
        return OAuth2Client(
            self.client_id,
            secret,
            scope=self._scopes,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            timeout=self._timeout,
        )

    def _claims(self, identity: str, places: Places, keys: KeySet, nonce: str) -> dict[str, Any]:
        """The identity's claims, once signature, issuer, audience, time and nonce are right. Raises NotAllowed."""
        registry = jwt.JWTClaimsRegistry(
            leeway=60,
            iss={"essential": True, "value": places.issuer},
            aud={"essential": True, "value": self.client_id},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            token = jwt.decode(identity, keys, algorithms=list(ALGORITHMS))
            registry.validate(token.claims)
        except (JoseError, ValueError):
            self._known = None  # the provider may have changed its keys: read them again the next time
            raise NotAllowed(REFUSED.format("its statement of who you are does not hold")) from None
        return dict(token.claims)

    def _describe(self) -> tuple[Places, KeySet]:
        """Where the provider's doors are, and its public keys. Raises HubUnavailable."""
        with self._lock:
            if self._known is None or time.monotonic() - self._known[0] > PLACES_S:
                self._known = (time.monotonic(), *self._ask())
            return self._known[1:]

    def _ask(self) -> tuple[Places, KeySet]:
        try:
            with httpx.Client(timeout=self._timeout) as client:
                document = _object(client.get(f"{self._endpoint}/.well-known/openid-configuration"))
                places = Places.model_validate(document)
                if places.issuer.rstrip("/") != self._endpoint:
                    raise ValueError(f"it calls itself {places.issuer}")
                return places, KeySet.import_key_set(_object(client.get(places.jwks_uri)))  # type: ignore[arg-type]
        except (httpx.HTTPError, JoseError, ValidationError, ValueError, KeyError) as error:
            raise HubUnavailable(NO_ANSWER, 60) from error


def _object(answer: httpx.Response) -> Mapping[str, Any]:
    """A JSON object. Raises ValueError for anything else."""
    if len(answer.content) > MAX_ANSWER_BYTES:
        raise ValueError("the answer is too long")
    value = answer.json()
    if not isinstance(value, dict):
        raise ValueError("the answer is not a JSON object")
    return value


def _person(about: Mapping[str, Any]) -> Person:
    name = about.get("preferred_username")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise NotAllowed(REFUSED.format("it names no account"))
    return Person(name=name, orgs=organisations(about.get("orgs")))


def organisations(value: Any) -> tuple[str, ...]:
    """Names of the organisations that a userinfo answer lists."""
    entries = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
    names = [entry.get("preferred_username") or entry.get("name") for entry in entries[:MAX_ORGS]]
    return tuple(name for name in names if isinstance(name, str) and NAME.fullmatch(name))
