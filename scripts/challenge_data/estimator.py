"""Data of the challenge estimator: small networks whose connections fail, and how likely two places stay connected."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import numpy as np

PUBLIC_SEED = "public"
"""Of the public items and of the training data: everybody may know it."""
TRAIN, PUBLIC, PRIVATE = 100, 40, 60
NODES, EDGES = (5, 8), (8, 13)
"""Fewest and most."""


def write(private: Path, kit: Path, seed: str) -> None:
    """Write the private folder, its private items by `seed`, and the data of the folder `kit`: all but these."""
    public = kit / "data"
    shown, hidden = _items("p", PUBLIC, PUBLIC_SEED), _items("h", PRIVATE, seed)
    for folder in (private, public):
        (folder / "train").mkdir(parents=True, exist_ok=True)
        training = _items("t", TRAIN, PUBLIC_SEED)
        _write_items(folder / "train" / "items.jsonl", training)
        _write_labels(folder / "train" / "answers.csv", [(item, "") for item in training])
    _write_items(public / "items.jsonl", shown)
    _write_labels(public / "labels.csv", [(item, "public") for item in shown])
    _write_items(private / "items.jsonl", [*shown, *hidden])
    _write_labels(private / "labels.csv", [(item, "public") for item in shown] + [(item, "private") for item in hidden])


def exact(item: dict[str, Any]) -> float:
    """How likely the item's `source` and `target` are connected: every state of its edges is looked at."""
    edges = item["edges"]
    states = np.arange(1 << len(edges))
    works = (states[:, None] >> np.arange(len(edges))) & 1 == 1
    reached = np.zeros((len(states), item["nodes"]), bool)
    reached[:, item["source"]] = True
    for _ in range(item["nodes"]):
        for place, (left, right, _) in enumerate(edges):
            both = works[:, place] & (reached[:, left] | reached[:, right])
            reached[:, left] |= both
            reached[:, right] |= both
    chances = np.array([edge[2] for edge in edges])
    weights = np.where(works, chances, 1 - chances).prod(axis=1)
    return float(weights[reached[:, item["target"]]].sum())


def _items(prefix: str, number: int, seed: str) -> list[dict[str, Any]]:
    draws = random.Random(f"{seed} {prefix}")
    return [_item(f"{prefix}{place:03}", draws) for place in range(number)]


def _item(name: str, draws: random.Random) -> dict[str, Any]:
    """A network in which every node can be reached when every edge works."""
    nodes = draws.randint(*NODES)
    pairs = {(draws.randrange(node), node) for node in range(1, nodes)}
    others = [(a, b) for a in range(nodes) for b in range(a + 1, nodes) if (a, b) not in pairs]
    wanted = max(0, min(draws.randint(*EDGES) - len(pairs), len(others)))
    edges = [[a, b, round(draws.uniform(0.1, 0.9), 2)] for a, b in sorted(pairs | set(draws.sample(others, wanted)))]
    return {"id": name, "nodes": nodes, "edges": edges, "source": 0, "target": nodes - 1}


def _write_items(file: Path, items: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(item) + "\n" for item in items))


def _write_labels(file: Path, rows: list[tuple[dict[str, Any], str]]) -> None:
    """The right answers, with the part that each item is in where it is in one."""
    with file.open("w", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(["id", "probability", *(["split"] if rows[0][1] else [])])
        writer.writerows([item["id"], repr(exact(item)), *([part] if part else [])] for item, part in rows)
