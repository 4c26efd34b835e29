"""The one entry point of a job, for every executor: `python -m backend.job WORKDIR`, or `run(workdir)` in a fork.

Light to import: what an evaluator needs is imported once the job's environment is set.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from backend import Evaluator
from backend.failures import classify
from backend.workdir import Workdir

EVALUATORS = {"checkpoint": "backend.evaluators.checkpoint:CheckpointEvaluator"}
"""What does the work for each kind of submission, `module:Class`."""


def load_evaluator(name: str) -> Evaluator:
    """The Evaluator that `module:Class` names."""
    module, _, attribute = name.partition(":")
    evaluator: Evaluator = getattr(importlib.import_module(module), attribute)()
    return evaluator


def run(path: Path) -> None:
    """Do the job in `path`. An error is classified into failure.json and goes on, so that the log has its trace."""
    workdir = Workdir(path)
    try:
        options = workdir.options()
        os.environ.update(options.environment)
        workdir.scratch.mkdir(exist_ok=True)
        os.chdir(workdir.scratch)
        load_evaluator(options.evaluator).run(workdir.path)
    except BaseException as error:
        workdir.write_failure(classify(error, workdir))
        raise
    workdir.finish()


if __name__ == "__main__":
    run(Path(sys.argv[1]))
