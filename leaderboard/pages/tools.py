"""Search and lookup for programs that speak Gradio's client protocol or MCP: the same answers as the page's."""

from __future__ import annotations

from typing import Any

from gradio.events import api

from leaderboard.board.view import View
from leaderboard.errors import NotFound
from leaderboard.service import Service

MAX_FOUND = 100


def add_tools(service: Service) -> None:
    """Add the tools to the Blocks that is being built, as /search_leaderboard and /look_up_model."""

    def search_leaderboard(query: str, benchmark: str = "", limit: int = 20) -> dict[str, Any]:
        """Search the leaderboard and return its rows by descending average, with every score and its standard error.

        Args:
            query: names separated by ";", fields such as "license: mit", "params:<10", "type: chat"; empty for all
            benchmark: id of the benchmark; empty for the board's first one
            limit: rows at most, up to 100
        """
        asked = {"search": query, "limit": str(max(1, min(limit, MAX_FOUND)))}
        return service.boards.answer(service.benchmark(benchmark).id, asked)

    def look_up_model(model: str, benchmark: str = "") -> dict[str, Any]:
        """Look one model up by its exact name on the Hub and return all of its evaluations, flagged ones too.

        Args:
            model: repository on the Hub, org/name
            benchmark: id of the benchmark; empty for the board's first one
        """
        board = service.boards.get(service.benchmark(benchmark).id).board
        view = View(hide=())
        selection = board.select(view)
        found = [at for at in range(board.size) if str(board.names[at]).lower() == model.strip().lower()]
        if not found:
            raise NotFound(f"{model} has not been evaluated on this board.")
        return {"evaluations": board.rows(selection, found, view)}

    api(search_leaderboard, api_name="search_leaderboard")
    api(look_up_model, api_name="look_up_model")
