"""What a person submits: what every kind of submission has, and the fields of each kind."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, StrictBool, StrictFloat, StrictStr
from pydantic_core import PydanticCustomError

from leaderboard.records.artifact import Artifact, ArtifactName, Endpoint
from leaderboard.records.checkpoint import ModelType, Precision, WeightType

CHECKPOINT = "checkpoint"
"""The kind of a submission, request or result that does not name its kind."""
CODE = "code"
DisclosureKey = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
ANSWER_CHARACTERS = 4000
NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters, but for tabs and line ends, and halves of characters, which no file can hold."""


def _answer(value: Any) -> Any:
    """The value as it was given, so that the text "yes" stays a text and 1 stays a number."""
    if isinstance(value, str) and len(value) <= ANSWER_CHARACTERS and not NO_TEXT.search(value):
        return value
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) < 1e300 and math.isfinite(value):
        return float(value)
    raise PydanticCustomError(
        "answer",
        "Give true or false, a number, or a text of at most {most} characters without control characters",
        {"most": ANSWER_CHARACTERS},
    )


Answer = Annotated[StrictBool | StrictFloat | StrictStr, BeforeValidator(_answer)]
"""The answer to a question of a track."""


class BaseSubmission(BaseModel):
    """What every kind of submission has. Who submits it is known to the server and is never part of this."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: str = CHECKPOINT
    """What is submitted; it decides which other fields there are."""
    benchmark: str
    """Benchmark id."""
    track: str = "open"
    """Rule set of the benchmark."""
    disclosure: dict[DisclosureKey, Answer] = Field(default_factory=dict, max_length=50)
    """What the track asks of a submission: key of each question -> answer."""
    terms: str = Field(default="", max_length=40)
    """Version of the competition's terms that the sender accepts."""


class CheckpointSubmission(BaseSubmission):
    """A checkpoint on the Hub."""

    kind: Literal["checkpoint"] = "checkpoint"
    model: str
    """Hub repository id, `org/name`."""
    revision: str = "main"
    """Branch, tag or commit; resolved to a commit when it is accepted."""
    precision: Precision = Precision.BFLOAT16
    """Number format to load it in."""
    weight_type: WeightType = WeightType.ORIGINAL
    """Whole checkpoint, adapter or delta."""
    base_model: str = ""
    """For adapters and deltas: the repository they apply to. Otherwise what it was made from, or empty."""
    model_type: ModelType = ModelType.OTHER
    """How it came to be."""
    use_chat_template: bool = False
    """Whether prompts are put through the checkpoint's chat template."""


class NamedSubmission(BaseSubmission):
    """What is no repository on the Hub: its sender gives it a name."""

    name: ArtifactName
    """Its name on the board, after the sender's."""
    description: str = Field(default="", max_length=500)
    """What it is, in the sender's words."""
    local_scores: dict[str, FiniteFloat] = Field(default_factory=dict, max_length=50)
    """Scores that its sender computed before: key of each column -> score."""


class PredictionsSubmission(NamedSubmission):
    """A file with the answers of a model."""

    kind: Literal["predictions"]
    artifact: Artifact
    """The uploaded file."""


class CodeSubmission(NamedSubmission):
    """A package of code that is run in the sandbox."""

    kind: Literal["code"]
    artifact: Artifact
    """The uploaded zip."""


class EndpointSubmission(NamedSubmission):
    """A hosted model."""

    kind: Literal["endpoint"]
    endpoint: Endpoint
    """Where it answers."""
    tokenizer: str = ""
    """Hub repository id of its tokenizer, which multiple choice over `completions` needs."""
