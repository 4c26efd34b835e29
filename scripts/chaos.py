"""Everything that may go wrong, at once: `python scripts/chaos.py --seed 1`.

Three workers, one with jobs on this machine and two on a Slurm cluster of two nodes, evaluate tiny checkpoints from a
Hub that fails one question in ten: a quarter of them for a benchmark of the cluster's workers, the others for one of
this machine's. Meanwhile workers, jobs, Slurm's controller and its nodes' daemons are killed, workers are stopped for
longer than their leases, a disk fills up once and clocks jump. At the end every request must be published exactly once,
or have failed for a fault of its own. Prints the tally; exits 1 when something is wrong.

Needs root. Without Slurm all workers are local.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import localhub
from leaderboard.queue.queue import Queue
from leaderboard.records import Request, Status
from leaderboard.results.results import Results
from leaderboard.settings import PROJECT
from leaderboard.stores.local import LocalStore
from localhub import Fault
from scripts import slurm_cluster
from scripts.slurm_cluster import SlurmOnLoopback
from scripts.small_disks import fill, small_disk

CHECKPOINTS = PROJECT / "checkpoints" / "podium-demo"
COLUMN = "compare"
"""The one column of the tiny benchmark that is evaluated."""
CLUSTER_EVERY = 4
"""One request in this many is for the cluster: each of its jobs loads the harness anew, which takes longest of all."""
BAD_EVERY = 21
"""One checkpoint in this many cannot be loaded, and must fail for that, on both executors."""
PARAMS_B = 0.0002
"""Parameters (billions) of each checkpoint; the cluster's nodes are too small for a job of unknown size."""
SLOTS = {"local": 1, "slurm": 3}
"""Jobs of a worker at a time."""
LEASE_S = 20
CALM_S = 240.0
"""Seconds within which every worker works again once nothing more goes wrong."""
STEP_S = 0.5
PAUSE_S = 6.0
"""Mean seconds between two troubles, which come independently of each other: at times several at once."""
TROUBLES_EACH = 2
"""Troubles for each request at most: after these everything must come to its end by itself."""
UNDISTURBED = 0.05
"""The share of requests that are left to end by themselves: every kill would hit the last few again and again."""
QUIET_S = 240
"""Seconds for which nothing may end before it counts as stuck."""
TROUBLE = [
    Fault("500", 0.03),
    Fault("503", 0.03),
    Fault("429", 0.02, seconds=1),
    Fault("slow", 0.02, seconds=2),
]


class Worker:
    """A worker process that is started again whenever it was killed."""

    def __init__(self, name: str, executor: str, folder: Path, endpoint: str) -> None:
        self.name = name
        self.executor = executor
        self.clock = folder / f"{name}.clock"
        self.work = folder / name
        self.log = folder / f"{name}.log"
        self.set_clock(0)
        self._environment = {
            "PATH": f"{os.defpath}:/usr/sbin:/sbin", "HF_ENDPOINT": endpoint, "OMP_NUM_THREADS": "1",
            "PODIUM_SECRETS_DIR": str(folder / "secrets"), "PODIUM_BENCHMARKS_DIR": str(folder / executor),
            "PODIUM_REQUESTS_DIR": str(folder / "requests"), "PODIUM_RESULTS_DIR": str(folder / "results"),
            "PODIUM_WORK_DIR": str(self.work), "PODIUM_WORKER": name, "PODIUM_EXECUTOR": executor,
            "PODIUM_SLOTS": str(SLOTS[executor]), "PODIUM_DEVICE": "cpu", "PODIUM_TICK_S": "0.5",
            "PODIUM_LEASE_S": str(LEASE_S),
            "PODIUM_BACKOFF_S": "1", "PODIUM_MAX_ATTEMPTS": "10", "PODIUM_HUB_TIMEOUT_S": "10",
            "PODIUM_MONITOR_PORT": "0", "PODIUM_FREE_DISK_GB": "0", "PODIUM_JOB_MEMORY_GB": "2",
            "PODIUM_ENGINE": "stock",
        }  # fmt: skip
        if "SLURM_CONF" in os.environ:
            self._environment["SLURM_CONF"] = os.environ["SLURM_CONF"]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it where it does not run, as a supervisor does."""
        if self.process is None or self.process.poll() is not None:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "scripts.jumping_clock", str(self.clock)],
                    env=self._environment, cwd=PROJECT, stdout=log, stderr=log,
                )  # fmt: skip

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End it at once, without a chance to put anything in order."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def is_ready(self) -> bool:
        """Whether it answers that it works, at the last address in its log."""
        addresses = re.findall(r"Health and metrics are at (\S+)\.", self.log.read_text())
        try:
            with urllib.request.urlopen(f"{addresses[-1]}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (IndexError, OSError):
            return False

    def stop(self) -> int:
        """End it cleanly; its exit code."""
        assert self.process is not None
        self.signal(signal.SIGTERM)
        return self.process.wait(60)

    def set_clock(self, seconds: int) -> None:
        """Let its clock be ahead of the machine's by `seconds`."""
        self.clock.write_text(str(seconds))


class Chaos:
    """The troubles, drawn at random from one seed."""

    def __init__(self, seed: int, workers: list[Worker], cluster: SlurmOnLoopback | None, disk: Path | None) -> None:
        self.random = random.Random(seed)
        self.workers = workers
        self.cluster = cluster
        self.disk = disk
        self.tally: Counter[str] = Counter()
        self._down: set[Worker] = set()
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._troubles: list[tuple[Callable[[], bool], int]] = [
            (self.kill_worker, 4), (self.kill_job, 6), (self.pause_worker, 2), (self.jump_clock, 2),
        ]  # fmt: skip
        if cluster is not None:
            self._troubles += [(self.kill_node, 2), (self.kill_controller, 2)]
        if disk is not None:
            self._troubles += [(self.fill_disk, 1)]

    def step(self) -> None:
        """One trouble."""
        troubles, weights = zip(*self._troubles, strict=True)
        [trouble] = self.random.choices(troubles, weights)
        if trouble():
            self.tally[trouble.__name__.replace("_", " ")] += 1

    def due(self) -> None:
        """Put right what is due, and start the workers that ended by themselves: without its cluster none starts."""
        now = time.monotonic()
        ready = [act for at, act in self._later if at <= now]
        self._later = [(at, act) for at, act in self._later if at > now]
        for act in ready:
            act()
        for worker in self.workers:
            if worker not in self._down:
                worker.start()

    def calm(self) -> None:
        """Put everything right. Raises TimeoutError when not every worker works again."""
        self._later = [(0.0, act) for _, act in self._later]
        end = time.monotonic() + CALM_S
        while not all(worker.is_ready() for worker in self.workers):
            if time.monotonic() > end:
                raise TimeoutError(f"Not every worker works again after {CALM_S:.0f} s without trouble.")
            self.due()
            time.sleep(0.5)

    def after(self, low: float, high: float, act: Callable[[], None]) -> None:
        """Do something later."""
        self._later.append((time.monotonic() + self.random.uniform(low, high), act))

    def kill_worker(self) -> bool:
        """SIGKILL to a worker."""
        worker = self.random.choice(self.workers)
        worker.kill()
        self._down.add(worker)
        self.after(0, 5, lambda: self._down.discard(worker))
        return True

    def kill_job(self) -> bool:
        """SIGKILL to one process of a job, or of what watches it."""
        found = sorted(job_processes([worker.work for worker in self.workers]))
        if not found:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.random.choice(found), signal.SIGKILL)
        return True

    def pause_worker(self) -> bool:
        """SIGSTOP to a worker for longer than its leases hold."""
        worker = self.random.choice(self.workers)
        worker.signal(signal.SIGSTOP)
        self.after(LEASE_S, LEASE_S * 2, lambda: worker.signal(signal.SIGCONT))
        return True

    def kill_node(self) -> bool:
        """SIGKILL to the daemon of a node."""
        assert self.cluster is not None
        node = self.random.choice(self.cluster.nodes)
        if not self.cluster.kill(node):
            return False
        self.after(1, 15, lambda: self._start_node(node))
        return True

    def kill_controller(self) -> bool:
        """SIGKILL to the controller: what it had not saved is lost."""
        assert self.cluster is not None
        if not self.cluster.kill("slurmctld"):
            return False
        self.after(1, 15, self.cluster.start_controller)
        self.after(16, 17, self.cluster.resume)
        return True

    def fill_disk(self) -> bool:
        """Take all the space of one worker's disk, once."""
        assert self.disk is not None
        self._troubles = [entry for entry in self._troubles if entry[0] != self.fill_disk]
        disk = self.disk
        with contextlib.suppress(OSError):
            fill(disk)
        self.after(5, 20, lambda: (disk / "filler").unlink(missing_ok=True))
        return True

    def jump_clock(self) -> bool:
        """An hour ahead or back on one worker, for a while."""
        worker = self.random.choice(self.workers)
        worker.set_clock(self.random.choice([3600, -3600, 120, -120]))
        self.after(5, 30, lambda: worker.set_clock(0))
        return True

    def _start_node(self, node: str) -> None:
        assert self.cluster is not None
        self.cluster.start_node(node)
        self.cluster.resume()


def job_processes(folders: list[Path]) -> list[int]:
    """Processes of jobs below the work folders `folders`: they stand in one, or were started for one."""
    places = [f"{folder}/jobs/" for folder in folders]
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            words = [process.cwd(), *process.cmdline()]
            if any(word.startswith(place) for word in words for place in places):
                found.append(process.pid)
    return found


def write_benchmark(folder: Path, executor: str) -> None:
    """A benchmark of one column, named as the executor whose workers alone serve it."""
    whole = yaml.safe_load((PROJECT / "benchmarks" / "tiny.yaml").read_text()) | {"id": executor}
    whole["columns"] = [column for column in whole["columns"] if column["key"] == COLUMN]
    shutil.copytree(PROJECT / "benchmarks" / "tasks", folder / executor / "tasks")
    (folder / executor / f"{executor}.yaml").write_text(yaml.safe_dump(whole))


def is_bad(number: int) -> bool:
    """Whether the checkpoint of this request cannot be loaded."""
    return number % BAD_EVERY == BAD_EVERY - 1


def prepare(folder: Path, hub: localhub.Running, count: int, shared: str) -> list[Request]:
    """`count` checkpoints on the Hub, and a request for each, some for the executor `shared`."""
    queue, requests = Queue(LocalStore(folder / "requests")), []
    for number in range(count):
        source = "wrong-shapes" if is_bad(number) else "tiny-base"
        [place, *_] = sorted((CHECKPOINTS / source).iterdir())
        name = f"chaos/m{number:03d}"
        commit = hub.hub.commit(name, {file.name: file.read_bytes() for file in place.iterdir() if file.is_file()})
        benchmark = "local" if number % CLUSTER_EVERY else shared
        request = Request(model=name, revision=commit, benchmark=benchmark, precision="float32", params=PARAMS_B)
        requests.append(queue.submit(request))
    return requests


def wait(queue: Queue, requests: list[Request], chaos: Chaos) -> bool:
    """Make trouble until every request has ended; False when nothing ends any more."""
    ended, changed = 0, time.monotonic()
    while ended < len(requests):
        time.sleep(STEP_S)
        chaos.due()
        if troubled(len(requests), ended, chaos.tally.total()) and chaos.random.random() < STEP_S / PAUSE_S:
            chaos.step()
        now = len(queue.view().ended)
        if now != ended:
            ended, changed = now, time.monotonic()
            print(f"{ended} of {len(requests)} have ended after {chaos.tally.total()} troubles", flush=True)
        if time.monotonic() - changed > QUIET_S:
            describe(queue, chaos.workers)
            return False
    return True


def troubled(requests: int, ended: int, troubles: int) -> bool:
    """Whether something may still go wrong."""
    return troubles < TROUBLES_EACH * requests and requests - ended > UNDISTURBED * requests


def describe(queue: Queue, workers: list[Worker]) -> None:
    """Print what there is to know of a run in which nothing ends any more."""
    for request in queue.view().open:
        print(request.model, request.status.value, request.not_before, request.lease, request.progress)
        print(*(f"  {entry.time} {entry.to} {entry.by}: {entry.note}" for entry in request.history[-5:]), sep="\n")
    for worker in workers:
        print(worker.name, *worker.log.read_text().splitlines()[-10:], sep="\n  ")


def judge(
    queue: Queue, results: Results, requests: list[Request], executors: Sequence[str]
) -> tuple[Counter[str], list[str]]:
    """How the requests ended, and every one that ended wrongly."""
    published = Counter(block.request_id for benchmark in executors for block in results.each(benchmark))
    outcomes: Counter[str] = Counter()
    wrong = []
    for number, request in enumerate(requests):
        now = queue.get(request.id)
        bad = is_bad(number)
        code = now.failure.code if now.status is Status.FAILED and now.failure else ""
        outcomes[f"{now.status.value.lower()} {code}".strip()] += 1
        right = (code == "checkpoint_unreadable", 0) if bad else (now.status is Status.FINISHED, 1)
        if not right[0] or published[request.id] != right[1]:
            wrong.append(f"{request.model}: {now.status.value} {code}, published {published[request.id]} times")
    return outcomes, wrong


def run(seed: int, count: int, folder: Path) -> int:
    """Everything; the exit code."""
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        reason = slurm_cluster.missing()
        cluster = None if reason else stack.enter_context(slurm_cluster.running(folder / "slurm"))
        if reason:
            print(f"All workers are local: {reason}")
        hub = stack.enter_context(localhub.running(folder / "hub"))
        shared = "slurm" if cluster else "local"
        executors = sorted({"local", shared})
        for executor in executors:
            write_benchmark(folder, executor)
        requests = prepare(folder, hub, count, shared)
        disk = None
        with contextlib.suppress(PermissionError):
            disk = stack.enter_context(small_disk(folder / "w1", "size=600m"))
        hub.faults.set(TROUBLE, seed=seed)
        workers = [
            Worker(name, executor, folder, hub.endpoint)
            for name, executor in (("w1", "local"), ("w2", shared), ("w3", shared))
        ]
        for worker in workers:
            stack.callback(worker.kill)
        queue, results = Queue(LocalStore(folder / "requests")), Results(LocalStore(folder / "results"))
        chaos = Chaos(seed, workers, cluster, disk)
        moving = wait(queue, requests, chaos)
        chaos.calm()
        codes = [worker.stop() for worker in workers]
        left = job_processes([worker.work for worker in workers])
        outcomes, wrong = judge(queue, results, requests, executors)
        ended = [queue.get(request.id) for request in requests]
    report = {
        "seed": seed, "seconds": round(time.monotonic() - began), "troubles": dict(chaos.tally),
        "faults of the Hub": dict(hub.faults.counts), "outcomes": dict(outcomes),
        "attempts": dict(sorted(Counter(request.attempts for request in ended).items())),
        "ended by": dict(sorted(Counter(request.history[-1].by for request in ended).items())),
        "exit codes": codes, "processes left": len(left), "wrong": wrong,
    }  # fmt: skip
    print(yaml.safe_dump(report, sort_keys=False, width=110))
    return 0 if moving and not wrong and not left and codes == [0, 0, 0] else 1


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="draws the troubles")
    parser.add_argument("--requests", type=int, default=200, help="checkpoints to evaluate")
    parser.add_argument("--keep", type=Path, help="folder to keep everything in, for looking at it afterwards")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and end what it has started
    if options.keep:
        options.keep.mkdir(parents=True)
        return run(options.seed, options.requests, options.keep.absolute())
    with tempfile.TemporaryDirectory(prefix="podium-chaos-") as folder:
        return run(options.seed, options.requests, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
