"""The relay's faults as failures of the job."""

from __future__ import annotations

from backend.failures import JobFailed
from backend.relay.faults import SENTENCES, sentence
from leaderboard.records import Fault


def job_failed(code: str, host: str, detail: str = "") -> JobFailed:
    """The failure of a job that met this fault."""
    return JobFailed(code, sentence(code, host, detail), SENTENCES[code].fault)


def job_failed_as_told(code: str, message: str, whose: str) -> JobFailed:
    """The failure of a job whose relay met a fault and said so."""
    return JobFailed(code, message, Fault(whose))
