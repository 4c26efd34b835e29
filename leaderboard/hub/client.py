"""The Hub's own client, with waits that end and calls that are counted."""

from __future__ import annotations

import httpx2
from huggingface_hub import HfApi, set_client_factory
from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]
from huggingface_hub.utils._http import default_client_factory

from leaderboard.hub.calls import CALLS

LIBRARY = "podium"
_settled = False


def client_of(endpoint: str, token: str | None, timeout_s: float) -> HfApi:
    """The client for the Hub at `endpoint` with `token`; None: without any, also when the machine has one lying about.

    The whole process has one connection pool, whose timeout is that of the first call.
    """
    settle_pool(timeout_s)
    return HfApi(endpoint=endpoint.rstrip("/"), token=token or False, library_name=LIBRARY)


def settle_pool(timeout_s: float) -> None:
    """Have the connection pool be ours; whoever asks the Hub calls this first. Only the first call does anything."""
    global _settled
    if _settled:
        return

    def pool() -> httpx2.Client:
        made = default_client_factory()
        made.timeout = httpx2.Timeout(timeout_s)  # by default it waits for ever, also in a commit
        hooks = made.event_hooks
        made.event_hooks = {
            "request": [*hooks["request"], lambda _: CALLS.asked()],
            "response": [*hooks["response"], lambda answer: CALLS.answered(answer.status_code)],
        }
        return made

    set_client_factory(pool)
    disable_progress_bars()
    _settled = True
