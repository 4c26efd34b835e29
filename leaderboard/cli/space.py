"""`podium space FOLDER`: a folder to push to the Hub as a Space."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leaderboard.cli.programs import require


def run(folder: Annotated[Path, typer.Argument(help="A folder that is new or empty.")]) -> None:
    """Write this board's front end as a Space of the Hub; its files are in datasets (PODIUM_HUB_NAMESPACE)."""
    require("space", "board")
    from leaderboard.settings import load_settings
    from leaderboard.space import write_space

    settings = load_settings()
    write_space(settings, folder)
    typer.echo(f"Next: hf upload {settings.hub_namespace}/board {folder} . --repo-type space")
    typer.echo("Then set HF_TOKEN and PODIUM_SESSION_KEY in the Space's settings, as secrets.")
