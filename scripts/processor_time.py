"""How much of a processor a process uses, with those that it has started."""

from __future__ import annotations

import time

import psutil


def percent_of_core(process: psutil.Process, seconds: float) -> float:
    """Percent of a core that it uses in the next `seconds`."""
    before, began = processor_seconds(process), time.monotonic()
    time.sleep(seconds)
    return 100 * (processor_seconds(process) - before) / (time.monotonic() - began)


def processor_seconds(process: psutil.Process) -> float:
    """What it has used so far."""
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))
