"""The Hub's own client, with waits that end and calls that are counted."""

from __future__ import annotations

from typing import Any

import httpx2
from huggingface_hub import HfApi, set_client_factory
from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]
from huggingface_hub.utils._http import default_client_factory

from leaderboard.hub.calls import CALLS
from leaderboard.hub.outage import outage_of

LIBRARY = "podium"
_settled = False


class WatchedClient(httpx2.Client):
    """Notices when the Hub does not respond."""

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """The answer. Raises what the client raises."""
        outage = outage_of(str(request.url))
        try:
            answer = super().send(request, **options)
        except httpx2.TransportError:
            outage.failed()
            raise
        outage.answered()
        return answer


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
        with default_client_factory() as made:
            hooks, follows = made.event_hooks, made.follow_redirects
        hooks = {
            "request": [*hooks["request"], lambda _: CALLS.asked()],
            "response": [*hooks["response"], lambda answer: CALLS.answered(answer.status_code)],
        }
        # By default it waits for ever, also in a commit.
        return WatchedClient(event_hooks=hooks, follow_redirects=follows, timeout=httpx2.Timeout(timeout_s))

    set_client_factory(pool)
    disable_progress_bars()
    _settled = True
