"""A file of predictions from its upload to the board: intake, queue, staging, the evaluator, publication."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics

from backend import Job, JobState, Resources, sandbox
from backend.evaluators.predictions import PredictionsEvaluator
from backend.executors.debug import DebugExecutor
from backend.executors.inputs import InputStage
from backend.executors.layers import layer_problems
from backend.executors.opening import named_executor
from backend.failures import JobFailed, classify
from backend.scheduler.launch import Launcher
from backend.workdir import Workdir
from leaderboard.artifacts.places import private_data
from leaderboard.records import Artifact, Fault, NamedBlock, Person, PredictionsSubmission, Status
from leaderboard.results.details import Details
from leaderboard.service import Service, open_service
from leaderboard.settings import Settings
from tests.contracts.test_executor import until
from tests.shared import settings_of

WEATHER = """\
id: weather
version: "1"
title: Weather
description: Rain or not, and how warm.
kinds: [predictions]
columns:
  - {key: auc, title: AUC, score: auc}
  - {key: rmse, title: RMSE, score: rmse, higher_is_better: false, range: [0, 10]}
  - {key: f1, title: F1, score: f1, in_average: false}
  - {key: corr, title: Correlation, score: corr, in_average: false}
predictions:
  id: [town, day]
  columns:
    - {name: rain, type: number, range: [0, 1]}
    - {name: degrees, type: number}
    - {name: sky, type: choice, choices: [clear, clouds]}
  labels: {file: labels.parquet}
  metrics:
    auc: {metric: roc_auc, prediction: rain, label: rained}
    rmse: {metric: rmse, prediction: degrees, label: degrees}
    f1: {metric: f1, prediction: sky, label: sky}
    corr: {metric: pearson, prediction: degrees, label: degrees}
"""
GENERATOR = np.random.default_rng(3)
LABELS = pd.DataFrame(
    {
        "town": GENERATOR.choice(["Ulm", "Köln"], 300),
        "day": range(300),
        "rained": GENERATOR.integers(0, 2, 300),
        "degrees": GENERATOR.normal(10, 5, 300),
        "sky": GENERATOR.choice(["clear", "clouds"], 300),
    }
)
PREDICTIONS = pd.DataFrame(
    {
        "day": LABELS["day"],
        "town": LABELS["town"],
        "rain": np.clip(LABELS["rained"] * 0.3 + GENERATOR.random(300) * 0.7, 0, 1),
        "degrees": LABELS["degrees"] + GENERATOR.normal(0, 2, 300),
        "sky": np.where(GENERATOR.random(300) < 0.7, LABELS["sky"], "clear"),
    }
)


class Weather:
    """A board and a worker for the benchmark."""

    def __init__(self, folder: Path, rules: str = WEATHER) -> None:
        (folder / "benchmarks").mkdir()
        (folder / "benchmarks" / "weather.yaml").write_text(rules)
        self.folder = folder
        self.settings = settings_of(folder)
        self.labels = private_data(self.settings, "weather") / "labels.parquet"
        self.labels.parent.mkdir(parents=True)
        LABELS.to_parquet(self.labels)
        self.service: Service = open_service(self.settings)

    def job(self, predictions: pd.DataFrame = PREDICTIONS) -> Workdir:
        """The work folder of the claimed request for a file, in another order than the labels."""
        file = self.folder / "mine.csv"
        predictions.sample(frac=1, random_state=0).to_csv(file, index=False)
        assert self.service.intake.artifacts is not None
        sha256 = self.service.intake.artifacts.add(file, "ada")
        artifact = Artifact(sha256=sha256, bytes=file.stat().st_size, filename="mine.csv")
        submission = PredictionsSubmission(kind="predictions", benchmark="weather", name="mine", artifact=artifact)
        queued = self.service.intake.submit(submission, Person(name="ada"))
        claimed = self.service.queue.claim(queued, "w1", 60)
        launcher = Launcher(self.settings, self.service.benchmarks, self.folder / "jobs")
        launcher.prepare(claimed)
        workdir = launcher.workdir(claimed)
        InputStage(self.settings, DebugExecutor({}))(workdir)
        return workdir

    def failure(self, workdir: Workdir) -> tuple[str, Fault, str]:
        """Code, fault and sentence of the run that fails."""
        with pytest.raises(JobFailed) as failed:
            PredictionsEvaluator().run(workdir.path)
        assert failed.value.__cause__ is None
        failure = classify(failed.value, workdir)
        return failure.code, failure.fault, failure.message


def run_in_sandbox(workdir: Workdir, settings: Settings) -> None:
    """The job as a worker of this machine runs it."""
    executor = named_executor(settings, ["backend.job"])
    try:
        handle = executor.submit(Job(workdir.name, workdir.path, Resources(wall_seconds=120)))
        until(lambda: executor.poll([handle])[handle].state in (JobState.ENDED, JobState.KILLED))
    finally:
        executor.close()
    assert workdir.done, workdir.log_tail()


@pytest.fixture
def weather(tmp_path: Path) -> Weather:
    return Weather(tmp_path)


def test_a_file_is_scored_published_and_on_the_board(weather: Weather) -> None:
    workdir = weather.job()
    run_in_sandbox(workdir, weather.settings)
    results = workdir.results()
    block = NamedBlock.model_validate(results["podium"])
    raw = {
        "auc": sklearn.metrics.roc_auc_score(LABELS["rained"], PREDICTIONS["rain"]),
        "rmse": sklearn.metrics.root_mean_squared_error(LABELS["degrees"], PREDICTIONS["degrees"]),
        "f1": sklearn.metrics.f1_score(LABELS["sky"], PREDICTIONS["sky"], average="macro"),
        "corr": np.corrcoef(LABELS["degrees"], PREDICTIONS["degrees"])[0, 1],
    }
    assert {key: score.raw for key, score in block.scores.items()} == pytest.approx(raw)
    assert results["results"] == {"weather": pytest.approx(raw)}
    assert all(score.n == 300 and score.stderr is not None for score in block.scores.values())
    assert block.scores["rmse"].normalised == pytest.approx(100 * (1 - raw["rmse"] / 10))
    assert block.average == pytest.approx((raw["auc"] + block.scores["rmse"].normalised) / 2)
    assert (block.kind, block.model, block.revision) == ("predictions", "ada/mine", workdir.request().revision)
    assert block.provenance.packages["scikit-learn"] == sklearn.__version__
    assert workdir.details() == {}, "the labels are private"
    assert block.provenance.sandbox == list(map(str, sandbox.Layer)) or any(layer_problems().values())

    service = weather.service
    service.results.publish(results, workdir.details(), service.contents.changes)
    service.queue.finish(workdir.request())
    [row] = service.contents.frame("weather").to_dict("records")
    assert row["fullname"] == "ada/mine"
    [request] = service.queue.view().requests
    assert request.status is Status.FINISHED


def test_a_job_reads_the_labels_and_nothing_else_of_the_private_folder(weather: Weather) -> None:
    view = weather.job().options().view
    private = weather.settings.private_dir.absolute()
    assert [path for path in view.read if path.is_relative_to(private)] == [weather.labels]


def test_details_are_published_where_the_rules_say_so(tmp_path: Path) -> None:
    rules = (
        WEATHER.replace("  labels: {", "  details: public\n  labels: {")
        .replace("score: auc", "score: auc, private: true")
        .replace("score: f1", "score: f1, hidden: true")
    )
    workdir = Weather(tmp_path, rules).job()
    PredictionsEvaluator().run(workdir.path)
    [content] = workdir.details().values()
    details = Details(content)
    assert details.count() == 300 and details.metrics == ["rmse"]
    [first] = details.rows(0, 1)
    assert first["doc"] == {"id": f"{LABELS['town'][0]}, 0"}
    assert first["resps"]["sky"] == PREDICTIONS["sky"][0]
    assert first["target"].keys() == {"degrees"}, "other labels belong to columns that are not for everybody"
    assert first["metrics"]["rmse"] == pytest.approx((LABELS["degrees"][0] - PREDICTIONS["degrees"][0]) ** 2)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (LABELS.drop(columns="sky"), "it has no column sky"),
        (LABELS.assign(day=1), "an id is empty or is there twice"),
        (LABELS.assign(rained=0), "the metric auc cannot be computed: no label in rained is the positive class"),
        (None, "No such file or directory"),
    ],
)
def test_labels_that_cannot_be_used_are_our_fault(labels: pd.DataFrame | None, reason: str, weather: Weather) -> None:
    workdir = weather.job()
    weather.labels.unlink()
    if labels is not None:
        labels.to_parquet(weather.labels)
    sentence = f"The benchmark's labels: labels.parquet cannot be read: {reason}."
    assert weather.failure(workdir) == ("benchmark_data", Fault.INFRASTRUCTURE, sentence)


def test_a_file_that_no_longer_fits_is_refused(weather: Weather) -> None:
    workdir = weather.job()
    LABELS.iloc[:-1].to_parquet(weather.labels)
    code, fault, sentence = weather.failure(workdir)
    assert (code, fault) == ("predictions_refused", Fault.SUBMISSION)
    assert sentence == (
        "The file does not hold what the benchmark expects now, although it did when it was submitted. "
        "Submit it again to read every problem."
    )


def test_a_score_that_is_not_defined_fails_the_request(weather: Weather) -> None:
    workdir = weather.job(PREDICTIONS.assign(degrees=1.0))
    code, fault, sentence = weather.failure(workdir)
    assert (code, fault) == ("score_undefined", Fault.SUBMISSION)
    assert sentence.startswith("Correlation cannot be computed for this file: a correlation, for example, needs values")
    assert not (workdir.out / "results.json").exists()
