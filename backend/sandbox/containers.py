"""Images that organisers name: the engine of this machine that runs them, and getting them before a job needs them.

An engine is used only where it holds the limits of memory and processes. Jobs never pull.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from backend.sandbox.container_options import ENGINES, PODMAN, qualified

ANSWER_S = 60
PULL_S = 3600
PREFIX = "podium-"
"""How the names of our containers begin; then comes the time (s) by which they have ended."""
SAID = 300
"""Characters of what an engine says that are shown."""
LIMITS = {
    PODMAN: "{{.Host.CgroupControllers}}",
    "docker": "{{if .MemoryLimit}}memory{{end}} {{if .PidsLimit}}pids{{end}}",
}
"""What to ask an engine for the limits that it holds."""


class Engine(NamedTuple):
    """The engine of this machine, or why there is none."""

    path: str
    """Empty for none."""
    problem: str
    """A sentence; empty where there is one."""


_working: list[Engine] = []


def engine() -> Engine:
    """The first engine that works here. One that works is remembered, so that one that starts late is found."""
    if _working:
        return _working[0]
    problems = []
    for name in ENGINES:
        path = shutil.which(name) or shutil.which(name, path="/usr/bin:/usr/local/bin")
        problem = _engine_problem(name, path)
        if path and not problem:
            _working.append(Engine(path, ""))
            return _working[0]
        problems.append(problem)
    return Engine("", " ".join(problems))


def pull(image: str) -> str:
    """Have an image on this machine, for jobs; why it is not, a sentence, empty when it is."""
    path, problem = engine()
    if problem:
        return problem
    try:
        sweep(path)
        if _is_here(path, image):
            return ""
        pulled = ask(path, "pull", "--quiet", qualified(image), seconds=PULL_S)
    except subprocess.TimeoutExpired:
        return f"The engine did not answer, or the image {image} could not be pulled within {PULL_S:,} s."
    except ValueError as error:
        return f"{error}."
    return "" if pulled.returncode == 0 else f"The image {image} could not be pulled: {said(pulled)}"


def image_problem(image: str) -> str:
    """Why programs cannot run in an image here, before a trial; empty when nothing speaks against it."""
    path, problem = engine()
    if problem:
        return problem
    if not _is_here(path, image):
        return f"The image {image} is not on this worker, which could not pull it."
    if Path(path).name != PODMAN:  # it cannot be told to leave them out, and nothing bounds them
        volumes = ask(path, "image", "inspect", "--format", "{{len .Config.Volumes}}", qualified(image))
        if volumes.stdout.strip() != "0":
            return f"The image {image} declares volumes, which docker cannot bound. Use podman, or an image without."
    return ""


def ask(path: str, *words: str, seconds: float = ANSWER_S) -> subprocess.CompletedProcess[str]:
    """What an engine answers. Raises subprocess.TimeoutExpired, OSError."""
    return subprocess.run(
        [path, *words], capture_output=True, text=True, errors="replace", timeout=seconds, check=False,
        env=environment(), stdin=subprocess.DEVNULL,
    )  # fmt: skip


def environment() -> dict[str, str]:
    """The environment of an engine: of ours it gets nothing, and the user's own configuration by his home folder."""
    user = pwd.getpwuid(os.geteuid())
    variables = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": user.pw_dir}
    runtime = Path(f"/run/user/{user.pw_uid}")
    return {**variables, "XDG_RUNTIME_DIR": str(runtime)} if runtime.is_dir() else variables


def said(answer: subprocess.CompletedProcess[str]) -> str:
    """The last line of what an engine said was wrong."""
    lines = (answer.stderr.strip() or answer.stdout.strip() or f"exit code {answer.returncode}").splitlines()
    return lines[-1][:SAID]


def sweep(path: str) -> None:
    """Remove containers that a killed worker left behind, once their time is over."""
    names = ask(path, "ps", "--all", "--filter", f"name=^{PREFIX}", "--format", "{{.Names}}").stdout.split()
    for name in names:
        until = name.removeprefix(PREFIX).partition("-")[0]
        if until.isdigit() and int(until) < time.time():
            ask(path, "rm", "--force", "--volumes", name)


def _engine_problem(name: str, path: str | None) -> str:
    """Why an engine cannot be used, a sentence; empty when it can."""
    if path is None:
        return f"{name} is not installed."
    try:
        answer = ask(path, "info", "--format", LIMITS[name])
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{name} does not answer ({type(error).__name__})."
    if answer.returncode:
        return f"{name} does not work: {said(answer)}"
    held = answer.stdout.strip().strip("[]").split()
    lacking = [limit for limit in ("memory", "pids") if limit not in held]
    return f"{name} cannot limit {' and '.join(lacking)} here." if lacking else ""


def _is_here(path: str, image: str) -> bool:
    try:
        return ask(path, "image", "inspect", "--format", "{{.Id}}", qualified(image)).returncode == 0
    except (ValueError, OSError, subprocess.TimeoutExpired):
        return False
