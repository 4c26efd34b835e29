"""Every subcommand of scripts/bench.py runs, at a size that takes seconds; what is measured there is not looked at."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.sandbox import programs
from scripts import bench, bench_prefix, slurm_cluster
from scripts.figures import at_least, at_most, reading, show
from scripts.screenshots import CHROMIUM
from tests.shared import shared_data

NAMES = {
    "jobs": {"wall time against lm_eval", "private memory against lm_eval"},
    "harness": {"evaluation time against lm_eval", "largest difference of scores", "tasks with other prompt hashes"},
    "slurm": {"overhead of Slurm", "jobs that did their work"},
    "sandbox": {"sandbox start over the bare process"},
    "submit": {"submission to file, 10 existing requests, p95"},
    "hub": {"first sync of 20 request files", "commits for one model with 39 tasks"},
    "queue": {
        "folder: next pick, a look and the order",
        "folder: claim, a pick and its commit",
        "hub: claim, of a bare commit",
        "hub: idle service, of one core",
        "200 files: hub: peak memory",
    },
    "table": {
        "200 rows: first rows painted, of the static page's",
        "200 rows, gr.Dataframe: HTML document, ratio to Podium",
    },
    "cli": {"podium --help", "podium submit --help"},
    "code_calls": {"10 calls in the sandbox", "10 calls in this process", "10 calls over JSON lines, from 2"},
    "predictions": {"jsonl: peak memory of a check", "wrong csv: time, of pandas' reading"},
    "prefix": {"bbh: tokens, times fewer", "bbh: scores that differ", "bbh: peak memory, of stock's"},
}
"""Subcommand -> some of its figures."""
LONG = {"jobs", "harness", "hub", "prefix", "queue", "table"}
SOAK = pytest.mark.soak
"""Those that take half a minute and more even at their tiny size run in the soak."""


def test_every_subcommand_is_run_here() -> None:
    assert NAMES.keys() == bench.SUBCOMMANDS.keys()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=SOAK if name in LONG else pytest.mark.slow) for name in NAMES]
)
def test_subcommand(name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    if name in {"harness", "prefix"}:
        monkeypatch.setenv("PODIUM_DATA_ROOT", str(shared_data("benchmarks")))
    if name == "slurm" and (reason := slurm_cluster.missing()):
        pytest.skip(reason)
    if name == "sandbox" and (reason := programs.missing()):
        pytest.skip(reason)
    if name == "table":
        shared_data("open_llm")
        if not CHROMIUM.exists():
            pytest.skip("Chromium is not installed; `make test` installs it where it may")
    with ThreadPoolExecutor(1) as pool:  # a browser test before may have left a running loop in this thread
        assert pool.submit(bench.main, [name, "--tiny", "--json"]).result() == 0
    out, err = capfd.readouterr()
    [line] = out.splitlines()
    figures = json.loads(line)["figures"]
    assert {figure["name"] for figure in figures} >= NAMES[name]
    sections = [json.loads(line) for line in err.splitlines() if line.startswith('{"section"')]
    assert [figure for section in sections for figure in section["figures"]] == figures
    assert all(section["section"].startswith(f"{name}: ") for section in sections)


def test_a_section_is_a_table_and_one_line_of_json() -> None:
    figures = [at_most("slow", 2.0, "s", 1.0), at_least("fast", 2.0, "x", 1.0), reading("size", 3.0, "MB")]
    out = io.StringIO()
    show("prefix: bbh", figures, out)
    *table, line = out.getvalue().splitlines()
    assert json.loads(line) == {"section": "prefix: bbh", "figures": figures}
    rows = {row.split("│")[1].strip(): row for row in table if row.startswith("│")}
    assert ["✗" in rows[name] for name in ("slow", "fast", "size")] == [True, False, False]


def test_a_row_of_prefix_is_run_alone_and_an_unknown_one_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = []
    monkeypatch.setattr(bench_prefix, "sections", lambda size: sizes.append(size) or iter([]))
    assert bench.main(["prefix", "--only", "musr,ifeval"]) == 0
    assert sizes == [bench_prefix.FULL._replace(rows=("musr", "ifeval"))]
    for words, problem in (
        (["prefix", "--only", "musr,muesli"], "unknown row muesli; choose from bbh, musr"),
        (["jobs", "--only", "musr"], "--only chooses rows of `prefix`"),
    ):
        with pytest.raises(SystemExit) as ended:
            bench.main(words)
        assert ended.value.code == 2
        assert problem in capsys.readouterr().err
