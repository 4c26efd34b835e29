"""What a job gets, by the size of its checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend import Resources
from backend.resources import CLUSTER, Sizes, weights_gb
from leaderboard.errors import BadSettings
from leaderboard.records import Request
from leaderboard.settings import Settings


def request(params: float | None, precision: str = "bfloat16") -> Request:
    return Request(model="ada/model", params=params, precision=precision)


@pytest.mark.parametrize(
    ("params", "precision", "gigabytes"),
    [
        (7, "bfloat16", 14),
        (7, "float32", 28),
        (70, "4bit", 35),
        (70, "GPTQ", 35),
        (8, "8bit", 8),
        (None, "float16", None),
    ],
)
def test_weights_are_parameters_times_bytes(params: float | None, precision: str, gigabytes: float | None) -> None:
    assert weights_gb(request(params, precision)) == gigabytes


def test_what_loads_no_weights_is_the_smallest() -> None:
    scored = Request(model="ada/answers", kind="predictions", precision="")
    assert weights_gb(scored) == 0
    assert Sizes.from_settings(Settings(executor="slurm", device="cpu")).of(scored, "tiny").cpus == CLUSTER[0].cpus


def test_one_machine_has_the_flat_limits() -> None:
    sizes = Sizes.from_settings(Settings(job_memory_gb=12, job_wall_s=77, threads=3, device="cpu"))
    for params in (0.1, 700, None):
        assert sizes.of(request(params), "tiny") == Resources(0, 3, 12_000_000_000, 77)


def test_a_cluster_has_a_row_for_every_size() -> None:
    sizes = Sizes.from_settings(Settings(executor="slurm", device="cuda"))
    gpus = [sizes.of(request(params), "tiny").gpus for params in (0.5, 13, 30, 65, 120, 400)]
    assert gpus == [1, 1, 1, 2, 4, 8]
    limits = [row.up_to_gb for row in CLUSTER]
    assert limits[-1] is None and limits[:-1] == sorted(limit for limit in limits if limit)
    assert sizes.of(request(None), "tiny").gpus == 8, "an unknown size may be the largest"


def test_the_smallest_job_is_that_of_the_first_row_where_rows_grow(tmp_path: Path) -> None:
    assert Sizes.from_settings(Settings(executor="slurm", device="auto")).smallest() == (1, 4, 32_000_000_000, 21600)
    table = tmp_path / "sizes.yaml"
    table.write_text("- {up_to_gb: 8, gpus: 1, memory_gb: 16, hours: 1}\n- {gpus: 0, memory_gb: 64, hours: 1}\n")
    assert Sizes.from_settings(Settings(sizes_file=table)).smallest().gpus == 0


def test_processors_are_given_no_accelerators() -> None:
    sizes = Sizes.from_settings(Settings(executor="slurm", device="cpu"))
    assert sizes.of(request(400), "tiny")[:2] == (0, 64)


def test_an_operator_s_table_holds_by_benchmark_and_size(tmp_path: Path) -> None:
    table = tmp_path / "sizes.yaml"
    table.write_text(
        "- {benchmarks: [long], up_to_gb: 16, gpus: 2, memory_gb: 100, hours: 9}\n"
        "- {up_to_gb: 16, memory_gb: 20, hours: 0.5}\n"
        "- {benchmarks: [long], gpus: 8, memory_gb: 900, hours: 48}\n"
    )
    sizes = Sizes.from_settings(Settings(sizes_file=table, device="cuda"))
    assert sizes.of(request(8), "long") == Resources(2, 1, 100_000_000_000, 9 * 3600)
    assert sizes.of(request(8), "tiny") == Resources(0, 1, 20_000_000_000, 1800)
    assert sizes.of(request(9), "tiny").gpus == 8, "where no row fits, the last one does"


def test_every_mistake_in_a_table_is_named(tmp_path: Path) -> None:
    table = tmp_path / "sizes.yaml"
    table.write_text("- {up_to_gb: -1, memory_gb: 20, hours: 1}\n- {gpu: 1, memory_gb: 20}\n")
    with pytest.raises(BadSettings) as error:
        Sizes.from_settings(Settings(sizes_file=table))
    for words in ("row 0.up_to_gb", "row 1.hours", "row 1.gpu", "sizes.yaml"):
        assert words in str(error.value)


@pytest.mark.parametrize("content", ["", "[]", "a: [", "\x00"])
def test_a_table_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    table = tmp_path / "sizes.yaml"
    table.write_text(content)
    with pytest.raises(BadSettings, match=r"PODIUM_SIZES_FILE: .*sizes\.yaml"):
        Sizes.from_settings(Settings(sizes_file=table))
    with pytest.raises(BadSettings, match="cannot be read"):
        Sizes.from_settings(Settings(sizes_file=tmp_path / "nowhere.yaml"))


def test_a_row_may_name_the_engine(tmp_path: Path) -> None:
    table = tmp_path / "sizes.yaml"
    table.write_text("- {up_to_gb: 16, memory_gb: 20, hours: 1}\n- {memory_gb: 90, hours: 9, gpus: 4, engine: vllm}\n")
    sizes = Sizes.from_settings(Settings(sizes_file=table, device="cuda"))
    assert (sizes.engine(request(7), "tiny"), sizes.engine(request(70), "tiny")) == (None, "vllm")
    table.write_text("- {memory_gb: 20, hours: 1, engine: sglang}\n")
    with pytest.raises(BadSettings, match=r"row 0\.engine: Input should be 'shared', 'stock' or 'vllm'"):
        Sizes.from_settings(Settings(sizes_file=table))
