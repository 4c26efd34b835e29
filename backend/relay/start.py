"""Starts the relay of a job, in the worker: it alone hands over the key, on the relay's standard input."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

from pydantic import SecretStr

from backend.relay.calls import Task
from backend.relay.channel import make_pipes
from backend.relay.errors import job_failed
from backend.workdir import Workdir
from leaderboard.endpoints.addresses import Place, parse
from leaderboard.endpoints.places import address_rules, endpoint_secrets
from leaderboard.records.kinds.named import EndpointRequest
from leaderboard.settings import PROJECT, Settings, inherited_environment


def start_relay(workdir: Workdir, request: EndpointRequest, settings: Settings) -> None:
    """Start it beside the job in `workdir`; it ends with the job, and with this process. Raises JobFailed, OSError."""
    allowed = address_rules(settings)
    key = _key(request, settings)
    task = Task(
        url=request.endpoint.url,
        model=request.endpoint.model,
        hosts=sorted(allowed.hosts),
        http=allowed.http,
        rules=workdir.benchmark().endpoint,
    )
    line = json.dumps({**task.model_dump(mode="json"), "key": key.get_secret_value() if key else None})
    make_pipes(workdir.scratch)
    with (workdir.path / "relay.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.relay", str(workdir.scratch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=inherited_environment(),
            cwd=PROJECT,
            start_new_session=True,
            text=True,
        )
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(line + "\n")
        process.stdin.flush()
        ready = process.stdout.readline().strip() == "ready"
    except OSError:
        ready = False
    threading.Thread(target=_follow, args=(process,), name=f"relay-{workdir.name}", daemon=True).start()
    if not ready:
        process.kill()
        raise job_failed("endpoint_relay", request.model)


def _key(request: EndpointRequest, settings: Settings) -> SecretStr | None:
    """The key that the request names, if it may be sent to the request's host. Raises JobFailed."""
    name, place = request.endpoint.secret, parse(request.endpoint.url)
    if not name:
        return None
    secret = endpoint_secrets(settings).get(name)
    if secret is None or secret.key is None or not isinstance(place, Place) or not secret.is_for(place):
        host = place.host if isinstance(place, Place) else request.model
        raise job_failed("endpoint_secret", host)
    return secret.key


def _follow(process: subprocess.Popen[str]) -> None:
    """Wait for the relay's end, holding its standard input open until then."""
    process.wait()
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    process.stdout.close()
