"""The demo: a Hub on this machine, a board, every checkpoint of checkpoints/manifest.yaml submitted to it, a challenge.

`python -m scripts.demo` runs until Ctrl-C; with `--once` it stops when every submission has ended, and exits with 0
when each ended as the manifest expects. It writes everything to `.demo/`, which it empties first. With `--store hub`
its files are datasets on that Hub, and it also prints a details dataset read with `load_dataset`. With `--executor
slurm` its jobs run on a Slurm cluster of two nodes on this machine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

import localhub
from scripts import demo_challenge, slurm_cluster
from scripts.seed_hub import manifest, seed
from scripts.service import running

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".demo"
ALL_S = 600
"""Seconds after which submissions that have not ended count as lost."""
BOARD = "podium"
"""The board's user on the demo's Hub."""

console = Console(highlight=False, width=None if sys.stdout.isatty() else 112)


class Outcome(NamedTuple):
    """The outcome of one submission."""

    name: str
    expected: str
    got: str
    codes: tuple[str, ...]
    """Problem or failure codes; empty when it finished."""
    message: str
    """The message for the submitter; empty when it finished."""

    @property
    def as_expected(self) -> bool:
        """Whether it ended with the status and the code that the manifest names."""
        ended, _, code = self.expected.partition(": ")
        return ended == self.got and (not code or code in self.codes)


def board_port() -> str:
    """Port 7860 when it is free, otherwise "0" for any free port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 7860))
        except OSError:
            return "0"
    return "7860"


def settings(store: str, executor: str, token: str) -> dict[str, str]:
    """The demo's settings in addition to those of `scripts.service`."""
    on_slurm = {"PODIUM_EXECUTOR": "slurm", "PODIUM_DEVICE": "cpu", "PODIUM_SLOTS": "4"}
    on_the_hub = {"HF_TOKEN": token, "PODIUM_HUB_NAMESPACE": BOARD, "PODIUM_PROGRESS_S": "5"}
    return {
        **(on_the_hub if store == "hub" else {}),
        **(on_slurm if executor == "slurm" else {}),
        **demo_challenge.settings(DEMO),
        "PODIUM_STORE": store,
        "PODIUM_TITLE": "Podium demo",
        "PODIUM_PORT": board_port(),
        "PODIUM_TICK_S": "1",
    }


def submit_all(api: httpx.Client, commits: dict[str, list[str]]) -> tuple[dict[str, dict[str, Any]], list[Outcome]]:
    """Submit every entry of the manifest and of the challenge.

    Returns request id -> queued entry, and the outcomes of refused entries.
    """
    queued: dict[str, dict[str, Any]] = {}
    refused: list[Outcome] = []
    for entry in [*manifest()["submissions"], *demo_challenge.SOLUTIONS]:
        name = label(entry)
        if "program" in entry:
            answer = demo_challenge.submit(api, DEMO, entry)
        else:
            answer = submit_checkpoint(api, entry, commits)
        if answer.status_code == 201:
            queued[answer.json()["id"]] = entry
            console.print(f"[green]✓[/green] {name} is queued")
            continue
        refusal = answer.json()
        codes = tuple(problem["code"] for problem in refusal.get("problems", []) if problem["severity"] == "error")
        refused.append(Outcome(name, expected(entry), "refused", codes, refusal["error"]))
        console.print(f"[yellow]–[/yellow] {name} was refused: {refusal['error']}")
    return queued, refused


def submit_checkpoint(api: httpx.Client, entry: dict[str, Any], commits: dict[str, list[str]]) -> httpx.Response:
    """Submit a checkpoint of the manifest; what the board answers."""
    revision = commits[entry["repo"]][entry["commit"] - 1] if "commit" in entry else "main"
    body = {"benchmark": "tiny", "model": entry["repo"], "revision": revision}
    fields = ("precision", "weight_type", "base_model", "model_type", "use_chat_template")
    return api.post("/submissions", json=body | {field: entry[field] for field in fields if field in entry})


def label(entry: dict[str, Any]) -> str:
    """The display name of a submission."""
    return str(entry["repo"]) + (f" (commit {entry['commit']})" if "commit" in entry else "")


def expected(entry: dict[str, Any]) -> str:
    """The outcome that the manifest expects: status, and code if any."""
    return str(entry["expect"]) + (f": {entry['code']}" if "code" in entry else "")


def watch(api: httpx.Client, queued: dict[str, dict[str, Any]]) -> list[Outcome]:
    """Show progress until every queued submission has ended; returns the outcomes."""
    columns = (
        TextColumn("{task.description:<34}"),
        BarColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
    )
    ended: dict[str, Outcome] = {}
    deadline = time.monotonic() + ALL_S
    with Progress(*columns, console=console, transient=True) as progress:
        bars: dict[str, TaskID] = {}
        while len(ended) < len(queued) and time.monotonic() < deadline:
            for request in api.get("/requests", params={"limit": 1000}).json()["requests"]:
                entry = queued.get(request["id"])
                if entry is None or request["id"] in ended:
                    continue
                if request["status"] == "RUNNING":
                    show_running(progress, bars, request, label(entry))
                elif request["status"] in {"FINISHED", "FAILED", "CANCELLED"}:
                    ended[request["id"]] = outcome(request, entry)
                    if request["id"] in bars:
                        progress.remove_task(bars.pop(request["id"]))
                    report(progress.console, ended[request["id"]])
            time.sleep(0.5)
    lost = [
        Outcome(label(entry), expected(entry), "not ended", (), "") for key, entry in queued.items() if key not in ended
    ]
    return [*ended.values(), *lost]


def show_running(progress: Progress, bars: dict[str, TaskID], request: dict[str, Any], name: str) -> None:
    """Update the progress bar of a running request."""
    state = request.get("progress") or {"task": "starting", "done": 0, "total": 0}
    if request["id"] not in bars:
        bars[request["id"]] = progress.add_task(name, total=None, state="")
    progress.update(bars[request["id"]], total=state["total"] or None, completed=state["done"], state=state["task"])


def outcome(request: dict[str, Any], entry: dict[str, Any]) -> Outcome:
    """The outcome of a request that has ended."""
    failure = request.get("failure") if request["status"] == "FAILED" else None
    codes, message = ((failure["code"],), failure["message"]) if failure else ((), "")
    return Outcome(label(entry), expected(entry), request["status"].lower(), codes, message)


def report(target: Console, result: Outcome) -> None:
    """Print one line for a submission that has ended."""
    mark = (
        "[green]✓[/green]"
        if result.got == "finished"
        else "[yellow]–[/yellow]"
        if result.as_expected
        else "[red]✗[/red]"
    )
    target.print(f"{mark} {result.name} {result.got}" + (f": {result.message}" if result.message else ""))


def shown(api: httpx.Client, benchmark: str, rows: int) -> dict[str, Any]:
    """What a board shows, once it has `rows` rows (a few seconds after publication)."""
    for _ in range(20):
        answer: dict[str, Any] = api.get(f"/benchmarks/{benchmark}/rows", params={"facets": "true"}).json()
        if answer["of"] >= rows:
            break
        time.sleep(0.5)
    return answer


def print_board(answer: dict[str, Any]) -> None:
    """Print the board of checkpoints as a table."""
    columns = [column for column in answer["columns"] if column["kind"] == "score"]
    table = Table(title="The board", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("#", "Model @ revision", "Average", *(column["title"] for column in columns)):
        is_text = heading.startswith("Model")
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=is_text)
    for row in answer["rows"]:
        scores = [number(row["scores"][column["key"]]["value"]) for column in columns]
        name = f"{row['model'].split('/')[-1]} @ {row['revision'][:7]}"
        table.add_row(str(row["rank"] or "–"), name, number(row["average"]), *scores)
    console.print(table)


def number(value: float | None) -> str:
    """A score as text."""
    return "–" if value is None else f"{value:.1f}"


def print_details(endpoint: str, api: httpx.Client) -> None:
    """Print the details dataset of the board's first model, read with `load_dataset`."""
    model = api.get("/benchmarks/tiny/rows").json()["rows"][0]["model"]
    evaluation = api.get(f"/models/{model}").json()["evaluations"][0]
    repo, task = f"{BOARD}/{model.replace('/', '__')}-details", evaluation["tasks"][0]
    call = f'datasets.load_dataset("{repo}", "{task}", split="latest")'
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(DEMO / "reader"), "HF_HUB_DISABLE_XET": "1"}
    script = f"import datasets; datasets.disable_progress_bars(); print({call})"
    done = subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True)
    console.print(f"\n>>> {call}\n{done.stdout}", markup=False)


@contextlib.contextmanager
def cluster(executor: str) -> Iterator[None]:
    """With `slurm`, a Slurm of two nodes on this machine for as long as the block lasts."""
    if executor != "slurm":
        yield
        return
    with slurm_cluster.running(DEMO / "slurm") as slurm:
        console.print(f"[green]✓[/green] A Slurm with {len(slurm.nodes)} nodes runs in .demo/slurm")
        yield


def run(store: str, executor: str, once: bool) -> int:
    """Start the servers, submit, watch and report. Returns the exit code."""
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()
    commits, token = seed(DEMO / "hub"), f"hf_{secrets.token_hex(16)}"
    console.print(f"[green]✓[/green] A Hub with {len(commits)} tiny repositories is in .demo/hub")
    with (
        cluster(executor),
        localhub.running(DEMO / "hub", tokens={BOARD: token}) as hub,
        running(hub.endpoint, DEMO, settings(store, executor, token)) as board,
        httpx.Client(base_url=f"{board.address}/api/v1", timeout=60, trust_env=False) as api,
    ):
        console.print(f"[green]✓[/green] The Hub is at {hub.endpoint}, the board at {board.address}")
        queued, refused = submit_all(api, commits)
        outcomes = [*watch(api, queued), *refused]
        finished = {result.name for result in outcomes if result.got == "finished"}
        answers = finished & {solution["repo"] for solution in demo_challenge.SOLUTIONS}
        print_board(shown(api, "tiny", len(finished - answers)))
        demo_challenge.print_challenge(shown(api, demo_challenge.NAME, len(answers)), console)
        unexpected = [result for result in outcomes if not result.as_expected]
        for result in unexpected:
            console.print(
                f"[red]✗[/red] {result.name}: expected {result.expected}, "
                f"got {result.got} {', '.join(result.codes)}. {result.message}"
            )
        if not unexpected:
            console.print(f"[green]✓[/green] All {len(outcomes)} submissions ended as expected")
        if store == "hub":
            print_details(hub.endpoint, api)
        if not once:
            console.print(f"\nNext: open [bold]{board.address}[/bold] · press Ctrl-C to stop")
            signal.pause()
    return 1 if unexpected else 0


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--once", action="store_true", help="stop when every submission has ended")
    parser.add_argument(
        "--store", choices=["local", "hub"], default="local", help="where requests and results are kept"
    )
    parser.add_argument("--executor", choices=["local", "slurm"], default="local", help="where jobs run")
    options = parser.parse_args()
    if options.executor == "slurm" and (reason := slurm_cluster.missing()):
        sys.exit(reason)
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, signal.default_int_handler)
    try:
        return run(options.store, options.executor, options.once)
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return 0


if __name__ == "__main__":
    sys.exit(main())
