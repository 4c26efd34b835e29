"""What a worker says of itself."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Abilities(BaseModel):
    """What one worker can run; it writes this to `workers/{worker}.json` of the requests store when it
    starts, and when it stops or begins again to take requests."""

    worker: str
    """Its name, as in leases."""
    device: str = ""
    """Processor or accelerator, in words."""
    refused: dict[str, str] = Field(default_factory=dict)
    """Precision, weight type or `quant_method` that it cannot do -> the reason, a sentence."""
    max_params_b: float | None = None
    """Largest checkpoint it takes, in billions of parameters at float16; None when it has no limit of its own."""
    packages: dict[str, str] = Field(default_factory=dict)
    """Versions of lm_eval, transformers, torch and peft."""
    kinds: list[str] = ["checkpoint"]
    """Kinds of submissions that it evaluates."""
    refused_kinds: dict[str, str] = Field(default_factory=dict)
    """Kind of submission that it cannot evaluate as it is set up now -> the reason, sentences."""
    benchmarks: list[str] | None = None
    """Ids of the benchmarks that it serves; None when it does not say."""
    refused_benchmarks: dict[str, str] = Field(default_factory=dict)
    """Id of a benchmark that it cannot run as it is set up now -> the reason, sentences."""
    slots: int | None = None
    """How many jobs it runs at a time; None when it does not say."""
    sandbox: list[str] | None = None
    """Layers of the sandbox that its jobs are in; empty for none, None when it does not say."""
    trouble: str = ""
    """Why it takes no requests for now, in sentences; empty while it does."""
    updated: str = ""
    """When it wrote this (UTC)."""
