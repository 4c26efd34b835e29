"""Competitions of code: parts of the labels, samples and revealed labels, for both interfaces."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest

from backend.evaluators.code_run import evaluate
from backend.failures import JobFailed
from backend.workdir import Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.predictions.parts import read_parts
from leaderboard.predictions.sample import digest_of
from leaderboard.records import Fault
from leaderboard.results.private_results import MOST_BYTES, PRIVATE_SCORES
from leaderboard.results.private_scores import PrivateScores
from tests.backend.evaluators.code.packages import (
    GOOD_ESTIMATOR,
    item_benchmark,
    pair_benchmark,
    prepared,
    write_items,
    write_pairs,
    zipped,
)

SEED = "ab" * 32
SPLIT, SAMPLE = {"split": {}}, {"hidden_sample": {"size": 4, "strata": "level"}}


def scored(
    folder: Path, files: dict[str, str | bytes], rules: Benchmark, **competition: Any
) -> tuple[dict[str, Any], PrivateScores, Workdir]:
    """The block of a package's result, and what is kept back. Raises JobFailed."""
    whole = Benchmark.model_validate(rules.model_dump() | {"competition": competition})
    workdir = prepared(folder / "jobs", zipped(files), whole, folder / "private")
    options = workdir.options().model_copy(update={"sample_seed": SEED})
    workdir._put("job.json", options.model_dump_json().encode())
    evaluate(workdir.path)
    kept = PrivateScores.model_validate_json(workdir.private(MOST_BYTES)[PRIVATE_SCORES])
    block: dict[str, Any] = workdir.results()["podium"]
    return block, kept, workdir


def say_parts(folder: Path) -> list[dict[str, str]]:
    """Add to the labels what part and stratum each is in: every third one is private."""
    place = folder / "private" / "labels.csv"
    rows = list(csv.DictReader(place.read_text().splitlines()))
    for at, row in enumerate(rows):
        row |= {"split": "private" if at % 3 == 2 else "public", "level": "ab"[at % 2]}
    with place.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


OFF = GOOD_ESTIMATOR.replace('item["x"]', 'item["x"] + (1 if item["x"] % 3 == 2 else 0)')


def test_items_of_each_part_are_scored_apart(tmp_path: Path) -> None:
    write_items(tmp_path / "private")
    say_parts(tmp_path)
    block, kept, workdir = scored(tmp_path, {"estimator.py": OFF}, item_benchmark(), **SPLIT)
    assert block["scores"]["score"]["raw"] == 0.0 and block["scores"]["score"]["n"] == 8
    assert kept.private is not None and kept.sample is None
    assert kept.private.columns["score"].raw == 1.0 and kept.private.columns["score"].n == 4
    assert block["provenance"]["code"]["calls"] == 12
    assert PRIVATE_SCORES.encode() not in (workdir.out / "results.json").read_bytes()


@pytest.mark.parametrize("has_split", [False, True])
def test_a_package_is_asked_about_its_sample_and_cannot_tell_which_items_are_private(
    has_split: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_items(tmp_path / "private", 30)
    say_parts(tmp_path)
    loud = OFF.replace("return", 'print("asked", item["id"]); return')
    competition = SPLIT | SAMPLE if has_split else SAMPLE
    block, kept, _ = scored(tmp_path, {"estimator.py": loud}, item_benchmark(), **competition)
    asked = re.findall(r"asked (i\d+)", capsys.readouterr().out)
    assert asked == sorted(asked, key=lambda name: int(name[1:]))
    assert block["scores"]["score"]["n"] == 4 and block["provenance"]["code"]["calls"] == len(asked)
    assert kept.sample is not None and (kept.sample.seed, kept.sample.size) == (SEED, 4)
    if has_split:
        assert len(asked) == 30 and kept.private is not None and kept.private.columns["score"].n == 10
    else:
        assert digest_of(asked) == kept.sample.digest and kept.private is None


CHOOSY = {
    "labeling.py": "def score_pairs(pairs, train_dir, test_dir):\n    return list(range(len(pairs)))\n",
    "model.py": """
import csv

def train(train_dir):
    pass

def predict(train_dir, test_dir, labeled_pairs):
    with open(test_dir + "/test_pairs.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40, "every pair is in sight, and not which of them count"
    print("told", sorted(row["model_id"] + row["item_id"] for row in labeled_pairs))
    return [{"model_id": row["model_id"], "item_id": row["item_id"], "p": 0.5} for row in rows]
""",
}


def test_private_labels_are_revealed_to_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pairs(tmp_path / "private")
    rows = say_parts(tmp_path)
    files: dict[str, str | bytes] = dict(CHOOSY)
    block, kept, _ = scored(tmp_path, files, pair_benchmark(label_budget=6), **SPLIT)
    assert block["provenance"]["code"]["revealed_labels"] == 6
    assert block["provenance"]["code"]["labelling"] == "labeling.py"
    public = [row["model_id"] + row["item_id"] for row in rows if row["split"] == "public"]
    assert f"told {sorted(public[-6:])}" in capsys.readouterr().out, "its favourites among the public ones"
    assert block["scores"]["score"]["n"] == len(public) - 6
    assert kept.private is not None and kept.private.columns["score"].n == 40 - len(public)


def test_a_sample_has_no_revealed_pair_and_is_drawn_again(tmp_path: Path) -> None:
    write_pairs(tmp_path / "private")
    say_parts(tmp_path)
    files: dict[str, str | bytes] = dict(CHOOSY)
    block, kept, workdir = scored(tmp_path, files, pair_benchmark(label_budget=6), **SPLIT, **SAMPLE)
    assert block["scores"]["score"]["n"] == 4 and kept.sample is not None and len(kept.sample.left_out) == 6
    parts = read_parts(workdir.benchmark(), "code", tmp_path / "private")
    left_out = {parts.ids.index(name) for name in kept.sample.left_out}
    drawn = [parts.ids[at] for at in parts.scored(workdir.benchmark().competition, SEED, left_out)]
    assert digest_of(drawn) == kept.sample.digest and not set(drawn) & set(kept.sample.left_out)


@pytest.mark.parametrize("where", ["pairs", "items", "labels", "sample"])
def test_data_that_would_tell_or_lack_the_parts_are_our_trouble(where: str, tmp_path: Path) -> None:
    private = tmp_path / "private"
    rules, files = pair_benchmark(), dict[str, str | bytes](CHOOSY)
    competition: dict[str, Any] = dict(SPLIT)
    if where == "items":
        write_items(private)
        say_parts(tmp_path)
        (private / "items.jsonl").write_text((private / "items.jsonl").read_text().replace("}", ', "split": "public"}'))
        rules, files = item_benchmark(), {"estimator.py": GOOD_ESTIMATOR}
    else:
        write_pairs(private)
        if where != "labels":
            say_parts(tmp_path)
    if where == "pairs":
        pairs = private / "test" / "test_pairs.csv"
        pairs.write_text(pairs.read_text().replace("\n", ",public\n").replace("item_id,public", "item_id,split"))
    if where == "sample":
        competition = {"hidden_sample": {"size": 41}}
    with pytest.raises(JobFailed) as failed:
        scored(tmp_path, files, rules, **competition)
    words = {
        "pairs": "packages read it, and it has the column split",
        "items": "packages are asked about its items, and one has the key split",
        "labels": "it has no column split",
        "sample": "a sample of 41 was asked for, and there are 40 examples",
    }
    assert (failed.value.code, failed.value.fault) == ("benchmark_data", Fault.INFRASTRUCTURE)
    assert words[where] in str(failed.value)
