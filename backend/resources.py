"""What a job gets, by the size of its checkpoint: Podium's table for clusters, or the operator's.

The size is that of the weights as they are loaded: parameters times the bytes of the precision. Twice the weights, or
four times a 7B model's context, fit beside them in the memory that the table gives.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from backend import Resources
from leaderboard.errors import BadSettings
from leaderboard.records import Engine, Precision, Request
from leaderboard.records.submission import CHECKPOINT
from leaderboard.settings import Settings

BYTES_PER_WEIGHT: dict[str, float] = {
    Precision.FLOAT32: 4.0,
    Precision.FLOAT16: 2.0,
    Precision.BFLOAT16: 2.0,
    Precision.INT8: 1.0,
    Precision.INT4: 0.5,
    Precision.GPTQ: 0.5,
}
GB = 1e9


class Size(BaseModel):
    """One row of the table: what jobs get whose weights are no larger than this."""

    model_config = ConfigDict(extra="forbid")

    up_to_gb: Annotated[float, Field(gt=0)] | None = None
    """Largest weights (GB) of this row; None for any."""
    benchmarks: list[str] | None = None
    """Ids of the benchmarks that it holds for; None for all."""
    gpus: Annotated[int, Field(ge=0)] = 0
    """Accelerators, where jobs compute on any (PODIUM_DEVICE)."""
    cpus: Annotated[int, Field(ge=1)] = 1
    """Processors."""
    memory_gb: Annotated[float, Field(gt=0)]
    """Private memory (GB) at which a job is ended."""
    hours: Annotated[float, Field(gt=0)]
    """Time after which a job is ended."""
    engine: Engine | None = None
    """What forwards the tokens, unless the benchmark says; None leaves it to PODIUM_ENGINE."""


CLUSTER = [
    Size(up_to_gb=8, gpus=1, cpus=4, memory_gb=32, hours=6),
    Size(up_to_gb=30, gpus=1, cpus=8, memory_gb=64, hours=12),
    Size(up_to_gb=65, gpus=1, cpus=8, memory_gb=128, hours=24),
    Size(up_to_gb=130, gpus=2, cpus=16, memory_gb=256, hours=24),
    Size(up_to_gb=260, gpus=4, cpus=32, memory_gb=512, hours=48),
    Size(gpus=8, cpus=64, memory_gb=1024, hours=48),
]
"""What jobs get on a cluster where the operator gives no table; made for accelerators of 80 GB."""


class Sizes:
    """The table that holds for a worker."""

    def __init__(self, rows: list[Size], gpu: bool) -> None:
        """`rows`: the first that fits counts. `gpu`: whether jobs compute on accelerators."""
        self._rows = rows
        self._gpu = gpu

    @classmethod
    def from_settings(cls, settings: Settings) -> Sizes:
        """The operator's table, Podium's own on a cluster, or one row of the flat limits. Raises BadSettings."""
        flat = Size(cpus=max(1, settings.threads), memory_gb=settings.job_memory_gb, hours=settings.job_wall_s / 3600)
        if settings.sizes_file is not None:
            rows = read_sizes(settings.sizes_file)
        else:
            rows = CLUSTER if settings.executor == "slurm" else [flat]
        return cls(rows, settings.device != "cpu")

    def of(self, request: Request, benchmark_id: str) -> Resources:
        """What the job of `request` gets."""
        return self._resources(self._row(request, benchmark_id))

    def _resources(self, row: Size) -> Resources:
        return Resources(
            gpus=row.gpus if self._gpu else 0,
            cpus=row.cpus,
            memory_bytes=round(row.memory_gb * GB),
            wall_seconds=round(row.hours * 3600),
        )

    def smallest(self) -> Resources:
        """What the smallest job gets: where this is not to be had, no job can run."""
        return min((self._resources(row) for row in self._rows), key=lambda each: (each.gpus, each.memory_bytes))

    def engine(self, request: Request, benchmark_id: str) -> Engine | None:
        """What the table says about what forwards the tokens of `request`; None where it says nothing."""
        return self._row(request, benchmark_id).engine

    def _row(self, request: Request, benchmark_id: str) -> Size:
        """The row that holds for the job of `request`; the last one where none fits."""
        weights = weights_gb(request)
        return next((row for row in self._rows if _fits(row, weights, benchmark_id)), self._rows[-1])


def weights_gb(request: Request) -> float | None:
    """Size (GB) of the weights as they are loaded, 0 where none are; None when the parameters are unknown."""
    if request.params is None:
        return None if request.kind == CHECKPOINT else 0.0
    return request.params * BYTES_PER_WEIGHT.get(request.precision, 4.0)


def read_sizes(file: Path) -> list[Size]:
    """The rows of a table in YAML. Raises BadSettings, naming everything that is wrong."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        rows = TypeAdapter(Annotated[list[Size], Field(min_length=1)]).validate_python(content)
    except (OSError, yaml.YAMLError) as error:
        raise BadSettings(f"PODIUM_SIZES_FILE: {file} cannot be read: {error}") from error
    except ValidationError as error:
        problems = "\n".join(
            f"PODIUM_SIZES_FILE: {file}, row {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']} "
            f"(got {problem['input']!r})."
            for problem in error.errors()
        )
        raise BadSettings(problems) from None
    return rows


def _fits(row: Size, weights: float | None, benchmark_id: str) -> bool:
    small = row.up_to_gb is None or (weights is not None and weights <= row.up_to_gb)
    return small and (row.benchmarks is None or benchmark_id in row.benchmarks)
