"""What a board gives to others: pull requests with scores at models' repositories, and the Every Eval Ever schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import HfApi
from jsonschema import Draft7Validator, ValidationError

import localhub
from backend.upkeep.reports import Reporter
from leaderboard.benchmarks import Benchmark, Column, ModelReport, Part
from leaderboard.errors import HubUnavailable, NotAllowed
from leaderboard.hub.model_reports import ModelReports, report
from leaderboard.records import PodiumBlock, Provenance, Score
from leaderboard.results.every_eval_ever import ResultSource, export
from leaderboard.results.results import Results
from leaderboard.service import open_service
from leaderboard.settings import Settings
from leaderboard.stores.local import LocalStore
from localhub import Fault
from tests.leaderboard.people import client_of

TEXT = {"type": "string"}
TEXTS = {"type": "object", "additionalProperties": TEXT}


def record(required: str, **properties: Any) -> dict[str, Any]:
    """A JSON Schema of an object that has `required` and nothing but `properties`."""
    return {
        "type": "object", "required": required.split(), "properties": properties, "additionalProperties": False
    }  # fmt: skip


SOURCES = [
    record("dataset_name source_type source_id", dataset_name=TEXT, source_type={"const": "other"}, source_id=TEXT),
    record(
        "dataset_name source_type hf_repo", dataset_name=TEXT, source_type={"const": "hf_dataset"}, hf_repo=TEXT,
        hf_config=TEXT, hf_split=TEXT, samples_number={"type": "integer"},
    ),
]  # fmt: skip
METRIC = record(
    "lower_is_better score_type min_score max_score", evaluation_description=TEXT, lower_is_better={"type": "boolean"},
    score_type={"enum": ["binary", "continuous", "levels"]}, min_score={"type": "number"},
    max_score={"type": "number"}, additional_details=TEXTS,
)  # fmt: skip
UNCERTAINTY = record(
    "", standard_error=record("value", value={"type": "number"}, method=TEXT), num_samples={"type": "integer"}
)
EVALUATION = record(
    "evaluation_name source_data metric_config score_details", evaluation_name=TEXT, source_data={"oneOf": SOURCES},
    evaluation_timestamp=TEXT, metric_config=METRIC,
    score_details=record("score", score={"type": "number"}, details=TEXTS, uncertainty=UNCERTAINTY),
    generation_config=record("", generation_args=record("", execution_command=TEXT), additional_details=TEXTS),
)  # fmt: skip
SCHEMA = record(
    "schema_version evaluation_id retrieved_timestamp source_metadata model_info eval_library evaluation_results",
    schema_version={"const": "0.3.0"}, evaluation_id={"type": "string", "pattern": "^[^/]+/.+/[0-9]+$"},
    evaluation_timestamp=TEXT, retrieved_timestamp={"type": "string", "pattern": "^[0-9]+$"},
    source_metadata=record(
        "source_type source_organization_name evaluator_relationship", source_name=TEXT,
        source_type={"enum": ["documentation", "evaluation_run"]}, source_organization_name=TEXT,
        source_organization_url=TEXT, additional_details=TEXTS,
        evaluator_relationship={"enum": ["first_party", "third_party", "collaborative", "other"]},
    ),
    model_info=record(
        "name id", name=TEXT, id=TEXT, developer=TEXT, inference_engine=record("", name=TEXT, version=TEXT),
        additional_details=TEXTS,
    ),
    eval_library=record("name version", name=TEXT, version=TEXT, additional_details=TEXTS),
    evaluation_results={"type": "array", "items": EVALUATION},
)  # fmt: skip
"""The part of the Every Eval Ever schema 0.3.0 that we write, with nothing optional that we do not."""


def column(key: str, choices: int | None = None, **said: Any) -> Column:
    return Column(
        key=key, title=key.title(), run=[key], parts=[Part(task=key, metrics=["acc,none"], choices=choices)], **said
    )


BENCHMARK = Benchmark(
    id="small", version="1", title="Small", description="Small.",
    columns=[column("sums", choices=4), column("words"), column("hidden", private=True), column("missing")],
    model_report=ModelReport(dataset="org/small", tasks={"sums": "sums_test", "missing": "missing_test"}),
)  # fmt: skip


def block(**said: Any) -> PodiumBlock:
    return PodiumBlock(
        **{
            "request_id": "a", "attempt": 1, "benchmark": "small", "benchmark_version": "1", "model": "org/model",
            "revision": "a" * 40, "precision": "bfloat16", "weight_type": "Original", "use_chat_template": False,
            "time": "2026-11-20T10:00:00Z", "average": 50.0,
            "scores": {
                "sums": Score(raw=0.625, normalised=50.0, stderr=8.0, n=200), "words": Score(raw=0.5, normalised=50.0),
                "hidden": Score(raw=0.25, normalised=25.0, n=10), "missing": Score(raw=None, normalised=None),
            },
            "provenance": Provenance(packages={"lm_eval": "0.4.13"}, seeds={"random_seed": 0}, command="lm_eval run"),
        } | said
    )  # fmt: skip


def aggregated(**said: Any) -> dict[str, Any]:
    configs = {
        "sums": {"dataset_path": "org/questions", "dataset_name": "easy", "test_split": "test"},
        "words": {"dataset_path": "json"},
        "hidden": {"dataset_path": "org/secret"},
    }
    return {"configs": configs, "podium": block(**said).model_dump(mode="json")}


# --- Every Eval Ever


def test_a_result_in_the_schema() -> None:
    made = export(aggregated(), BENCHMARK, ResultSource("Podium", "https://board.example"))
    Draft7Validator(SCHEMA).validate(made)
    assert made == export(aggregated(), BENCHMARK, ResultSource("Podium", "https://board.example"))
    assert made["evaluation_id"] == "small/org/model/1795168800"
    sums, words, hidden = made["evaluation_results"]
    assert sums["source_data"]["hf_repo"] == "org/questions" and sums["score_details"] == {
        "score": 0.625, "details": {"normalised": "50.0"},
        "uncertainty": {"standard_error": {"value": pytest.approx(0.06), "method": "analytic"}, "num_samples": 200},
    }  # fmt: skip
    assert words["source_data"]["source_type"] == "other" == hidden["source_data"]["source_type"]
    assert "org/secret" not in str(made)


def test_a_declared_direction_and_range_are_in_the_schema() -> None:
    declared = BENCHMARK.columns[0].model_copy(update={"higher_is_better": False, "range": (0.0, 5.0)})
    columns = [declared, *BENCHMARK.columns[1:]]
    made = export(
        aggregated(), BENCHMARK.model_copy(update={"columns": columns}), ResultSource("Podium", "https://board.example")
    )
    Draft7Validator(SCHEMA).validate(made)
    config, score = (made["evaluation_results"][0][name] for name in ("metric_config", "score_details"))
    assert (config["lower_is_better"], config["min_score"], config["max_score"]) == (True, 0, 5)
    assert score["uncertainty"]["standard_error"]["value"] == pytest.approx(8.0 * 5 / 100)


def test_the_schema_finds_what_is_wrong() -> None:
    made = export(aggregated(), BENCHMARK, ResultSource("Podium", "https://board.example"))
    del made["evaluation_results"][0]["score_details"]["score"]
    with pytest.raises(ValidationError, match="'score' is a required property"):
        Draft7Validator(SCHEMA).validate(made)


@pytest.mark.parametrize("offered", [True, False])
def test_the_api_gives_it_where_the_benchmark_offers_it(tmp_path: Path, offered: bool) -> None:
    said = BENCHMARK.model_copy(update={"every_eval_ever": offered}).model_dump(mode="json")
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(said))
    folders = {f"{name}_dir": tmp_path / name for name in ("requests", "results", "work")}
    service = open_service(Settings(benchmarks_dir=tmp_path, **folders))  # type: ignore[arg-type]
    path = service.results.publish(aggregated(), {})
    answer = client_of(service).get(f"/api/v1/results/{path}", params={"format": "every-eval-ever"})
    if offered:
        Draft7Validator(SCHEMA).validate(answer.json())
    else:
        assert answer.status_code == 404 and "do not offer results" in answer.text


# --- pull requests


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path / "hub", tokens={"board": "hf_board", "org": "hf_org"}) as running:
        running.hub.commit("org/model", {"config.json": b"{}"}, "First weights")
        yield running


def pull_requests(hub: localhub.Running) -> list[Any]:
    return list(HfApi(endpoint=hub.endpoint, token="hf_org").get_repo_discussions("org/model"))


def test_scores_are_offered_once_and_merged(hub: localhub.Running) -> None:
    reports = ModelReports(hub.endpoint, "hf_board")
    url = reports.offer(BENCHMARK, block(), "https://board.example/result")
    assert url and reports.offer(BENCHMARK, block(), "https://board.example/result") == url
    [opened] = pull_requests(hub)
    assert opened.author == "board" and opened.title == "Evaluation results on Small (aaaaaaaaaaaa)"
    owner = HfApi(endpoint=hub.endpoint, token="hf_org")
    owner.merge_pull_request("org/model", opened.num)
    entries = yaml.safe_load(Path(owner.hf_hub_download("org/model", ".eval_results/small.yaml")).read_text())
    assert entries == [{
        "dataset": {"id": "org/small", "task_id": "sums_test"}, "value": 62.5, "date": "2026-11-20T10:00:00Z",
        "source": {"url": "https://board.example/result", "name": "Small"}, "notes": f"revision {'a' * 40}, bfloat16",
    }]  # fmt: skip


def test_a_lost_answer_opens_no_second_one(hub: localhub.Running) -> None:
    reports = ModelReports(hub.endpoint, "hf_board")
    hub.faults.set([Fault("lost-answer")])
    with pytest.raises(HubUnavailable):
        reports.offer(BENCHMARK, block(), "https://board.example")
    hub.faults.set([])
    assert reports.offer(BENCHMARK, block(), "https://board.example") and len(pull_requests(hub)) == 1


@pytest.mark.parametrize("said", [{"precision": "4bit"}, {"weight_type": "Adapter"}, {"limit": 5}, {"scores": {}}])
def test_what_is_not_of_the_weights_is_not_reported(said: dict[str, Any]) -> None:
    assert report(BENCHMARK, block(), "") and not report(BENCHMARK, block(**said), "")


def test_off_unless_the_benchmark_asks_for_it() -> None:
    assert not report(BENCHMARK.model_copy(update={"model_report": None}), block(), "")


def test_a_repository_that_takes_none_is_left_alone(hub: localhub.Running) -> None:
    with pytest.raises(NotAllowed, match="takes no pull request"):
        ModelReports(hub.endpoint, None).offer(BENCHMARK, block(), "")


class Told:
    """Reports that end as the test says."""

    def __init__(self, *ends: Exception | None) -> None:
        self.ends = list(ends)
        self.asked: list[str] = []

    def offer(self, benchmark: Benchmark, block: PodiumBlock, url: str) -> str | None:
        self.asked.append(url)
        end = self.ends.pop(0)
        if end is not None:
            raise end
        return "https://hub.example/pr"


def test_trouble_is_tried_again_and_refusals_are_not(tmp_path: Path) -> None:
    results = Results(LocalStore(tmp_path))
    path = results.publish(aggregated(), {})
    told = Told(HubUnavailable("Trouble."), None, NotAllowed("No."))
    reporter = Reporter(told, results, {"small": BENCHMARK}, "https://board.example")
    reporter.add("small", path, now=0)
    for now in (0, 30, 60, 1000):
        reporter.work(now)
    assert told.asked == [f"https://board.example/api/v1/results/{path}"] * 2
    reporter.add("small", path, now=2000)
    for now in (2000, 90_000):
        reporter.work(now)
    assert len(told.asked) == 3
