"""The log of a process: lines for people or JSON for programs, and never a secret in either."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from leaderboard.records import Request
from leaderboard.settings import Settings

CHATTY = ("httpx", "httpx2", "apscheduler", "mcp")
"""Libraries of which only warnings are worth a line."""
HIDDEN = "[hidden]"
SECRET = re.compile(
    r"""
    \bhf_(?:oauth_[\w-]{20,}|[A-Za-z0-9]{20,})
    | (?<=://)[^\s/:@]*:[^\s/@]+(?=@)
    | (?P<before>\b(?:bearer|basic)\s+)[\w.~+/=-]{16,}
    | (?P<name>\b\w*(?:token|secret|password|session_key)["']?\s*[=:]\s*["']?)[^\s"',;&]{8,}
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What looks like a token of the Hub, credentials in an address or a header, or a value with a telling name."""
SHORTEST = 6
"""Characters of a secret of ours below which it is not looked for: it would be found everywhere."""


def set_up_logging(settings: Settings) -> None:
    """Write the log of this process as the settings say, to standard error."""
    secrets = [
        secret.get_secret_value()
        for secret in (settings.hub_token, settings.oauth_client_secret, settings.session_key)
        if secret
    ]
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(secrets) if settings.log == "json" else PlainLines(secrets))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(settings.log == "json")
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def about(request: Request, job_id: str | None = None) -> dict[str, str]:
    """What a line about `request` carries: give it to a logger as `extra`."""
    job = job_id or request.job_id
    return {"request_id": request.id} | ({"job_id": job} if job else {})


class Redactor:
    """Takes secrets out of a text: those that are known here, and what looks like one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._known = sorted((secret for secret in secrets if len(secret) >= SHORTEST), key=len, reverse=True)

    def clean(self, text: str) -> str:
        """`text` with HIDDEN for each secret."""
        for secret in self._known:
            text = text.replace(secret, HIDDEN)
        return SECRET.sub(lambda match: (match["before"] or match["name"] or "") + HIDDEN, text)


class PlainLines(logging.Formatter):
    """Lines for people."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redactor = Redactor(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """The line, with the traceback below it."""
        return self._redactor.clean(super().format(record))


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message; exception, request_id and job_id where there are any."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._redactor = Redactor(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """The object, on one line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redactor.clean(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = self._redactor.clean(self.formatException(record.exc_info))
        for name in ("request_id", "job_id"):
            if name in record.__dict__:
                line[name] = str(record.__dict__[name])
        return json.dumps(line, ensure_ascii=False)
