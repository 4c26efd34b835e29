"""Where notices go: an address that takes a POST, and a mailbox."""

from __future__ import annotations

import hashlib
import hmac
import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Protocol
from urllib.parse import urlsplit

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from leaderboard.errors import BadSettings, NotDelivered
from leaderboard.notices.notice import Notice
from leaderboard.settings import Settings

TRIES = 4
"""In a row; after that the notice waits for the next round."""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 10.0
TIMEOUT_S = 10.0
NEVER_TAKEN = (400, 410, 413, 422)
"""Answers that mean that the same body will never be taken."""
SIGNATURE = "X-Podium-Signature"


class Channel(Protocol):
    """One way to tell somebody."""

    name: str

    def deliver(self, notice: Notice) -> None:
        """Deliver it, trying several times. Raises NotDelivered."""
        ...


class Webhook:
    """POSTs the notice as JSON to an address of the operator's, signed where there is a secret."""

    name = "webhook"

    def __init__(self, url: str, secret: str, sleep: Callable[[float], object]) -> None:
        """`sleep` waits between two tries."""
        self._url = url
        self._secret = secret.encode()
        self._retrying = retrying(sleep)

    def deliver(self, notice: Notice) -> None:
        """Raises NotDelivered."""
        self._retrying(self._post, notice)

    def _post(self, notice: Notice) -> None:
        body = notice.model_dump_json().encode()
        headers = {"Content-Type": "application/json", "User-Agent": "podium", "X-Podium-Delivery": notice.delivery}
        if self._secret:
            headers[SIGNATURE] = signature(self._secret, body)
        try:
            answer = httpx.post(self._url, content=body, headers=headers, timeout=TIMEOUT_S, trust_env=False)
        except httpx.HTTPError as error:  # its text may name the address, which may hold a secret
            raise NotDelivered(f"The webhook did not answer ({type(error).__name__}).") from None
        if not answer.is_success:
            raise NotDelivered(f"The webhook answered {answer.status_code}.", answer.status_code in NEVER_TAKEN)


class Mail:
    """Sends the notice to the maintainers' mailboxes."""

    name = "mail"

    def __init__(self, settings: Settings, sleep: Callable[[float], object]) -> None:
        """`sleep` waits between two tries."""
        self._settings = settings
        self._retrying = retrying(sleep)

    def deliver(self, notice: Notice) -> None:
        """Raises NotDelivered."""
        self._retrying(self._send, mail_of(notice, self._settings))

    def _send(self, message: EmailMessage) -> None:
        settings, context = self._settings, ssl.create_default_context()
        host, port = settings.smtp_host, settings.smtp_port
        try:
            if settings.smtp_security == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=context)
            else:
                server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
            with server:
                if settings.smtp_security == "starttls":
                    server.starttls(context=context)
                if settings.smtp_user:
                    password = settings.smtp_password
                    server.login(settings.smtp_user, password.get_secret_value() if password else "")
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(
                f"The mail server {host}:{port} did not take a message ({type(error).__name__})."
            ) from None


def open_channels(settings: Settings, sleep: Callable[[float], object]) -> list[Channel]:
    """Those that the settings name. Raises BadSettings, naming everything that is missing or wrong."""
    channels: list[Channel] = []
    problems = []
    url = settings.webhook_url.get_secret_value() if settings.webhook_url else ""
    if url:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            problems.append("PODIUM_WEBHOOK_URL: it must be an address that begins with http:// or https://.")
        secret = settings.webhook_secret
        channels.append(Webhook(url, secret.get_secret_value() if secret else "", sleep))
    if settings.smtp_host:
        missing = [name for name in ("mail_from", "mail_to") if not getattr(settings, name)]
        problems += [f"PODIUM_{name.upper()}: it is needed where PODIUM_SMTP_HOST is set." for name in missing]
        channels.append(Mail(settings, sleep))
    if problems:
        raise BadSettings("\n".join(problems))
    return channels


def signature(secret: bytes, body: bytes) -> str:
    """The value of the header SIGNATURE for a body."""
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


def mail_of(notice: Notice, settings: Settings) -> EmailMessage:
    """The notice as a mail to the maintainers."""
    message = EmailMessage()
    message["Subject"] = _line(f"[{notice.board}] {notice.model} {notice.status.lower()} on {notice.benchmark}")
    message["From"] = settings.mail_from
    message["To"] = ", ".join(address.strip() for address in settings.mail_to.split(",") if address.strip())
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(notice.delivery, "podium.invalid")
    message["Auto-Submitted"] = "auto-generated"
    why = notice.failure.message if notice.failure else notice.note
    message.set_content(
        f"{notice.model} at {notice.revision} in {notice.precision} on {notice.benchmark}: {notice.status}.\n\n"
        f"{why}\n\n{notice.url}\n\nSubmitted by {notice.sender} at {notice.submitted_time}, ended at "
        f"{notice.ended_time} by {notice.by}.\n"
    )
    return message


def retrying(sleep: Callable[[float], object]) -> Retrying:
    """A few tries with growing waits; what will never be taken is not tried again."""

    def wait(seconds: float) -> None:
        sleep(seconds)

    return Retrying(
        stop=stop_after_attempt(TRIES),
        wait=wait_exponential(FIRST_WAIT_S, LONGEST_WAIT_S),
        retry=retry_if_exception(lambda error: isinstance(error, NotDelivered) and not error.for_good),
        sleep=wait,
        reraise=True,
    )


def _line(text: str) -> str:
    """`text` in one line, as a header needs it."""
    return " ".join(text.split())[:200]
