"""`podium backup FOLDER` and `podium restore FOLDER`: all that a board knows, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leaderboard.cli.programs import require


def backup(
    folder: Annotated[Path, typer.Argument(help="A folder that is new or empty.")],
    without_private: Annotated[
        bool, typer.Option("--without-private", help="Leave out the private folder (PODIUM_PRIVATE_DIR).")
    ] = False,
) -> None:
    """Copy all that the board knows, private files too, into a folder, with a list of their SHA-256."""
    require("backup", "board")
    from leaderboard.backup.save import save
    from leaderboard.benchmarks import load_benchmarks
    from leaderboard.opening import open_stores
    from leaderboard.settings import load_settings

    settings = load_settings()
    benchmarks = load_benchmarks(settings.benchmarks_dir, settings.benchmark_ids)
    stores = open_stores(settings, benchmarks)
    private = settings.private_dir.absolute()
    kept = private if private.is_dir() and not without_private else None
    manifest = save(stores, settings.store, folder, kept)
    size = sum(saved.bytes for saved in manifest.files.values())
    typer.echo(f"{folder} holds {len(manifest.files):,} files, {size / 1e6:,.1f} MB.")
    if kept is not None:
        typer.echo(f"{folder}/private holds the private files of {private}: keep it to yourself.")
    aside = {**stores.requests.set_aside(), **stores.results.set_aside()}
    if aside:
        typer.echo(f"{len(aside):,} files that Podium does not read are left out, such as {next(iter(aside))}.")


def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `podium backup` made.")],
    replace: Annotated[bool, typer.Option("--replace", help="Lose what the board holds now.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check the backup; change nothing.")] = False,
    without_private: Annotated[
        bool, typer.Option("--without-private", help="Leave the private folder (PODIUM_PRIVATE_DIR) as it is.")
    ] = False,
) -> None:
    """Put a backup back into this board's stores, after checking all of it. Stop every service and worker first."""
    require("restore", "board")
    from leaderboard.backup.restore import check as checked
    from leaderboard.backup.restore import restore as put_back
    from leaderboard.benchmarks import load_benchmarks
    from leaderboard.opening import open_stores
    from leaderboard.settings import load_settings

    settings = load_settings()
    if check:
        manifest = checked(folder, settings.store, private=not without_private)
        typer.echo(f"The backup of {manifest.time} is whole: {len(manifest.files):,} files.")
        return
    benchmarks = load_benchmarks(settings.benchmarks_dir, settings.benchmark_ids)
    private = None if without_private else settings.private_dir.absolute()
    stores = open_stores(settings, benchmarks)
    manifest = put_back(stores, settings.store, folder, replace=replace, private=private)
    typer.echo(f"Restored {len(manifest.files):,} files of {manifest.time}.")
