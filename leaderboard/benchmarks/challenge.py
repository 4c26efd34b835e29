"""What a benchmark says of submissions that are no checkpoints: which files, which programs, which limits.

Paths are relative to the benchmark's private folder (`leaderboard.artifacts`), which no page, API or program of a
participant can read, unless a field says that it is public.
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


class LoadRules(BaseModel):
    """How the behaviour of hosted models under load is measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    concurrencies: list[Annotated[int, Field(ge=1, le=64)]] = Field(min_length=1, max_length=8)
    """Numbers of requests at a time; each is measured by itself."""
    requests: int = Field(default=50, ge=1, le=10_000)
    """Requests at each of them."""
    prompt: str = Field(default="Write a short story about a lighthouse.", min_length=1, max_length=20_000)
    """What is asked each time."""
    max_tokens: int = Field(default=64, ge=1, le=4096)
    """New tokens of each answer at most."""


class EndpointRules(BaseModel):
    """How hosted models are asked, and what that may cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    apis: list[Literal["completions", "chat"]] = Field(default=["completions", "chat"], min_length=1)
    """Interfaces that may be submitted."""
    partial: bool = False
    """Whether an endpoint is taken that cannot answer every column; those columns, and an average that they count
    towards, then have no score."""
    max_length: int = Field(default=2048, ge=16)
    """Longest context in tokens that is sent over `completions` with a tokenizer, where `harness.max_length` says
    none."""
    concurrency: int = Field(default=4, ge=1, le=64)
    """Requests at a time while it is evaluated."""
    retries: int = Field(default=4, ge=0, le=20)
    """How often a request is sent again after a time-out, a lost connection, status 429 or 5xx."""
    retry_seconds: float = Field(default=1.0, ge=0, le=60)
    """Wait before the first of these; it doubles each time, unless the endpoint names another (`Retry-After`)."""
    request_seconds: PositiveFloat = 120.0
    """Time for one request, from the connection to the last byte."""
    max_requests: PositiveInt = 50_000
    """Cost cap: requests of one evaluation, repeated ones and those of the load measurement counted."""
    max_tokens: PositiveInt = 50_000_000
    """Cost cap: tokens of all prompts and answers of one evaluation."""
    max_seconds: PositiveInt = 4 * 3600
    """Cost cap: seconds from the first request of an evaluation to the last."""
    load: LoadRules | None = None
    """How behaviour under load is measured; None: it is not."""


class BundleRules(BaseModel):
    """The competition bundle that the benchmark was made from, as it is run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: RelativePath
    """Where its files lie."""
