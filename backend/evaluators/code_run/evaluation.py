"""One submission of code, from its zip to its scores."""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.abilities import hardware
from backend.accelerators import VISIBLE, find_accelerators, nodes, variables
from backend.evaluators.challenge import scoring_version, write_scores
from backend.evaluators.code_run import data
from backend.evaluators.code_run.items import ItemRun
from backend.evaluators.code_run.labelling import reveal
from backend.evaluators.code_run.output import Output
from backend.evaluators.code_run.parts import Asked, parts_scores, read_asked
from backend.evaluators.code_run.process import MODELS, SUBMISSION, Confinement, OutOfTime
from backend.evaluators.code_run.random_revelation import predict_at_random
from backend.evaluators.code_run.report import Outcome, account, of_calls, of_predicted, provenance_packages
from backend.evaluators.code_run.scoring import alike
from backend.evaluators.code_run.train_predict import train_and_predict
from backend.failures import JobFailed
from backend.sandbox.programs import Mount, missing
from backend.workdir import JobOptions, Workdir
from leaderboard.archives import ArchiveLimits, open_archive
from leaderboard.benchmarks.challenge import RANDOM_REVELATION, CodeRules
from leaderboard.errors import BadArchive
from leaderboard.records import CodeRequest, Fault, Progress, Provenance
from leaderboard.results.log_parts import say

LOOKS = 100
"""How often progress is written down, at most."""
SCORING_FIELDS = {"metrics", "interface", "label", "prediction", "prediction_range", "label_budget", "failed"}
"""The rules that decide what a package's answers score."""


@dataclass(frozen=True)
class Run:
    """What one submission is run with."""

    workdir: Workdir
    request: CodeRequest
    rules: CodeRules
    private: Path
    """Folder of the benchmark's private data."""
    package: Path
    """Folder with the submission's files."""
    confinement: Confinement
    output: Output


def evaluate(path: Path) -> None:
    """Run the submission in the work folder `path` and write its scores. Raises JobFailed."""
    began = time.monotonic()
    run = _prepared(Workdir(path), began)
    try:
        asked, outcome = _items(run) if run.rules.interface == "item" else _pairs(run)
    except OutOfTime:
        raise JobFailed(
            "wall_limit",
            f"{run.request.model} was stopped after {run.rules.wall_seconds:,} seconds, which is the benchmark's limit "
            "for everything from the first import to the last answer. Make it faster and submit the package again.",
        ) from None
    scores, kept_back = parts_scores(run.workdir, run.rules, run.private, asked, outcome)
    same = alike(outcome.own_answers)
    if same:
        say(
            f"{same.share:.0%} of the {same.answers:,} answers are the same. Check that the package did not fall back "
            "to a constant."
        )
    made = Provenance(
        packages=provenance_packages(),
        hardware=_hardware(run.confinement),
        sandbox=["bubblewrap"],
        wall_seconds=round(time.monotonic() - began, 3),
        code=account(run.rules, run.output, outcome, same),
        scoring=scoring_version(run.workdir, run.rules, SCORING_FIELDS, run.private / run.rules.labels),
    )
    write_scores(run.workdir, scores, made, kept_back=kept_back)


def _prepared(workdir: Workdir, began: float) -> Run:
    """The package unpacked, and everything that it is run with. Raises JobFailed."""
    request, rules, options = workdir.request(), workdir.benchmark().code, workdir.options()
    assert isinstance(request, CodeRequest)
    if rules is None or options.private is None or not rules.metrics:
        raise JobFailed("benchmark_data", "The benchmark does not say how code is run.", Fault.INFRASTRUCTURE)
    if unconfined := missing():
        raise JobFailed("no_sandbox", unconfined, Fault.INFRASTRUCTURE)
    package, logs = workdir.scratch / "package", workdir.scratch / "logs"
    _unpack(workdir.artifact, package, rules)
    logs.mkdir(exist_ok=True)
    models = [Mount(workdir.models, MODELS)] if request.models else []
    devices, gpus = _accelerators(request, options)
    threads = str(max(1, options.threads))
    confinement = Confinement(
        mounts=(Mount(package, SUBMISSION), *models, *data.mounts(rules, options.private)),
        environment=dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
        | ({"PODIUM_MODELS": MODELS} if models else {})
        | gpus,
        memory_bytes=int(rules.memory_gb * 1e9),
        tmp_bytes=rules.tmp_mb * 1_000_000,
        files=frozenset(file.relative_to(package).as_posix() for file in package.rglob("*.py")),
        logs=logs,
        deadline=began + rules.wall_seconds,
        allowed_hosts=tuple(rules.allowed_hosts),
        devices=devices,
    )
    return Run(workdir, request, rules, options.private, package, confinement, Output(rules.show_output))


def _accelerators(request: CodeRequest, options: JobOptions) -> tuple[tuple[Path, ...], dict[str, str]]:
    """Device files of the job's accelerators and the variable that names them, for a package that loads models.

    None without models, and where the executor has given the job no accelerators. Where only CUDA's numbers of them are
    known, the files are all that this process can open.
    """
    given = os.environ.get(VISIBLE)
    accelerators = find_accelerators(options.device, given) if given and request.models else []
    if not accelerators:
        return (), {}
    own = nodes(accelerators)
    view = dataclasses.replace(options.view, accelerators=None if own is None else tuple(own))
    devices = tuple(view.cuda_devices())
    return devices, variables(accelerators) if devices else {}


def _hardware(confinement: Confinement) -> str:
    """What the package could compute on, in words."""
    names = confinement.environment.get(VISIBLE)
    return hardware("cpu") + (f", GPUs: {names.count(',') + 1}" if names else "")


def _unpack(artifact: Path, package: Path, rules: CodeRules) -> None:
    limits = ArchiveLimits(
        entries=rules.max_files, file_bytes=rules.max_unpacked_bytes, total_bytes=rules.max_unpacked_bytes
    )
    try:
        open_archive(artifact, package, limits, unwrap=True)
    except BadArchive as error:
        raise JobFailed(
            "bad_archive", f"The package cannot be unpacked: {error} Pack it again and submit the new file."
        ) from error


def _items(run: Run) -> tuple[Asked, Outcome]:
    everything = data.read_items(run.rules, run.private)
    asked = read_asked(run.workdir, run.rules, run.private, [(item.id,) for item in everything])
    rows = asked.to_ask()
    items = [everything[at] for at in rows]
    context = _context(run)
    step = max(1, len(items) // LOOKS)

    def progress(done: int) -> None:
        if done % step == 0:
            run.workdir.write_progress(Progress(task="predict", done=done, total=len(items)))

    calls = ItemRun(run.rules, run.confinement, context, run.output).run(items, progress)
    say(f"{len(items):,} calls, {calls.failed:,} failed.")
    return asked, of_calls(rows, items, calls)


def _context(run: Run) -> dict[str, Any]:
    """What `setup` gets."""
    rules = run.rules
    return {
        "submission_dir": SUBMISSION,
        "train_dir": data.TRAIN if rules.train else None,
        "models": {model.model: f"{MODELS}/{model.model}" for model in run.request.models},
        "tmp_dir": "/tmp",
        "limits": {
            "setup_seconds": rules.setup_seconds,
            "call_seconds": rules.call_seconds,
            "wall_seconds": rules.wall_seconds,
            "memory_bytes": run.confinement.memory_bytes,
        },
    }


def _pairs(run: Run) -> tuple[Asked, Outcome]:
    pairs = data.read_pairs(run.rules, run.private)
    asked = read_asked(run.workdir, run.rules, run.private, pairs.keys())
    rules, confinement, output = run.rules, run.confinement, run.output
    run.workdir.write_progress(Progress(task="choosing labels"))
    has_file = (run.package / rules.labelling_entry).is_file()
    private = set(asked.parts.private())
    revealed = reveal(rules, has_file, pairs.ids, confinement, output, run.request.id, private)
    run.workdir.write_progress(Progress(task="train and predict"))
    predicted = train_and_predict(rules, pairs, revealed, confinement, output)
    say(f"{len(predicted.answers):,} predictions are scored, {len(revealed.indexes):,} labels were revealed.")
    at_random = None
    if any(column.score.startswith(RANDOM_REVELATION) for column in run.workdir.benchmark().columns):
        run.workdir.write_progress(Progress(task="predict with random labels"))
        at_random = predict_at_random(rules, pairs, revealed, predicted, confinement, output)
    return asked.without(revealed.indexes), of_predicted(predicted, revealed, at_random)
