"""The rows that a submission to a competition is scored on, and the record of how they were drawn."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from backend.failures import JobFailed
from backend.workdir import Workdir
from leaderboard.predictions.parts import Parts
from leaderboard.predictions.sample import Positions, digest_of
from leaderboard.records import Fault
from leaderboard.results.private_scores import DrawnSample


def drawn_sample(
    workdir: Workdir, parts: Parts, left_out: Collection[int] = (), unasked: Sequence[str] = ()
) -> tuple[Positions, DrawnSample | None]:
    """The public rows that count, in their order, and how they were drawn; None where all of them count.

    `left_out`: rows whose labels the submission was told. `unasked`: ids of public labels that are no rows here.
    Raises JobFailed.
    """
    rules, seed = workdir.benchmark().competition, workdir.options().sample_seed
    try:
        positions = parts.scored(rules, seed, left_out)
    except ValueError as error:
        sentence = f"The benchmark's hidden sample cannot be drawn: {error}. Nothing is wrong with the submission."
        raise JobFailed("benchmark_data", sentence, Fault.INFRASTRUCTURE) from None
    if rules is None or rules.hidden_sample is None:
        return positions, None
    told = [parts.ids[at] for at in sorted(left_out)]
    digest = digest_of(parts.ids[at] for at in positions)
    return positions, DrawnSample(seed=seed, size=len(positions), digest=digest, left_out=[*told, *unasked])
