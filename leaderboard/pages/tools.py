"""Search and lookup for programs that speak Gradio's client protocol or MCP: the same answers as the page's."""

from __future__ import annotations

from typing import Any

import gradio as gr

from leaderboard.board.view import View
from leaderboard.errors import NotFound
from leaderboard.service import Service

MAX_ROWS = 100
"""Rows that one search returns at most."""


def add_tools(service: Service) -> None:
    """Add the tools to the Blocks that is being built, as /search_leaderboard and /look_up_model."""

    def search_leaderboard(query: str, benchmark: str = "", limit: int = 20) -> dict[str, Any]:
        """Search the leaderboard and return its rows by descending average, with every score and its standard error.

        Args:
            query: names separated by ";", fields such as "license: mit", "params:<10", "type: chat"; empty for all
            benchmark: id of the benchmark; empty for the board's first one
            limit: rows at most, up to 100
        """
        view = {"search": query, "limit": str(max(1, min(limit, MAX_ROWS)))}
        return service.boards.answer(service.benchmark(benchmark).id, view)

    def look_up_model(model: str, benchmark: str = "") -> dict[str, Any]:
        """Look one model up by its exact name on the Hub and return all of its evaluations, flagged ones too.

        Args:
            model: repository on the Hub, org/name
            benchmark: id of the benchmark; empty for the board's first one
        """
        board = service.boards.get(service.benchmark(benchmark).id).board
        view = View(hide=())
        selection = board.select(view)
        name = model.strip().lower()
        positions = [position for position in range(board.size) if str(board.names[position]).lower() == name]
        if not positions:
            raise NotFound(f"{model} has not been evaluated on this board.")
        return {"evaluations": board.rows(selection, positions, view)}

    # Documented, but left out of Gradio's __all__.
    gr.api(search_leaderboard, api_name="search_leaderboard")  # type: ignore[attr-defined]
    gr.api(look_up_model, api_name="look_up_model")  # type: ignore[attr-defined]
