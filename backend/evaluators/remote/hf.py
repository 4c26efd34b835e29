"""The engine of one device among several, in our own environment: the checkpoint as in a job with one device."""

from __future__ import annotations

from pathlib import Path

import torch

from backend.abilities import hardware
from backend.evaluators.opening import open_here
from backend.evaluators.placement import Placement
from backend.evaluators.remote.serve import Engine
from backend.workdir import Workdir


def make(workdir: str, device: str, batch_size: str) -> Engine:
    """The engine for the job in the folder `workdir`. Raises JobFailed, and what transformers raises."""
    job = Workdir(Path(workdir))
    options, benchmark = job.options(), job.benchmark()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(benchmark.harness.seeds["torch_random_seed"])
    options = options.model_copy(update={"batch_size": batch_size})
    opened = open_here(job.request(), benchmark, options, job, Placement((device,)))
    info = {name: value if isinstance(value, int) else str(value) for name, value in opened.lm.get_model_info().items()}
    facts = {
        "backend": opened.lm.backend,
        "max_length": opened.lm.max_length,
        "batch_size": opened.batch_size,
        "device": device,
        "devices": 1,
        "hardware": hardware(device),
        "model_info": info,
        "tied": opened.tied,
    }
    return Engine(opened.lm, facts, opened.lm.provenance)
