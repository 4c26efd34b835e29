"""What the browser keeps for us and can neither read nor change: encrypted, authenticated, with an end.

A value is a compact JWE (direct A256GCM) under a key that is derived from the session key for one purpose, so that one
kind of cookie never passes for another.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path
from typing import TypeVar

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import BaseModel, ValidationError

from leaderboard.errors import BadSettings
from leaderboard.settings import Settings, refuse_if_open

MIN_KEY_CHARACTERS = 32
KEY_BYTES = 32
HEADER = {"alg": "dir", "enc": "A256GCM"}


class Sealed(BaseModel):
    """Anything that is sealed; it counts until `expires`."""

    expires: int
    """Seconds since 1970."""


Kept = TypeVar("Kept", bound=Sealed)


class Sealer:
    """Seals and opens values of one purpose."""

    def __init__(self, key: bytes, purpose: str) -> None:
        self._secret = hmac.digest(key, purpose.encode(), hashlib.sha256)
        self._key = OctKey.import_key(self._secret)

    def seal(self, value: Sealed) -> str:
        """`value` as text for a cookie."""
        return jwe.encrypt_compact(HEADER, value.model_dump_json().encode(), self._key)

    def open(self, text: str, kind: type[Kept]) -> Kept | None:
        """The sealed value; None when the text is not ours, was changed, or its time is over."""
        try:
            opened = jwe.decrypt_compact(text, self._key, algorithms=list(HEADER.values()))
            value = kind.model_validate_json(opened.plaintext or b"")
        except (JoseError, ValidationError, ValueError):
            return None
        return value if value.expires > time.time() else None

    def stamp(self, text: str) -> str:
        """A text that only we can make from `text`."""
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


def session_key(settings: Settings) -> bytes:
    """The key behind everything sealed: PODIUM_SESSION_KEY, else one made once for this board, in the secrets' folder.

    Raises BadSettings for a key that is too short, or one that others on this machine can read.
    """
    if settings.session_key is not None:
        key = settings.session_key.get_secret_value()
        if len(key) < MIN_KEY_CHARACTERS:
            raise BadSettings(
                f"PODIUM_SESSION_KEY has {len(key)} characters; give it {MIN_KEY_CHARACTERS} random ones or more."
            )
        return key.encode()
    board = hashlib.sha256(str(settings.work_dir.absolute()).encode()).hexdigest()[:12]
    place = settings.secrets_dir / f"session-{board}.key"
    try:
        if not place.exists():
            _make(place)
        refuse_if_open(place)
        return place.read_bytes()
    except OSError as error:
        raise BadSettings(
            f"The session key cannot be kept in {settings.secrets_dir} ({error.strerror}). Make that folder writable "
            "for this service, name another one (PODIUM_SECRETS_DIR), or give the key itself (PODIUM_SESSION_KEY)."
        ) from error


def _make(place: Path) -> None:
    """Write a new key whole: of several processes that start at once, one wins and all read the same."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = place.with_name(f".session.key.{secrets.token_hex(8)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, place)
        except FileExistsError:
            return
    finally:
        beside.unlink(missing_ok=True)
