"""The executors by name, and the one place that makes the one that the settings name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from backend import Executor
from backend.executors.debug import DebugExecutor
from backend.executors.inputs import InputStage
from backend.executors.local import PRELOAD, LocalExecutor
from backend.executors.slurm.executor import SlurmExecutor
from backend.executors.staging import StagingExecutor
from leaderboard.errors import BadSettings
from leaderboard.settings import Settings


class NamedExecutor(Executor, Protocol):
    """An executor that settings can name."""

    @classmethod
    def from_settings(cls, settings: Settings, preload: Sequence[str] = ()) -> Executor:
        """Make one. `preload`: modules that jobs need, to be imported once. Raises BadSettings."""
        ...


EXECUTORS: dict[str, type[NamedExecutor]] = {"local": LocalExecutor, "debug": DebugExecutor, "slurm": SlurmExecutor}
"""Value of PODIUM_EXECUTOR -> where jobs run then."""


def open_executor(settings: Settings, preload: Sequence[str] = PRELOAD) -> StagingExecutor:
    """The executor that the settings name, behind the step that puts a job's inputs in place. Raises BadSettings."""
    executor = named_executor(settings, preload)
    return StagingExecutor(executor, InputStage(settings, executor), settings.work_dir.absolute() / "jobs")


def named_executor(settings: Settings, preload: Sequence[str] = PRELOAD) -> Executor:
    """The executor that the settings name, for jobs whose inputs are in place. Raises BadSettings."""
    if settings.executor not in EXECUTORS:
        *names, last = EXECUTORS
        allowed = f"{', '.join(names)} or {last}"
        raise BadSettings(f"PODIUM_EXECUTOR: there is no executor {settings.executor!r}. Allowed are: {allowed}.")
    return EXECUTORS[settings.executor].from_settings(settings, preload)
