"""`podium import SRC...`: bring an old board's requests and results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from leaderboard.cli.exits import DONE, INCOMPLETE
from leaderboard.cli.output import Output, console
from leaderboard.cli.programs import require

if TYPE_CHECKING:
    from leaderboard.importer.report import Counts, Progress, Report

SHOWN_REASONS = 10


def run(
    src: Annotated[
        list[str], typer.Argument(help="Folders, or ids of datasets on the Hub: requests, results, or both.")
    ],
    benchmark: Annotated[str, typer.Option(help="Id of the benchmark here that the old board was of.")],
    check: Annotated[bool, typer.Option("--check", help="Change nothing, and tell what would be done.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="The report as JSON, for programs, with every file that was left out.")
    ] = False,
) -> None:
    """Bring an old board, Every Eval Ever files or lm_eval's output here.

    It can be run again: only what changed there is changed here. Exit code 6: files were left out.
    """
    require("import", "board")
    from leaderboard.benchmarks import as_shown, choose_benchmark, load_benchmarks
    from leaderboard.board.contents import Contents
    from leaderboard.importer import Importer
    from leaderboard.importer.sources import open_source
    from leaderboard.opening import open_stores
    from leaderboard.queue.queue import Queue
    from leaderboard.results.results import Results
    from leaderboard.settings import load_settings

    settings = load_settings()
    benchmarks = load_benchmarks(settings.benchmarks_dir, settings.benchmark_ids)
    chosen = choose_benchmark(benchmarks, benchmark)
    stores = open_stores(settings, benchmarks)
    queue, results = Queue(stores.requests), Results(stores.results, stores.details)
    out = Output(json)
    with bars(out) as progress:
        importer = Importer(queue, results, stores.results, chosen, not check, stores.details, progress)
        report = importer.run([open_source(source, settings) for source in src])
    if not check:
        Contents(stores.results, queue, as_shown(benchmarks)).save(chosen.id)
    ending = INCOMPLETE if report.refused else DONE
    out.end(ending, **report.model_dump())
    if not json:
        show(out, report, check)
    raise typer.Exit(ending.exit)


@contextmanager
def bars(out: Output) -> Iterator[Progress]:
    """A bar for each step of the import on a terminal; nothing in a pipe."""
    if not out.on_terminal:
        yield lambda what, done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console(error=True), transient=True) as shown:
        yield stepping(shown.add_task, shown.update)


def stepping(add: Callable[..., int], update: Callable[..., None]) -> Progress:
    """A progress that begins a bar for each step, and moves that of the present one."""
    steps: dict[tuple[str, int], int] = {}

    def progress(what: str, done: int, total: int) -> None:
        if done == 0 or (what, total) not in steps:
            steps[what, total] = add(what, total=total)
        update(steps[what, total], completed=done + 1)

    return progress


def show(out: Output, report: Report, check: bool) -> None:
    """The report, for a person: a line for each kind of files, and for each reason why some were left out."""
    would = "would be " if check else ""
    kinds = {
        "requests": report.requests,
        "results": report.results,
        "details of tasks": report.details,
        "facts of models": report.facts,
    }
    for name, counts in kinds.items():
        if name in ("requests", "results") or any(counts.model_dump().values()):
            out.line(f"✓ {name}: {_summary(counts, would)}")
    if report.limited:
        out.line(f"· {report.limited:,} results are of runs with a limit, and not shown on the board")
    if report.passed_over:
        out.line(f"· {report.passed_over:,} other files passed over")
    reasons = report.reasons()
    if reasons:
        out.line(f"! {_files(len(report.refused))} not imported:")
    for reason in reasons[:SHOWN_REASONS]:
        out.line(f"  {_files(reason.files)}: {reason.text}, such as {reason.example}")
    if len(reasons) > SHOWN_REASONS:
        left = sum(reason.files for reason in reasons[SHOWN_REASONS:])
        out.line(f"  {_files(left)}: {len(reasons) - SHOWN_REASONS} more reasons")
    if reasons:
        out.line("  --json lists every file with its reason.")
    out.next("run it without --check" if check else "podium serve")


def _files(count: int) -> str:
    return f"{count:,} file" if count == 1 else f"{count:,} files"


def _summary(counts: Counts, would: str) -> str:
    return (
        f"{counts.new:,} {would}new, {counts.updated:,} {would}updated, {counts.unchanged:,} unchanged, "
        f"{counts.kept:,} left as they are here"
    )
