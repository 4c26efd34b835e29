"""Signatures of links, which then work without a token for a limited time."""

import hashlib
import hmac
import secrets
import time
from pathlib import Path

from localhub.drafts import Drafts
from localhub.errors import Forbidden
from localhub.files import locked


class Signer:
    """Signs with a random key, stored in `secret.key` under the root and shared by all processes."""

    def __init__(self, root: Path) -> None:
        path = root / "secret.key"
        with locked(root / "locks" / "secret.lock"):
            if not path.is_file():
                Drafts(root).write(path, secrets.token_bytes(32), mode=0o600)
        self._key = path.read_bytes()

    def query(self, subject: str, seconds: int = 24 * 3600) -> str:
        """`expires=..&signature=..` for a subject."""
        expires = int(time.time()) + seconds
        return f"expires={expires}&signature={self._sign(subject, expires)}"

    def check(self, subject: str, expires: int, signature: str) -> None:
        """Raise Forbidden unless the signature is genuine and not expired."""
        genuine = hmac.compare_digest(self._sign(subject, expires).encode(), signature.encode())
        if not genuine or expires < time.time():
            raise Forbidden("The link is not valid, or it has expired: request a new one")

    def _sign(self, subject: str, expires: int) -> str:
        return hmac.new(self._key, f"{expires} {subject}".encode(), hashlib.sha256).hexdigest()
