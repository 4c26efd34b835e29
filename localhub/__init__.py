"""localhub: the Hugging Face Hub's HTTP API over a folder, for demos, tests and sites without the internet.

    python -m localhub --root DIR                      serve a folder
    with localhub.running(root, tokens={...}) as it:   serve it from a thread, at it.endpoint
    localhub.Hub(root).commit(repo_id, files, date=…)  put content in, with reproducible commit ids

Clients are the unmodified ones, with HF_ENDPOINT set to the address and HF_HUB_DISABLE_XET=1.
"""

from localhub.errors import LocalHubError
from localhub.faults import Fault
from localhub.server import create_app
from localhub.serving import Running, running
from localhub.store import Hub

__all__ = ["Fault", "Hub", "LocalHubError", "Running", "create_app", "running"]
