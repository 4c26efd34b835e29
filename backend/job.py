"""What every job does once it is confined, whichever executor started it.

Light to import: what an evaluator needs is imported by the evaluator.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.evaluators import load_evaluator
from backend.failures import classify
from backend.workdir import Workdir


def run(path: Path) -> None:
    """Do the job in `path`. An error is classified into failure.json and goes on, so that the log has its trace."""
    workdir = Workdir(path)
    try:
        settle_in(workdir.scratch)
        with logged_warnings():
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


class LevelFirst(logging.Formatter):
    """Each message begins with its level, and its further lines with spaces: readers of the log fold it away."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The message with its level."""
        return super().format(record).rstrip("\n").replace("\n", "\n  ")


@contextmanager
def logged_warnings() -> Iterator[None]:
    """While the block lasts, write what libraries warn of to the log, with its level."""
    handler, root = logging.StreamHandler(), logging.getLogger()
    handler.setFormatter(LevelFirst())
    handler.setLevel(logging.WARNING)
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
