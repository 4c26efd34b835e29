"""Data of the challenge response-prediction: the answers of a made-up board, by a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from scripts.response_matrix import ITEM_COLUMNS, MODEL_COLUMNS, Board, write_challenge

PRACTICE = "practice"
"""Seed of the board that the kit has: everybody may know it."""
MODELS, ITEMS = 40, 240
SIZES = (0.1, 0.4, 1.0, 1.6, 3.0, 7.0, 8.0, 14.0, 32.0, 70.0)
"""Billions of parameters."""
ORGS = ("ash", "birch", "cedar", "elm", "fir")
CATEGORIES = {
    "sums": ("Add {n} numbers of {m} digits.", 0.9),
    "dates": ("Which day of the week is it {n} days after the {m}th?", 0.5),
    "logic": ("Of {n} statements, {m} are lies. Who tells the truth?", 0.2),
    "words": ("Which of {n} words does not rhyme with the other {m}?", -0.4),
}
"""Task -> what an item says, and how hard the task is."""


def write(private: Path, kit: Path, seed: str) -> None:
    """Write the private folder by `seed`, and the data of the folder `kit`: a smaller board with its labels."""
    write_challenge(made_board(seed), private, seed)
    write_challenge(made_board(PRACTICE, models=30, items=160), kit / "data", PRACTICE)


def made_board(seed: str, models: int = MODELS, items: int = ITEMS) -> Board:
    """A board of which every checkpoint answered every item: larger ones are better, each has its strong tasks."""
    draws = np.random.default_rng([*seed.encode(), models, items])
    about_models, ability = _models(draws, models)
    about_items, difficulty, slope, task = _items(draws, items)
    strength = draws.normal(0, 0.6, (models, len(CATEGORIES)))
    logits = slope * (ability[:, None] + strength[:, task] - difficulty)
    solved = (draws.random((models, items)) < 1 / (1 + np.exp(-logits))).astype(int)
    names = [(model, item) for model in about_models["model_id"] for item in about_items["item_id"]]
    responses = pd.DataFrame(names, columns=["model_id", "item_id"]).assign(response=solved.ravel())
    return Board(about_models, about_items, responses)


def _models(draws: np.random.Generator, number: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Metadata of the models, and how good each is."""
    rows, abilities = [], []
    for place in range(number):
        org, size = ORGS[place % len(ORGS)], float(draws.choice(SIZES))
        instruct, year = bool(draws.random() < 0.5), int(draws.integers(2022, 2027))
        name = f"{org}/m{place:02}-{size:g}b" + ("-it" if instruct else "")
        rows.append((name, org, round(size * 1e9), int(instruct), f"{year}-{int(draws.integers(1, 13)):02}-01"))
        growth = 0.55 * np.log10(size) + 0.2 * instruct + 0.15 * (year - 2024)
        abilities.append(growth + draws.normal(0, 0.5))
    return pd.DataFrame(rows, columns=list(MODEL_COLUMNS)), np.array(abilities)


def _items(draws: np.random.Generator, number: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """The items, and of each how hard it is, how sharply it tells models apart, and the number of its task."""
    rows, difficulties = [], []
    task = draws.integers(0, len(CATEGORIES), number)
    for place, chosen in enumerate(task):
        category, (text, hard) = list(CATEGORIES.items())[chosen]
        n, m = int(draws.integers(2, 10)), int(draws.integers(1, 10))
        rows.append((f"{category}/{place}", text.format(n=n, m=m), "made-up", category))
        difficulties.append(hard + 0.25 * (n - 6) + 0.1 * (m - 5) + draws.normal(0, 0.5) - 0.4)
    slope = np.exp(draws.normal(0.3, 0.3, number))
    return pd.DataFrame(rows, columns=list(ITEM_COLUMNS)), np.array(difficulties), slope, task
