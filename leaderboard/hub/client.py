"""The Hub's own client, with waits that end."""

from __future__ import annotations

import httpx2
from huggingface_hub import HfApi, set_client_factory
from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]
from huggingface_hub.utils._http import default_client_factory

LIBRARY = "podium"
_settled = False


def client_of(endpoint: str, token: str | None, timeout_s: float) -> HfApi:
    """The client for the Hub at `endpoint` with `token`; None: without any, also when the machine has one lying about.

    The whole process has one connection pool, whose timeout is that of the first call.
    """
    global _settled
    if not _settled:  # the client waits for ever by default, also in a commit

        def pool() -> httpx2.Client:
            made = default_client_factory()
            made.timeout = httpx2.Timeout(timeout_s)
            return made

        set_client_factory(pool)
        disable_progress_bars()
        _settled = True
    return HfApi(endpoint=endpoint.rstrip("/"), token=token or False, library_name=LIBRARY)
