"""`podium import SRC...`: bring an old board's requests and results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from leaderboard.cli.programs import require

if TYPE_CHECKING:
    from leaderboard.importer import Counts, Report


def run(
    src: Annotated[
        list[str], typer.Argument(help="Folders, or ids of datasets on the Hub: requests, results, or both.")
    ],
    benchmark: Annotated[str, typer.Option(help="Id of the benchmark here that the old board was of.")],
    check: Annotated[bool, typer.Option("--check", help="Change nothing, and tell what would be done.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The report as JSON, for programs.")] = False,
) -> None:
    """Bring an Open LLM Leaderboard style board here. It can be run again: only what changed there is changed here."""
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
    importer = Importer(queue, results, stores.results, chosen, write=not check)
    report = importer.run([open_source(source, settings) for source in src])
    if not check:
        Contents(stores.results, queue, as_shown(benchmarks)).save(chosen.id)
    if json:
        typer.echo(report.model_dump_json(indent=2))
    else:
        show(report, check)


def show(report: Report, check: bool) -> None:
    """The report, for a person."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(soft_wrap=True)
    would = "would be " if check else ""
    for name, counts in (("requests", report.requests), ("results", report.results)):
        console.print(Text(f"✓ {name}: {_said(counts, would)}"))
    if report.passed_over:
        console.print(Text(f"· {report.passed_over:,} other files passed over"))
    if report.refused:
        table = Table(title=f"{len(report.refused):,} files not imported", title_justify="left")
        for heading in ("source", "file", "reason"):
            table.add_column(heading, overflow="fold")
        for one in report.refused:
            table.add_row(Text(one.source), Text(one.file), Text(one.reason))
        Console().print(table)
    following = "run it without --check" if check else "podium serve"
    console.print(Text(f"Next: {following}"))


def _said(counts: Counts, would: str) -> str:
    return (
        f"{counts.new:,} {would}new, {counts.updated:,} {would}updated, {counts.unchanged:,} unchanged, "
        f"{counts.kept:,} left as they are here"
    )
