"""The kinds that are no repository on the Hub: predictions, code and endpoints, each named `sender/name`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from leaderboard.records.artifact import Artifact, Endpoint, HubModel
from leaderboard.records.kinds.kind import Kind
from leaderboard.records.request import Request
from leaderboard.records.result import PodiumBlock
from leaderboard.records.submission import CodeSubmission, EndpointSubmission, PredictionsSubmission


class NamedRequest(Request):
    """A request for what has no repository; `revision` is the digest of what was sent."""

    precision: str = ""
    weight_type: str = ""
    description: str = ""
    """What it is, in the sender's words."""
    number: int = 1
    """1, or how often the same was submitted where the benchmark takes it again."""
    local_scores: dict[str, float] = Field(default_factory=dict)
    """Scores that the sender computed before submitting: key of each column -> score."""


class ArtifactRequest(NamedRequest):
    """A request for an uploaded file."""

    artifact: Artifact


class CodeRequest(ArtifactRequest):
    """A request for a package of code."""

    models: list[HubModel] = Field(default_factory=list)
    """What its `models.txt` names."""


class EndpointRequest(NamedRequest):
    """A request for a hosted model."""

    endpoint: Endpoint
    tokenizer: str = ""
    """Hub repository id."""
    tokenizer_revision: str = ""
    """Its commit."""


class NamedBlock(PodiumBlock):
    """The block of a result of such a request."""

    number: int = 1
    """The request's."""


class NamedKind(Kind):
    """What these kinds have in common: the digest and the number tell two of one name apart."""

    request: ClassVar[type[Request]] = NamedRequest
    block = NamedBlock

    def identity(self, record: Request | PodiumBlock) -> tuple[str, ...]:
        """Digest and number."""
        assert isinstance(record, NamedRequest | NamedBlock)
        return (record.revision, str(record.number))


class PredictionsKind(NamedKind):
    """Files of predictions."""

    submission = PredictionsSubmission
    title = "Predictions"
    request = ArtifactRequest
    alternatives = "another file"


class CodeKind(NamedKind):
    """Packages of code."""

    submission = CodeSubmission
    title = "Code"
    request = CodeRequest
    activity = "run"
    alternatives = "another package"


class EndpointKind(NamedKind):
    """Hosted models."""

    submission = EndpointSubmission
    title = "Endpoint"
    request = EndpointRequest
    activity = "evaluation"
    alternatives = "another endpoint, model or interface"
