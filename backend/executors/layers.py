"""The sandbox that this machine can give its jobs, tried before the first of them."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

from backend.sandbox import Layer
from leaderboard.errors import BadSettings
from leaderboard.settings import PROJECT

PROBE_S = 60
HOW = {
    Layer.NAMESPACES: "user namespaces (on the host: sysctl user.max_user_namespaces=10000, and on Ubuntu "
    "kernel.apparmor_restrict_unprivileged_userns=0; in a container: a seccomp profile that allows unshare and mount)",
    Layer.LANDLOCK: "Linux 5.13 or newer with `landlock` in its lsm= list, and in a container a seccomp profile that "
    "allows Landlock (Docker 23 or newer)",
}
log = logging.getLogger(__name__)


def sandbox_layers(sandbox: str) -> list[Layer]:
    """The layers that jobs are confined with here: all that can be had, or the one that PODIUM_SANDBOX names.

    Raises BadSettings where none can be had, unless `sandbox` says that jobs run without.
    """
    if sandbox == "off":
        log.warning("PODIUM_SANDBOX=off: jobs can read whatever this service can.")
        return []
    wanted = list(Layer) if sandbox == "auto" else [Layer(sandbox)]
    problems = layer_problems()
    layers = [layer for layer in wanted if not problems[layer]]
    for layer in wanted:
        if problems[layer]:
            log.warning("The sandbox goes without %s: %s. It needs %s.", layer, problems[layer], HOW[layer])
    if layers:
        return layers
    missing = " ".join(f"{layer.capitalize()}: {problems[layer]}; it needs {HOW[layer]}." for layer in wanted)
    raise BadSettings(
        f"Jobs cannot be confined on this machine, so the worker does not start. {missing} Both need libseccomp "
        "(on Debian: apt-get install libseccomp2). To run jobs without a sandbox all the same, which lets a submitted "
        "checkpoint read this service's files, set PODIUM_SANDBOX=off."
    )


def layer_problems() -> dict[Layer, str]:
    """Why each layer cannot be had here; empty for one that can. Tried by a process of its own."""
    command = [sys.executable, "-m", "backend.sandbox"]
    environment = {"PATH": os.defpath}
    try:
        tried = subprocess.run(
            command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=PROBE_S, check=True
        )
    except subprocess.SubprocessError as error:
        return {layer: f"the trial failed ({type(error).__name__})" for layer in Layer}
    return {Layer(name): problem for name, problem in json.loads(tried.stdout).items()}
