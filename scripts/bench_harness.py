"""The time of evaluation, compared with the plain `lm_eval` command: three BBH tasks on real data, the same batch size.

Both sides measure the harness's `evaluate`: building the requests, answering and scoring, without imports, loading
and task look-up. Both have one thread, so the processor time does not depend on the machine's load. Runs alternate;
the best run of each side counts.
The data are read from PODIUM_DATA_ROOT, or from ../shared/data/benchmarks.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from backend import Executor, Job, JobState, Resources
from backend.evaluators import EVALUATORS, evaluator_name
from backend.evaluators.data_root import DataRoot
from backend.evaluators.tasks import needs, task_manager
from backend.executors.opening import open_executor
from backend.sandbox import View
from backend.workdir import JobOptions, Workdir
from leaderboard.benchmarks import Benchmark, Column, Part
from leaderboard.records import Request
from leaderboard.settings import PROJECT, load_settings
from scripts.bench_jobs import BATCH, MODEL, Site, site, wait_for
from scripts.figures import Sections, at_most, reading


class Size(NamedTuple):
    """How much is measured."""

    tasks: tuple[str, ...]
    """Tasks of BBH."""
    questions: int
    """Questions per task."""
    rounds: int
    slower: float | None
    """Limit of the time, as a share of the command's."""


FULL = Size(("boolean_expressions", "navigate", "sports_understanding"), questions=100, rounds=3, slower=1.05)
TINY = Size(("boolean_expressions",), questions=2, rounds=1, slower=None)
TIMED = """
import json, sys, time
import lm_eval.evaluator
from lm_eval.__main__ import cli_evaluate
original, spent = lm_eval.evaluator.evaluate, []
def timed(*args, **kwargs):
    began = time.process_time()
    result = original(*args, **kwargs)
    spent.append(time.process_time() - began)
    return result
lm_eval.evaluator.evaluate = timed
output = sys.argv.pop(1)
cli_evaluate()
open(output, "w").write(json.dumps(spent))
"""


def sections(size: Size) -> Sections:
    """The ratio of times, and whether scores and prompts are the same."""
    root = load_settings().data_root or PROJECT.parent / "shared" / "data" / "benchmarks"
    if not root.is_dir():
        raise SystemExit(f"No benchmark data found in {root}. Set PODIUM_DATA_ROOT.")
    with site() as bench_site:
        names = [f"leaderboard_bbh_{task}" for task in size.tasks]
        columns = [
            Column(key=f"task{index}", title=name, run=[name], parts=[Part(task=name, metrics=["acc_norm,none"])])
            for index, name in enumerate(names)
        ]
        benchmark = Benchmark(id="bbh", version="1", title="BBH", description="Three BBH tasks.", columns=columns)
        executor = open_executor(bench_site.settings.model_copy(update={"data_root": root}))
        try:
            runs = [
                (ours(bench_site, executor, benchmark, root, size, n), theirs(bench_site, benchmark, root, size, n))
                for n in range(size.rounds)
            ]
        finally:
            executor.close()
    mine, plain = runs[-1][0], runs[-1][1]
    scores = max(
        abs(mine["results"][name]["acc_norm,none"] - plain["results"][name]["acc_norm,none"]) for name in names
    )
    different = sum(mine["task_hashes"][name] != plain["task_hashes"][name] for name in names)
    own, peer = min(run[0]["seconds"] for run in runs), min(run[1]["seconds"] for run in runs)
    figures = [
        reading("processor time of evaluation as a job", own, "s"),
        reading("processor time of evaluation by lm_eval", peer, "s"),
        at_most("evaluation time against lm_eval", own / peer, "", size.slower),
        at_most("largest difference of scores", scores, "", 1e-6),
        at_most("tasks with other prompt hashes", different, "", 0),
    ]
    yield "", figures


def ours(
    bench_site: Site, executor: Executor, benchmark: Benchmark, root: Path, size: Size, number: int
) -> dict[str, Any]:
    """Results of a job, with the seconds of the evaluation."""
    workdir = Workdir(bench_site.settings.work_dir / "jobs" / f"bench-{number}")
    request = Request(model=MODEL, revision=bench_site.commits[MODEL][-1], benchmark="bbh", precision="float32")
    options = JobOptions(
        evaluator=evaluator_name(EVALUATORS["checkpoint"]),
        device="cpu",
        batch_size=BATCH,
        limit=size.questions,
        data_root=root,
        view=View(read=(root,)),
    )
    workdir.prepare(options, request, benchmark)
    handle = executor.submit(Job(workdir.name, workdir.path, Resources()))
    wait_for(lambda: executor.poll([handle])[handle].state in (JobState.ENDED, JobState.KILLED), 1800)
    if not workdir.done:
        raise SystemExit(workdir.log_tail())
    results = workdir.results()
    made = results["podium"]["provenance"]
    return {"results": results["results"], "task_hashes": made["task_hashes"], "seconds": made["processor_seconds"]}


def theirs(bench_site: Site, benchmark: Benchmark, root: Path, size: Size, number: int) -> dict[str, Any]:
    """Results of the plain command in a mirror of the data, with the seconds of its `evaluate`."""
    names = [name for column in benchmark.columns for name in column.run]
    mirror = DataRoot(root, bench_site.folder / "mirror").prepare(needs(task_manager(benchmark), names))
    out, spent = bench_site.folder / f"out-{number}", bench_site.folder / f"spent-{number}.json"
    model = f"pretrained={MODEL},revision={bench_site.commits[MODEL][-1]},dtype=float32"
    words = [
        "run", "--model", "hf", "--model_args", model,
        "--tasks", ",".join(names), "--device", "cpu", "--batch_size", BATCH,
        "--output_path", str(out), "--log_samples", "--limit", str(size.questions),
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", TIMED, str(spent), *words],
        env=bench_site.environment(), cwd=mirror, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"The peer failed: {shlex.join(words)}\n{done.stderr[-2000:]}")
    [file] = out.rglob("results_*.json")
    results: dict[str, Any] = json.loads(file.read_text())
    return results | {"seconds": sum(json.loads(spent.read_text()))}
