"""A competition bundle as it was read, whatever its dialect."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from leaderboard.benchmarks.bundle_rules import BundleRules, Operation

Dialect = Literal["codabench", "benchgen", "codalab"]


class BundleColumn(BaseModel):
    """A column of its leaderboard."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(min_length=1, max_length=100)
    """Key of the score that it shows."""
    title: str
    """Its heading."""
    index: NonNegativeInt
    """Its place from left to right, from 0."""
    ascending: bool = False
    """Whether the lowest value is the best."""
    precision: int = Field(default=2, ge=0, le=10)
    """Digits after the point."""
    hidden: bool = False
    """Whether only the organisers see it."""
    computation: Operation | None = None
    """How it is made from other columns; None: a scoring program writes it."""
    computation_indexes: list[NonNegativeInt] = Field(default_factory=list)
    """Indexes of these columns."""


class Bundle(BaseModel):
    """Everything that a bundle says. Its paths are relative to the bundle's root, a zip as good as a folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dialect: Dialect
    """How its file was written."""
    title: str = Field(min_length=1)
    """Name of the competition."""
    description: str = ""
    """What it is for."""
    columns: list[BundleColumn] = Field(min_length=1)
    """By their index."""
    primary_index: NonNegativeInt
    """Index of the column that ranks."""
    rules: BundleRules
    """How it is run; `computed` and `task_scores` are made from the columns when it becomes a benchmark."""
