"""A Slurm cluster on this machine alone, of Debian's own programs: `python -m scripts.slurm_cluster FOLDER`.

Controller, authentication and every node listen on free ports of 127.0.0.1 and keep all their files in the folder, so
that several clusters, and one that the machine belongs to, do not meet. Nodes are no containers: each is a slurmd.
Needs root and the packages slurmctld, slurmd, slurm-client and munge.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "munged")
START_S = 30.0
CONFIG = """
ClusterName=podium
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=10
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
KillWait=5
MessageTimeout=5
MinJobAge=30
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SlurmdParameters=config_overrides
PartitionName=jobs Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""


class SlurmOnLoopback:
    """The processes of one cluster."""

    def __init__(self, folder: Path, nodes: int = 2, cpus: int = 4, memory_mb: int = 64_000) -> None:
        """`cpus` and `memory_mb` of each node are what Slurm believes, whatever this machine has."""
        self.folder = folder.absolute()
        self.nodes = [f"n{number + 1}" for number in range(nodes)]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._write(cpus, memory_mb)

    @property
    def config(self) -> Path:
        """The cluster's configuration, for SLURM_CONF."""
        return self.folder / "slurm.conf"

    def start(self) -> None:
        """Start everything and wait until all nodes are idle. Raises RuntimeError when they do not get there."""
        munge = self.folder / "munge"
        self._run(
            "munged", "--foreground", f"--key-file={munge}/key", f"--socket={munge}/socket", f"--log-file={munge}/log",
            f"--pid-file={munge}/pid", f"--seed-file={munge}/seed", "--force",
        )  # fmt: skip
        self._wait(lambda: (munge / "socket").exists(), "munged does not start")
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        idle = f"{len(self.nodes)} idle"
        self._wait(lambda: self._answer("sinfo", "-h", "-p", "jobs", "-o", "%D %t") == idle, "its nodes are not idle")

    def start_controller(self) -> None:
        """Start slurmctld, or start it again."""
        self._run("slurmctld", "-D", "-f", str(self.config))

    def start_node(self, node: str) -> None:
        """Start the slurmd of a node, or start it again."""
        self._run("slurmd", "-D", "-N", node, "-f", str(self.config), name=node)

    def kill(self, name: str) -> bool:
        """SIGKILL to `slurmctld` or a node's slurmd, by its name, and whether it ran; its jobs' processes stay."""
        process = self._processes.pop(name, None)
        if process is None:
            return False
        process.kill()
        process.wait()
        return True

    def resume(self) -> None:
        """What an administrator does after trouble: give the nodes back that the controller took out of service."""
        self._answer("scontrol", "update", f"nodename={','.join(self.nodes)}", "state=resume")

    def answers(self) -> bool:
        """Whether the controller answers."""
        return "UP" in self._answer("scontrol", "ping")

    def stop(self) -> None:
        """End every job and every process of the cluster."""
        if "slurmctld" in self._processes:
            self._answer("scancel", "--quiet", "--signal=KILL", "--full", "--user=root")
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        for watcher in self._watchers():
            with contextlib.suppress(psutil.NoSuchProcess):
                watcher.kill()

    def _watchers(self) -> list[psutil.Process]:
        """What watches over jobs and outlives the nodes' daemons, known by their logs, which it holds open.

        Much later it would signal the processes of its job by their numbers, which others have by then.
        """
        found = []
        for process in psutil.process_iter(["name"]):
            with contextlib.suppress(psutil.Error):
                if process.info["name"] == "slurmstepd" and any(
                    Path(file.path).is_relative_to(self.folder) for file in process.open_files()
                ):
                    found.append(process)
        return found

    def _write(self, cpus: int, memory_mb: int) -> None:
        host = socket.gethostname().partition(".")[0]
        (self.folder / "munge").mkdir(parents=True, exist_ok=True)
        (self.folder / "munge").chmod(0o755)
        key = self.folder / "munge" / "key"
        if not key.exists():
            key.write_bytes(secrets.token_bytes(128))
            key.chmod(0o600)
        (self.folder / "state").mkdir(exist_ok=True)
        lines = [
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory={memory_mb} "
            "State=UNKNOWN"
            for node, port in zip(self.nodes, free_ports(len(self.nodes)), strict=True)
        ]
        [port] = free_ports(1)
        text = CONFIG.format(host=host, port=port, folder=self.folder)
        self.config.write_text("\n".join([*text.strip().splitlines(), *lines, ""]))

    def _run(self, program: str, *arguments: str, name: str = "") -> None:
        with (self.folder / f"{name or program}.out").open("ab") as output:
            self._processes[name or program] = subprocess.Popen(
                [shutil.which(program) or f"/usr/sbin/{program}", *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SLURM_CONF": str(self.config)},
            )  # fmt: skip

    def _answer(self, *command: str) -> str:
        asked = subprocess.run(
            command, env=os.environ | {"SLURM_CONF": str(self.config)}, capture_output=True, text=True, check=False
        )
        return asked.stdout.strip()

    def _wait(self, what: Callable[[], bool], problem: str) -> None:
        end = time.monotonic() + START_S
        while not what():
            if time.monotonic() > end:
                raise RuntimeError(f"{problem}; its logs are in {self.folder}")
            time.sleep(0.1)


def missing() -> str:
    """Why no cluster can be started here, a sentence; empty when one can."""
    if os.geteuid() != 0:
        return "A Slurm cluster of one's own needs root."
    absent = [name for name in PROGRAMS if not shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")]
    return f"Slurm is not installed ({', '.join(absent)} missing)." if absent else ""


@contextlib.contextmanager
def running(folder: Path, nodes: int = 2) -> Iterator[SlurmOnLoopback]:
    """A cluster for as long as the block lasts, with SLURM_CONF set in this process."""
    cluster = SlurmOnLoopback(folder, nodes)
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(cluster.config)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        if before is None:
            del os.environ["SLURM_CONF"]
        else:
            os.environ["SLURM_CONF"] = before


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def main(folder: str) -> None:
    """Run a cluster until it is interrupted."""
    if reason := missing():
        sys.exit(reason)
    with running(Path(folder)) as cluster:
        print(f"export SLURM_CONF={cluster.config}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
