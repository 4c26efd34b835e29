"""Runs a program as somebody without rights would: in a user namespace with one user, and without cgroups.

`python -m tests.backend.sandbox.ordinary_user` reads a pickled Program and writes the pickled Ended.
"""

from __future__ import annotations

import pickle
import subprocess
import sys

from backend.sandbox.programs import Ended, Program, run
from leaderboard.settings import PROJECT

COVER = 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"'


def run_as_ordinary_user(program: Program) -> Ended:
    """How it ended."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", COVER, "sh"]
    ran = subprocess.run(
        [*command, sys.executable, "-m", __name__], input=pickle.dumps(program), cwd=PROJECT, capture_output=True
    )
    assert ran.returncode == 0, ran.stderr.decode()
    ended: Ended = pickle.loads(ran.stdout)
    return ended


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(run(pickle.load(sys.stdin.buffer))))
