"""What a benchmark says of submissions that are no checkpoints: which files, which programs, which limits.

Paths are relative to the benchmark's private folder (`leaderboard.artifacts`), which no page, API or program of a
participant can read, unless a field says that it is public. Bundles: `leaderboard.benchmarks.bundle_rules`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt


def _stays_below(path: str) -> str:
    parts = path.split("/")
    if not path or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise ValueError("It has to be a relative path without `..`")
    return path


RelativePath = Annotated[str, AfterValidator(_stays_below)]
"""A path below the folder that the field names."""


class PredictionsRules(BaseModel):
    """What a file of predictions has to hold, and how it is scored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_bytes: PositiveInt = 100_000_000
    """Largest file, as uploaded."""
    same_again: bool = False
    """Whether the same file may be submitted more than once."""


class CodeRules(BaseModel):
    """How submitted code is called, and what it may use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_bytes: PositiveInt = 50_000_000
    """Largest package, as uploaded."""
    same_again: bool = False
    """Whether the same package may be submitted more than once."""
    wall_seconds: PositiveInt = 600
    """Time for everything, from the first import to the last answer."""
    memory_gb: PositiveFloat = 4.0
    """Memory of all its processes together."""


class EndpointRules(BaseModel):
    """How hosted models are asked, and what that may cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    apis: list[Literal["completions", "chat"]] = Field(default=["completions", "chat"], min_length=1)
    """Interfaces that may be submitted."""
