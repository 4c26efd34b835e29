"""One evaluation of a hosted model: the harness's tasks, asked over the relay, then its behaviour under load."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import datasets

from backend.evaluators import harness, provenance
from backend.evaluators.block import result_block
from backend.evaluators.generation import overrides
from backend.evaluators.hosted.answers import Answers
from backend.evaluators.hosted.load import measured_load
from backend.evaluators.hosted.models import open_endpoint
from backend.evaluators.loading import tokenizer_in
from backend.evaluators.watch import Watch
from backend.failures import JobFailed
from backend.relay.client import RelayClient
from backend.workdir import Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.generation import GENERATES
from leaderboard.endpoints.addresses import Place, parse
from leaderboard.records import PodiumBlock, Provenance
from leaderboard.records.artifact import Endpoint
from leaderboard.records.kinds.named import EndpointRequest
from leaderboard.statistics.scores import Measured, challenge_scores, score


class EndpointWatch(Watch):
    """Counts answers that come from elsewhere: there is no model here whose numbers could be looked at."""

    def _look_for_nan(self, model: Any) -> None:
        return


def evaluate(path: Path) -> None:
    """Evaluate the endpoint of the job in `path`, and write results.json and details/. Raises JobFailed."""
    began = time.monotonic()
    workdir = Workdir(path)
    request, benchmark, options = workdir.request(), workdir.benchmark(), workdir.options()
    assert isinstance(request, EndpointRequest)
    endpoint = request.endpoint
    watch = EndpointWatch(workdir, request.model, f"{endpoint.model} ({endpoint.api})")
    watch.say("loading the tasks")
    datasets.config.HF_DATASETS_CACHE = workdir.scratch / "datasets"
    tokenizer = tokenizer_in(workdir.checkpoint) if request.tokenizer else None
    asked = answered_part(benchmark, endpoint, tokenizer is not None, workdir)
    tasks = harness.load_tasks(asked, harness.fewshot_groups(asked), options.data_root)
    watch.say("asking the endpoint")
    place = parse(endpoint.url)
    host = place.host if isinstance(place, Place) else request.model
    relay = RelayClient(workdir.scratch, host)
    listed = relay.models()
    rules = benchmark.endpoint
    lm = open_endpoint(endpoint, tokenizer, benchmark.harness.max_length or rules.max_length)
    lm.use(relay, Answers(host), rules.concurrency)
    watch.attach(lm, harness.expected(tasks, options.limit))
    results: dict[str, Any] = {}
    gen_kwargs = overrides(benchmark.harness, {})
    started = time.monotonic()
    for fewshot, loaded in tasks.items():
        more = harness.run(lm, loaded, fewshot, request, benchmark, options, gen_kwargs, model_args={})
        harness.merge(results, more)
    evaluated = time.monotonic()
    watch.say("measuring the behaviour under load")
    load = measured_load(benchmark, endpoint.api, lm.route, relay)
    watch.say("writing the results")
    samples = results.pop("samples")
    made = Provenance(**provenance.of_harness(benchmark, samples), batch_size="1")
    made.engine = {"engine": "endpoint", "api": endpoint.api, "model": endpoint.model, "listed": listed}
    made.engine |= relay.account()
    made.wall_seconds = round(time.monotonic() - began, 3)
    made.evaluation_seconds = round(evaluated - started, 3)
    results["config"]["model"] = "local-chat-completions" if endpoint.api == "chat" else "local-completions"
    harness.describe(results, request, None, made, benchmark.harness.fewshot_as_multiturn)
    block = block_of(request, benchmark, results, load, made, options.limit)
    harness.write(workdir, benchmark, results, samples, block)


def answered_part(benchmark: Benchmark, endpoint: Endpoint, tokenizer: bool, workdir: Workdir) -> Benchmark:
    """The benchmark with those harness columns that the endpoint can answer, whose tasks' types are looked up here.

    Raises JobFailed where the benchmark does not allow the others to have no score.
    """
    columns = [column for column in benchmark.columns if column.run]
    if endpoint.api == "completions" and tokenizer:
        return benchmark.model_copy(update={"columns": columns})
    answered = []
    for column in columns:
        alone = benchmark.model_copy(update={"columns": [column]})
        loaded = harness.load_tasks(alone, harness.fewshot_groups(alone), workdir.options().data_root)
        types = {task.OUTPUT_TYPE for each in loaded.values() for task in each.leaves.values()}
        answered += [column] if types <= {GENERATES} else []
    if not answered or (len(answered) < len(columns) and not benchmark.endpoint.partial):
        raise JobFailed(
            "endpoint_columns",
            f"The interface of {endpoint.model} gives no log-likelihoods, which {benchmark.title} needs. Submit it "
            "with the interface completions and its tokenizer.",
        )
    return benchmark.model_copy(update={"columns": answered})


def block_of(
    request: EndpointRequest,
    benchmark: Benchmark,
    results: dict[str, Any],
    load: dict[str, Measured],
    made: Provenance,
    limit: int | None,
) -> PodiumBlock:
    """What Podium adds to the harness's results."""
    scores, average = score(benchmark, results)
    under_load, _ = challenge_scores(benchmark, load)
    scores |= {column.key: under_load[column.key] for column in benchmark.columns if column.score}
    return result_block(request, benchmark, scores, average, made, limit)
