"""`python -m leaderboard.monitoring.probe [ADDRESS]`: exit code 0 when it answers with 200. For health checks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from http.client import HTTPException
from urllib.request import ProxyHandler, build_opener

from leaderboard.errors import BadSettings
from leaderboard.monitoring.monitor import READINESS
from leaderboard.settings import load_settings

ANSWER_S = 8.0
ANY = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
"""Addresses that mean every address of a machine -> one of them."""


def main(arguments: Sequence[str]) -> int:
    """0 when the address, or else the service's own /readyz, answers with 200; 1 when not."""
    try:
        address = arguments[0] if arguments else own_address()
        with build_opener(ProxyHandler({})).open(address, timeout=ANSWER_S) as answer:
            return 0 if answer.status == 200 else 1
    except (OSError, HTTPException, ValueError, BadSettings) as error:
        print(error, file=sys.stderr)
        return 1


def own_address() -> str:
    """Where the service of these settings says whether it is ready. Raises BadSettings."""
    settings = load_settings()
    host = ANY.get(settings.host, settings.host)
    return f"http://{host}:{settings.port}{READINESS}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
