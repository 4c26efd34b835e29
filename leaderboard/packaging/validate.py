"""The server's own checks of a submission, on the participant's machine, and its score on the kit's public labels."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.errors import NotFound, NotPackaged
from leaderboard.packaging.challenge import Challenge
from leaderboard.packaging.collecting import collect
from leaderboard.packaging.contents import Contents, look_inside, package_limits
from leaderboard.packaging.models_file import FILE as MODELS
from leaderboard.packaging.models_file import models_problems
from leaderboard.packaging.package import build, packed_folder
from leaderboard.packaging.problems import LOCAL, UPLOADED
from leaderboard.packaging.sources import source_problems
from leaderboard.packaging.validation import ALL_CHECKS, Unchecked, Validation
from leaderboard.records import Problem
from leaderboard.records.artifact import digest_of

__all__ = ["Unchecked", "Validation", "validate"]

READS = ("numpy", "pyarrow")
"""Modules that reading predictions needs."""
SCORES = (*READS, "scipy", "sklearn", "psutil")
"""Modules that computing scores needs."""
SMOKE_TEST, LOCAL_SCORE = "the smoke test", "the local score"


def validate(place: Path, challenge: Challenge, *, run: bool = True) -> Validation:
    """Check what would be submitted: a package or a folder with code, or a file of predictions. All problems at once.

    `run`: whether code also runs in the sandbox and scores are computed. The kit's own folder stands for its
    submission. Raises NotFound, Infrastructure, OSError.
    """
    place = challenge.submission if place.resolve() == challenge.folder else place
    if not place.exists():
        raise NotFound(f"There is no {place}. Name the folder or file that you want to submit.")
    if challenge.described.kind == "predictions":
        return _predictions(place, challenge, run)
    if place.is_file():
        return _package(place, challenge, run)
    with tempfile.TemporaryDirectory(prefix="podium-validate-") as scratch:
        file = Path(scratch) / f"{challenge.benchmark.id}.zip"
        try:
            build(place, file, challenge)
        except NotPackaged as error:
            return _unpackable(place, file.name, challenge, error)
        return _package(file, challenge, run)


# --- code


def _package(file: Path, challenge: Challenge, run: bool) -> Validation:
    """Check a package, and run it where nothing is wrong with it."""
    benchmark, filename = challenge.benchmark, file.name
    validation = Validation(benchmark=benchmark.id, kind="code", filename=filename, sha256=digest_of(file))
    rules = benchmark.code or CodeRules()
    validation.problems += _too_large(file, rules.max_bytes, benchmark)
    if benchmark.bundle is not None:
        why = f"{benchmark.title} is scored by programs of its organisers, which are on the server."
        validation.unchecked.append(Unchecked(what="everything inside the package", why=why, fix=""))
        return validation
    with tempfile.TemporaryDirectory(prefix="podium-validate-") as scratch:
        folder = Path(scratch) / "package"
        contents = look_inside(file, filename, folder, rules, benchmark)
        validation.problems += contents.problems
        if MODELS in contents.files:
            validation.problems += models_problems((folder / MODELS).read_bytes(), rules, benchmark)
            why = "It asks the Hub, which the server does when the package is submitted."
            validation.unchecked.append(
                Unchecked(what=f"whether the models of {MODELS} exist and fit", why=why, fix="")
            )
    if run and validation.valid:
        _smoke_test(file, challenge, rules, contents, validation)
    return validation


def _unpackable(folder: Path, filename: str, challenge: Challenge, error: NotPackaged) -> Validation:
    """Why a folder becomes no package, with what is wrong inside its Python files."""
    validation = Validation(benchmark=challenge.benchmark.id, kind="code", filename=filename, sha256="")
    validation.problems += [LOCAL.problem_with("code_not_packaged", {"reason": line}) for line in error.lines]
    packed, rules = packed_folder(folder, challenge), challenge.benchmark.code
    if rules is not None and packed.is_dir():
        collected = collect(packed, packed, packed / filename, package_limits(rules))
        validation.problems += source_problems(packed, collected.files, rules)
    return validation


def _smoke_test(file: Path, challenge: Challenge, rules: CodeRules, contents: Contents, into: Validation) -> None:
    """Run a package as the server does, on the kit's public data."""
    obstacles = list(_obstacles(challenge, rules, contents))
    if obstacles:
        into.unchecked += obstacles
        return
    trial = import_module("backend.commands.code_trial").run(file, into.sha256, challenge.benchmark, challenge.data)
    into.output = trial.output
    if trial.unconfined:
        fix = "To check it without: podium validate --no-run"
        into.unchecked.append(Unchecked(what=SMOKE_TEST, why=trial.unconfined, fix=fix))
    elif trial.failure is not None and trial.failure.fault == "infrastructure":
        into.unchecked.append(Unchecked(what=SMOKE_TEST, why=trial.failure.message, fix="Fetch the kit again."))
    elif trial.failure is not None:
        code, sentence = trial.failure.code, trial.failure.message
        into.problems.append(Problem(code=code, field="artifact", message=sentence, fix="Read what it printed above."))
    else:
        into.ran, into.scores = True, dict(trial.scores)


def _obstacles(challenge: Challenge, rules: CodeRules, contents: Contents) -> Iterator[Unchecked]:
    """Why a package cannot run here."""
    yield from _missing(SMOKE_TEST, SCORES)
    if MODELS in contents.files:
        why = f"The package loads the Hub models of {MODELS}, which only the server downloads."
        yield Unchecked(what=SMOKE_TEST, why=why, fix="")
    named = [rules.train, rules.test if rules.interface == "train-predict" else rules.items, rules.labels]
    lacking = [name for name in named if name is not None and not (challenge.data / name).exists()]
    if lacking:
        why = f"The kit has no public {', '.join(lacking)} in {challenge.described.data}."
        yield Unchecked(what=SMOKE_TEST, why=why, fix="Put it there, or fetch the kit again.")


# --- predictions


def _predictions(file: Path, challenge: Challenge, run: bool) -> Validation:
    """Check a file of predictions, and score it where nothing is wrong with it."""
    benchmark, rules = challenge.benchmark, challenge.benchmark.predictions
    if file.is_dir():
        raise NotFound(f"{file} is a folder. {benchmark.title} takes a file of predictions: name the file.")
    validation = Validation(benchmark=benchmark.id, kind="predictions", filename=file.name, sha256=digest_of(file))
    if rules is None or rules.labels is None:
        why = f"{benchmark.title} is scored by programs of its organisers, which are on the server."
        validation.unchecked.append(Unchecked(what="everything inside the file", why=why, fix=""))
        return validation
    validation.problems += _too_large(file, rules.max_bytes, benchmark)
    if not validation.valid:
        return validation
    validation.unchecked += _missing("everything inside the file", READS)
    if not (challenge.data / rules.labels.file).is_file():
        why = f"The kit has no {challenge.described.data}/{rules.labels.file} with the ids."
        fix = "Fetch the kit again with `podium init`."
        validation.unchecked.append(Unchecked(what="everything inside the file", why=why, fix=fix))
    if validation.unchecked:
        return validation
    validation.problems += import_module("leaderboard.packaging.predictions_check").problems_of(file, challenge)
    if run and validation.valid:
        _local_score(file, challenge, validation)
    return validation


def _local_score(file: Path, challenge: Challenge, into: Validation) -> None:
    """Score a file on the kit's public labels."""
    if missing := list(_missing(LOCAL_SCORE, SCORES)):
        into.unchecked += missing
        return
    found = import_module("leaderboard.packaging.local_scores").local_scores(file, challenge)
    into.problems += found.problems
    into.scores = found.scores
    if found.reason:
        why = f"The kit has no public labels to compute it from: {found.reason}."
        into.unchecked.append(Unchecked(what=LOCAL_SCORE, why=why, fix=""))


# --- both


def _too_large(file: Path, limit: int, benchmark: Benchmark) -> Iterator[Problem]:
    if (size := file.stat().st_size) > limit:
        yield UPLOADED.problem(
            "artifact_too_large", filename=file.name, found=size, limit=limit, benchmark=benchmark.title
        )


def _missing(what: str, modules: Iterable[str]) -> Iterator[Unchecked]:
    """That a check was not made for want of modules."""
    absent = [module for module in modules if find_spec(module) is None]
    if absent:
        why = f"It needs packages that are not installed ({', '.join(absent)})."
        yield Unchecked(what=what, why=why, fix=f"Run: {ALL_CHECKS}")
