"""The demo: a Hub on this machine, a board, and every checkpoint of checkpoints/manifest.yaml submitted to it.

`python -m scripts.demo` stays up until Ctrl-C; with `--once` it ends as soon as every submission has ended, 0 when each
ended as the manifest expects. Everything it makes is in `.demo/`, which it empties at its start. With `--store hub` its
files are datasets on that Hub, and it ends with what `load_dataset` reads there.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

import localhub
from scripts.seed_hub import manifest, seed
from scripts.service import running

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".demo"
ALL_S = 600
"""Seconds after which submissions that have not ended count as lost."""
BOARD = "podium"
"""User on the demo's Hub in whose name the board writes."""

console = Console(highlight=False, width=None if sys.stdout.isatty() else 112)


class Outcome(NamedTuple):
    """What became of one submission."""

    name: str
    expected: str
    got: str
    codes: tuple[str, ...]
    """Codes of what was wrong; empty for what finished."""
    said: str
    """The sentence for the submitter; empty for what finished."""

    @property
    def as_expected(self) -> bool:
        """Whether it ended so, and for the reason that the manifest names."""
        ended, _, code = self.expected.partition(": ")
        return ended == self.got and (not code or code in self.codes)


def board_port() -> str:
    """The usual port where it is free, else any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 7860))
        except OSError:
            return "0"
    return "7860"


def settings(store: str, token: str) -> dict[str, str]:
    """What the demo's board sets beside what every service in one folder needs."""
    on_the_hub = {"HF_TOKEN": token, "PODIUM_HUB_NAMESPACE": BOARD, "PODIUM_PROGRESS_S": "5"}
    return {
        **(on_the_hub if store == "hub" else {}),
        "PODIUM_STORE": store,
        "PODIUM_TITLE": "Podium demo",
        "PODIUM_PORT": board_port(),
        "PODIUM_TICK_S": "1",
    }


def submit_all(api: httpx.Client, commits: dict[str, list[str]]) -> tuple[dict[str, dict[str, Any]], list[Outcome]]:
    """Submit what the manifest lists. Returns request id -> entry of what was queued, and the outcome of the rest."""
    queued: dict[str, dict[str, Any]] = {}
    refused: list[Outcome] = []
    for entry in manifest()["submissions"]:
        name = label(entry)
        revision = commits[entry["repo"]][entry["commit"] - 1] if "commit" in entry else "main"
        body = {"benchmark": "tiny", "model": entry["repo"], "revision": revision}
        fields = ("precision", "weight_type", "base_model", "model_type", "use_chat_template")
        answer = api.post("/submissions", json=body | {field: entry[field] for field in fields if field in entry})
        if answer.status_code == 201:
            queued[answer.json()["id"]] = entry
            console.print(f"[green]✓[/green] {name} is in the queue")
            continue
        said = answer.json()
        codes = tuple(problem["code"] for problem in said.get("problems", []) if problem["severity"] == "error")
        refused.append(Outcome(name, expected(entry), "refused", codes, said["error"]))
        console.print(f"[yellow]–[/yellow] {name} is refused: {said['error']}")
    return queued, refused


def label(entry: dict[str, Any]) -> str:
    """A submission's name for people."""
    return str(entry["repo"]) + (f" (commit {entry['commit']})" if "commit" in entry else "")


def expected(entry: dict[str, Any]) -> str:
    """How the manifest expects the submission to end."""
    return str(entry["expect"]) + (f": {entry['code']}" if "code" in entry else "")


def watch(api: httpx.Client, queued: dict[str, dict[str, Any]]) -> list[Outcome]:
    """Show progress until every queued submission has ended, and how each one did."""
    columns = (
        TextColumn("{task.description:<34}"),
        BarColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
    )
    ended: dict[str, Outcome] = {}
    until = time.monotonic() + ALL_S
    with Progress(*columns, console=console, transient=True) as progress:
        bars: dict[str, TaskID] = {}
        while len(ended) < len(queued) and time.monotonic() < until:
            for one in api.get("/requests", params={"limit": 1000}).json()["requests"]:
                entry = queued.get(one["id"])
                if entry is None or one["id"] in ended:
                    continue
                if one["status"] == "RUNNING":
                    show_running(progress, bars, one, label(entry))
                elif one["status"] in {"FINISHED", "FAILED", "CANCELLED"}:
                    ended[one["id"]] = outcome(one, entry)
                    if one["id"] in bars:
                        progress.remove_task(bars.pop(one["id"]))
                    report(progress.console, ended[one["id"]])
            time.sleep(0.5)
    lost = [
        Outcome(label(entry), expected(entry), "not ended", (), "") for key, entry in queued.items() if key not in ended
    ]
    return [*ended.values(), *lost]


def show_running(progress: Progress, bars: dict[str, TaskID], one: dict[str, Any], name: str) -> None:
    """Bring the bar of a running request up to date."""
    at = one.get("progress") or {"task": "starting", "done": 0, "total": 0}
    if one["id"] not in bars:
        bars[one["id"]] = progress.add_task(name, total=None, state="")
    progress.update(bars[one["id"]], total=at["total"] or None, completed=at["done"], state=at["task"])


def outcome(one: dict[str, Any], entry: dict[str, Any]) -> Outcome:
    """How a request that has ended did."""
    failure = one.get("failure") if one["status"] == "FAILED" else None
    codes, said = ((failure["code"],), failure["message"]) if failure else ((), "")
    return Outcome(label(entry), expected(entry), one["status"].lower(), codes, said)


def report(target: Console, one: Outcome) -> None:
    """One line for a submission that has ended."""
    mark = "[green]✓[/green]" if one.got == "finished" else "[yellow]–[/yellow]" if one.as_expected else "[red]✗[/red]"
    target.print(f"{mark} {one.name} {one.got}" + (f": {one.said}" if one.said else ""))


def print_board(api: httpx.Client, rows: int) -> None:
    """The board as a table, once it shows `rows` rows; it follows what is published within seconds."""
    for _ in range(20):
        answer = api.get("/benchmarks/tiny/rows", params={"facets": "true"}).json()
        if answer["of"] >= rows:
            break
        time.sleep(0.5)
    columns = [column for column in answer["columns"] if column["kind"] == "score"]
    table = Table(title="The board", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("#", "Model @ revision", "Average", *(column["title"] for column in columns)):
        left = heading.startswith("Model")
        table.add_column(heading, justify="left" if left else "right", no_wrap=left)
    for row in answer["rows"]:
        scores = [number(row["scores"][column["key"]]["value"]) for column in columns]
        name = f"{row['model'].split('/')[-1]} @ {row['revision'][:7]}"
        table.add_row(str(row["rank"] or "–"), name, number(row["average"]), *scores)
    console.print(table)


def number(value: float | None) -> str:
    """A score for people."""
    return "–" if value is None else f"{value:.1f}"


def print_details(endpoint: str, api: httpx.Client) -> None:
    """What a reader finds in the details dataset of the board's first model, read as readers do."""
    model = api.get("/benchmarks/tiny/rows").json()["rows"][0]["model"]
    evaluation = api.get(f"/models/{model}").json()["evaluations"][0]
    repo, task = f"{BOARD}/{model.replace('/', '__')}-details", evaluation["tasks"][0]
    call = f'datasets.load_dataset("{repo}", "{task}", split="latest")'
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(DEMO / "reader"), "HF_HUB_DISABLE_XET": "1"}
    script = f"import datasets; datasets.disable_progress_bars(); print({call})"
    done = subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True)
    console.print(f"\n>>> {call}\n{done.stdout}", markup=False)


def run(store: str, once: bool) -> int:
    """Start the servers, submit, watch, report. Returns the exit code."""
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()
    commits, token = seed(DEMO / "hub"), f"hf_{secrets.token_hex(16)}"
    console.print(f"[green]✓[/green] A Hub with {len(commits)} tiny repositories is in .demo/hub")
    with (
        localhub.running(DEMO / "hub", tokens={BOARD: token}) as hub,
        running(hub.endpoint, DEMO, settings(store, token)) as board,
        httpx.Client(base_url=f"{board.address}/api/v1", timeout=60, trust_env=False) as api,
    ):
        console.print(f"[green]✓[/green] The Hub answers at {hub.endpoint}, the board at {board.address}")
        queued, refused = submit_all(api, commits)
        every = [*watch(api, queued), *refused]
        print_board(api, sum(one.got == "finished" for one in every))
        wrong = [one for one in every if not one.as_expected]
        for one in wrong:
            console.print(
                f"[red]✗[/red] {one.name}: expected {one.expected}, got {one.got} {', '.join(one.codes)}. {one.said}"
            )
        if not wrong:
            console.print(f"[green]✓[/green] All {len(every)} submissions ended as expected")
        if store == "hub":
            print_details(hub.endpoint, api)
        if not once:
            console.print(f"\nNext: open [bold]{board.address}[/bold] · Ctrl-C ends everything")
            signal.pause()
    return 1 if wrong else 0


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--once", action="store_true", help="end when every submission has ended")
    parser.add_argument(
        "--store", choices=["local", "hub"], default="local", help="where requests and results are kept"
    )
    options = parser.parse_args()
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, signal.default_int_handler)
    try:
        return run(options.store, options.once)
    except KeyboardInterrupt:
        console.print("\nEnded.")
        return 0


if __name__ == "__main__":
    sys.exit(main())
