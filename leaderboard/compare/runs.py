"""The evaluations that are compared: rows of the board, and other evaluations of the same checkpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from leaderboard.board.boards import Boards
from leaderboard.board.table import Board
from leaderboard.board.view import View
from leaderboard.errors import NotFound, Unreadable
from leaderboard.records import PodiumBlock, Score, is_repo_id
from leaderboard.results.results import Results

MOST = 5
"""Evaluations in one comparison."""
FOUND = 8
"""Rows that a search for more offers."""
RUN_NAME = re.compile(r"(?P<request>[0-9a-f]{16})-(?P<attempt>\d{1,4}):(?P<model>.+)")
"""Names an evaluation that is not on the board, such as an earlier attempt."""


@dataclass(frozen=True)
class Run:
    """One evaluation."""

    id: str
    """The row's id, or the name of an evaluation that is not on the board; what addresses hold."""
    model: str
    revision: str
    precision: str
    weight_type: str
    chat: bool
    scores: dict[str, Score]
    """By column key; a column that was not measured is missing or has None."""
    average: float | None
    path: str | None = None
    """Of its results file; None when there is none, as for imported rows."""
    block: PodiumBlock | None = None
    harness: Mapping[str, Any] = field(default_factory=dict)
    """The results file."""


class Chosen(NamedTuple):
    """What an address asks for."""

    runs: list[Run]
    missing: list[str]
    """A sentence for every name that could not be used."""


def names_in(text: str) -> list[str]:
    """The row ids in an address's `rows`, each once."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def run_name(block: PodiumBlock) -> str:
    """Names an evaluation whether or not the board shows it."""
    return f"{block.request_id}-{block.attempt}:{block.model}"


def choose(boards: Boards, results: Results, benchmark_id: str, names: Sequence[str]) -> Chosen:
    """The evaluations of those names, at most MOST, in that order. Raises NotFound for an unknown benchmark."""
    board = boards.get(benchmark_id).board
    runs: list[Run] = []
    missing: list[str] = []
    for name in names:
        if len(runs) == MOST:
            missing.append(f"{name[:200]} is left out: at most {MOST} can be compared.")
            continue
        try:
            runs.append(_run(board, results, name))
        except NotFound as error:
            missing.append(str(error))
    return Chosen(runs, missing)


def others(results: Results, benchmark_id: str, run: Run, shown: Sequence[str]) -> list[tuple[str, PodiumBlock]]:
    """Names and blocks of the other evaluations of the run's model, the newest first; those in `shown` left out."""
    blocks = [block for block in results.of_model(benchmark_id, run.model).values() if block.limit is None]
    own = run_name(run.block) if run.block else None
    named = [(run_name(block), block) for block in reversed(blocks)]
    return [(name, block) for name, block in named if name != own and name not in shown]


def find(board: Board, text: str, shown: Sequence[str]) -> list[str]:
    """Ids of the best rows that a search finds, at most FOUND; the grammar is that of the table.

    Raises NotAccepted for a search that is too long.
    """
    if not text.strip():
        return []
    selection = board.select(View(search=text, hide=()))
    ids = (board.ids[int(at)] for at in selection.rows[: FOUND + len(shown)])
    return [name for name in ids if name not in shown][:FOUND]


def _run(board: Board, results: Results, name: str) -> Run:
    if (at := board.ids.position(name)) is not None:
        return _of_row(board, results, at)
    match = RUN_NAME.fullmatch(name)
    if match is not None and is_repo_id(match["model"]):
        for path, block in results.of_model(board.benchmark.id, match["model"]).items():
            if run_name(block) == name and block.limit is None:
                return _of_block(board, results, name, path, block)
    raise NotFound(f"There is no evaluation {name[:200]!r} on this board; a newer one may have taken its place.")


def _of_row(board: Board, results: Results, at: int) -> Run:
    path = board.frame["result_path"].iat[at] if "result_path" in board.frame else None
    path = path if isinstance(path, str) and path else None
    harness, block = _file(results, path)
    return Run(
        id=board.ids[at],
        model=str(board.names[at]),
        revision=str(board.texts["revision"][at] or ""),
        precision=str(board.texts["precision"][at] or "unknown"),
        weight_type=str(board.texts["weight_type"][at] or "unknown"),
        chat=bool(board.yes["chat"][at]),
        scores={key: _score(board, key, at) for key in board.keys},
        average=_number(board.average(board.keys)[at]),
        path=path if block else None,
        block=block,
        harness=harness,
    )


def _of_block(board: Board, results: Results, name: str, path: str, block: PodiumBlock) -> Run:
    comparable = block.benchmark_version == board.benchmark.version
    return Run(
        id=name,
        model=block.model,
        revision=block.revision,
        precision=block.precision,
        weight_type=block.weight_type,
        chat=block.use_chat_template,
        scores=dict(block.scores) if comparable else {},
        average=block.average if comparable else None,
        path=path,
        block=block,
        harness=_file(results, path)[0],
    )


def _file(results: Results, path: str | None) -> tuple[Mapping[str, Any], PodiumBlock | None]:
    """The results file at `path`; nothing where there is none that can be read."""
    if path is None:
        return {}, None
    try:
        harness = results.read(path)
    except (NotFound, Unreadable):
        return {}, None
    return harness, PodiumBlock.model_validate(harness["podium"])


def _score(board: Board, key: str, at: int) -> Score:
    n = board.n[key][at]
    return Score(
        raw=_number(board.raw[key][at]),
        normalised=_number(board.normalised[key][at]),
        stderr=_number(board.stderr[key][at]),
        n=None if np.isnan(n) else int(n),
    )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
