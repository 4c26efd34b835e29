"""Put the demo's checkpoints into a Hub's folder: `python -m scripts.seed_hub FOLDER`.

Dates and messages come from `checkpoints/manifest.yaml`, so the commits have the same ids every time.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from localhub.store import Hub

CHECKPOINTS = Path(__file__).parent.parent / "checkpoints"


def manifest() -> dict[str, Any]:
    """`checkpoints/manifest.yaml`: the repositories (`repos`) and the `submissions`."""
    content: dict[str, Any] = yaml.safe_load((CHECKPOINTS / "manifest.yaml").read_text())
    return content


def seed(root: Path) -> dict[str, list[str]]:
    """Commit every checkpoint of the manifest to the Hub at `root`; returns repo id -> commit ids, oldest first.

    The folder must hold none of them yet: a second run adds the same commits again.
    """
    hub, made = Hub(root), {}
    for repo in manifest()["repos"]:
        made[repo["id"]] = [
            hub.commit_folder(
                repo["id"],
                CHECKPOINTS / commit["folder"],
                commit["message"],
                date=datetime.fromisoformat(commit["date"]),
            )
            for commit in repo["commits"]
        ]
    return made


def main(root: Annotated[Path, typer.Argument(help="The Hub's folder; created if it does not exist.")]) -> None:
    """Put the demo's checkpoints into a Hub's folder."""
    for repo, commits in seed(root).items():
        print(repo, *(commit[:12] for commit in commits))


if __name__ == "__main__":
    typer.run(main)
