"""From a submission to a request file, over a Hub on loopback, a folder as store, and the real queue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import localhub
from leaderboard.benchmarks import Benchmark, Column, Limits, Part
from leaderboard.errors import AlreadyRequested, HubUnavailable, NotAccepted
from leaderboard.hub.hub import Hub
from leaderboard.hub.safetensors import LENGTH_BYTES
from leaderboard.models.facts import KnownModels, board_facts
from leaderboard.queue.queue import Queue
from leaderboard.records import (
    Abilities,
    CheckpointSubmission,
    Failure,
    Fault,
    ModelFacts,
    Person,
    PodiumBlock,
    Provenance,
    Score,
    Severity,
    Status,
    request_path,
)
from leaderboard.stores.local import LocalStore
from leaderboard.submissions.intake import Intake, questions_asked
from leaderboard.submissions.rules import errors
from scripts.seed_hub import manifest, seed

DATE = datetime(2026, 1, 1, tzinfo=UTC)
CARD = "---\nlicense: mit\n---\n" + "A checkpoint made for a test. " * 10
CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_experts": 2, "vocab_size": 9}
HEADER = b'{"w":{"dtype":"BF16","shape":[1000000],"data_offsets":[0,2000000]}}'
WEIGHTS = len(HEADER).to_bytes(LENGTH_BYTES, "little") + HEADER + b"\0" * 2_000_000
CHECKPOINT: dict[str, bytes | str] = {
    "README.md": CARD,
    "config.json": json.dumps(CONFIG),
    "tokenizer.json": "{}",
    "model.safetensors": WEIGHTS,
}
ADAPTER: dict[str, bytes | str] = {
    "README.md": CARD,
    "adapter_config.json": json.dumps({"base_model_name_or_path": "org/Base", "revision": None}),
    "adapter_model.safetensors": WEIGHTS,
}
BENCHMARK = Benchmark(
    id="tiny",
    version="1",
    title="Tiny",
    description="",
    columns=[Column(key="a", title="A", run=["t"], parts=[Part(task="t", metrics=["acc,none"])])],
    limits=Limits(),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub"), tokens={"ada": "hf_ada"}) as it:
        it.hub.commit("org/Base", CHECKPOINT, date=DATE)
        it.hub.commit("org/Good", CHECKPOINT, date=DATE)
        it.hub.commit("org/Lora", ADAPTER, date=DATE)
        it.hub.commit("org/bad", {"modeling.py": "", "config.json": "{}"}, date=DATE)
        yield it


@dataclass
class Desk:
    """An intake and what lies behind it."""

    intake: Intake
    queue: Queue
    results: LocalStore


@pytest.fixture
def desk(served: localhub.Running, tmp_path: Path) -> Desk:
    queue, results = Queue(LocalStore(tmp_path / "requests")), LocalStore(tmp_path / "results")
    worker = Abilities(worker="w")
    intake = Intake(Hub(served.endpoint), queue, {"tiny": BENCHMARK}, lambda: [worker], models=KnownModels(results))
    return Desk(intake, queue, results)


ADA, BOB = Person(name="ada"), Person(name="bob")


def submission(model: str = "org/Good", **more: Any) -> CheckpointSubmission:
    return CheckpointSubmission(**{"benchmark": "tiny", "model": model} | more)


def test_a_submission_becomes_a_request_file(desk: Desk) -> None:
    queued = desk.intake.submit(submission("ORG/good"), ADA)
    [result] = desk.queue.view().requests
    assert result == queued == desk.queue.find(request_path(queued))
    assert queued.model == "org/Good", "as the Hub spells it"
    assert len(queued.revision) == 40 and queued.requested_revision == "main"
    assert queued.params == pytest.approx(0.001)
    assert (queued.architectures, queued.license, queued.sender) == ("LlamaForCausalLM", "mit", "ada")
    assert (queued.status, queued.base_model, queued.base_revision) == (Status.PENDING, "", "")
    assert [(entry.to, entry.by) for entry in queued.history] == [(Status.PENDING, "ada")]
    assert list(queued.files) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert queued.files["model.safetensors"] == "sha256:" + hashlib.sha256(WEIGHTS).hexdigest()
    assert queued.files["tokenizer.json"] == "git:" + hashlib.sha1(b"blob 2\0{}").hexdigest()
    assert queued.base_files == {}


def test_an_adapter_is_queued_with_its_base_model_at_a_commit(desk: Desk) -> None:
    queued = desk.intake.submit(submission("org/Lora", weight_type="Adapter"), ADA)
    assert queued.base_model == "org/Base" and len(queued.base_revision) == 40
    assert queued.params == pytest.approx(0.002), "counted together"
    assert queued.architectures == "LlamaForCausalLM"
    assert list(queued.files) == ["adapter_config.json", "adapter_model.safetensors"]
    assert list(queued.base_files) == ["config.json", "model.safetensors", "tokenizer.json"]


def test_a_checkpoint_that_names_a_file_of_the_worker_is_refused(served: localhub.Running, desk: Desk) -> None:
    files = {name: content for name, content in CHECKPOINT.items() if name != "tokenizer.json"}
    files |= {"vocab.txt": "a\n", "tokenizer_config.json": json.dumps({"vocab": "../../../../.env"})}
    files["special_tokens_map.json"] = json.dumps({"tokenizer_file": "/proc/self/environ"})
    served.hub.commit("org/Thief", files, date=DATE)
    with pytest.raises(NotAccepted) as refused:
        desk.intake.submit(submission("org/Thief"), ADA)
    assert [problem.code for problem in refused.value.problems] == ["opens_another_file"] * 2
    assert "vocab is ../../../../.env" in refused.value.problems[0].message
    assert "tokenizer_file is /proc/self/environ" in refused.value.problems[1].message


def test_facts_for_the_board_are_kept_without_bulk(desk: Desk) -> None:
    desk.intake.submit(submission(), ADA)
    content, _ = desk.results.read("facts/org/Good.json")
    kept = ModelFacts.model_validate_json(content)
    assert kept.model == "org/Good" and kept.license == "mit" and kept.parameters == {"BF16": 1_000_000}
    assert kept.configs == {"config.json": {k: CONFIG[k] for k in ("model_type", "architectures", "num_experts")}}
    assert list(kept.sha256) == ["model.safetensors"]
    assert kept.files == {} and kept.card_text is None


def test_kept_facts_are_bounded() -> None:
    huge = ModelFacts(
        model="org/name",
        revision="a" * 40,
        card={"license": "x" * 100_000, "tags": ["t"] * 100_000, "base_model": "org/base", "own": 1},
        configs={"config.json": {"n_experts": "x" * 100_000, "architectures": ["A"]}},
    )
    kept = board_facts(huge)
    assert kept.card == {"base_model": "org/base"}
    assert kept.configs == {"config.json": {"architectures": ["A"]}}


def test_nothing_is_written_for_a_submission_with_problems(desk: Desk) -> None:
    with pytest.raises(NotAccepted) as caught:
        desk.intake.submit(submission("org/bad"), ADA)
    codes = [problem.code for problem in caught.value.problems]
    assert {"no_model_card", "no_licence", "custom_code", "no_safetensors", "no_tokenizer"} <= set(codes)
    assert all(problem.severity is Severity.ERROR for problem in caught.value.problems)
    assert desk.queue.view().requests == [] and desk.results.list() == {}


@pytest.mark.parametrize(
    "wanted",
    [
        submission("../../etc/passwd"),
        submission("org/none"),
        submission("gpt2"),
        submission(revision="none"),
        submission(revision="../../x"),
        submission(benchmark="../../x"),
        submission(base_model="../x", weight_type="Delta"),
        submission(base_model="org/none", weight_type="Delta"),
        submission(track="closed"),
    ],
)
def test_what_makes_no_sense_is_refused_with_problems(desk: Desk, wanted: CheckpointSubmission) -> None:
    findings = desk.intake.look(wanted, ADA)
    with pytest.raises(NotAccepted) as caught:
        desk.intake.submit(wanted, ADA)
    assert (
        caught.value.problems == [problem for problem in findings.problems if problem.severity is Severity.ERROR] != []
    )


def test_the_same_checkpoint_twice(desk: Desk) -> None:
    first = desk.intake.submit(submission(), ADA)
    findings = desk.intake.look(submission(), ADA)
    assert [problem.code for problem in findings.problems] == ["already_requested"]
    assert (
        findings.existing is not None and findings.existing.id == first.id and first.id in findings.problems[0].message
    )
    with pytest.raises(AlreadyRequested) as caught:
        desk.intake.submit(submission(revision=first.revision), BOB)
    assert caught.value.existing.id == first.id
    other = desk.intake.submit(submission(precision="float32"), BOB)
    assert other.id != first.id


def test_a_failed_checkpoint_may_be_submitted_again(desk: Desk) -> None:
    first = desk.intake.submit(submission(), ADA)
    claimed = desk.queue.claim(first, "w", 60)
    desk.queue.fail(claimed, Failure(fault=Fault.SUBMISSION, code="x", message="No."))
    assert desk.intake.look(submission(), ADA).problems == []
    again = desk.intake.submit(submission(), ADA)
    assert again.id == first.id and again.status is Status.PENDING and len(again.history) == 4


def test_a_look_writes_nothing_and_tells_the_place_in_the_queue(desk: Desk) -> None:
    findings = desk.intake.look(submission(), ADA)
    assert findings.problems == [] and findings.facts is not None and findings.facts.model == "org/Good"
    assert findings.cost.queue_position == 1 and findings.cost.expected_seconds is None
    assert desk.queue.view().requests == []
    desk.intake.submit(submission("org/Base"), ADA)
    assert desk.intake.look(submission(), ADA).cost.queue_position == 2


def test_a_hub_in_trouble_is_nobodys_problem(desk: Desk) -> None:
    desk.intake.hub = Hub("http://127.0.0.1:9", timeout_s=0.5)
    for call in (lambda: desk.intake.look(submission(), ADA), lambda: desk.intake.submit(submission(), ADA)):
        with pytest.raises(HubUnavailable, match="Nothing is wrong with your submission"):
            call()


def test_the_demos_checkpoints_are_judged_as_its_manifest_says(tmp_path: Path) -> None:
    seed(tmp_path / "hub")
    refused, taken = {}, []
    with localhub.running(tmp_path / "hub") as hub:
        intake = Intake(Hub(hub.endpoint), Queue(LocalStore(tmp_path / "requests")), {"tiny": BENCHMARK}, list)
        for item in manifest()["submissions"]:
            named = ("precision", "weight_type", "use_chat_template", "base_model")
            asked = {name: item[name] for name in named if name in item}
            result = {problem.code for problem in errors(intake.look(submission(item["repo"], **asked), ADA).problems)}
            if item["expect"] == "refused":
                refused[item["repo"]] = (item["code"], result)
            elif item["expect"] == "finished":
                taken.append((item["repo"], result))
    assert refused and taken
    assert [repo for repo, result in taken if result] == []
    assert [repo for repo, (code, result) in refused.items() if code not in result] == []


# --- what it will cost


def block(n: int | None, version: str = "1", limit: int | None = None) -> PodiumBlock:
    return PodiumBlock(
        request_id="r", attempt=1, benchmark="tiny", benchmark_version=version, model="org/x", revision="a" * 40,
        precision="float32", weight_type="Original", use_chat_template=False, time="2026-01-01T00:00:00Z", average=1.0,
        scores={"a": Score(raw=0.1, normalised=1.0, n=n), "b": Score(raw=0.1, normalised=1.0, n=50)}, limit=limit,
        provenance=Provenance(),
    )  # fmt: skip


def test_questions_are_counted_in_a_published_result_of_the_same_version() -> None:
    assert questions_asked([block(None), block(9, "2"), block(9, limit=5), block(100)], BENCHMARK) == 150
    assert questions_asked([], BENCHMARK) is None
