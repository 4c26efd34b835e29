"""Which engine forwards the tokens of a job, and the environment that vLLM has to itself.

vLLM's packages cannot be installed beside ours. Its interpreter is started by the job, inside the sandbox.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from backend.workdir import EngineEnvironment
from leaderboard.benchmarks import Benchmark
from leaderboard.errors import BadSettings
from leaderboard.records import Engine
from leaderboard.settings import Settings, inherited_environment

VLLM_MAKER = "backend.evaluators.remote.vllm:make"
ANSWER_S = 120
LOOK = """
import json, os, sys
folders = [sys.prefix, sys.base_prefix, *sys.path]
print(json.dumps(sorted({path for name in folders for path in (name, os.path.realpath(name)) if os.path.isdir(path)})))
"""


class Vllm(NamedTuple):
    """The environment of vLLM on this worker."""

    environment: EngineEnvironment
    folders: tuple[Path, ...]
    """What a job reads to start its interpreter."""


def engine_for(benchmark: Benchmark | None, by_size: Engine | None, settings: Settings) -> Engine:
    """The engine of a job: the benchmark's, else that of its row in the table of sizes, else the worker's."""
    return (benchmark.harness.engine if benchmark else None) or by_size or settings.engine


def vllm_of(settings: Settings) -> Vllm | None:
    """The environment that PODIUM_VLLM_PYTHON names; None where it names none.

    Raises BadSettings where its interpreter does not start, and where PODIUM_ENGINE needs it and it is not named.
    """
    command = shlex.split(settings.vllm_python)
    if command:
        return Vllm(EngineEnvironment(python=command, maker=VLLM_MAKER), folders_of(command))
    if settings.engine == "vllm":
        raise BadSettings(
            "PODIUM_ENGINE=vllm needs PODIUM_VLLM_PYTHON: the interpreter of an environment that has vLLM. "
            "docs/operators.md says how to make one."
        )
    return None


def folders_of(command: Sequence[str]) -> tuple[Path, ...]:
    """The folders that an interpreter and its packages are in. Raises BadSettings where it does not start."""
    try:
        answer = subprocess.run(
            [*command, "-I", "-c", LOOK],
            env=inherited_environment(),
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=True,
        )
        return tuple(Path(name) for name in json.loads(answer.stdout))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise BadSettings(
            f"PODIUM_VLLM_PYTHON: {shlex.join(command)} does not start a Python interpreter ({error}). Give the path "
            "of the interpreter in the environment that has vLLM, such as /opt/vllm/bin/python."
        ) from error
