"""The servers that scripts/bench_table.py compares: `python scripts/table_servers.py NAME TABLE.parquet`.

Prints `READY address milliseconds` when it answers; the milliseconds are Podium's, from imports to first answer.
Runs under Gradio 5 for gradio_leaderboard, so each server imports only what it needs.
"""

import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SHOWN = [
    *("fullname", "Average ⬆️", "IFEval", "BBH", "MATH Lvl 5", "GPQA", "MUSR", "MMLU-PRO", "Type", "Precision"),
    *("Architecture", "Hub License", "#Params (B)", "Model sha", "Hub ❤️", "Upload To Hub Date", "Base Model"),
]
"""The columns of the comparison: those that the Open LLM Leaderboard showed."""


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def podium(table: Path) -> None:
    """The service as it is, over a contents table that is read from a file."""
    import tempfile
    from dataclasses import replace

    import httpx
    import pandas as pd
    import uvicorn

    from app import build_app
    from leaderboard.board.boards import Boards, ContentsSource
    from leaderboard.service import open_service
    from leaderboard.settings import Settings
    from scripts.static_table import StaticTable

    begin = time.perf_counter()
    folder = Path(tempfile.mkdtemp())
    settings = Settings(
        benchmarks="open-llm-v2",
        requests_dir=folder / "requests",
        results_dir=folder / "results",
        work_dir=folder / "work",
    )
    service = open_service(settings)
    boards = Boards(ContentsSource(lambda _: "1", lambda _: pd.read_parquet(table)), service.benchmarks)
    app = build_app(replace(service, boards=boards))
    static = StaticTable(app)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    address = f"http://127.0.0.1:{port}"
    httpx.get(f"{address}/api/v1/benchmarks/open-llm-v2/rows?facets=1", trust_env=False, timeout=60).raise_for_status()
    answered_ms = 1000 * (time.perf_counter() - begin)
    static.copy(address, "/api/v1/benchmarks/open-llm-v2/rows?search=llama&limit=50&facets=true")
    print("READY", address, answered_ms, flush=True)
    thread.join()


def mounted(blocks: object) -> None:
    """A peer's page, mounted because `launch` fails with pages of many megabytes."""
    import gradio as gr
    import uvicorn
    from fastapi import FastAPI

    port = free_port()
    app = gr.mount_gradio_app(FastAPI(), blocks, "/")
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    print("READY", f"http://127.0.0.1:{port}", 0, flush=True)
    thread.join()


def dataframe(table: Path) -> None:
    """gr.Dataframe with its own search."""
    import gradio as gr
    import pandas as pd

    with gr.Blocks() as blocks:
        gr.Dataframe(pd.read_parquet(table)[SHOWN], show_search="filter", interactive=False, max_height=800)
    mounted(blocks)


def leaderboard(table: Path) -> None:
    """gradio_leaderboard, as boards use it."""
    import gradio as gr
    import pandas as pd
    from gradio_leaderboard import Leaderboard

    with gr.Blocks() as blocks:
        Leaderboard(pd.read_parquet(table)[SHOWN], search_columns=["fullname"])
    mounted(blocks)


if __name__ == "__main__":
    servers = {"Podium": podium, "gr.Dataframe": dataframe, "gradio_leaderboard": leaderboard}
    servers[sys.argv[1]](Path(sys.argv[2]))
