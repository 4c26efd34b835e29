"""What workers can run: one rule, asked before a submission is taken and before a request is claimed. Pure.

A worker says what its own hardware and packages refuse (`Abilities`); what no worker can run is said here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from leaderboard.records import Abilities, Precision, Request, WeightType, kind_of

QUANTISED = (Precision.INT8, Precision.INT4, Precision.GPTQ)
FLOATS_PER_16_BITS = {Precision.FLOAT32: 0.5, Precision.INT8: 2.0, Precision.INT4: 4.0}
"""How many times as many parameters take the memory that they take in float16."""
USUAL_GPTQ_BITS = 4
"""Bits per weight that are assumed of a GPTQ checkpoint that does not say."""


class RunNeeds(NamedTuple):
    """What a submission or a request asks of a worker."""

    benchmark: str
    """Benchmark id; empty when it is not known yet."""
    precision: str | None
    """None for a kind that loads no weights; so is `weight_type`."""
    weight_type: str | None
    params_b: float | None
    """Billions of parameters to be loaded; None when unknown."""
    stored_bits: int | None = None
    """Bits per weight of a quantised checkpoint; None when it does not say."""
    kind: str = "checkpoint"


def wanted_by(request: Request) -> RunNeeds:
    """What `request` asks of a worker."""
    loads_weights = kind_of(request).loads_weights
    return RunNeeds(
        benchmark=request.benchmark,
        precision=request.precision if loads_weights else None,
        weight_type=request.weight_type if loads_weights else None,
        params_b=request.params,
        stored_bits=request.stored_bits,
        kind=request.kind,
    )


def impossible(wanted: RunNeeds) -> str:
    """Why no worker whatever can run it, a sentence; empty when one may."""
    for name, value, known in (
        ("precision", wanted.precision, [value.value for value in Precision]),
        ("weight type", wanted.weight_type, [value.value for value in WeightType]),
    ):
        if value is not None and value not in known:
            return f"The {name} {value!r} is not known here; allowed are {', '.join(known)}."
    if wanted.weight_type == WeightType.DELTA and wanted.precision in QUANTISED:
        return f"A delta cannot be added to its base model in {wanted.precision}."
    return ""


def refusals(worker: Abilities, wanted: RunNeeds) -> dict[str, str]:
    """What hinders `worker` (`kind`, `benchmark`, `precision`, `weight_type`, `size`) -> a sentence; empty if it can.

    Presumes that it is not `impossible`.
    """
    reasons = {}
    if wanted.kind not in worker.kinds:
        reasons["kind"] = f"It does not evaluate submissions of the kind {wanted.kind}."
    elif wanted.kind in worker.refused_kinds:
        reasons["kind"] = worker.refused_kinds[wanted.kind]
    if wanted.benchmark and worker.benchmarks is not None and wanted.benchmark not in worker.benchmarks:
        reasons["benchmark"] = f"It does not serve the benchmark {wanted.benchmark}."
    elif wanted.benchmark in worker.refused_benchmarks:
        reasons["benchmark"] = worker.refused_benchmarks[wanted.benchmark]
    for name in ("precision", "weight_type"):
        value = getattr(wanted, name)
        if value in worker.refused:
            reasons[name] = worker.refused[value]
    limit = limit_b(worker, wanted)
    if limit is not None and wanted.params_b is not None and wanted.params_b > limit:
        reasons["size"] = f"It takes at most {limit:.3g} billion parameters in {wanted.precision}."
    return reasons


def limit_b(worker: Abilities, wanted: RunNeeds) -> float | None:
    """Billions of parameters that `worker` takes in the precision that is wanted; None for no limit."""
    if worker.max_params_b is None or wanted.precision is None:
        return None
    if wanted.precision == Precision.GPTQ:
        return worker.max_params_b * 16 / (wanted.stored_bits or USUAL_GPTQ_BITS)
    return worker.max_params_b * FLOATS_PER_16_BITS.get(Precision(wanted.precision), 1.0)


def can_run(worker: Abilities, request: Request) -> bool:
    """Whether `worker` can run `request`."""
    wanted = wanted_by(request)
    return not impossible(wanted) and not refusals(worker, wanted)


def nobody_runs(request: Request, workers: Sequence[Abilities]) -> str:
    """Why none of `workers` can run `request`, in sentences; empty when one can, or when none is known yet."""
    wanted = wanted_by(request)
    if reason := impossible(wanted):
        return f"No worker can run it: {reason}"
    reasons = [(worker.worker, refusals(worker, wanted)) for worker in workers]
    if not reasons or not all(refused for _, refused in reasons):
        return ""
    told = " ".join(f"{name}: {' '.join(refused.values())}" for name, refused in reasons)
    return f"No worker of this board can run it. {told}"


def all_in_trouble(workers: Sequence[Abilities]) -> bool:
    """Whether there are workers and none of them takes requests now."""
    return bool(workers) and all(worker.trouble for worker in workers)
