"""A bundle becomes a benchmark, all of it or nothing, and a bundle again."""

from __future__ import annotations

import shutil
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from leaderboard.benchmarks import Benchmark, load_benchmark
from leaderboard.bundles import BundleReading, add_bundle, export_bundle, read_bundle
from leaderboard.bundles.files import walk
from leaderboard.errors import BadBenchmark, NotFound
from tests.leaderboard.bundles.bundles import (
    BENCHGEN,
    BENCHGEN_YAML,
    CODABENCH,
    CODALAB,
    DIALECTS,
    Files,
    packed,
    write,
)


@dataclass
class Site:
    """The folders of a board."""

    folder: Path

    @property
    def benchmarks(self) -> Path:
        return self.folder / "benchmarks"

    @property
    def private(self) -> Path:
        return self.folder / "private" / "benchmarks" / "flowers"

    @property
    def yaml(self) -> Path:
        return self.benchmarks / "flowers.yaml"

    def read(self, source: Path) -> BundleReading:
        shutil.rmtree(self.folder / "scratch", ignore_errors=True)
        (self.folder / "scratch").mkdir(parents=True)
        return read_bundle(source, self.folder / "scratch")

    def add(self, source: Path, replace: bool = False) -> Benchmark:
        return add_bundle(self.read(source), "flowers", self.benchmarks, self.private, replace=replace)

    def add_files(self, files: Files, replace: bool = False) -> Benchmark:
        source = self.folder / "source"
        shutil.rmtree(source, ignore_errors=True)
        return self.add(write(source, files), replace)

    def kept(self) -> list[str]:
        """All files that the board has."""
        return [path.relative_to(self.folder).as_posix() for root in (self.benchmarks, self.private) if root.exists()
                for path in sorted(root.rglob("*")) if path.is_file()]  # fmt: skip

    def bundle_folder(self, benchmark: Benchmark) -> Path:
        assert benchmark.bundle is not None
        return self.private / benchmark.bundle.folder


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def without_folder(benchmark: Benchmark) -> Benchmark:
    return benchmark.model_copy(update={"folder": Path()})


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_bundle_exported_again_imports_to_the_same_benchmark(site: Site, tmp_path: Path, dialect: str) -> None:
    benchmark = site.add_files(DIALECTS[dialect])
    assert without_folder(load_benchmark(site.yaml)) == benchmark
    export_bundle(benchmark, site.private, tmp_path / "one.zip")
    export_bundle(benchmark, site.private, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    other = Site(tmp_path / "other")
    reading = other.read(tmp_path / "one.zip")
    assert list(reading.findings) == []
    assert reading.bundle is not None
    assert reading.bundle.dialect == "codabench"
    again = other.add(tmp_path / "one.zip")
    assert again == benchmark
    assert [path.relative_to(site.folder) for path in walk(site.bundle_folder(benchmark))] == [
        path.relative_to(other.folder) for path in walk(other.bundle_folder(again))
    ]


def test_the_benchmark_says_how_the_bundle_is_run_and_ranked(site: Site) -> None:
    benchmark = site.add_files(CODABENCH)
    assert benchmark.kinds == ["code", "predictions"]
    assert [(column.key, column.title, column.score) for column in benchmark.columns[:5]] == [
        ("accuracy", "Accuracy", "accuracy"), ("loss", "Rank (loss)", "loss"), ("best", "Best", "best"),
        ("duration", "Duration", "Duration"), ("mean", "Mean", "mean"),
    ]  # fmt: skip
    assert [column.score for column in benchmark.columns if column.in_average] == ["loss"]
    assert [column.score for column in benchmark.columns if column.hidden] == ["Duration", "Duration@0", "Duration@1"]
    assert [(column.higher_is_better, column.decimals) for column in benchmark.columns[:2]] == [(True, 3), (False, 2)]
    assert {key: track.title for key, track in benchmark.tracks.items()} == {
        "development": "Development", "final": "Final",
    }  # fmt: skip
    bundle = benchmark.bundle
    assert bundle is not None
    assert [(computed.score, computed.operation, computed.of) for computed in bundle.computed] == [
        ("mean", "avg", ["accuracy", "loss"]),
        ("best", "max", ["mean", "accuracy"]),
    ]
    single = next(column for column in benchmark.columns if column.score == "accuracy@1")
    assert (single.title, single.in_average) == ("Accuracy · Roses", False)
    assert benchmark.details == "public"
    assert [solution.tasks for solution in bundle.solutions] == [[0, 1]]


def test_programs_and_data_lie_unpacked_in_the_private_folder(site: Site) -> None:
    benchmark = site.add_files(CODABENCH)
    bundle = benchmark.bundle
    assert bundle is not None
    folder = site.bundle_folder(benchmark)
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "logo.png",
        "pages/0.md",
        "pages/1.html",
        "public_data/0.zip",
        "solutions/0.zip",
        "starting_kit/0.zip",
        "tasks/0/ingestion_program/ingest.py",
        "tasks/0/ingestion_program/metadata",
        "tasks/0/input_data/data/features.csv",
        "tasks/0/reference_data/labels.csv",
        "tasks/0/scoring_program/metadata.yaml",
        "tasks/0/scoring_program/score.py",
        "tasks/1/reference_data/labels.csv",
        "terms.md",
    ]
    assert bundle.task(1).scoring_program == bundle.task(0).scoring_program
    assert (folder / "public_data/0.zip").read_bytes() == CODABENCH["public.zip"]
    assert zipfile.ZipFile(folder / "starting_kit/0.zip").namelist() == ["README.md"]
    assert site.private.stat().st_mode & 0o077 == 0


def test_a_program_in_a_wrapping_folder_is_unwrapped(site: Site) -> None:
    benchmark = site.add_files(CODALAB)
    folder = site.bundle_folder(benchmark) / "tasks/0/scoring_program"
    assert sorted(path.name for path in folder.iterdir()) == ["metadata.yaml", "score.py"]


def test_what_may_be_run_stays_so(site: Site, tmp_path: Path) -> None:
    source = write(tmp_path / "source", BENCHGEN)
    (source / "scoring_program/score.py").chmod(0o700)
    benchmark = site.add(source)
    export_bundle(benchmark, site.private, tmp_path / "bundle.zip")
    assert Site(tmp_path / "other").add(tmp_path / "bundle.zip") == benchmark
    program = site.bundle_folder(benchmark) / "tasks/0/scoring_program"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in program.iterdir()}
    assert modes == {"metadata.yaml": 0o644, "score.py": 0o755}


def test_the_same_again_is_refused_unless_it_replaces(site: Site) -> None:
    first = site.add_files(BENCHGEN)
    with pytest.raises(BadBenchmark) as caught:
        site.add_files(BENCHGEN)
    assert caught.value.lines == [
        f"{site.yaml}: There is a benchmark 'flowers'. Use --replace to put this one in its place."
    ]
    assert site.add_files(BENCHGEN, replace=True) == first
    renamed = site.add_files({**BENCHGEN, "competition.yaml": BENCHGEN_YAML.replace("Small", "Large")}, replace=True)
    assert (renamed.title, renamed.version) == ("Large", first.version)
    changed = site.add_files({**BENCHGEN, "reference_data/labels.csv": "1\n1\n"}, replace=True)
    assert changed.version != first.version
    assert [path.name for path in site.private.glob("bundle-*")] == [site.bundle_folder(changed).name]


def test_another_benchmark_is_never_replaced(site: Site) -> None:
    site.benchmarks.mkdir(parents=True)
    site.yaml.write_text(
        "id: flowers\nversion: '1'\ntitle: T\ndescription: D\ncolumns:\n"
        "  - {key: a, title: A, run: [t], parts: [{task: t, metrics: ['acc,none']}]}\n"
    )
    before = site.yaml.read_text()
    with pytest.raises(BadBenchmark, match=r"This benchmark was not made from a bundle\. Choose another id\."):
        site.add_files(BENCHGEN, replace=True)
    assert site.yaml.read_text() == before


@pytest.mark.parametrize("benchmark_id", ["../x", "A", "", "a" * 65, "x/y", "a..b"])
def test_an_id_that_is_none(site: Site, benchmark_id: str) -> None:
    reading = site.read(write(site.folder / "source", BENCHGEN))
    with pytest.raises(BadBenchmark) as caught:
        add_bundle(reading, benchmark_id, site.benchmarks, site.private)
    assert caught.value.lines == [
        f"{benchmark_id!r} is no id. It may have small letters, digits, `.`, `_` and `-`, at most 64."
    ]
    assert site.kept() == []


def test_an_id_that_the_stores_use_leaves_nothing_behind(site: Site) -> None:
    reading = site.read(write(site.folder / "source", BENCHGEN))
    with pytest.raises(BadBenchmark, match="is a folder of the stores"):
        add_bundle(reading, "details", site.benchmarks, site.private)
    assert site.kept() == []
    assert list(site.private.iterdir()) == []


def test_a_bundle_with_errors_is_not_added(site: Site) -> None:
    with pytest.raises(BadBenchmark) as caught:
        site.add_files({"competition.yaml": "title: T\n"})
    assert all(line.startswith("competition.yaml:1: ") for line in caught.value.lines)
    assert site.kept() == []


def test_nothing_is_left_where_the_yaml_cannot_be_written(site: Site) -> None:
    site.folder.mkdir()
    site.benchmarks.write_text("a file where the folder should be")
    with pytest.raises(OSError, match="exists"):
        site.add_files(BENCHGEN)
    assert list(site.private.iterdir()) == []


def test_what_an_earlier_run_left_when_it_was_killed_goes(site: Site) -> None:
    (site.private / ".arriving-1234/files").mkdir(parents=True)
    benchmark = site.add_files(BENCHGEN)
    assert list(site.private.iterdir()) == [site.bundle_folder(benchmark)]


def test_titles_and_keys_that_the_board_cannot_have(site: Site) -> None:
    columns = "".join(
        f"      - {{title: {title}, key: {key}, index: {index}}}\n"
        for index, (title, key) in enumerate(
            [("F1", "a_f1"), ("f1", "b_f1"), ("Average", "R2-score"), ("A n", "r2_score"), ("T" * 60, "T" * 60)]
        )
    )
    files = {**BENCHGEN, "competition.yaml": BENCHGEN_YAML[: BENCHGEN_YAML.index("      - {")] + columns}
    benchmark = site.add_files(files)
    assert [(column.key, column.title, column.score) for column in benchmark.columns] == [
        ("a_f1", "F1", "a_f1"),
        ("b_f1", "f1 (b_f1)", "b_f1"),
        ("r2_score", "Average (R2-score)", "R2-score"),
        ("r2_score_2", "A n (r2_score)", "r2_score"),
        ("t" * 32, "T" * 40, "T" * 60),
    ]


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({}, ["code", "predictions"]),
        ({'    ingestion_program: ingestion.zip\n': ""}, ["predictions", "code"]),
        ({'    ingestion_program: ingestion.zip\n': "", "    input_data: input.zip\n": ""}, ["predictions"]),
    ],
)  # fmt: skip
def test_kinds_follow_from_what_runs_submissions(site: Site, changes: dict[str, str], kinds: list[str]) -> None:
    yaml = str(CODALAB["competition.yaml"]).replace("\r", "")
    for old, new in changes.items():
        assert old in yaml
        yaml = yaml.replace(old, new)
    assert site.add_files({**CODALAB, "competition.yaml": yaml}).kinds == kinds


def test_phases_that_take_results_only_take_no_code(site: Site) -> None:
    yaml = str(CODABENCH["competition.yaml"]).replace(
        "    tasks: [0", "    accepts_only_result_submissions: true\n    tasks: [0"
    )
    yaml = yaml.replace(
        "    accepts_only_result_submissions: true\n    tasks: [0, 1]\n    path", "    tasks: [0, 1]\n    path"
    )
    assert site.add_files({**CODABENCH, "competition.yaml": yaml}).kinds == ["predictions"]


def test_submissions_that_are_data_are_files(site: Site) -> None:
    yaml = f"{CODABENCH['competition.yaml']!s}competition_type: dataset\n"
    benchmark = site.add_files({**CODABENCH, "competition.yaml": yaml})
    assert benchmark.kinds == ["predictions"]
    assert (benchmark.predictions is None, benchmark.code is None) == (False, True)


def test_a_hidden_column_does_not_rank(site: Site, tmp_path: Path) -> None:
    old = "sorting: asc}\n      - {title: Duration"
    yaml = str(CODABENCH["competition.yaml"]).replace(old, old.replace("asc}", "asc, hidden: true}"))
    benchmark = site.add_files({**CODABENCH, "competition.yaml": yaml})
    assert [column.score for column in benchmark.columns if column.in_average] == ["accuracy"]
    assert benchmark.column("loss").hidden
    export_bundle(benchmark, site.private, tmp_path / "bundle.zip")
    assert Site(tmp_path / "other").add(tmp_path / "bundle.zip") == benchmark


def test_what_was_not_made_from_a_bundle_is_not_exported(site: Site, tmp_path: Path) -> None:
    benchmark = site.add_files(BENCHGEN)
    with pytest.raises(NotFound, match="was not made from a bundle"):
        export_bundle(benchmark.model_copy(update={"bundle": None}), site.private, tmp_path / "bundle.zip")
    with pytest.raises(NotFound, match="Add its bundle again with --replace"):
        export_bundle(benchmark, tmp_path, tmp_path / "bundle.zip")
    assert not (tmp_path / "bundle.zip").exists()


def test_a_hostile_zip_leaves_nothing(site: Site, tmp_path: Path) -> None:
    source = tmp_path / "bundle.zip"
    source.write_bytes(packed({**BENCHGEN, "../outside.txt": "x"}))
    reading = site.read(source)
    assert reading.bundle is None
    assert [finding.file for finding in reading.findings.errors] == ["bundle.zip"]
    assert "../outside.txt" in reading.findings.errors[0].sentence
    assert not list(tmp_path.rglob("outside.txt"))
