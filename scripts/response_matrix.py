"""Which checkpoint solved which item, as a challenge's data: `python -m scripts.response_matrix DETAILS INTO --seed S`.

DETAILS is the folder `details/{benchmark}` of a board's results (docs/results.md). INTO gets what the challenge
response-prediction needs: `train/` and `test/`, which participants read, and `labels.csv`, which they do not. Items get
new names, so that nobody finds them by their place in the board's own details. Where those details are public, so are
the labels: take a board whose details only its organisers can read.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from leaderboard.results.details import Details

HIDDEN = 0.25
"""Share of the responses that are asked for, of items that training data know."""
NEW_ITEMS = 0.15
"""Share of the items that training data do not know; half of their responses are asked for."""
KNOWN = 0.3
"""Share of the other responses that training data have."""
TEXT_KEYS = ("question", "query", "prompt", "problem", "text", "sentence", "input", "context")
MOST_CHARACTERS = 4000
MODEL_COLUMNS = ("model_id", "org", "param_count", "is_instruct", "release_date")
ITEM_COLUMNS = ("item_id", "item_text", "benchmark", "category")
PAIR = ["model_id", "item_id"]


class Board(NamedTuple):
    """What the checkpoints of a board answered."""

    models: pd.DataFrame
    """MODEL_COLUMNS; what is not known is missing."""
    items: pd.DataFrame
    """ITEM_COLUMNS."""
    responses: pd.DataFrame
    """`model_id`, `item_id`, `response` (0 or 1)."""


def read_board(details: Path) -> Board:
    """The board whose details lie in the folder, of each model its latest run. Raises ValueError where it has none."""
    rows, items = [], {}
    for model, task, file in _files(details):
        for row in Details(file.read_bytes()).rows(0, sys.maxsize):
            if row["right"] is not None:
                key = f"{task}/{row['doc_id']}"
                items[key] = (key, _text(row["doc"]), details.name, task)
                rows.append((model, key, int(row["right"])))
    if not rows:
        raise ValueError(f"{details} has no details of right and wrong answers.")
    responses = pd.DataFrame(rows, columns=[*PAIR, "response"]).drop_duplicates(PAIR)
    names = sorted(responses["model_id"].unique())
    models = pd.DataFrame({"model_id": names, "org": [name.partition("/")[0] for name in names]})
    return Board(
        models.reindex(columns=list(MODEL_COLUMNS)), pd.DataFrame(items.values(), columns=list(ITEM_COLUMNS)), responses
    )


def _files(details: Path) -> Iterator[tuple[str, str, Path]]:
    """Model, task and file of every task of each model's latest run."""
    for folder in sorted(details.glob("*__*")):
        runs = sorted(run for run in folder.iterdir() if run.is_dir())
        for file in sorted(runs[-1].glob("*.parquet")) if runs else ():
            yield folder.name.replace("__", "/", 1), file.stem, file


def _text(doc: Any) -> str:
    """What an item asks, as far as its document says it."""
    fields = doc if isinstance(doc, dict) else {}
    text = next((fields[key] for key in TEXT_KEYS if isinstance(fields.get(key), str)), None)
    return (text if text is not None else json.dumps(doc, ensure_ascii=False))[:MOST_CHARACTERS]


def renamed(board: Board, seed: str) -> Board:
    """The same board with items named `i0001` and so on, in an order that `seed` decides."""
    keys = sorted(board.items["item_id"])
    random.Random(f"{seed} names").shuffle(keys)
    names = {key: f"i{number:04}" for number, key in enumerate(keys, 1)}
    items = board.items.assign(item_id=board.items["item_id"].map(names)).sort_values("item_id")
    responses = board.responses.assign(item_id=board.responses["item_id"].map(names))
    return Board(board.models, items, responses.sort_values(PAIR))


def write_challenge(board: Board, into: Path, seed: str) -> None:
    """Write `train/`, `test/` and `labels.csv` to the folder `into`. The same board and seed give the same bytes."""
    board = renamed(board, seed)
    draws = np.random.default_rng(list(seed.encode()))
    items = board.items["item_id"].to_numpy()
    new = set(draws.choice(items, round(NEW_ITEMS * len(items)), replace=False))
    responses = board.responses.reset_index(drop=True)
    is_new = responses["item_id"].isin(new).to_numpy()
    chance = draws.random(len(responses))
    asked = np.where(is_new, chance < 0.5, chance < HIDDEN)
    trained = ~is_new & (chance >= HIDDEN) & (chance < HIDDEN + (1 - HIDDEN) * KNOWN)
    known = board.items["item_id"].isin(responses[trained]["item_id"])
    for name in ("train", "test"):
        (into / name).mkdir(parents=True, exist_ok=True)
    _write(responses[trained], into / "train" / "train_responses.csv")
    _write(board.items[known], into / "train" / "train_items.csv")
    _write(board.models, into / "train" / "model_metadata.csv")
    pairs = responses[asked].merge(board.items[["item_id", "category"]], on="item_id")
    _write(board.items[board.items["item_id"].isin(pairs["item_id"])], into / "test" / "test_items.csv")
    _write(pairs[PAIR], into / "test" / "test_pairs.csv")
    _write(pairs.rename(columns={"response": "label"}), into / "labels.csv")


def _write(frame: pd.DataFrame, file: Path) -> None:
    frame.to_csv(file, index=False, lineterminator="\n")


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("details", type=Path, help="folder with the details of one benchmark")
    parser.add_argument("into", type=Path, help="private folder of the challenge")
    parser.add_argument("--seed", required=True, help="any text; whoever knows it can tell which responses are hidden")
    options = parser.parse_args()
    try:
        board = read_board(options.details)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    write_challenge(board, options.into, options.seed)
    print(f"✓ {options.into}: {len(board.models):,} models, {len(board.items):,} items")
    return 0


if __name__ == "__main__":
    sys.exit(main())
