"""Checks one file in a process of its own (`leaderboard.predictions.confined` starts it): a task in, a report out.

Ends with OUT_OF_MEMORY when the file needs more memory than a check has.
"""

from __future__ import annotations

import gc
import resource
import sys

from leaderboard.errors import Unreadable
from leaderboard.predictions.confined import OUT_OF_MEMORY, Report, Task
from leaderboard.predictions.labels import read_labels
from leaderboard.predictions.submitted import read_submitted


def report(task: Task) -> Report:
    """What is wrong with the file. Raises OSError."""
    try:
        expected = read_labels(task.rules, task.private, []).ids
    except Unreadable as error:
        return Report(ours=str(error))
    reading = read_submitted(task.file, task.filename, task.rules, expected, task.scratch)
    constant = reading.constant(task.rules.metric_columns)
    return Report(findings=reading.findings, constant=constant, counts_rows=reading.counts_rows)


def main() -> int:
    """Confine this process, do the task on standard input, write the report to standard output."""
    gc.disable()  # rows are in no cycles, and collections would look at all of them
    task = Task.model_validate_json(sys.stdin.buffer.read())
    resource.setrlimit(resource.RLIMIT_AS, (task.memory_bytes, task.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (task.seconds, task.seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        sys.stdout.write(report(task).model_dump_json())
    except MemoryError:
        return OUT_OF_MEMORY
    return 0


if __name__ == "__main__":
    sys.exit(main())
