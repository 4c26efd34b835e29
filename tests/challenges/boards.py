"""The shipped challenges on a board, and what becomes of a solution there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from backend.evaluators import code_run, predictions_run
from backend.workdir import JobOptions, Workdir
from leaderboard.artifacts.places import private_data
from leaderboard.benchmarks import Benchmark
from leaderboard.records import Artifact, CodeRequest, Person, Problem
from leaderboard.records.artifact import digest_of
from leaderboard.records.kinds import KINDS
from leaderboard.service import Service, open_service
from scripts.add_challenge import CHALLENGES, DATA, install
from tests.backend.evaluators.code.packages import zipped
from tests.shared import settings_of

NAMES = sorted(DATA)
ADA = Person(name="ada")
SEED = "for tests"


def solutions(name: str) -> list[dict[str, Any]]:
    """What `solutions.yaml` of a challenge says."""
    said: list[dict[str, Any]] = yaml.safe_load((CHALLENGES / name / "solutions.yaml").read_text())["solutions"]
    return said


def installed(folder: Path) -> dict[str, Benchmark]:
    """Every shipped challenge, installed into the board of a folder."""
    settings = settings_of(folder)
    return {name: install(name, settings, SEED) for name in NAMES}


def opened(folder: Path) -> Service:
    """The board of a folder into which challenges were installed."""
    return open_service(settings_of(folder))


def packed(folders: Sequence[Path], into: Path) -> Path:
    """A package of folders; a file of a later one replaces that of an earlier."""
    files: dict[str, str | bytes] = {}
    for folder in folders:
        files |= {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.py")}
    into.write_bytes(zipped(dict(sorted(files.items()))))
    return into


def written(program: Path, data: Path, into: Path) -> Path:
    """The file of predictions that a program of a kit writes."""
    subprocess.run([sys.executable, str(program), str(data), str(into)], check=True, timeout=60)
    return into


def submitted_file(name: str, solution: Mapping[str, Any], data: Path, folder: Path) -> Path:
    """What is submitted of a solution."""
    if "program" in solution:
        return written(CHALLENGES / name / solution["program"], data, folder / "predictions.csv")
    return packed([CHALLENGES / name / part for part in solution["package"]], folder / "package.zip")


def problems(service: Service, benchmark: Benchmark, file: Path, **fields: Any) -> list[Problem]:
    """What the board says of a file before it is queued."""
    artifacts = service.intake.artifacts
    assert artifacts is not None
    copy = Path(shutil.copyfile(file, file.with_name("upload")))
    artifact = Artifact(bytes=file.stat().st_size, filename=file.name, sha256=artifacts.add(copy, ADA.name))
    kind = benchmark.kinds[0]
    body = {"kind": kind, "benchmark": benchmark.id, "name": "mine", "artifact": artifact, **answers(benchmark)}
    return service.intake.look(KINDS[kind].submission.model_validate(body | fields), ADA).problems


def answers(benchmark: Benchmark) -> dict[str, Any]:
    """What a submission says to the terms and questions of the first track."""
    track, rules = next(iter(benchmark.tracks.items()))
    assert benchmark.competition is not None and benchmark.competition.terms is not None
    said = {asked.key: asked.choices[0] if asked.choices else "none" for asked in rules.discloses if asked.required}
    return {"track": track, "terms": benchmark.competition.terms.version, "disclosure": said}


def graded(benchmark: Benchmark, file: Path, private: Path, folder: Path) -> dict[str, Any]:
    """The block of the result of a file, scored by the job that a worker starts. Raises JobFailed."""
    request = CodeRequest(
        kind=benchmark.kinds[0], model="ada/mine", revision=digest_of(file), id="f" * 16, benchmark=benchmark.id,
        attempts=1, artifact=Artifact(sha256=digest_of(file), bytes=file.stat().st_size, filename=file.name),
        job_start_time="2026-01-01T00:00:00Z",
    )  # fmt: skip
    workdir = Workdir(folder / "job")
    options = JobOptions(evaluator="backend.evaluators.code:CodeEvaluator", private=private, sample_seed="5eed" * 8)
    workdir.prepare(options, request, benchmark)
    shutil.copyfile(file, workdir.artifact)
    (predictions_run if benchmark.predictions else code_run).evaluate(workdir.path)
    block: dict[str, Any] = workdir.results()["podium"]
    return block


def private_folder(folder: Path, name: str) -> Path:
    """The private folder of a challenge on the board of a folder."""
    return private_data(settings_of(folder), name)
