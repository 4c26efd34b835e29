"""`podium sample REQUEST_ID`: the hidden sample of a submission, drawn again for the organiser."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer


def sample(
    request_id: Annotated[str, typer.Argument(help="Id of a request that was scored on a hidden sample.")],
    attempt: Annotated[int, typer.Option("--attempt", min=0, help="Number of the run; 0 for the last one.")] = 0,
) -> None:
    """Draw the hidden sample of a submission again and print its ids, one a line.

    Needs the private folder of the worker that scored it. Fails when the labels have changed since.
    """
    from leaderboard.artifacts.keys import BenchmarkKey
    from leaderboard.artifacts.places import private_data, private_results
    from leaderboard.benchmarks import choose_benchmark, load_benchmarks
    from leaderboard.errors import NotFound, NotPossible
    from leaderboard.opening import open_stores
    from leaderboard.predictions.parts import read_parts
    from leaderboard.predictions.reader import id_text
    from leaderboard.predictions.sample import digest_of
    from leaderboard.queue.queue import Queue
    from leaderboard.results.private_results import PrivateResults
    from leaderboard.results.private_scores import read_private_scores
    from leaderboard.settings import load_settings

    settings = load_settings()
    benchmarks = load_benchmarks(settings.benchmarks_dir, settings.benchmark_ids)
    request = Queue(open_stores(settings, benchmarks).requests).get(request_id)
    benchmark = choose_benchmark(benchmarks, request.benchmark)
    kept = read_private_scores(PrivateResults(private_results(settings)), request_id, attempt or request.attempts)
    if kept.sample is None:
        raise NotFound(f"Request {request_id} was scored on every example; no sample was drawn.")
    parts = read_parts(benchmark, request.kind, private_data(settings, benchmark.id))
    places = {name: at for at, name in enumerate(parts.ids)}
    left_out = {places[name] for name in kept.sample.left_out if name in places}
    seed = BenchmarkKey(settings, benchmark.id).sample_seed(request_id)
    with suppress(ValueError):  # fewer rows than were drawn
        drawn = [parts.ids[at] for at in parts.scored(benchmark.competition, seed, left_out)]
        if seed == kept.sample.seed and digest_of(drawn) == kept.sample.digest:
            typer.echo("\n".join(map(id_text, drawn)))
            return
    raise NotPossible(
        f"The sample of request {request_id} cannot be drawn again: the benchmark's key, its rules or its labels have "
        "changed since it was scored. Put back those of that time."
    )
