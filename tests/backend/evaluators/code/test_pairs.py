"""The interface `train-predict` in real bubblewrap: labels are revealed, the package trains and predicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.evaluators.code_run import evaluate
from backend.failures import JobFailed
from leaderboard.benchmarks import Benchmark, Column
from leaderboard.records import Fault
from tests.backend.evaluators.code.packages import GOOD_MODEL, PAIRS, pair_benchmark, prepared, ran, write_pairs, zipped

ALL = """
def train(train_dir): pass
def predict(train_dir, test_dir, labeled_pairs):
    import csv
    with open(test_dir + "/test_pairs.csv") as file:
        rows = list(csv.DictReader(file))
    return [{**row, "p": 0.5} for row in rows]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_pairs(tmp_path / "private")
    return tmp_path


def test_a_good_package_is_scored(folder: Path) -> None:
    block = ran(folder, {"model.py": GOOD_MODEL}, pair_benchmark())
    assert block["scores"]["score"]["raw"] == pytest.approx(0.6931, abs=1e-4)
    assert block["scores"]["auc"]["raw"] == 0.5 and block["scores"]["score"]["n"] == PAIRS
    code = block["provenance"]["code"]
    assert (code["labelling"], code["revealed_labels"], code["processes"]) == ("none", 0, 1)
    assert code["near_constant"] == {"share": 1.0, "answers": PAIRS}


def test_the_best_scored_pairs_are_revealed_and_not_scored(folder: Path) -> None:
    labelling = """
def score_pairs(test_pairs, train_dir="", test_dir=""):
    return [1.0 if pair["item_id"] == "q3" else 0.0 for pair in test_pairs]
"""
    model = ALL.replace(
        '    return [{**row, "p": 0.5} for row in rows]',
        '    assert {pair["item_id"] for pair in labeled_pairs} == {"q3"}, labeled_pairs\n'
        '    assert [pair["label"] for pair in labeled_pairs] == [0, 1, 0, 1]\n'
        '    return [{**row, "p": 0.5} for row in rows if row["item_id"] != "q3"]',
    )
    block = ran(folder, {"model.py": model, "labeling.py": labelling}, pair_benchmark(label_budget=4))
    code = block["provenance"]["code"]
    assert (code["labelling"], code["labelling_failed"], code["revealed_labels"]) == ("labeling.py", "", 4)
    assert code["processes"] == 2 and block["scores"]["score"]["n"] == PAIRS - 4


def test_without_labelling_a_random_sample_is_revealed_the_same_in_each_run(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ALL.replace(
        "    import csv", "    print('told', [tuple(pair.values()) for pair in labeled_pairs])\n    import csv"
    )
    told = []
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "private").symlink_to(folder / "private")
        code = ran(tmp_path / str(number), {"model.py": model}, pair_benchmark(label_budget=5))["provenance"]["code"]
        assert (code["labelling"], code["revealed_labels"], code["labelling_failed"]) == ("random", 5, "")
        told += [line for line in capsys.readouterr().out.split("\n") if line.startswith("| told")]
    assert len(told) == 2 and told[0] == told[1]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no')", "ValueError at labeling.py:2"),
        ("return [0.0] * 3", "another number of scores than pairs"),
        ("return [float('nan')] * len(test_pairs)", "not finite"),
        ("return 7", "did not return a list"),
        ("import os; os._exit(1)", "its process ended"),
        ("import time; time.sleep(30)", "no answer within its time limit"),
    ],
)
def test_labelling_that_fails_means_random_labels_and_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str], body: str, words: str
) -> None:
    labelling = f"def score_pairs(test_pairs, train_dir, test_dir):\n    {body}\n"
    files: dict[str, str | bytes] = {"model.py": ALL, "labeling.py": labelling}
    block = ran(folder, files, pair_benchmark(label_budget=4, call_seconds=2.0))
    code = block["provenance"]["code"]
    assert code["labelling"] == "random" and words in code["labelling_failed"] and code["revealed_labels"] == 4
    assert "podium: labeling.py was not used, the 4 revealed labels are random: " in capsys.readouterr().out
    assert block["scores"]["score"]["n"] == PAIRS - 4


CHEAT = """
def score_pairs(test_pairs, train_dir, test_dir):
    return [1.0 if int(pair["model_id"][1:]) % 2 else 0.0 for pair in test_pairs]
"""
"""Has half of the rows with label 1 revealed, which are then not scored."""
SURE = ALL.replace("0.5}", "0.1}")


def beside_random(budget: int) -> Benchmark:
    """A column of a metric, and one of the same metric under random revelation."""
    rules = pair_benchmark(label_budget=budget)
    column = Column(key="random", title="Random", score="random.score", higher_is_better=False)
    return rules.model_copy(update={"columns": [*rules.columns, column]})


def test_the_score_under_random_revelation_stands_beside_that_of_chosen_labels(folder: Path) -> None:
    block = ran(folder, {"model.py": SURE, "labeling.py": CHEAT}, beside_random(20))
    scores, code = block["scores"], block["provenance"]["code"]
    assert code["labelling"] == "labeling.py" and code["processes"] == 3
    assert scores["score"]["n"] == scores["random"]["n"] == PAIRS - 20
    assert scores["score"]["raw"] < scores["random"]["raw"] - 0.2


def test_labels_that_are_random_anyway_are_not_revealed_a_second_time(folder: Path) -> None:
    block = ran(folder, {"model.py": SURE}, beside_random(20))
    assert block["scores"]["score"]["raw"] == block["scores"]["random"]["raw"]
    assert block["provenance"]["code"]["processes"] == 1


def test_a_package_that_fails_with_random_labels_is_told_so(folder: Path) -> None:
    chosen = '    assert all(pair["label"] for pair in labeled_pairs)\n    import csv'
    files: dict[str, str | bytes] = {"model.py": ALL.replace("    import csv", chosen), "labeling.py": CHEAT}
    with pytest.raises(JobFailed, match="In the second run, with randomly revealed labels: ") as failed:
        ran(folder, files, beside_random(20))
    assert failed.value.code == "code_predict" and failed.value.fault is Fault.SUBMISSION


def test_what_cannot_be_scored_is_told_at_once_without_ids(folder: Path) -> None:
    model = ALL.replace(
        'return [{**row, "p": 0.5} for row in rows]',
        'return [{**row, "p": 2.0} for row in rows[:2]] + [{**rows[0], "p": 0.5}] + '
        '[{"model_id": "m9", "item_id": "q", "p": 0.1}, {"p": 1}, 5] + [{**row, "p": 0.5} for row in rows[5:]]',
    )
    with pytest.raises(JobFailed) as failed:
        ran(folder, {"model.py": model}, pair_benchmark())
    assert failed.value.code == "code_answers" and failed.value.fault is Fault.SUBMISSION
    for words in (
        "2 rows without model_id, item_id, p",
        "2 rows with a number outside 0 to 1 as `p`",
        "1 rows for pairs that were not asked for",
        "1 rows for a pair that has one already",
        "3 of 40 pairs have no row",
    ):
        assert words in str(failed.value)
    assert "q0" not in str(failed.value)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (
            ("def train(train_dir): pass", "def train(train_dir):\n    1 / 0"),
            "code_train",
            "ZeroDivisionError at model.py:3",
        ),
        (("    import csv", "    import csv\n    raise KeyError(4)"), "code_predict", "KeyError at model.py:5: 4"),
        (('return [{**row, "p": 0.5} for row in rows]', "return {}"), "code_answers", "not a list"),
        (("def train", "import nothing\ndef train"), "code_import", "ModuleNotFoundError at model.py:2"),
        (
            ("def train(train_dir): pass", "def train(train_dir):\n    x = [bytearray(10**8) for _ in range(20)]"),
            "code_train",
            "memory",
        ),
    ],
)
def test_failures_say_the_stage_and_the_line(folder: Path, change: tuple[str, str], code: str, words: str) -> None:
    with pytest.raises(JobFailed) as failed:
        ran(folder, {"model.py": ALL.replace(*change)}, pair_benchmark())
    assert failed.value.code == code and words.lower() in str(failed.value).lower()


def test_labels_in_a_folder_that_programs_read_are_refused(folder: Path) -> None:
    private = folder / "private"
    (private / "labels.csv").rename(private / "test" / "labels.csv")
    with pytest.raises(JobFailed) as failed:
        ran(folder, {"model.py": ALL}, pair_benchmark(labels="test/labels.csv"))
    assert failed.value.code == "benchmark_data" and failed.value.fault is Fault.INFRASTRUCTURE


@pytest.mark.parametrize(
    "labels", ["model_id,item_id\n", "model_id,item_id,label\nm0,q0,1\n", "model_id,item_id,label\nm0,q0,yes\n"]
)
def test_trouble_with_the_organiser_s_data_is_ours(folder: Path, labels: str) -> None:
    (folder / "private" / "labels.csv").write_text(labels)
    with pytest.raises(JobFailed) as failed:
        ran(folder, {"model.py": ALL}, pair_benchmark())
    assert failed.value.code == "benchmark_data" and failed.value.fault is Fault.INFRASTRUCTURE


def test_a_pair_that_is_there_twice_is_our_trouble(folder: Path) -> None:
    with (folder / "private" / "test" / "test_pairs.csv").open("a") as pairs:
        pairs.write("m0,q0\n")
    with pytest.raises(JobFailed, match="a pair is there more than once"):
        ran(folder, {"model.py": ALL}, pair_benchmark())


def test_a_damaged_zip_is_the_submission_s_failure(folder: Path) -> None:
    damaged = zipped({"model.py": ALL})[:-30]
    workdir = prepared(folder / "jobs", damaged, pair_benchmark(), folder / "private")
    with pytest.raises(JobFailed) as failed:
        evaluate(workdir.path)
    assert failed.value.code == "bad_archive" and failed.value.fault is Fault.SUBMISSION
