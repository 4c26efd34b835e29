"""Hosted models evaluated in confined jobs: equal to the same checkpoint evaluated here, with load and account."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

import localhub
from backend import JobState
from backend.evaluators import kinds_on
from backend.evaluators.hosted.answers import Answers
from backend.evaluators.hosted.load import metrics
from backend.evaluators.hosted.run import answered_part
from backend.executors.opening import open_executor
from backend.executors.staging import StagingExecutor
from backend.failures import JobFailed
from backend.scheduler.launch import Launcher
from backend.workdir import Workdir
from leaderboard.benchmarks import Benchmark, load_benchmark
from leaderboard.hub.hub import Hub
from leaderboard.hub.loaded_files import pinned_files
from leaderboard.records import Fault, PodiumBlock, Request, new_id
from leaderboard.records.artifact import Endpoint
from leaderboard.records.kinds.named import EndpointRequest
from leaderboard.settings import PROJECT, Settings
from leaderboard.submissions.kinds.endpoint.intake import tokenizer_files
from localhub.store import Hub as HubFolder
from tests.backend.attacks import DEMO
from tests.contracts.test_executor import until
from tests.openai_server import NAME, Checkpoint, Handler, Say, Server, always, serving

MODEL = "podium-demo/tiny-chat"
KEY = "sk-very-secret-key"
RULES = {
    "kinds": ["checkpoint", "endpoint"],
    "endpoint": {
        "partial": True, "retry_seconds": 0.01, "request_seconds": 30, "concurrency": 2,
        "load": {"concurrencies": [2], "requests": 4, "max_tokens": 4, "prompt": "four plus five\nAnswer:"},
    },
}  # fmt: skip
LOAD = [
    {"key": "p95", "title": "Latency p95 (ms)", "score": "latency_p95_ms@2", "higher_is_better": False},
    {"key": "errors", "title": "Errors", "score": "error_rate@2", "higher_is_better": False},
    {"key": "first", "title": "First token", "score": "time_to_first_token_ms@2", "higher_is_better": False},
    {"key": "speed", "title": "Tokens/s", "score": "tokens_per_second@2"},
]


class Place:
    """A Hub with a checkpoint, a benchmark with few columns, and a worker's executor."""

    def __init__(self, folder: Path, hub: localhub.Running) -> None:
        store = HubFolder(folder / "hub")
        self.checkpoint = sorted((DEMO / "tiny-chat").iterdir())[-1]
        self.commit = store.commit_folder(MODEL, self.checkpoint)
        self.facts = Hub(hub.endpoint).facts(MODEL, self.commit)
        (folder / "benchmarks").mkdir()
        shutil.copytree(PROJECT / "benchmarks" / "tasks", folder / "benchmarks" / "tasks")
        tiny = yaml.safe_load((PROJECT / "benchmarks" / "tiny.yaml").read_text())
        columns = [column for column in tiny["columns"] if column["key"] in ("compare", "sums", "sequence")]
        columns += [{**column, "in_average": False} for column in LOAD]
        (folder / "benchmarks" / "tiny.yaml").write_text(yaml.safe_dump({**tiny, **RULES, "columns": columns}))
        self.benchmark: Benchmark = load_benchmark(folder / "benchmarks" / "tiny.yaml")
        secrets = folder / "secrets"
        secrets.mkdir(mode=0o700)
        self.secrets = secrets / "endpoints.yaml"
        self.settings = Settings(
            work_dir=folder / "work", secrets_dir=secrets, hub_endpoint=hub.endpoint, device="cpu", limit=20,
            endpoint_hosts="127.0.0.1", job_wall_s=100,
        )  # fmt: skip
        self.executor: StagingExecutor = open_executor(self.settings)

    def run(self, request: Request) -> Workdir:
        """The job of a request, ended."""
        launcher = Launcher(self.settings, {"tiny": self.benchmark}, self.settings.work_dir / "jobs")
        job = launcher.prepare(request)
        handle = self.executor.submit(job)
        until(lambda: self.executor.poll([handle])[handle].state not in (JobState.QUEUED, JobState.RUNNING), 120)
        return Workdir(job.workdir)

    def endpoint(self, url: str, api: str = "completions", model: str = NAME, secret: str = "") -> EndpointRequest:
        return EndpointRequest(
            id=new_id(), kind="endpoint", benchmark="tiny", model="ann/hosted", revision="e" * 64, sender="ann",
            attempts=1, endpoint=Endpoint.model_validate({"url": url, "model": model, "api": api, "secret": secret}),
            tokenizer=MODEL if api == "completions" else "", tokenizer_revision=self.commit,
            files=tokenizer_files(self.facts) if api == "completions" else {}, use_chat_template=api == "chat",
        )  # fmt: skip

    def local(self, chat: bool) -> Request:
        return Request(
            id=new_id(), benchmark="tiny", model=MODEL, revision=self.commit, precision="float32", attempts=1,
            files=pinned_files(self.facts), use_chat_template=chat,
        )  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("hosted")
    with localhub.running(folder / "hub") as hub:
        made = Place(folder, hub)
        yield made
        made.executor.close()


@pytest.fixture(scope="module")
def server(place: Place) -> Iterator[Server]:
    with serving(Checkpoint(place.checkpoint)) as running:
        place.secrets.write_text(f'team: {{key: {KEY}, hosts: ["{running.host}"], senders: [ann]}}\n')
        place.secrets.chmod(0o600)
        yield running


def block_of(workdir: Workdir) -> PodiumBlock:
    assert workdir.done, workdir.log_tail()
    return PodiumBlock.model_validate(workdir.results()["podium"])


@pytest.mark.soak
@pytest.mark.slow
def test_completions_score_as_the_same_checkpoint_does_here(place: Place, server: Server) -> None:
    hosted, local = place.run(place.endpoint(server.url, secret="team")), place.run(place.local(chat=False))
    block, other = block_of(hosted), block_of(local)
    keys = ("compare", "sums", "sequence")
    assert {key: block.scores[key] for key in keys} == {key: other.scores[key] for key in keys}
    assert block.average == other.average and block.average is not None
    assert len({block.scores[key].raw for key in keys}) > 1, "scores that say something"
    for key in ("p95", "speed", "first"):
        assert (block.scores[key].raw or 0) > 0 and other.scores[key].raw is None
    assert block.scores["errors"].raw == 0 and block.scores["p95"].n == 4
    account = block.provenance.engine
    assert account["engine"] == "endpoint" and account["api"] == "completions" and account["listed"]["revision"] == "r1"
    assert account["models"] == [NAME] and account["fingerprints"] == ["fp_1"]
    assert account["requests"] == len(server.seen) and account["retries"] == 0 and account["prompt_tokens"] > 1000
    assert account["parameters"]["completions"]["temperature"] == 0
    assert (block.kind, block.precision, block.use_chat_template) == ("endpoint", "", False)
    assert block.provenance.sandbox and block.provenance.packages["lm_eval"]
    assert set(hosted.details()) == {"tiny_compare", "tiny_sums", "tiny_sequence"}
    assert all(headers["Authorization"] == f"Bearer {KEY}" for _, headers, _ in server.seen)
    written = [path for path in hosted.path.rglob("*") if path.is_file()]
    assert written and not any(KEY.encode() in path.read_bytes() for path in written), "the key is in no file of a job"


@pytest.mark.slow
def test_chat_scores_as_the_same_checkpoint_with_its_template(place: Place, server: Server) -> None:
    block, other = (block_of(place.run(each)) for each in (place.endpoint(server.url, "chat"), place.local(chat=True)))
    assert block.scores["sums"] == other.scores["sums"] and block.use_chat_template
    assert block.scores["compare"].raw is None and block.average is None, "no log-likelihoods, no score"
    assert block.scores["speed"].raw and block.scores["errors"].raw == 0


def nan(handler: Handler, body: dict[str, Any]) -> None:
    handler.answer('{"choices": [{"index": 0, "logprobs": {"token_logprobs": [NaN], "top_logprobs": []}}]}')


@pytest.mark.slow
@pytest.mark.parametrize(
    ("say", "code", "words"),
    [
        (always("broken", 500), "endpoint_server_error", "127.0.0.1 answered with a server error (status 500)"),
        (nan, "endpoint_garbage", "a number is NaN or infinite"),
        (always({"choices": [{"index": 0, "text": "x"}]}), "endpoint_garbage", "has no logprobs"),
    ],
    ids=["500", "NaN", "no logprobs"],
)
def test_its_failures_are_the_submissions(place: Place, say: Say, code: str, words: str) -> None:
    with serving(say) as server:
        workdir = place.run(place.endpoint(server.url))
    failure = workdir.failure()
    assert failure is not None and not workdir.done
    assert (failure.code, failure.fault) == (code, Fault.SUBMISSION) and words in failure.message, failure


def test_a_key_that_is_bound_elsewhere_is_not_sent_and_that_is_our_fault(place: Place, server: Server) -> None:
    with serving(always("nothing")) as thief:
        workdir = place.run(place.endpoint(thief.url, secret="team"))
        assert not thief.seen
    failure = workdir.failure()
    assert failure is not None and (failure.code, failure.fault) == ("endpoint_secret", Fault.INFRASTRUCTURE)
    assert not (workdir.scratch / "relay").exists()


def relays() -> list[psutil.Process]:
    return [each for each in psutil.process_iter(["cmdline"]) if "backend.relay" in (each.info["cmdline"] or [])]


@pytest.mark.slow
def test_the_relay_has_the_key_where_nobody_looks_and_ends_with_its_job(place: Place, server: Server) -> None:
    def slow(handler: Handler, body: dict[str, Any]) -> None:
        looked.append({each.pid: (each.cmdline(), each.environ()) for each in relays()})
        handler.answer("wait", 404)

    looked: list[dict[int, tuple[list[str], dict[str, str]]]] = []
    with serving(slow) as waiting:
        place.secrets.write_text(f'team: {{key: {KEY}, hosts: ["{waiting.host}"], senders: [ann]}}\n')
        workdir = place.run(place.endpoint(waiting.url, secret="team"))
        assert waiting.seen[0][1]["Authorization"] == f"Bearer {KEY}"
    own = [what for each in looked for what in each.values() if str(workdir.scratch) in what[0]]
    assert own and KEY not in json.dumps(own)
    until(lambda: not [each for each in relays() if str(workdir.scratch) in each.cmdline()], 20)


def test_a_job_without_its_relay_says_that_it_is_our_fault(place: Place, tmp_path: Path) -> None:
    launcher = Launcher(place.settings, {"tiny": place.benchmark}, tmp_path)
    job = launcher.prepare(place.endpoint("http://127.0.0.1:9", "chat"))
    unstaged = place.executor.executor
    handle = unstaged.submit(job)
    until(lambda: unstaged.poll([handle])[handle].state is JobState.ENDED, 60)
    failure = Workdir(job.workdir).failure()
    assert failure is not None and (failure.code, failure.fault) == ("endpoint_relay", Fault.INFRASTRUCTURE)


def test_columns_that_an_interface_cannot_answer_need_the_benchmarks_leave(place: Place, tmp_path: Path) -> None:
    launcher = Launcher(place.settings, {"tiny": place.benchmark}, tmp_path)
    workdir = Workdir(launcher.prepare(place.endpoint("http://127.0.0.1:9", "chat")).workdir)
    chat = Endpoint(url="http://127.0.0.1:9", model=NAME, api="chat")
    left = answered_part(place.benchmark, chat, False, workdir)
    assert [column.key for column in left.columns] == ["sums"]
    rules = place.benchmark.endpoint.model_copy(update={"partial": False})
    for strict in (
        place.benchmark.model_copy(update={"endpoint": rules}),
        place.benchmark.model_copy(update={"columns": place.benchmark.columns[:1]}),
    ):
        with pytest.raises(JobFailed) as caught:
            answered_part(strict, chat, False, workdir)
        assert caught.value.code == "endpoint_columns"


def test_a_cluster_does_not_take_endpoints() -> None:
    assert "endpoint" in kinds_on("local") and "endpoint" not in kinds_on("slurm")
    assert "checkpoint" in kinds_on("slurm")


@pytest.mark.parametrize(
    "given",
    [{}, {"choices": []}, {"choices": [1]}, {"choices": [{}, {}]}, {"choices": [{"logprobs": None}]},
     {"choices": [{"logprobs": {"token_logprobs": [None, -1.0], "top_logprobs": [None, {"a": -1.0}]}}]},
     {"choices": [{"logprobs": {"token_logprobs": [None, "x", -1.0], "top_logprobs": [None, {"a": 0.0}, {}]}}]},
     {"choices": [{"logprobs": {"token_logprobs": [None, None, -1.0], "top_logprobs": [None, {"a": 0.0}, {}]}}]},
     {"choices": [{"logprobs": {"token_logprobs": [None, -1.0, -1.0], "top_logprobs": [None, {}, {}]}}]},
     {"choices": [{"logprobs": {"token_logprobs": [None, -1.0, -1.0], "top_logprobs": [None, {"a": True}, {}]}}]}],
)  # fmt: skip
def test_answers_without_usable_log_probabilities(given: dict[str, Any]) -> None:
    with pytest.raises(JobFailed) as caught:
        Answers("host").likelihood(given, 2, 1)
    assert caught.value.code == "endpoint_garbage"


def test_answers_that_are_usable() -> None:
    logprobs = {"token_logprobs": [None, -1.0, -0.5, -3], "top_logprobs": [None, {"a": -1.0}, {"a": -0.25}, {}]}
    answers = Answers("host")
    assert answers.likelihood({"choices": [{"logprobs": logprobs}]}, 3, 1) == (-1.5, False)
    assert answers.likelihood({"choices": [{"logprobs": logprobs}]}, 2 + 1, 3) == (0.0, True)
    assert answers.text({"choices": [{"message": {"content": None}}]}, chat=True) == ""
    for wrong in ({"choices": [{"text": 1}]}, {"choices": [{"text": None}]}, {"choices": [{"message": {}}]}):
        with pytest.raises(JobFailed):
            answers.text(wrong, chat=False)
    with pytest.raises(JobFailed):
        answers.text({"choices": [{"text": "x"}]}, chat=True)


def test_numbers_of_a_load_measurement() -> None:
    good = [{"seconds": number / 100, "first": number / 1000, "tokens": 10, "fault": ""} for number in range(1, 101)]
    bad = [{"seconds": 9.0, "first": None, "tokens": 0, "fault": "endpoint_busy"}] * 25
    values = metrics({"samples": good + bad, "seconds": 4.0, "streams": True})
    assert values == pytest.approx(
        {"error_rate": 0.2, "latency_p50_ms": 500, "latency_p95_ms": 950, "latency_p99_ms": 990,
         "time_to_first_token_ms": 50, "tokens_per_second": 250}
    )  # fmt: skip
    none = metrics({"samples": bad, "seconds": 1.0, "streams": True})
    assert none["error_rate"] == 1 and not any(
        value == value for name, value in none.items() if name != "error_rate"
    ), "nothing else is a number"
