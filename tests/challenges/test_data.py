"""The data of the shipped challenges: the same for a seed, other for another, and nothing private in a kit."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from leaderboard.errors import BadBenchmark
from leaderboard.results.details import details_table
from scripts.add_challenge import DATA, install
from scripts.challenge_data.estimator import exact
from scripts.response_matrix import read_board, write_challenge
from tests.challenges.boards import NAMES, SEED, installed, private_folder
from tests.shared import settings_of


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def rows(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_every_byte_of_the_private_data(name: str, tmp_path: Path) -> None:
    for place, seed in (("a", "one"), ("b", "one"), ("c", "two")):
        (tmp_path / place / "private").mkdir(parents=True)
        DATA[name](tmp_path / place / "private", tmp_path / place / "kit", seed)
    first, again, other = (files(tmp_path / place / "private") for place in "abc")
    assert first == again
    assert first["labels.csv"] != other["labels.csv"]


def test_a_kit_has_no_answer_of_the_private_part(tmp_path: Path) -> None:
    installed(tmp_path)
    for name, label in (("qa-predictions", "answer"), ("estimator", "probability")):
        private = rows(private_folder(tmp_path, name) / "labels.csv")
        kept = {row["id"]: row[label] for row in private if row["split"] == "private"}
        assert {row["split"] for row in private} == {"public", "private"}
        data = tmp_path / "benchmarks" / name / "kit" / "data"
        given = {row["id"]: row[label] for file in data.rglob("*.csv") for row in rows(file)}
        assert not [name for name in kept if given.get(name)]
        public = {row["id"]: row[label] for row in private if row["split"] == "public"}
        assert public.items() <= given.items()
    assert not (tmp_path / "benchmarks" / "qa-predictions" / "kit" / "seed.txt").exists()


def test_what_is_hidden_is_of_known_and_of_new_items_and_tells_nothing_of_the_kit(tmp_path: Path) -> None:
    for place, seed in (("a", "one"), ("b", "two")):
        (tmp_path / place / "private").mkdir(parents=True)
        DATA["response-prediction"](tmp_path / place / "private", tmp_path / place / "kit", seed)
    assert files(tmp_path / "a" / "kit") == files(tmp_path / "b" / "kit")
    private = tmp_path / "a" / "private"
    hidden = {(row["model_id"], row["item_id"]) for row in rows(private / "labels.csv")}
    assert hidden == {(row["model_id"], row["item_id"]) for row in rows(private / "test" / "test_pairs.csv")}
    trained = {(row["model_id"], row["item_id"]) for row in rows(private / "train" / "train_responses.csv")}
    assert trained.isdisjoint(hidden)
    known, asked = {item for _, item in trained}, {item for _, item in hidden}
    assert 20 < len(asked - known) < len(asked & known)


def test_what_is_installed_is_not_replaced_unawares(tmp_path: Path) -> None:
    installed(tmp_path)
    with pytest.raises(BadBenchmark, match="is there already"):
        install("estimator", settings_of(tmp_path), SEED)
    before = (private_folder(tmp_path, "estimator") / "labels.csv").read_bytes()
    install("estimator", settings_of(tmp_path), "another", replace=True)
    assert (private_folder(tmp_path, "estimator") / "labels.csv").read_bytes() != before


def test_the_right_answers_of_networks_are_right() -> None:
    in_a_row = {"nodes": 3, "edges": [[0, 1, 0.5], [1, 2, 0.4]], "source": 0, "target": 2}
    assert exact(in_a_row) == pytest.approx(0.2)
    beside = {"nodes": 3, "edges": [[0, 1, 0.5], [1, 2, 0.4], [0, 2, 0.25]], "source": 0, "target": 2}
    assert exact(beside) == pytest.approx(1 - 0.8 * 0.75)


def test_a_board_s_details_become_a_challenge(tmp_path: Path) -> None:
    details = tmp_path / "details" / "tiny"
    for model in ("ada__one", "ada__two", "ben__three"):
        for run in ("2026-01-01T00-00-00Z", "2026-02-01T00-00-00Z"):
            (details / model / run).mkdir(parents=True)
            good = model == "ada__two" and run.startswith("2026-02")
            samples = [
                {"doc_id": at, "doc": {"question": f"What is {at}?"}, "metrics": ["acc"], "acc": float(good or at % 2)}
                for at in range(80)
            ]
            (details / model / run / "sums.parquet").write_bytes(details_table(samples))
    board = read_board(details)
    assert sorted(board.models["model_id"]) == ["ada/one", "ada/two", "ben/three"]
    assert board.responses.groupby("model_id")["response"].mean().to_dict() == {
        "ada/one": 0.5, "ada/two": 1.0, "ben/three": 0.5
    }  # fmt: skip
    write_challenge(board, tmp_path / "private", "seed")
    labels, items = rows(tmp_path / "private" / "labels.csv"), rows(tmp_path / "private" / "test" / "test_items.csv")
    assert list(labels[0]) == ["model_id", "item_id", "label", "category"]
    assert items[0]["item_text"].startswith("What is ") and items[0]["benchmark"] == "tiny"
    text = {row["item_id"]: int(row["item_text"].removeprefix("What is ").rstrip("?")) for row in items}
    for row in labels:
        assert row["label"] == str(int(row["model_id"] == "ada/two" or text[row["item_id"]] % 2))
    assert len(pd.read_csv(tmp_path / "private" / "train" / "train_responses.csv")) > 20


def test_details_without_answers_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no details of right and wrong answers"):
        read_board(tmp_path)
