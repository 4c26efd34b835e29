"""The service in its own process, with all its data in one folder: for tests, screenshots and benchmarks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r" is at (http://\S+)")
STOP_S = 30


@dataclass(frozen=True)
class Running:
    """A running service."""

    address: str
    folder: Path
    """Holds requests/, results/, work/ and service.log."""
    process: subprocess.Popen[str]


def environment(hub: str, folder: Path) -> dict[str, str]:
    """The environment of a service that reads models from `hub`, keeps everything in `folder` and picks a free port."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PODIUM_", "HF_"))}
    return inherited | {
        "HF_ENDPOINT": hub,
        "HF_HOME": str(folder / "hf"),
        "OMP_NUM_THREADS": "1",
        "PODIUM_BENCHMARKS": "tiny",
        "PODIUM_REQUESTS_DIR": str(folder / "requests"),
        "PODIUM_RESULTS_DIR": str(folder / "results"),
        "PODIUM_WORK_DIR": str(folder / "work"),
        "PODIUM_PORT": "0",
    }


@contextmanager
def running(hub: str, folder: Path, more: Mapping[str, str] | None = None) -> Iterator[Running]:
    """`python app.py` over `folder` while the block lasts; `more` is added to its environment.

    Raises RuntimeError with its log when it does not start, or does not stop cleanly at SIGTERM.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log_path = folder / "service.log"
    with log_path.open("a") as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py")],
            cwd=ROOT,
            env=environment(hub, folder) | dict(more or {}),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            match = ADDRESS.search(process.stdout.readline())
            if match is None:
                process.wait()
                raise RuntimeError(f"The service did not start:\n{log_path.read_text()}")
            yield Running(match[1], folder, process)
            if process.poll() is None and _stop(process) != 0:
                raise RuntimeError(f"The service did not stop cleanly:\n{log_path.read_text()}")
        finally:
            if process.poll() is None:
                _stop(process)


def _stop(process: subprocess.Popen[str]) -> int:
    """Stop it, with SIGKILL if SIGTERM does not help; returns its exit code."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
