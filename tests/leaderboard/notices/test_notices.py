"""What ended is told once, to real servers on loopback: signed, tried again, and remembered over a restart."""

from __future__ import annotations

import hashlib
import hmac
import json
import socketserver
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_string
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from leaderboard.errors import BadSettings
from leaderboard.notices import channels
from leaderboard.notices.channels import Channel, open_channels
from leaderboard.notices.notifier import KEPT, NoticeThread, Notifier
from leaderboard.queue import request_index
from leaderboard.queue.queue import Queue
from leaderboard.records import Failure, Fault, Request
from leaderboard.settings import Settings
from leaderboard.stores.local import LocalStore

SECRET = "a key of ours"
DAMAGED = Failure(fault=Fault.SUBMISSION, code="checkpoint_unreadable", message="A file is damaged.")


class Receiver(ThreadingHTTPServer):
    """Keeps what is sent to it, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        """Statuses of the next answers; 200 when there are none."""
        super().__init__(("127.0.0.1", 0), Answering)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?token=hidden"


class Answering(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class MailServer(socketserver.ThreadingTCPServer):
    """As much SMTP as a client needs to leave a message."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        self.got: list[tuple[list[str], str]] = []
        self.refuse = 0
        """How many of the next messages are refused for now."""
        super().__init__(("127.0.0.1", 0), Mailbox)


class Mailbox(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        envelope: list[str] = []
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb in ("MAIL", "RCPT"):
                envelope.append(line)
            if verb == "DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = list(iter(lambda: self.rfile.readline().decode(), ".\r\n"))
                self.server.refuse -= 1
                if self.server.refuse >= 0:
                    self.wfile.write(b"451 not now\r\n")
                    continue
                self.server.got.append((envelope, "".join(lines)))
            self.wfile.write(b"221 bye\r\n" if verb == "QUIT" else b"250 fine\r\n")
            if verb == "QUIT":
                return


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


class Office:
    """A queue, its notifier, and a clock that is told to go on."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.folder = folder
        self.waited: list[float] = []
        self.queue = Queue(LocalStore(folder / "requests"), clock=lambda: self.now)
        self.settings = Settings.model_validate(settings)
        self.open()

    def open(self) -> None:
        """Start anew, as after a restart."""
        self.channels: list[Channel] = open_channels(self.settings, self.waited.append)
        self.notifier = Notifier(
            self.queue, self.channels, self.folder / "notices", "Our board", "https://board", lambda: self.now
        )

    def work(self, seconds: float = 1.0) -> None:
        self.now += timedelta(seconds=seconds)
        self.notifier.work(self.now.timestamp())

    def claimed(self, name: str) -> Request:
        request = Request(benchmark="tiny", model=f"org/{name}", revision="a" * 40, sender="ann", precision="float32")
        return self.queue.claim(self.queue.submit(request), "w1", 600)


@pytest.fixture
def office(tmp_path: Path, receiver: Receiver) -> Office:
    return Office(tmp_path, {"webhook_url": receiver.url, "webhook_secret": SECRET})


def told(receiver: Receiver) -> list[tuple[str, str]]:
    bodies = [json.loads(body) for _, body in receiver.got]
    return [(body["model"], body["status"]) for body in bodies]


def test_an_end_is_told_once_whoever_ended_it_and_signed(office: Office, receiver: Receiver) -> None:
    done, failed, running = (office.claimed(name) for name in ("done", "failed", "running"))
    office.work()
    assert receiver.got == [], "nothing has ended"
    office.queue.finish(done, "published as results/x.json")
    office.now += timedelta(seconds=1)
    office.queue.fail(failed, DAMAGED)
    office.now += timedelta(seconds=1)
    office.queue.cancel(running, "ada", "withdrawn")
    for _ in range(3):
        office.work()
    assert told(receiver) == [("org/done", "FINISHED"), ("org/failed", "FAILED"), ("org/running", "CANCELLED")]
    headers, body = receiver.got[1]
    assert headers["X-Podium-Signature"] == f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"
    notice = json.loads(body)
    assert headers["X-Podium-Delivery"] == notice["delivery"] == f"{failed.id}-2"
    assert (
        notice["failure"]["code"] == "checkpoint_unreadable" and notice["url"] == f"https://board/request/{failed.id}"
    )
    assert (notice["event"], notice["by"], notice["ended_time"]) == ("request.ended", "w1", "2026-01-01T00:00:02Z")
    assert json.loads(receiver.got[2][1])["by"] == "ada"


def test_a_restart_neither_loses_nor_repeats_an_end(office: Office, receiver: Receiver) -> None:
    office.queue.finish(office.claimed("before"))
    office.work()
    office.open()
    office.work()
    late = office.claimed("while-it-was-away")
    office.queue.fail(late, DAMAGED)
    office.queue.relaunch(late, "mia")
    office.open()
    office.work()
    office.work()
    assert told(receiver) == [("org/before", "FINISHED"), ("org/while-it-was-away", "FAILED")]


def test_ends_before_it_was_switched_on_and_very_old_ones_are_not_told(tmp_path: Path, receiver: Receiver) -> None:
    office = Office(tmp_path, {})
    office.queue.finish(office.claimed("long-ago"))
    office.now += timedelta(days=1)
    office.settings = Settings(webhook_url=receiver.url)  # type: ignore[arg-type]
    office.open()
    office.work()
    office.queue.finish(office.claimed("now"))
    office.now += KEPT + timedelta(days=1)
    office.queue.finish(office.claimed("today"))
    office.work()
    assert told(receiver) == [("org/today", "FINISHED")]


def test_a_webhook_that_fails_is_tried_again_later_and_holds_up_nothing(office: Office, receiver: Receiver) -> None:
    receiver.answers = [500] * channels.TRIES
    office.queue.finish(office.claimed("first"))
    office.queue.finish(office.claimed("second"))
    office.work()
    assert len(receiver.got) == channels.TRIES and len(office.waited) == channels.TRIES - 1
    assert office.waited == sorted(office.waited) and office.waited[-1] <= channels.LONGEST_WAIT_S
    office.work()
    assert len(receiver.got) == channels.TRIES, "it is left alone for a while"
    receiver.got.clear()
    office.work(60)
    assert told(receiver) == [("org/first", "FINISHED"), ("org/second", "FINISHED")]


def test_a_look_reads_only_the_ends_that_were_not_told(
    office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_index, "KEPT_IN_FULL", 0)
    for name in ("first", "second"):
        office.queue.finish(office.claimed(name))
    office.work()
    read: list[str] = []
    read_many = office.queue.store.read_many

    def noted(paths: Sequence[str]) -> Iterator[tuple[str, bytes, str]]:
        read.extend(paths)
        return read_many(paths)

    monkeypatch.setattr(office.queue.store, "read_many", noted)
    office.queue.finish(office.claimed("third"))
    office.work()
    assert len(told(receiver)) == 3 and read and all("third" in path for path in read)


def test_what_will_never_be_taken_is_not_sent_again(office: Office, receiver: Receiver) -> None:
    receiver.answers = [413]
    office.queue.finish(office.claimed("refused"))
    office.now += timedelta(seconds=1)
    office.queue.finish(office.claimed("fine"))
    office.work()
    office.work(3600)
    assert told(receiver) == [("org/refused", "FINISHED"), ("org/fine", "FINISHED")]


def test_a_message_names_no_secret(office: Office, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    receiver.shutdown()
    receiver.server_close()
    office.queue.finish(office.claimed("model"))
    office.work()
    assert "The webhook did not answer (ConnectError)." in caplog.text
    assert "hidden" not in caplog.text and SECRET not in caplog.text and "hidden" not in repr(office.settings)


def test_the_maintainers_get_a_mail(tmp_path: Path, mail: MailServer, receiver: Receiver) -> None:
    office = Office(
        tmp_path,
        {
            "smtp_host": "127.0.0.1", "smtp_port": mail.server_address[1], "smtp_security": "none",
            "mail_from": "podium@example.org", "mail_to": "mia@example.org, kim@example.org",
            "webhook_url": receiver.url,
        },
    )  # fmt: skip
    mail.refuse, receiver.answers = 1, [503] * 100
    office.queue.fail(office.claimed("model"), DAMAGED)
    office.work()
    [(envelope, text)] = mail.got
    assert [line.split(":")[1].split()[0] for line in envelope] == [
        "<podium@example.org>", "<mia@example.org>", "<kim@example.org>",
    ]  # fmt: skip
    message = message_from_string(text, policy=default)
    assert message["Subject"] == "[Our board] org/model failed on tiny"
    assert "A file is damaged." in message.get_content() and "https://board/request/" in message.get_content()
    office.work(3600)
    assert len(mail.got) == 1, "that the webhook does not work repeats no mail"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"webhook_url": "ftp://x/y"}, "PODIUM_WEBHOOK_URL"),
        ({"smtp_host": "mail"}, "PODIUM_MAIL_FROM"),
        ({"smtp_host": "mail", "mail_from": "a@b"}, "PODIUM_MAIL_TO"),
    ],
)
def test_settings_that_are_wrong_or_missing_are_named(wrong: dict[str, str], named: str, tmp_path: Path) -> None:
    settings = Settings.model_validate({**wrong, "work_dir": tmp_path})
    with pytest.raises(BadSettings, match=named):
        NoticeThread(settings, Queue(LocalStore(tmp_path / "requests")), lambda: 0.0)


def test_without_settings_there_is_no_thread_and_with_them_it_ends_when_told(
    tmp_path: Path, receiver: Receiver
) -> None:
    queue = Queue(LocalStore(tmp_path / "requests"))
    none = NoticeThread(Settings(work_dir=tmp_path), queue, lambda: 0.0)
    none.stop()
    assert not (tmp_path / "notices").exists()
    some = NoticeThread(
        Settings.model_validate({"work_dir": tmp_path, "webhook_url": receiver.url}), queue, lambda: 0.0
    )
    some.stop()
    assert not some._thread.is_alive() and (tmp_path / "notices" / "webhook.json").exists()


def test_an_outbox_that_cannot_be_read_begins_anew(office: Office, receiver: Receiver) -> None:
    office.queue.finish(office.claimed("before"))
    (office.folder / "notices" / "webhook.json").write_text("{")
    office.now += timedelta(seconds=5)
    office.open()
    office.work()
    assert receiver.got == []
