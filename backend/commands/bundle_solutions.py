"""A bundle's sample solutions, run as submissions are, before anybody meets the benchmark."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from backend.evaluators import EVALUATORS, evaluator_name
from backend.evaluators.bundle_run import evaluate
from backend.failures import JobFailed
from backend.sandbox.containers import pull
from backend.workdir import JobOptions, Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.bundle_rules import BundleRules, BundleSolution
from leaderboard.errors import PodiumError
from leaderboard.records import Artifact, ArtifactRequest, new_id, now
from leaderboard.records.artifact import digest_of
from leaderboard.records.submission import CODE


def run(benchmark: Benchmark, private: Path) -> list[str]:
    """What is wrong with the solutions of a benchmark that was made from a bundle, a sentence each.

    `private`: the benchmark's private folder.
    """
    bundle = benchmark.bundle
    problems = []
    if bundle and bundle.solutions and bundle.docker_image:
        pull(bundle.docker_image)
    for solution in bundle.solutions if bundle else ():
        assert bundle is not None
        sentence = _problem(benchmark, bundle, solution, private)
        if sentence:
            problems.append(f"solutions[{solution.index}]: {sentence}")
    return problems


def _problem(benchmark: Benchmark, bundle: BundleRules, solution: BundleSolution, private: Path) -> str:
    """Why a solution has no score; empty when it has one."""
    phase = next((each for each in bundle.phases if set(each.tasks) & set(solution.tasks)), None)
    if phase is None:
        return "No phase has a task that it solves."
    file = private / bundle.folder / solution.file
    digest = digest_of(file)
    kind = CODE if CODE in benchmark.kinds else benchmark.kinds[0]
    request = ArtifactRequest(
        id=new_id(), kind=kind, model=f"organiser/solution-{solution.index}", revision=digest, benchmark=benchmark.id,
        track=phase.track, sender="organiser", submitted_time=now(), attempts=1, job_start_time=now(),
        artifact=Artifact(sha256=digest, bytes=file.stat().st_size, filename=file.name),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="podium-solution-") as folder:
        workdir = Workdir(Path(folder))
        options = JobOptions(evaluator=evaluator_name(EVALUATORS[kind]), private=private)
        workdir.prepare(options, request, benchmark)
        shutil.copyfile(file, workdir.artifact)
        try:
            evaluate(workdir.path)
        except (JobFailed, PodiumError) as error:
            return str(error)
    return ""
