"""The challenge of the demo: qa-predictions beside the checkpoint board, its baselines, and a file that is refused."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from rich import box
from rich.console import Console
from rich.table import Table

from leaderboard.settings import PROJECT, Settings
from scripts.add_challenge import CHALLENGES, install

NAME = "qa-predictions"
SEED = "demo"
SOLUTIONS = (
    {"repo": "first-room", "program": "kit/baselines/first_room.py", "expect": "finished"},
    {"repo": "last-taker", "program": "kit/baselines/last_taker.py", "expect": "finished"},
    {"repo": "too-few", "program": "solutions/too_few.py", "expect": "refused", "code": "ids_missing"},
)
"""Name on the board, what makes the file, and the outcome, as in the manifest of the checkpoints."""


def settings(folder: Path) -> dict[str, str]:
    """Install the challenge beside the tiny benchmark; the settings of a board in `folder` that has both."""
    benchmarks = folder / "benchmarks"
    benchmarks.mkdir()
    shutil.copytree(PROJECT / "benchmarks" / "tasks", benchmarks / "tasks")
    shutil.copyfile(PROJECT / "benchmarks" / "tiny.yaml", benchmarks / "tiny.yaml")
    install(NAME, Settings(benchmarks_dir=benchmarks, private_dir=folder / "private"), SEED)
    return {
        "PODIUM_BENCHMARKS_DIR": str(benchmarks),
        "PODIUM_BENCHMARKS": f"tiny,{NAME}",
        "PODIUM_PRIVATE_DIR": str(folder / "private"),
    }


def submit(api: httpx.Client, folder: Path, solution: dict[str, str]) -> httpx.Response:
    """Make the file of a solution, upload it and submit it; what the board answers."""
    file = folder / f"{solution['repo']}.csv"
    data = folder / "benchmarks" / NAME / "kit" / "data"
    subprocess.run([sys.executable, CHALLENGES / NAME / solution["program"], data, file], check=True)
    content = file.read_bytes()
    artifact = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "filename": file.name}
    upload = api.post("/uploads", json=artifact).raise_for_status().json()
    api.patch(f"/uploads/{upload['id']}", content=content, headers={"Upload-Offset": "0"}).raise_for_status()
    said = {
        "track": "closed",
        "terms": "1",
        "disclosure": {"method": f"{solution['repo']}, of the kit", "seeds": "none"},
    }
    body = {"kind": "predictions", "benchmark": NAME, "name": solution["repo"], "artifact": artifact, **said}
    return api.post("/submissions", json=body)


def print_challenge(answer: dict[str, Any], console: Console) -> None:
    """Print the challenge's board as a table."""
    columns = [column for column in answer["columns"] if column["kind"] == "score"]
    table = Table(title=f"The challenge {NAME}", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("#", "Submission", *(column["title"] for column in columns)):
        table.add_column(heading, justify="left" if heading == "Submission" else "right")
    for row in answer["rows"]:
        values = [row["scores"][column["key"]]["value"] for column in columns]
        scores = ["–" if value is None else f"{value:.1f}" for value in values]
        table.add_row(str(row["rank"] or "–"), row["model"], *scores)
    console.print(table)
