"""Search and lookup for programs that speak Gradio's client protocol or MCP: the same answers as the page's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from leaderboard.board.boards import Part
from leaderboard.board.search_help import TOOL_HELP
from leaderboard.board.view import View
from leaderboard.errors import NotAccepted, NotFound, PodiumError
from leaderboard.service import Service

MAX_ROWS = 100
"""Rows that one search returns at most."""
SEARCH_HELP = f"""Search the leaderboard and return rows by descending average, with every score and its standard error.

Args:
    query: {TOOL_HELP}
    benchmark: id of the benchmark; empty for the board's first one
    limit: rows at most, up to {MAX_ROWS}
"""
"""What programs are told of the search: Gradio reads it from the function."""


@contextmanager
def sentences() -> Iterator[None]:
    """Errors with what to do about them: of any other exception Gradio tells its callers nothing."""
    try:
        yield
    except NotAccepted as error:
        text = " ".join(f"{problem.message} {problem.fix}" for problem in error.problems)
        raise gr.Error(text, print_exception=False) from None
    except PodiumError as error:
        raise gr.Error(str(error), print_exception=False) from None


def add_tools(service: Service) -> None:
    """Add the tools to the Blocks that is being built, as /search_leaderboard and /look_up_model."""

    def search_leaderboard(query: str, benchmark: str = "", limit: int = 20) -> dict[str, Any]:
        if not 1 <= limit <= MAX_ROWS:
            raise gr.Error(f"limit is {limit}; it may be from 1 to {MAX_ROWS}.", print_exception=False)
        with sentences():
            return service.boards.answer_view(service.benchmark(benchmark).id, View(search=query), Part(limit=limit))

    def look_up_model(model: str, benchmark: str = "") -> dict[str, Any]:
        """Look one model up by its exact name on the Hub and return all of its evaluations, flagged ones too.

        Args:
            model: repository on the Hub, org/name
            benchmark: id of the benchmark; empty for the board's first one
        """
        with sentences():
            board = service.boards.get(service.benchmark(benchmark).id).board
            view = View(hide=())
            selection = board.select(view)
            name = model.strip().lower()
            positions = [position for position in range(board.size) if str(board.names[position]).lower() == name]
            if not positions:
                raise NotFound(f"{model} has not been evaluated on this board.")
            return {"evaluations": board.rows(selection, positions, view)}

    search_leaderboard.__doc__ = SEARCH_HELP
    # Documented, but left out of Gradio's __all__.
    gr.api(search_leaderboard, api_name="search_leaderboard")  # type: ignore[attr-defined]
    gr.api(look_up_model, api_name="look_up_model")  # type: ignore[attr-defined]
