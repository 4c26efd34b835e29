"""What podman and docker are told: the file system of a program in an image, and what is taken from it. Pure.

Light to import: standard library only.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from backend.sandbox.bubblewrap import Bind
from backend.sandbox.limits import OPEN_FILES

PODMAN = "podman"
ENGINES = (PODMAN, "docker")
"""Programs that run images, the preferred one first."""
REFERENCE = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?/)?[a-z0-9][a-z0-9._/-]*(?::\w[\w.-]*)?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
"""What an image may be called: a name in a registry, never a path of this machine."""
HOME = {"HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8"}
"""What a program finds in its environment beside what is the image's own."""
INSPECTED = "{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.StartedAt}}"
"""What is asked of a container that has ended."""
NEVER = "0001-"
"""How the time begins at which a container started that never did."""


class Bounds(NamedTuple):
    """What a program in an image may use."""

    user: str
    """`UID:GID` on this machine."""
    memory_bytes: int
    processes: int
    threads: int
    """Limit of RLIMIT_NPROC, which counts all that the user runs."""
    tmp_bytes: int
    file_bytes: int
    """Largest file."""
    seconds: int
    """After which the engine itself ends it, where it can."""
    keeps_user: bool
    """Whether the user is the one that runs the engine, who is somebody else inside unless that is said."""


def qualified(image: str) -> str:
    """The whole name of an image: without a registry it is Docker's, on Codabench as here.

    Raises ValueError for what is no name.
    """
    if not REFERENCE.fullmatch(image):
        raise ValueError(f"{image!r} is not the name of an image")
    first, slash, _ = image.partition("/")
    if slash and (first == "localhost" or "." in first or ":" in first):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


def run_words(
    engine: str, name: str, bounds: Bounds, binds: Iterable[Bind], seccomp: Path, devices: Iterable[str] = ()
) -> list[str]:
    """The beginning of the command that runs a program in an image, up to its environment."""
    words = [
        *(engine, "run", "--name", name, "--pull=never", "--log-driver=none", "--no-healthcheck"),
        *("--network=none", "--ipc=private", "--hostname=job", "--read-only", "--cap-drop=ALL"),
        *("--security-opt=no-new-privileges", "--security-opt=label=disable", f"--security-opt=seccomp={seccomp}"),
        *(f"--user={bounds.user}", f"--memory={bounds.memory_bytes}", f"--memory-swap={bounds.memory_bytes}"),
        *(f"--pids-limit={bounds.processes}", f"--ulimit=nproc={bounds.threads}:{bounds.threads}"),
        *(f"--ulimit=nofile={OPEN_FILES}:{OPEN_FILES}", "--ulimit=core=0:0"),
        *(f"--ulimit=fsize={bounds.file_bytes}:{bounds.file_bytes}", f"--shm-size={bounds.tmp_bytes}"),
    ]
    tmp = f"--tmpfs=/tmp:rw,exec,nosuid,nodev,size={bounds.tmp_bytes},mode=1777"
    if Path(engine).name != PODMAN:
        words.append(tmp)
    else:
        words.append(f"{tmp},notmpcopyup")  # otherwise it begins with what is in the image's
        words += ["--read-only-tmpfs=false", "--image-volume=ignore", f"--timeout={bounds.seconds}"]
        words += ["--userns=keep-id"] if bounds.keeps_user else []
    words += [f"--device={device}:/dev/{Path(device).name}" for device in devices]
    return words + [f"--mount={_mount(bind)}" for bind in sorted(binds, key=lambda bind: bind.target)]


def program_words(environment: Mapping[str, str], cwd: str, image: str, command: Sequence[str]) -> list[str]:
    """The end of that command. The image's own entry point is kept, as on Codabench."""
    variables = {**HOME, **environment}
    return [
        *(f"--env={name}={value}" for name, value in sorted(variables.items())),
        *(f"--workdir={cwd}", qualified(image), *command),
    ]


def _mount(bind: Bind) -> str:
    fields = ["type=bind", f"source={bind.source}", f"target={bind.target}", *([] if bind.write else ["readonly"])]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()
