"""A small HTTP server with a process's health, readiness and metrics, for workers, which serve no pages."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from leaderboard.errors import BadSettings
from leaderboard.monitoring.monitor import Monitor

CLIENT_S = 10.0
"""Seconds after which a client that sends or reads nothing is given up."""
log = logging.getLogger(__name__)


@contextmanager
def listening(monitor: Monitor, host: str, port: int) -> Iterator[str]:
    """Answer at `host`:`port` while the block lasts; gives the address. Raises BadSettings where it cannot be had."""

    class Handler(BaseHTTPRequestHandler):
        timeout = CLIENT_S

        def do_GET(self) -> None:  # the name that http.server calls
            """Answer one question."""
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = monitor.answer(urlsplit(self.path).path, self.client_address[0], headers)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.media_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes come every few seconds: not worth a line each."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        reason = f"PODIUM_MONITOR_HOST, PODIUM_MONITOR_PORT: {host}:{port} cannot be listened on ({error.strerror})"
        raise BadSettings(f"{reason}. Choose another port; 0 picks a free one.") from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="monitor", daemon=True)
    thread.start()
    address = f"http://{host}:{server.server_address[1]}"
    log.info("Health and metrics are at %s.", address)
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
