"""The Leaderboard page: the table's script in a gr.HTML, which asks the server for windows of rows."""

from __future__ import annotations

from typing import Any

import gradio as gr

from leaderboard.errors import PodiumError
from leaderboard.service import Service

TITLE = "Leaderboard"

# The whole address: Gradio's scripts outlive a page, and a path alone is resolved against the one they came from.
START = """
const address = new URLSearchParams(location.search);
const benchmark = address.get("benchmark") || props.benchmark;
const prefix = new URL(window.gradio_config?.root || location.origin).pathname.replace(/\\/$/, "");
const ask = (payload) => server.ask_board({ ...payload, benchmark });
const first = ask({ ...Object.fromEntries(address), offset: 0, limit: 100, facets: true, about: true });
const board = element.querySelector(".board");
import(`${location.origin}${prefix}/podium-assets/table.js`).then(async ({ mount }) => {
  const answer = await first;
  if (answer.error) board.textContent = answer.error;
  else mount(board, { about: answer.about, first: answer, ask, hub: props.hub, prefix });
});
"""


def build(service: Service) -> None:
    """Draw the page into the Blocks that is being built."""

    def ask_board(ask: dict[str, Any]) -> dict[str, Any]:
        """One window of rows; a dictionary with `error` where there can be none."""
        try:
            benchmark = service.benchmark(str(ask.get("benchmark") or "")).id
            return service.boards.answer(benchmark, ask)
        except PodiumError as error:
            return {"error": str(error)}

    gr.HTML(
        value="",
        html_template='<div class="board" style="height: calc(100dvh - 76px)"></div>',
        js_on_load=START,
        server_functions=[ask_board],
        elem_id="board",
        benchmark=next(iter(service.benchmarks)),
        hub=service.settings.hub_endpoint,
    )
