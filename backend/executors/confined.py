"""One job in a process of its own, confined: what a warm fork and a cold start have in common.

`python -m backend.executors.confined WORKDIR [LAYERS]` starts one cold (LAYERS joined by commas, see backend.sandbox).
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from backend.executors.processes import adopt_orphans
from backend.failures import JobFailed
from backend.sandbox import Layer, Sandbox, View
from backend.sandbox.limits import Cgroup
from backend.sandbox.linux import die_with_parent
from backend.workdir import Workdir
from leaderboard.results.log_parts import say

MOST_DESCRIPTORS = 1 << 16
SIGNALLED = 128
NOT_CONFINED = 71
"""Exit code of a job that could not be confined and did nothing."""


def become_job(
    workdir: Workdir,
    sandbox: Sandbox,
    slot: int,
    cgroup: Cgroup,
    environment: Mapping[str, str],
    accelerators: Sequence[str] | None = None,
) -> NoReturn:
    """In a fresh fork: turn into the job, confined before it opens anything but job.json and the log; end with it.

    `environment` is added to this process's own, `accelerators` narrows its View.
    """
    code = 1
    try:
        die_with_parent()
        os.setsid()  # process groups reach across pid namespaces
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        Path("/proc/self/oom_score_adj").write_text("1000")
        os.environ.update(environment)
        view = workdir.options().view
        if accelerators is not None:
            view = dataclasses.replace(view, accelerators=tuple(accelerators))
        log = os.open(workdir.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        os.closerange(3, MOST_DESCRIPTORS)
        confine(sandbox, view, slot, cgroup)
        adopt_orphans()
        from backend import job

        job.run(workdir.path)
        code = 0
    finally:
        error = sys.exception()
        if isinstance(error, JobFailed) and error.__cause__ is None:
            say(str(error))  # whoever raised it knew all there is to say
        elif error is not None:
            traceback.print_exception(error)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def confine(sandbox: Sandbox, view: View, slot: int, cgroup: Cgroup) -> None:
    """Enter the sandbox, or end: nothing of a job may run outside of it."""
    try:
        cgroup.enter()
        sandbox.enter(view, slot)
    except OSError as error:
        traceback.print_exception(error)
        sys.stderr.flush()
        os._exit(NOT_CONFINED)


def exit_code(status: int, own_processes: bool) -> int:
    """How a job ended, from waitpid's `status`: its exit code, or minus the number of a signal."""
    code = os.waitstatus_to_exitcode(status)
    return SIGNALLED - code if own_processes and code > SIGNALLED else code


def main(path: str, layers: str = "") -> int:
    """Run the job in the work folder `path`; its exit code, 1 for a signal."""
    workdir = Workdir(Path(path))
    sandbox = Sandbox([Layer(name) for name in layers.split(",") if name], workdir.path / "root")
    sandbox.isolate()
    cgroup = Cgroup(workdir.name, workdir.options().view)
    child = sandbox.fork()
    if child == 0:
        become_job(workdir, sandbox, 0, cgroup, {})
    _, status = os.waitpid(child, 0)
    cgroup.remove()
    return max(exit_code(status, sandbox.own_processes), 1) if status else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
