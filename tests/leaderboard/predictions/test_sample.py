"""Hidden samples: drawn by a seed, in fixed shares, whatever order the labels come in; parts that cannot be used."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.competition import CompetitionRules
from leaderboard.errors import Unreadable
from leaderboard.predictions.parts import parts_of, read_parts, unusable_parts
from leaderboard.predictions.sample import digest_of, draw, quotas

SEED, OTHER = "5e" * 32, "07" * 32
IDS = [f"i{number}" for number in range(1000)]
STRATA = [("easy", "hard", "odd")[min(2, number % 7 // 3)] for number in range(1000)]


def test_a_sample_has_the_shares_of_the_whole() -> None:
    counts = Counter(STRATA)
    for size in (1, 2, 99, 100, 997, 1000):
        drawn = draw(SEED, IDS, STRATA, size)
        assert len(set(drawn)) == size and drawn == sorted(drawn)
        shares = Counter(STRATA[at] for at in drawn)
        assert all(abs(shares[name] - size * count / 1000) < 1 for name, count in counts.items()), size


def test_largest_remainders_come_first_and_equal_ones_by_name() -> None:
    assert quotas({"b": 1, "a": 1, "c": 1}, 2) == {"a": 1, "b": 1, "c": 0}
    assert quotas({"a": 50, "b": 30, "c": 20}, 7) == {"a": 4, "b": 2, "c": 1}  # 3.5, 2.1, 1.4
    assert quotas({"a": 5}, 5) == {"a": 5}


def test_the_seed_alone_decides_and_not_the_order_of_the_labels() -> None:
    def names(seed: str, ids: list[str], strata: list[str]) -> set[str]:
        return {ids[at] for at in draw(seed, ids, strata, 100)}

    forwards = names(SEED, IDS, STRATA)
    assert forwards == names(SEED, IDS[::-1], STRATA[::-1]) != names(OTHER, IDS, STRATA)
    assert digest_of(forwards) == digest_of(sorted(forwards)) != digest_of(names(OTHER, IDS, STRATA))
    assert len(forwards & names(OTHER, IDS, STRATA)) < 30, "two samples of a tenth share about a tenth"


@pytest.mark.parametrize(("seed", "size"), [(SEED, 1001), ("", 10), ("ab" * 8, 10)])
def test_samples_that_are_not_drawn(seed: str, size: int) -> None:
    with pytest.raises(ValueError, match=r"there are 1,000 examples|its seed is missing"):
        draw(seed, IDS, STRATA, size)


SPLIT = CompetitionRules.model_validate({"split": {"column": "part"}})
BOTH = CompetitionRules.model_validate(
    {"split": {"column": "part"}, "hidden_sample": {"size": 2, "strata": "level"}},
)


def test_samples_are_drawn_from_the_public_part_only() -> None:
    columns = {"part": ["public", "private"] * 4, "level": ["a", "a", "b", "b"] * 2}
    parts = parts_of(BOTH, "labels.csv", list("abcdefgh"), columns)
    assert parts.private() == [1, 3, 5, 7]
    for seed in (SEED, OTHER):
        drawn = parts.scored(BOTH, seed)
        assert sorted(parts.strata[at] for at in drawn) == ["a", "b"] and all(parts.public[at] for at in drawn)
        assert not set(parts.scored(BOTH, seed, left_out={0, 2})) & {0, 2}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["public", "private", "Public", None], "says neither `public` nor `private` in 2 of 4 rows"),
        (["public", "public"], "says `private` of no row"),
        (["private"], "says `public` of no row"),
    ],
)
def test_labels_that_are_in_no_part_are_refused(values: list[str | None], words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        parts_of(SPLIT, "labels.csv", [str(at) for at in range(len(values))], {"part": values})


def code(**competition: object) -> Benchmark:
    return Benchmark.model_validate(
        {
            "id": "code", "version": "1", "title": "Code", "description": "", "kinds": ["code"],
            "columns": [{"key": "mse", "title": "MSE", "score": "mse", "higher_is_better": False}],
            "code": {"interface": "item", "items": "items.jsonl", "metrics": {"mse": "mse"}},
            "competition": competition,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "competition", "sentence"),
    [
        ("id,label,split\na,1,public\nb,2,private\n", {"split": {}}, ""),
        ("id,label\na,1\n", {"split": {}}, "it has no column split"),
        ("id,label,split\na,1,test\n", {"split": {}}, "says neither `public` nor `private` in 1 of 1 rows"),
        ("id,label\na,1\nb,1\n", {"hidden_sample": {"size": 3}}, "only 2 rows of the labels are public"),
        (None, {"split": {}}, "No such file or directory"),
        ("folder", {"split": {}}, "it is a folder, and has no column split"),
        ("folder", {"hidden_sample": {"size": 1}}, "only 0 rows of the labels are public"),
    ],
)
def test_what_the_labels_of_code_lack_is_said(
    content: str | None, competition: dict[str, object], sentence: str, tmp_path: Path
) -> None:
    if content == "folder":
        (tmp_path / "labels.csv").mkdir()
    elif content is not None:
        (tmp_path / "labels.csv").write_text(content)
    said = list(unusable_parts(code(**competition), tmp_path))
    assert (sentence in said[0]) if sentence else not said


def test_a_bom_and_several_id_columns_are_read(tmp_path: Path) -> None:
    several = code(split={})
    assert several.code is not None
    rules = several.code.model_copy(update={"id": ["model", "item"], "interface": "train-predict"})
    (tmp_path / "labels.csv").write_text("\ufeffmodel,item,label,split\nm,i,1,public\nm,j,0,private\n")
    parts = read_parts(several.model_copy(update={"code": rules}), "code", tmp_path)
    assert parts.ids == ["m\x1fi", "m\x1fj"] and parts.public == [True, False]
