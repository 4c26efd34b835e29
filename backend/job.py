"""What every job does once it is confined, whichever executor started it.

Light to import: what an evaluator needs is imported by the evaluator.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from backend.evaluators import load_evaluator
from backend.failures import classify
from backend.workdir import Workdir


def run(path: Path) -> None:
    """Do the job in `path`. An error is classified into failure.json and goes on, so that the log has its trace."""
    workdir = Workdir(path)
    try:
        settle_in(workdir.scratch)
        load_evaluator(workdir.options().evaluator).run(workdir.path)
    except BaseException as error:
        workdir.write_failure(classify(error, workdir))
        raise
    workdir.finish()


def settle_in(scratch: Path) -> None:
    """Make `scratch` the current directory, the home folder and the place of temporary files."""
    os.chdir(scratch)
    for name, variable in (("home", "HOME"), ("tmp", "TMPDIR"), ("cache", "XDG_CACHE_HOME"), ("hub", "HF_HOME")):
        folder = scratch / name
        folder.mkdir(exist_ok=True)
        os.environ[variable] = str(folder)
    tempfile.tempdir = os.environ["TMPDIR"]
