"""Small jobs for the executors' tests; job.json names one as `tests.backend.jobs:Class`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from backend import Resources, kept
from backend.workdir import Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.records import PodiumBlock, Provenance, Request, Score
from leaderboard.results.details import details_table

SLEEPER = "import time; time.sleep(300)"


def leave_results(workdir: Workdir) -> None:
    """Leave what an evaluation of a benchmark with one column leaves."""
    request = workdir.request()
    block = PodiumBlock(
        request_id=request.id, attempt=request.attempts, benchmark="tiny", benchmark_version="1", model=request.model,
        revision=request.revision, precision=request.precision, weight_type="Original", use_chat_template=False,
        time=request.job_start_time or "", average=50.0, provenance=Provenance(),
        scores={"sums": Score(raw=0.5, normalised=50.0, n=1)},
    )  # fmt: skip
    harness = {"results": {"sums": {"acc,none": 0.5}}, "podium": block.model_dump(mode="json")}
    table = details_table([{"doc_id": 0, "doc": {"revision": request.revision}, "metrics": ["acc"], "acc": 0.5}])
    workdir.write_results(json.dumps(harness).encode(), {"sums": table})
    workdir.finish()


class Small:
    """What these jobs have in common: nothing is needed."""

    def resources(self, request: Request, benchmark: Benchmark) -> Resources:
        return Resources()

    def run(self, workdir: Path) -> None:
        raise AssertionError("a small job says what it does")


class Speak(Small):
    """Writes to both streams, and its environment to a file."""

    def run(self, workdir: Path) -> None:
        print("said on standard output")
        print("said on standard error", file=sys.stderr)
        subprocess.run([sys.executable, "-c", "print('said by a child')"], check=True)
        seen = {"environment": dict(os.environ), "cwd": str(Path.cwd()), "argv": Path("/proc/self/cmdline").read_text()}
        Workdir(workdir).write("seen.json", json.dumps(seen).encode())


class Supervise(Small):
    """Starts a program that says its token and stays, unless the file `short` is there; writes what it is itself."""

    def run(self, workdir: Path) -> None:
        from backend.sandbox.programs import Program, run

        folder = Workdir(workdir)
        token = Workdir(workdir).name
        stay = "" if (folder.path / "short").exists() else "time.sleep(300)"
        command = ("python", "-c", f"import os, time; print('{token}', dict(os.environ), flush=True); {stay}")
        seen = {"environment": dict(os.environ), "files": _open_files(), "session": os.getsid(0) == os.getpid()}
        folder.write("seen.json", json.dumps(seen).encode())
        ended = run(Program(command, (), "/tmp", {}, 300, 256 << 20, folder.scratch / "program.txt"))
        folder.write("ended.json", json.dumps(ended).encode())


def _open_files() -> list[str]:
    """Files beyond the standard streams, but for the one that lists them."""
    links = list(Path("/proc/self/fd").iterdir())
    return [str(link.readlink()) for link in links if int(link.name) > 2 and os.path.lexists(link)]


class Break(Small):
    """Raises."""

    def run(self, workdir: Path) -> None:
        raise ZeroDivisionError("a secret of the trace")


class Die(Small):
    """Ends without a word."""

    def run(self, workdir: Path) -> None:
        os._exit(3)


class Wait(Small):
    """Starts a child, and a grandchild in a session of its own whose parent ends; then waits with them."""

    def run(self, workdir: Path) -> None:
        child = subprocess.Popen([sys.executable, "-c", SLEEPER])
        script = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}], "
        script += "start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)"
        subprocess.run([sys.executable, "-c", script], check=True)
        Workdir(workdir).write("waiting.json", json.dumps(child.pid).encode())
        time.sleep(300)


class Leave(Small):
    """Ends, and leaves a child in a session of its own behind."""

    def run(self, workdir: Path) -> None:
        child = subprocess.Popen([sys.executable, "-c", SLEEPER], start_new_session=True)
        Workdir(workdir).write("left.json", json.dumps(child.pid).encode())


class Grow(Small):
    """Takes 300 MB, half of it in a child."""

    def run(self, workdir: Path) -> None:
        child = subprocess.Popen([sys.executable, "-c", "x = b'x' * 150_000_000; import time; time.sleep(300)"])
        taken = b"x" * 150_000_000
        child.wait()
        print(len(taken))


class Stop(Small):
    """Stops for a debugger, then goes on."""

    def run(self, workdir: Path) -> None:
        where = "in a job"
        breakpoint()
        print(f"went on {where}")


class Paused(Small):
    """Evaluates a checkpoint, and waits to be killed in the middle.

    `pause_after` of the request lists after how many forward passes: first, for a run that goes on from one, and so on.
    What is asked of the model is written down, task by task, and at the end how many passes there were.
    """

    def run(self, workdir: Path) -> None:
        import importlib

        harness, opening = (importlib.import_module(f"backend.evaluators.{name}") for name in ("harness", "opening"))
        folder = Workdir(workdir)
        runs = len({name.partition("-")[0] for name in kept.names(folder.kept)})
        pauses = (folder.request().model_extra or {}).get("pause_after", [])
        most = pauses[runs] if runs < len(pauses) else None
        asked: list[tuple[str, int]] = []
        passes = 0
        make_lm = opening.make_lm

        def counted(model: object, inputs: object) -> None:
            nonlocal passes
            passes += 1
            if most is not None and passes > most:
                folder.write("paused.json", json.dumps(asked).encode())
                time.sleep(300)

        def made(**settings: object) -> object:
            lm = make_lm(**settings)
            lm.model.register_forward_pre_hook(counted)
            for kind in ("loglikelihood", "generate_until"):
                answer = getattr(lm, kind)

                def noted(requests: list, answer=answer, **more: object) -> object:  # type: ignore[no-untyped-def, type-arg]
                    asked.extend((request.task_name, 1) for request in requests)
                    return answer(requests, **more)

                setattr(lm, kind, noted)
            return lm

        opening.make_lm = made
        harness.evaluate(workdir)
        folder.write("paused.json", json.dumps(asked).encode())
        folder.write("passes.json", json.dumps(passes).encode())
