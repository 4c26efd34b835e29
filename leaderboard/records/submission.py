"""What a person submits."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from leaderboard.records.checkpoint import ModelType, Precision, WeightType


class Submission(BaseModel):
    """What a person says. Who says it is known to the server and is never part of this."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    benchmark: str
    """Benchmark id."""
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
    track: str = "open"
    """Rule set of the benchmark."""
