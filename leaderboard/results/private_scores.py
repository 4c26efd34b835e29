"""What a result of a competition keeps back: scores of the private part, exact ones, how its sample was drawn."""

from __future__ import annotations

from pydantic import BaseModel, Field

from leaderboard.errors import Unreadable
from leaderboard.records import Score
from leaderboard.results.private_results import PRIVATE_SCORES, PrivateResults


class Scores(BaseModel):
    """Scores of one part of the labels."""

    columns: dict[str, Score]
    """By column key, hidden ones too."""
    average: float | None
    """What ranks."""


class DrawnSample(BaseModel):
    """The hidden sample of a submission."""

    seed: str
    """Hexadecimal; the organiser computes it again from the benchmark's key and the request."""
    size: int
    digest: str
    """Of the ids that were drawn (`leaderboard.predictions.sample.digest_of`)."""
    left_out: list[str] = Field(default_factory=list)
    """Ids that were not drawn from: their labels were revealed to the submission."""


class PrivateScores(BaseModel):
    """The file `private_scores.json` of a result."""

    benchmark_version: str
    exact: Scores
    """Of the public part, not rounded."""
    private: Scores | None = None
    """Of the private part; None where there is none."""
    sample: DrawnSample | None = None
    """None where every example counts."""
    labels_sha256: str = ""
    """Plain digest of the labels."""


def read_private_scores(results: PrivateResults, request_id: str, attempt: int) -> PrivateScores:
    """What a result keeps back. Raises NotFound, Unreadable."""
    content = results.read(request_id, attempt, PRIVATE_SCORES)
    try:
        return PrivateScores.model_validate_json(content)
    except ValueError:  # its words could quote the scores
        raise Unreadable(f"{request_id}-{attempt}/{PRIVATE_SCORES}", "it does not hold private scores") from None
