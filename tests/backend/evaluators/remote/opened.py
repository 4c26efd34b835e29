"""A small job that says why vLLM is not used."""

from __future__ import annotations

import json
from pathlib import Path

from backend.evaluators.opening import NoVllm, open_vllm
from backend.workdir import Workdir
from tests.backend.jobs import Small


class Why(Small):
    """Writes the reason to a file."""

    def run(self, workdir: Path) -> None:
        job = Workdir(workdir)
        try:
            open_vllm(job.request(), job.benchmark(), job.options(), job, ["cpu"])
        except NoVllm as reason:
            job.write("why.json", json.dumps(str(reason)).encode())
