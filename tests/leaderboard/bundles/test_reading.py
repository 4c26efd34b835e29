"""Bundles of three dialects are read as the sites read them, and more kindly where real files differ."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from leaderboard.benchmarks.bundle_rules import BundlePhase
from leaderboard.bundles import Bundle, read_bundle
from leaderboard.bundles.moments import moment
from leaderboard.errors import NotFound
from tests.leaderboard.bundles.bundles import (
    BENCHGEN,
    CODABENCH,
    CODALAB,
    CODALAB_YAML,
    DIALECTS,
    Files,
    below,
    packed,
    write,
)


def read(source: Path, scratch: Path) -> Bundle:
    scratch.mkdir()
    reading = read_bundle(source, scratch)
    assert reading.bundle is not None, [str(finding) for finding in reading.findings]
    return reading.bundle


def bundle_of(folder: Path, files: Files) -> Bundle:
    return read(write(folder / "source", files), folder / "scratch")


def at(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def times(phases: list[BundlePhase]) -> list[tuple[str, datetime | None, datetime | None]]:
    return [(phase.name, phase.start, phase.end) for phase in phases]


def test_codabench(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, CODABENCH)
    rules = bundle.rules
    assert (bundle.dialect, bundle.title, bundle.description) == ("codabench", "Flowers", "Tell flowers apart.")
    assert times(rules.phases) == [
        ("Development", at(2026, 12, 1), at(2027, 1, 1, 11)),
        ("Final", at(2027, 1, 1, 12), None),
    ]
    development, final = rules.phases
    assert (development.max_submissions_per_day, development.max_submissions, development.wall_seconds) == (5, 100, 600)
    assert (final.max_submissions_per_day, final.max_submissions, final.wall_seconds) == (0, 3, 60)
    assert (final.auto_migrate, final.hide_score_output, final.hide_output) == (True, True, False)
    assert (development.starting_kit, development.public_data) == ("kit", "public.zip")
    assert [task.reference_data for task in rules.tasks] == ["reference/iris", "reference/roses"]
    assert [task.ingestion_only_during_scoring for task in rules.tasks] == [False, True]
    assert rules.submission_rule == "Add_And_Delete_Multiple"
    assert [(column.key, column.index, column.ascending, column.precision) for column in bundle.columns] == [
        ("accuracy", 0, False, 3), ("loss", 1, True, 2), ("best", 2, False, 2), ("Duration", 3, True, 2),
        ("mean", 4, False, 2),
    ]  # fmt: skip
    assert [column.key for column in bundle.columns if column.hidden] == ["Duration"]
    assert bundle.primary_index == 1
    assert [(column.computation, column.computation_indexes) for column in bundle.columns if column.computation] == [
        ("max", [4, 0]),
        ("avg", [0, 1]),
    ]
    question = rules.fact_sheet[0]
    assert (question.key, question.type, question.selection, question.required) == (
        "method", "select", ["trees", "networks"], True,
    )  # fmt: skip
    assert [(page.title, page.file) for page in rules.pages] == [
        ("Overview", "pages/overview.md"),
        ("Data", "pages/data.html"),
    ]
    assert (rules.terms, rules.logo) == ("pages/terms.md", "images/logo.png")
    assert [(solution.file, solution.tasks) for solution in rules.solutions] == [("solutions/good", [0, 1])]
    assert rules.docker_image == "codalab/codalab-legacy:py312"
    assert (rules.settings.enable_detailed_results, rules.settings.auto_run_submissions) == (True, True)


def test_benchgen(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, BENCHGEN)
    assert (bundle.dialect, bundle.rules.leaderboard, bundle.rules.leaderboard_key) == ("benchgen", "Board", "board")
    assert times(bundle.rules.phases) == [("Always", None, None)]
    assert bundle.rules.tasks[0].ingestion_program is None
    assert (bundle.rules.terms, bundle.rules.logo, bundle.rules.pages) == (None, None, [])


def test_codalab(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, CODALAB)
    rules = bundle.rules
    assert (bundle.dialect, rules.docker_image) == ("codalab", "codalab/codalab-legacy:py37")
    assert times(rules.phases) == [
        ("Development", at(2027, 1, 1), at(2027, 2, 9)),
        ("Final", at(2027, 2, 10), at(2027, 3, 1)),
    ]
    assert [phase.tasks for phase in rules.phases] == [[0], [1]]
    assert [task.name for task in rules.tasks] == ["Development Task", "Final Task"]
    assert [task.ingestion_only_during_scoring for task in rules.tasks] == [True, False]
    assert [(column.key, column.ascending, column.precision) for column in bundle.columns] == [
        ("mean", False, 2), ("accuracy", False, 4), ("Duration", True, 2), ("loss", True, 2),
    ]  # fmt: skip
    assert (bundle.columns[0].computation, bundle.columns[0].computation_indexes) == ("avg", [1, 3])
    assert [page.title for page in rules.pages] == ["overview"]
    assert (rules.terms, rules.settings.registration_auto_approve) == ("terms.html", False)


def test_phases_below_a_parent_are_tasks_of_one_phase(tmp_path: Path) -> None:
    yaml = CODALAB_YAML.replace(
        "    start_date: 2027-01-01\n", "    start_date: 2027-01-01\n    is_parallel_parent: yes\n"
    )
    yaml = yaml.replace("    phasenumber: 2\n", "    phasenumber: 2\n    parent_phasenumber: 1\n")
    second = yaml[yaml.index("  2:\n") : yaml.index("  1:\n")]
    third = second.replace("  2:\n", "  3:\n").replace(" phasenumber: 2", " phasenumber: 3")
    bundle = bundle_of(tmp_path, {**CODALAB, "competition.yaml": yaml.replace("  1:\n", f"{third}  1:\n", 1)})
    assert times(bundle.rules.phases) == [("Development", at(2027, 1, 1), at(2027, 3, 1))]
    assert [task.index for task in bundle.rules.tasks] == bundle.rules.phases[0].tasks == [0, 1]
    assert bundle.rules.phases[0].wall_seconds == 900


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_zip_and_a_wrapping_folder_are_as_good_as_a_folder(tmp_path: Path, dialect: str) -> None:
    files = DIALECTS[dialect]
    plain = bundle_of(tmp_path, files)
    for number, packing in enumerate([files, {**below("wrapped", files), "__MACOSX/._wrapped": "junk"}]):
        source = tmp_path / f"{number}.zip"
        source.write_bytes(packed(packing))
        assert read(source, tmp_path / f"scratch{number}") == plain
    assert read(write(tmp_path / "around", below("wrapped", files)), tmp_path / "scratch2") == plain


def test_the_other_ending(tmp_path: Path) -> None:
    files = {name.replace("competition.yaml", "competition.yml"): content for name, content in BENCHGEN.items()}
    assert bundle_of(tmp_path, files).title == "Small"


REAL = """\
title: Real
title: Real
version: 2
end_date: null
color: orange
force_submission_to_leaderboard: true
disallow_leaderboard_modifying: false
enable_forum: true
has_registration: False
queue: 3ddd375a-c2bc-4599-a8a2-74c9ea85d0f3
tasks:
  - {index: 0, name: 2024, is_public: false, scoring_program: scoring_program/, ingestion_program: "", input_data: null}
phases:
  - name: First
    start: 7-15-2023
    end: 8/10/2023 14:30
    solutions: []
    tasks: [0]
    max_submissions_per_day: "7"
    execution_time_limit_ms: 1500
  - name: Second
    start:
    tasks: [0]
leaderboard:
  index: 0
  title: Results
  columns:
    - {title: Yes, key: accuracy, sorting: DESC, computation: null, precision: "4", hidden: "no"}
    - {title: Loss, key: loss, hidden: "true"}
"""


def test_what_real_files_hold_does_not_break_anything(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, {**BENCHGEN, "competition.yaml": REAL})
    first, second = bundle.rules.phases
    assert (first.start, first.end) == (at(2023, 7, 15), datetime(2023, 8, 10, 14, 30, tzinfo=UTC))
    assert (second.start, second.end) == (first.end, None)
    assert (first.max_submissions_per_day, first.wall_seconds) == (7, 2)
    assert bundle.rules.tasks[0].name == "2024"
    column = bundle.columns[0]
    assert (column.title, column.key, column.precision, column.hidden) == ("Yes", "accuracy", 4, False)
    assert bundle.columns[1].hidden
    assert bundle.rules.settings.queue == "3ddd375a-c2bc-4599-a8a2-74c9ea85d0f3"


def test_a_phase_holds_its_start_and_not_its_end(tmp_path: Path) -> None:
    rules = bundle_of(tmp_path, CODABENCH).rules
    start = at(2027, 1, 1, 12)
    last = datetime(2027, 1, 1, 10, 59, 59, tzinfo=UTC)
    answers = [rules.phase_at(each) for each in (last, at(2027, 1, 1, 11), start, at(2026, 11, 30, 23))]
    assert [phase and phase.name for phase in answers] == ["Development", None, "Final", None]
    assert rules.phase("final") == rules.phases[1]
    assert rules.task(1).name == "Roses"


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "2026-12-31": "2026-12-31T00:00:00",
        "2026-1-2": "2026-01-02T00:00:00",
        "2026-12-31 23:59:00": "2026-12-31T23:59:00",
        "2026-12-31 9:45:00+00:00": "2026-12-31T09:45:00",
        "2026-12-31T23:59:00Z": "2026-12-31T23:59:00",
        "2026-12-31T23:59:00.123+02:00": "2026-12-31T21:59:00",
        "2026-12-31 23:59 -0500": "2027-01-01T04:59:00",
        "2026-12-31 00:00 UTC": "2026-12-31T00:00:00",
        "2026-12-31 00:00+2": "2026-12-30T22:00:00",
        "12-31-2026": "2026-12-31T00:00:00",
        "1/2/2026 10:30": "2026-01-02T10:30:00",
    }.items(),
)
def test_dates(text: str, expected: str) -> None:
    assert moment(text) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no file or folder"):
        read_bundle(tmp_path / "none.zip", tmp_path)


def test_a_source_that_is_no_archive(tmp_path: Path) -> None:
    source = tmp_path / "bundle.zip"
    source.write_text("text")
    (tmp_path / "scratch").mkdir()
    reading = read_bundle(source, tmp_path / "scratch")
    assert reading.bundle is None
    assert [finding.file for finding in reading.findings.errors] == ["bundle.zip"]
