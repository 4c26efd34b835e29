"""`podium package`: a folder with code becomes a package for a challenge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from leaderboard.packaging.challenge import Challenge
    from leaderboard.packaging.package import Built

Kit = Annotated[
    Path | None,
    typer.Option("--kit", help="The challenge's starting kit; by default the one that FOLDER lies in."),
]


def run(
    folder: Annotated[Path, typer.Argument(help="The files to pack; a kit's own folder stands for its submission.")] = (
        Path()
    ),
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The zip to write; by default ID.zip.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Tell what ships and what does not; write nothing.")] = (
        False
    ),
    kit: Kit = None,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as JSON, for programs.")] = False,
) -> None:
    """Make a package of a folder with code: the same files always make the same bytes."""
    from leaderboard.packaging import package

    challenge = chosen_challenge(kit, folder)
    into = output or Path(f"{challenge.benchmark.id}.zip")
    built = package.preview(folder, challenge) if preview else package.build(folder, into, challenge)
    if as_json:
        typer.echo(json.dumps(described(built, preview), indent=2, ensure_ascii=False))
        return
    show(built, preview)


def chosen_challenge(kit: Path | None, place: Path) -> Challenge:
    """The kit that was named, or the one that `place` lies in. Raises NotFound, BadBenchmark."""
    from leaderboard.packaging.challenge import find_challenge

    return find_challenge(kit or place)


def described(built: Built, preview: bool) -> dict[str, object]:
    """A package for programs."""
    left_out = [{"path": each.path, "reason": each.reason, "secret": each.secret} for each in built.left_out]
    return {
        "file": None if preview else str(built.path),
        "sha256": built.sha256,
        "bytes": built.bytes,
        "manifest": built.manifest.model_dump(mode="json"),
        "left_out": left_out,
    }


def show(built: Built, preview: bool) -> None:
    """A package for a person: what ships, what does not, and first of all the secrets."""
    console, warnings = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)
    for each in built.left_out:
        if each.secret:
            warnings.print(Text.assemble(("!", "yellow"), f" {each.path} is left out: {each.reason}."))
    width = max((len(file.path) for file in built.files), default=0)
    for file in built.files:
        console.print(Text(f"  {file.path:<{width}}  {file.bytes:>12,} bytes"))
    for each in built.left_out:
        if not each.secret:
            console.print(Text.assemble((f"- {each.path} is left out: {each.reason}.", "dim")))
    name = "The package would have" if preview else f"{built.path}:"
    total = f"{len(built.files):,} files, {built.bytes:,} bytes"
    console.print(Text.assemble(("✓", "green"), f" {name} {total}, SHA-256 {built.sha256}"))
    console.print(Text("Next: podium package" if preview else f"Next: podium validate {built.path}"))
