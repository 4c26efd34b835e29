"""`podium validate`: the server's checks on a participant's machine, the real sandbox, scores equal to graded ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import localhub
from backend.evaluators.predictions_run import evaluate as evaluate_predictions
from backend.sandbox import programs
from backend.workdir import JobOptions, Workdir
from leaderboard.artifacts.folder import FolderArtifacts
from leaderboard.cli.__main__ import main
from leaderboard.errors import BadBenchmark, NotFound
from leaderboard.hub.hub import Hub
from leaderboard.packaging import validate as validate_module
from leaderboard.packaging.challenge import Challenge, find_challenge
from leaderboard.packaging.package import build
from leaderboard.packaging.validate import validate
from leaderboard.queue.queue import Queue
from leaderboard.records import Artifact, ArtifactRequest, CodeSubmission, Person, Severity
from leaderboard.stores.local import LocalStore
from leaderboard.submissions.intake import Intake
from tests.backend.evaluators.code.packages import GOOD_ESTIMATOR, zipped
from tests.backend.evaluators.code.packages import ran as graded_code
from tests.leaderboard.packaging.kits import item_kit, pair_kit, predictions_kit

BROKEN = {"model.py": "import nowhere_module\n\ndef predict(a):\n    return []\n", "bad.py": "x = (\n"}


def graded_predictions(folder: Path, challenge: Challenge, file: Path) -> dict[str, float]:
    """Scores by their keys as a worker publishes them, over the kit's data as the private ones."""
    request = ArtifactRequest(
        kind="predictions", model="ada/mine", revision="0" * 64, id="f" * 16, benchmark=challenge.benchmark.id,
        attempts=1, artifact=Artifact(sha256="0" * 64, bytes=file.stat().st_size, filename=file.name),
        job_start_time="2026-01-01T00:00:00Z",
    )  # fmt: skip
    workdir = Workdir(folder / "job")
    options = JobOptions(evaluator="backend.evaluators.predictions:PredictionsEvaluator", private=challenge.data)
    workdir.prepare(options, request, challenge.benchmark)
    shutil.copyfile(file, workdir.artifact)
    evaluate_predictions(workdir.path)
    scores: dict[str, float] = workdir.results()["results"][challenge.benchmark.id]
    return scores


# --- code


def test_a_template_is_valid_as_it_is_and_scores_what_a_worker_grades(tmp_path: Path) -> None:
    challenge = pair_kit(tmp_path / "kit")
    validation = validate(challenge.folder, challenge)
    assert validation.problems == [] and validation.unchecked == [] and validation.ran
    (tmp_path / "graded").mkdir()
    shutil.copytree(challenge.data, tmp_path / "graded" / "private")
    files = {"model.py": (challenge.submission / "model.py").read_text()}
    block = graded_code(tmp_path / "graded", files, challenge.benchmark)
    graded = {key: score["raw"] for key, score in block["scores"].items()}
    assert validation.scores == pytest.approx(graded, abs=1e-9) and len(graded) == 2


def test_a_package_is_checked_as_its_folder_is(tmp_path: Path) -> None:
    challenge = item_kit(tmp_path / "kit")
    built = build(challenge.folder, tmp_path / "mine.zip", challenge)
    validation = validate(built.path, challenge)
    assert (validation.sha256, validation.filename) == (built.sha256, "mine.zip")
    assert validation.valid and validation.scores == {"score": 0.0}
    assert validate(challenge.submission, challenge, run=False).sha256 == built.sha256


def test_the_problems_are_those_that_the_server_answers_with(tmp_path: Path) -> None:
    challenge = pair_kit(tmp_path / "kit")
    file = tmp_path / "mine.zip"
    file.write_bytes(zipped({**BROKEN, "requirements.txt": "x", "models.txt": "org/model\n"}))
    artifacts, ada = FolderArtifacts(tmp_path / "artifacts"), Person(name="ada")
    with localhub.running(tmp_path / "hub") as served:
        queue = Queue(LocalStore(tmp_path / "requests"))
        intake = Intake(Hub(served.endpoint), queue, {"code": challenge.benchmark}, lambda: [], artifacts=artifacts)
        artifact = Artifact(sha256=artifacts.add(file, "ada"), bytes=file.stat().st_size, filename="mine.zip")
        submission = CodeSubmission(kind="code", benchmark="code", name="mine", artifact=artifact)
        answered = intake.look(submission, ada).problems
    shutil.copyfile(artifacts.path(artifact.sha256), file)
    local = validate(file, challenge).problems
    assert len(local) > 4 and [problem.code for problem in local] == [problem.code for problem in answered]
    assert local == answered


def test_a_folder_that_cannot_be_packed_is_told_with_what_is_wrong_in_its_files(tmp_path: Path) -> None:
    challenge = pair_kit(tmp_path / "kit")
    for name, content in BROKEN.items():
        (challenge.submission / name).write_text(content)
    (challenge.submission / "link.py").symlink_to("model.py")
    validation = validate(challenge.submission, challenge)
    assert {problem.code for problem in validation.problems if problem.severity is Severity.ERROR} == {
        *("code_not_packaged", "code_syntax", "code_missing", "code_parameters"),
    }


def test_a_failing_smoke_test_says_what_the_server_would_say(tmp_path: Path) -> None:
    challenge = item_kit(tmp_path / "kit", setup_seconds=5)
    (challenge.submission / "estimator.py").write_text(
        GOOD_ESTIMATOR.replace("self.factor = 2.0", "print('hello'); open('/etc/shadow')")
    )
    validation = validate(challenge.folder, challenge)
    [problem] = validation.problems
    assert problem.code == "code_setup" and "estimator.py" in problem.message
    assert not validation.ran and validation.scores == {} and "| hello" in validation.output


def test_what_cannot_run_here_is_said_and_changes_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    challenge = item_kit(tmp_path / "kit")
    monkeypatch.setattr(programs, "problem", lambda: "bubblewrap is not installed.")
    assert main(["validate", str(challenge.folder)]) == 2
    printed = capsys.readouterr()
    assert "! Not checked: the smoke test." in printed.err and "apt-get install bubblewrap" in printed.err
    assert main(["validate", str(challenge.folder), "--no-run", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["valid"] and not answer["ran"] and answer["unchecked"] == [] and answer["exit"] == 0


def test_a_kit_without_public_labels_says_so(tmp_path: Path) -> None:
    challenge = item_kit(tmp_path / "kit")
    (challenge.data / "labels.csv").unlink()
    [unchecked] = validate(challenge.folder, challenge).unchecked
    assert unchecked.why == "The kit has no public labels.csv in data."


def test_packages_that_are_not_installed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate_module, "SCORES", ("numpy", "not_here"))
    monkeypatch.setattr(validate_module, "READS", ("not_here_either",))
    [unchecked] = validate(item_kit(tmp_path / "code").folder, find_challenge(tmp_path / "code")).unchecked
    assert "(not_here)" in unchecked.why and unchecked.fix == "Run: pip install 'podium[validate]'"
    challenge = predictions_kit(tmp_path / "answers")
    [unchecked] = validate(challenge.folder, challenge).unchecked
    assert "(not_here_either)" in unchecked.why


# --- predictions


def test_predictions_score_what_a_worker_grades(tmp_path: Path) -> None:
    challenge = predictions_kit(tmp_path / "kit")
    validation = validate(challenge.folder, challenge)
    assert validation.problems == [] and validation.unchecked == []
    graded = graded_predictions(tmp_path, challenge, challenge.submission)
    assert validation.scores == pytest.approx(graded, abs=1e-9) and len(graded) == 1


def test_predictions_are_scored_on_the_rows_with_public_labels(tmp_path: Path) -> None:
    challenge = predictions_kit(tmp_path / "kit", public_labels="public.csv")
    (challenge.data / "labels.csv").write_text("id\na\nb\nc\n")
    (challenge.data / "public.csv").write_text("id,answer\nc,1\na,1\n")
    whole = predictions_kit(tmp_path / "whole")
    (whole.data / "labels.csv").write_text("id,answer\nc,1\na,1\n")
    whole.submission.write_text("id,p\na,0.9\nc,0.5\n")
    scores = validate(challenge.folder, challenge).scores
    assert scores == validate(whole.folder, whole).scores and scores["loss"] > 0


def test_predictions_without_public_labels_are_checked_and_not_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    challenge = predictions_kit(tmp_path / "kit")
    (challenge.data / "labels.csv").write_text("id\na\nb\nc\n")
    assert main(["validate", str(challenge.folder)]) == 0
    assert "Not checked: the local score. The kit has no public labels" in capsys.readouterr().err
    challenge.submission.write_text("id,p\na,0.9\nb,2\n")
    assert main(["validate", str(challenge.submission)]) == 1
    printed = capsys.readouterr().err
    assert "predictions.csv lacks 1 id: c." in printed and "p is out of range in 1 row" in printed
    assert "2 problems to fix." in printed


# --- kits


def test_a_wrong_challenge_file_is_told_with_its_lines(tmp_path: Path) -> None:
    file = pair_kit(tmp_path / "kit").folder / "challenge.yaml"
    text = file.read_text().replace("kind: code", "kind: predictions").replace("score: auc", "score: nothing")
    file.write_text(text)
    with pytest.raises(BadBenchmark) as caught:
        find_challenge(file.parent)
    assert len(caught.value.lines) == 2
    assert caught.value.lines[0].endswith("challenge.yaml:1: code takes no submissions of the kind predictions.")
    assert "'nothing' is no key of `code.metrics`" in caught.value.lines[1]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    challenge = pair_kit(tmp_path / "kit")
    with pytest.raises(NotFound, match="Name the folder or file that you want to submit"):
        validate(challenge.folder / "nowhere", challenge)
