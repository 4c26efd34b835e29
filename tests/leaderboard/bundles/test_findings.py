"""Every sentence about a bundle, by its text, with its file, line and field."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from leaderboard.bundles import Finding, read_bundle
from leaderboard.bundles.document import MAX_BYTES
from tests.leaderboard.bundles.bundles import (
    BENCHGEN,
    BENCHGEN_YAML,
    CODABENCH,
    CODABENCH_YAML,
    CODALAB,
    CODALAB_YAML,
    SCORING,
    Files,
    below,
    packed,
    write,
)

YAML = "competition.yaml"
TOP = "version: 2\ntitle: T\n"
TASK = "tasks: [{index: 0, scoring_program: p}]\n"
PHASE = "phases: [{index: 0, name: A, tasks: [0]}]\n"
BOARD = "leaderboards: [{title: R, key: r, columns: [{title: Accuracy, key: accuracy, index: 0}]}]\n"
PROGRAM = below("p", SCORING)


def findings_of(folder: Path, files: Files) -> tuple[list[str], list[str]]:
    """Errors and warnings."""
    scratch = folder / "scratch"
    scratch.mkdir()
    reading = read_bundle(write(folder / "source", files), scratch)
    assert (reading.bundle is None) == bool(reading.findings.errors)
    return [str(finding) for finding in reading.findings.errors], [
        str(finding) for finding in reading.findings.warnings
    ]


def changed(yaml: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert yaml.count(old) >= 1, old
        yaml = yaml.replace(old, new, 1)
    return yaml


def line_of(yaml: str, at: str) -> int:
    """The line in which `at` begins."""
    return yaml[: yaml.index(at)].count("\n") + 1


@pytest.mark.parametrize("files", [BENCHGEN, CODABENCH, CODALAB], ids=["benchgen", "codabench", "codalab"])
def test_nothing_is_said_of_good_bundles(tmp_path: Path, files: Files) -> None:
    assert findings_of(tmp_path, files) == ([], [])


SMALL = {
    "no title": (
        [("title: Small", "title:")],
        "competition.yaml:1: `title`: It is missing. Add it.",
    ),
    "text": (
        [("title: Small", "title: [a]")],
        "competition.yaml:1: `title`: It has to be text.",
    ),
    "no reference": (
        [("    reference_data: reference_data\n", "")],
        "competition.yaml:3: `tasks[0].reference_data`: It is missing. Add it.",
    ),
    "no scoring program": (
        [("    scoring_program: scoring_program\n", "")],
        "competition.yaml:3: `tasks[0].scoring_program`: It is missing. Add it.",
    ),
    "missing file": (
        [("scoring_program: scoring_program", "scoring_program: score.zip")],
        "competition.yaml:5: `tasks[0].scoring_program`: There is no 'score.zip' in the bundle. Add it.",
    ),
    "close file": (
        [("scoring_program: scoring_program", "scoring_program: Scoring_Program/")],
        "competition.yaml:5: `tasks[0].scoring_program`: There is no 'Scoring_Program/' in the bundle. Is it "
        "'scoring_program'?",
    ),
    "leaves": (
        [("reference_data: reference_data", "reference_data: ../../etc")],
        "competition.yaml:6: `tasks[0].reference_data`: '../../etc' leaves the bundle. Write a path below the folder "
        "of its YAML file.",
    ),
    "absolute": (
        [("reference_data: reference_data", "reference_data: /etc/passwd")],
        "competition.yaml:6: `tasks[0].reference_data`: '/etc/passwd' leaves the bundle. Write a path below the folder "
        "of its YAML file.",
    ),
    "drive": (
        [("reference_data: reference_data", r"reference_data: C:\data")],
        r"competition.yaml:6: `tasks[0].reference_data`: 'C:\\data' leaves the bundle. Write a path below the folder "
        "of its YAML file.",
    ),
    "zero byte": (
        [("reference_data: reference_data", r'reference_data: "a\0b"')],
        "competition.yaml:6: `tasks[0].reference_data`: The path has a zero byte. Write it again.",
    ),
    "stored elsewhere": (
        [("reference_data: reference_data", "reference_data: 542e4557-9170-48c5-83e2-110921bcab45")],
        "competition.yaml:6: `tasks[0].reference_data`: '542e4557-9170-48c5-83e2-110921bcab45' is the id of a file "
        "that another site stores. Put the file into the bundle and write its path.",
    ),
    "no zip": (
        [("reference_data: reference_data", "reference_data: reference_data/labels.csv")],
        "competition.yaml:6: `tasks[0].reference_data`: 'reference_data/labels.csv' is neither a zip nor a folder.",
    ),
    "a folder as logo": (
        [("title: Small", "title: Small\nimage: reference_data")],
        "competition.yaml:2: `image`: 'reference_data' is a folder. Name a file.",
    ),
    "no image": (
        [("title: Small", "title: Small\nimage: reference_data/labels.csv")],
        "competition.yaml:2: `image`: 'reference_data/labels.csv' is no image. Use one of: .png, .jpg, .jpeg, .gif, "
        ".webp, .svg.",
    ),
    "stored task": (
        [("name: Only", "key: 542e4557-9170-48c5-83e2-110921bcab45")],
        "competition.yaml:4: `tasks[0].key`: It is a task that another site stores. Write its programs and data here.",
    ),
    "no list": (
        [("tasks: [0]", "tasks: {a: 1}")],
        "competition.yaml:11: `phases[0].tasks`: It has to be a whole number from 0 to 1,000,000,000, and is {'a': 1}.",
    ),
    "negative": (
        [("index: 0\n    name: Only", "index: -1\n    name: Only")],
        "competition.yaml:3: `tasks[0].index`: It has to be a whole number from 0 to 1,000,000,000, and is -1.",
    ),
    "flag": (
        [("title: Small", "title: Small\nenable_detailed_results: perhaps")],
        "competition.yaml:2: `enable_detailed_results`: It has to be true or false, and is 'perhaps'.",
    ),
    "unknown task": (
        [("tasks: [0]", "tasks: [0, 7]")],
        "competition.yaml:11: `phases[0].tasks[1]`: There is no task with the index 7. The tasks' indexes: 0.",
    ),
    "no task in a phase": (
        [("tasks: [0]", "tasks: []")],
        "competition.yaml:11: `phases[0].tasks`: The phase has no task. Write the indexes of its tasks.",
    ),
    "date": (
        [("tasks: [0]", "tasks: [0]\n    end: soon")],
        "competition.yaml:12: `phases[0].end`: 'soon' is not a date. Write it as 2026-12-31, 2026-12-31 23:59:00 or "
        "2026-12-31T23:59:00+02:00; without a zone it is UTC.",
    ),
    "no such day": (
        [("tasks: [0]", "tasks: [0]\n    end: 2026-02-30")],
        "competition.yaml:12: `phases[0].end`: '2026-02-30' is not a date: day is out of range for month. Write it as "
        "2026-12-31, 2026-12-31 23:59:00 or 2026-12-31T23:59:00+02:00; without a zone it is UTC.",
    ),
    "day first": (
        [("tasks: [0]", "tasks: [0]\n    end: 31-12-2026")],
        "competition.yaml:12: `phases[0].end`: '31-12-2026' is not a date: month must be in 1..12. The month comes "
        "first in such a date. Write it as 2026-12-31, 2026-12-31 23:59:00 or 2026-12-31T23:59:00+02:00; without a "
        "zone it is UTC.",
    ),
    "zone": (
        [("tasks: [0]", "tasks: [0]\n    end: 2026-12-31 00:00+99:00")],
        "competition.yaml:12: `phases[0].end`: '2026-12-31 00:00+99:00' is not a date: there is no zone +99:00. Write "
        "it as 2026-12-31, 2026-12-31 23:59:00 or 2026-12-31T23:59:00+02:00; without a zone it is UTC.",
    ),
    "end before start": (
        [("tasks: [0]", "tasks: [0]\n    start: 2026-12-31\n    end: 2026-12-31")],
        "competition.yaml:13: `phases[0].end`: The phase 'Always' ends at 2026-12-31 00:00:00 UTC, which is not after "
        "its start at 2026-12-31 00:00:00 UTC. Correct one of them.",
    ),
    "no end": (
        [("tasks: [0]", "tasks: [0]\n  - {name: Later, tasks: [0]}")],
        "competition.yaml:9: `phases[0].end`: The phase 'Always' has no end, and 'Later' comes after it. Write one.",
    ),
    "no phase": (
        [("phases:\n  - index: 0\n    name: Always\n    tasks: [0]\n", "phases: []\n")],
        "competition.yaml:8: `phases`: There is no phase. Add one, with a list of tasks.",
    ),
    "no column": (
        [("      - {title: Accuracy, key: accuracy, index: 0}\n", "")],
        "competition.yaml:15: `leaderboard[0].columns`: The leaderboard has no column. Add one for each score.",
    ),
    "no key": (
        [("key: accuracy, ", "")],
        "competition.yaml:16: `leaderboard[0].columns[0].key`: It is missing. Add it.",
    ),
    "long key": (
        [("key: accuracy", f"key: {'a' * 91}")],
        "competition.yaml:16: `leaderboard[0].columns[0].key`: The key is longer than 90 characters. Shorten it.",
    ),
    "sorting": (
        [("index: 0}", "index: 0, sorting: up}")],
        "competition.yaml:16: `leaderboard[0].columns[0].sorting`: 'up' is none of desc, asc.",
    ),
    "rule": (
        [("key: board", "key: board\n    submission_rule: Best")],
        "competition.yaml:15: `leaderboard[0].submission_rule`: 'Best' is none of Add, Add_And_Delete, "
        "Add_And_Delete_Multiple, Force_Last, Force_Latest_Multiple, Force_Best.",
    ),
    "primary": (
        [("key: board", "key: board\n    primary_index: 3")],
        "competition.yaml:15: `leaderboard[0].primary_index`: There is no column with the index 3. The columns' "
        "indexes: 0.",
    ),
    "hidden leaderboard": (
        [("key: board", "key: board\n    hidden: true")],
        "competition.yaml:15: `leaderboard[0].hidden`: Podium shows every leaderboard. Leave it out, and hide the "
        "columns that nobody may see.",
    ),
    "hidden columns": (
        [("index: 0}", "index: 0, hidden: true}")],
        "competition.yaml:15: `leaderboard[0].columns`: Every column is hidden. Show one: the board ranks by it.",
    ),
    "computed from itself": (
        [("index: 0}", "index: 0, computation: sum, computation_indexes: [0]}")],
        "competition.yaml:16: `leaderboard[0].columns[0].computation_indexes`: The column 'accuracy' is computed from "
        "itself. Leave its own index out.",
    ),
    "computed from nothing": (
        [("index: 0}", "index: 0, computation: sum}")],
        "competition.yaml:16: `leaderboard[0].columns[0].computation`: The column is computed from nothing. Write "
        "`computation_indexes`.",
    ),
    "computed from an unknown column": (
        [("index: 0}", "index: 0, computation: sum, computation_indexes: '4'}")],
        "competition.yaml:16: `leaderboard[0].columns[0].computation_indexes`: There is no column with the index 4. "
        "The columns' indexes: 0.",
    ),
    "unknown computation": (
        [("index: 0}", "index: 0, computation: median, computation_indexes: '4'}")],
        "competition.yaml:16: `leaderboard[0].columns[0].computation`: 'median' is none of sum, avg, min, max.",
    ),
    "no mapping": (
        [("tasks:\n", "tasks:\n  - text\n")],
        "competition.yaml:3: `tasks[0]`: It has to be fields with values, and is 'text'.",
    ),
    "no list of tasks": (
        [("phases:\n", "solutions: yes\nphases:\n")],
        "competition.yaml:8: `solutions`: It has to be a list.",
    ),
    "fact sheet": (
        [("phases:\n", "fact_sheet: []\nphases:\n")],
        "competition.yaml:8: `fact_sheet`: It has to be fields with values, and is [].",
    ),
    "nothing to select": (
        [("phases:\n", "fact_sheet:\n  a: {type: select}\nphases:\n")],
        "competition.yaml:9: `fact_sheet.a.selection`: There is nothing to select. Write the answers as a list.",
    ),
    "same question": (
        [("phases:\n", "fact_sheet:\n  a: {key: q}\n  b: {key: q}\nphases:\n")],
        "competition.yaml:10: `fact_sheet.b.key`: Two questions have the key 'q'. Give each its own.",
    ),
    "page without file": (
        [("phases:\n", "pages:\n  - title: A\nphases:\n")],
        "competition.yaml:9: `pages[0].file`: It is missing. Add it.",
    ),
    "solution elsewhere": (
        [("phases:\n", "solutions:\n  - {index: 0, key: x, tasks: [0]}\nphases:\n")],
        "competition.yaml:9: `solutions[0].key`: It is a solution that another site stores. Put it into the bundle and "
        "write `path`.",
    ),
    "solution of nothing": (
        [("phases:\n", "solutions:\n  - {index: 0, path: reference_data}\nphases:\n")],
        "competition.yaml:9: `solutions[0].tasks`: The solution has no task. Write the indexes of the tasks that it "
        "solves.",
    ),
    "solution of an unknown task": (
        [("phases:\n", "solutions:\n  - {index: 0, path: reference_data, tasks: [1]}\nphases:\n")],
        "competition.yaml:9: `solutions[0].tasks[0]`: There is no task with the index 1. The tasks' indexes: 0.",
    ),
    "solution without path": (
        [("phases:\n", "solutions:\n  - {index: 0, tasks: [0]}\nphases:\n")],
        "competition.yaml:9: `solutions[0].path`: It is missing. Add it.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), SMALL.values(), ids=SMALL)
def test_an_error_in_a_field(tmp_path: Path, changes: list[tuple[str, str]], sentence: str) -> None:
    errors, _ = findings_of(tmp_path, {**BENCHGEN, YAML: changed(BENCHGEN_YAML, *changes)})
    assert errors == [sentence]


FULL = {
    "same task": (
        [("  - index: 1\n    name: Roses", "  - index: 0\n    name: Roses"), ("[0, 1]", "[0]"), ("[0, 1]", "[0]")],
        "  - index: 0\n    name: Roses",
        "`tasks[1].index`: Two tasks have the index 0. Give each its own.",
    ),
    "same key": (
        [("key: loss", "key: accuracy")],
        "{title: Rank",
        "`leaderboards[0].columns[1].key`: Two columns have the key 'accuracy'. Give each its own.",
    ),
    "same index": (
        [("index: 4", "index: 1")],
        "{title: Duration",
        "`leaderboards[0].columns[2].index`: Two columns have the index 1. Give each its own.",
    ),
    "computed in a circle": (
        [('"1, 2"', "[1, 3]")],
        "{title: Mean",
        "`leaderboards[0].columns[3].computation_indexes`: The column 'mean' is computed from "
        "itself. Leave its own index out.",
    ),
    "overlap": (
        [("start: 2027-01-01 12:00:00", "start: 2027-01-01 10:59:59")],
        "start: 2027",
        "`phases[0].start`: The phase 'Final' starts at 2027-01-01 10:59:59 UTC, before "
        "'Development' ends at 2027-01-01 11:00:00 UTC. Phases must not overlap.",
    ),
    "same phase": (
        [("  - index: 1\n    name: Final", "  - index: 0\n    name: Final")],
        "  - index: 0\n    name: Development",
        "`phases[1].index`: Two phases have the index 0. Give each its own.",
    ),
    "same solution": (
        [("phases:\n", "  - {index: 0, tasks: [0], path: kit}\nphases:\n")],
        "- {index: 0, tasks",
        "`solutions[1].index`: Two solutions have the index 0. Give each its own.",
    ),
}


@pytest.mark.parametrize(("changes", "at", "sentence"), FULL.values(), ids=FULL)
def test_an_error_between_fields(tmp_path: Path, changes: list[tuple[str, str]], at: str, sentence: str) -> None:
    yaml = changed(CODABENCH_YAML, *changes)
    errors, _ = findings_of(tmp_path, {**CODABENCH, YAML: yaml})
    assert f"{YAML}:{line_of(yaml, at)}: {sentence}" in errors
    assert len(errors) == (2 if "computed from itself" in sentence or "Two phases" in sentence else 1)


OLD = {
    "no phase": (
        [(CODALAB_YAML[CODALAB_YAML.index("phases:") : CODALAB_YAML.index("\nleaderboard:") + 1], "phases: {}\n")],
        "phases: {}",
        "`phases`: There is no phase. Add one, with a scoring program.",
    ),
    "same phase": (
        [("phasenumber: 1", "phasenumber: 2")],
        "phasenumber: 2\n    label: Dev",
        "`phases.1.phasenumber`: Two phases have the phasenumber 2. Give each its own.",
    ),
    "no leaderboard": (
        [("    RESULTS: &RESULTS {label: Results, rank: 1}", "    {}"), *[("leaderboard: *RESULTS, ", "")] * 3,
         ("      leaderboard: *RESULTS\n", "")],
        "leaderboards:",
        "`leaderboard.leaderboards`: There is no leaderboard. Add one, with columns.",
    ),
    "no column": (
        [(CODALAB_YAML[CODALAB_YAML.index("  columns:") :], "  columns: {}\n")],
        "columns: {}",
        "`leaderboard.columns`: The leaderboard has no column. Add one for each score.",
    ),
    "unknown field": (
        [('"accuracy, loss"', '"accuracy, gain"')],
        "computed:",
        "`leaderboard.columns.mean.computed.fields`: There is no column 'gain'. The columns: mean, "
        "accuracy, Duration, loss.",
    ),
    "long key": (
        [("    loss:", f"    {'l' * 91}:"), ("accuracy, loss", "accuracy")],
        "llll",
        f"`leaderboard.columns.{'l' * 91}`: The key is longer than 90 characters. Shorten it.",
    ),
    "end": (
        [("end_date: 2027-03-01", "end_date: 2027-02-01")],
        "start_date: 2027-02",
        "`phases.2.start_date`: The phase 'Final' ends at 2027-02-01 00:00:00 UTC, which is not "
        "after its start at 2027-02-10 00:00:00 UTC. Correct one of them.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "at", "sentence"), OLD.values(), ids=OLD)
def test_an_error_in_the_old_dialect(tmp_path: Path, changes: list[tuple[str, str]], at: str, sentence: str) -> None:
    yaml = changed(CODALAB_YAML, *changes)
    errors, _ = findings_of(tmp_path, {**CODALAB, YAML: yaml})
    assert f"{YAML}:{line_of(yaml, at)}: {sentence}" in errors


CONTENT: dict[str, tuple[Files, str]] = {
    "no metadata": (
        {"p/score.py": "accuracy"},
        "competition.yaml:3: `tasks[0].scoring_program`: 'p' has no metadata.yaml. Add one that starts the program, "
        "such as `command: python3 $program/score.py $input $output`.",
    ),
    "no command": (
        {"p/score.py": "accuracy", "p/metadata.yaml": "description: none\n"},
        "p/metadata.yaml:1: `command`: It is missing. Write how the program is started, such as `command: python3 "
        "$program/score.py $input $output`.",
    ),
    "metadata is no YAML": (
        {"p/score.py": "accuracy", "p/metadata.yaml": "command: a: b\n"},
        "p/metadata.yaml:1: This is not YAML: mapping values are not allowed here.",
    ),
    "empty page": (
        {**PROGRAM, YAML: TOP + TASK + PHASE + BOARD + "terms: terms.md\n", "terms.md": " \n"},
        "competition.yaml:6: `terms`: 'terms.md' is empty. Write something into it.",
    ),
    "page in another encoding": (
        {**PROGRAM, YAML: TOP + TASK + PHASE + BOARD + "terms: terms.md\n", "terms.md": b"\xe9t\xe9"},
        "competition.yaml:6: `terms`: 'terms.md' is no text in UTF-8. Save it as UTF-8.",
    ),
    "long page": (
        {**PROGRAM, YAML: TOP + TASK + PHASE + BOARD + "terms: terms.md\n", "terms.md": "a" * 2_000_001},
        "competition.yaml:6: `terms`: 'terms.md' has 2,000,001 bytes, more than 2,000,000. Shorten the page.",
    ),
    "empty folder": (
        {**PROGRAM, YAML: TOP + TASK.replace("p}", "p, input_data: d}") + PHASE + BOARD, "d/.DS_Store": ""},
        "competition.yaml:3: `tasks[0].input_data`: 'd' holds no files. Put them into it.",
    ),
    "no task": (
        {**PROGRAM, YAML: TOP + PHASE + BOARD},
        "competition.yaml:1: `tasks`: There is no task. Add one, with a scoring program.",
    ),
    "no leaderboard": (
        {**PROGRAM, YAML: TOP + TASK + PHASE},
        "competition.yaml:1: `leaderboard`: There is no leaderboard. Add one, with columns.",
    ),
    "an empty file": (
        {YAML: "# nothing\n"},
        "competition.yaml:1: The file has no fields. Write a title, tasks, phases and a leaderboard.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "sentence"), CONTENT.values(), ids=CONTENT)
def test_an_error_in_a_file(tmp_path: Path, files: Files, sentence: str) -> None:
    errors, _ = findings_of(tmp_path, {YAML: TOP + TASK + PHASE + BOARD, **files})
    assert sentence in errors


def test_a_damaged_zip_in_a_bundle(tmp_path: Path) -> None:
    yaml = TOP + TASK.replace("p}", "p.zip}") + PHASE + BOARD
    errors, _ = findings_of(tmp_path, {YAML: yaml, "p.zip": packed(SCORING).replace(b"import", b"IMPORT")})
    assert len(errors) == 1
    beginning = (
        "competition.yaml:3: `tasks[0].scoring_program`: 'p.zip' cannot be unpacked. The entry score.py is damaged"
    )
    assert errors[0].startswith(beginning)


def test_a_zip_in_a_bundle_that_leads_out_of_it(tmp_path: Path) -> None:
    yaml = TOP + TASK.replace("p}", "p.zip}") + PHASE + BOARD
    errors, _ = findings_of(tmp_path, {YAML: yaml, "p.zip": packed({**SCORING, "../../outside.txt": "x"})})
    assert len(errors) == 1
    assert "'p.zip' cannot be unpacked. The entry ../../outside.txt" in errors[0]
    assert not list(tmp_path.rglob("outside.txt"))


def test_no_competition_yaml(tmp_path: Path) -> None:
    assert findings_of(tmp_path, {"README.md": "nothing"}) == (
        ["competition.yaml:1: There is no competition.yaml at the root, nor in one folder around all."],
        [],
    )


UNSAFE = {
    "tag": (
        "title: !!python/object/apply:os.system [ls]\n",
        "competition.yaml:1: The YAML tag 'tag:yaml.org,2002:python/object/apply:os.system' is not allowed. Leave it "
        "out.",
    ),
    "aliases": (
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in pairwise("abcde")),
        "competition.yaml:1: The YAML has more than 50,000 values, counting aliases. Write fewer.",
    ),
    "circle": ("a: &a [*a]\n", "competition.yaml:1: The YAML is nested too deeply. Write it flat."),
    "depth": ("a: " + "[" * 20_000, "competition.yaml:1: The YAML is nested too deeply. Write it flat."),
    "merge": (
        "a: &a {b: 1}\nc:\n  <<: *a\n",
        "competition.yaml:3: The YAML merge `<<` is not read. Write the fields out.",
    ),
    "name": ("a: 1\n? [b]\n: c\n", "competition.yaml:2: A list or mapping cannot be a field's name."),
    "number": (
        f"a: {'9' * 5000}\n",
        "competition.yaml:1: This is not YAML that can be used: Exceeds the limit (4300 digits) for integer string "
        "conversion: value has 5000 digits; use sys.set_int_max_str_digits() to increase the limit.",
    ),
    "control": (
        "a: \x07\n",
        "competition.yaml:1: This is not YAML that can be used: unacceptable character #x0007: special characters are "
        'not allowed?  in "<byte string>", position 3.',
    ),
    "no YAML": ("a: 1\n  b: 2\n", "competition.yaml:2: This is not YAML: mapping values are not allowed here."),
    "two documents": (
        "a: 1\n---\nb: 2\n",
        "competition.yaml:2: This is not YAML: but found another document expected a single document in the stream.",
    ),
    "size": (
        "#" * (MAX_BYTES + 1),
        "competition.yaml:1: The file has more than 524,288 bytes. Shorten it.",
    ),
}


@pytest.mark.parametrize(("yaml", "sentence"), UNSAFE.values(), ids=UNSAFE)
def test_unsafe_yaml(tmp_path: Path, yaml: str, sentence: str) -> None:
    assert findings_of(tmp_path, {YAML: yaml}) == ([sentence], [])


WARNINGS: dict[str, tuple[Files, str]] = {
    "a key twice": (
        {YAML: "title: First\n" + TOP + TASK + PHASE + BOARD},
        "competition.yaml:3: `title` is written twice, first in line 1. The last one counts.",
    ),
    "a key that no program writes": (
        {YAML: TOP + TASK + PHASE + BOARD.replace("key: accuracy", "key: f1")},
        "competition.yaml:5: `leaderboards[0].columns[0].key`: No scoring program names 'f1'. The column stays empty "
        "unless a program writes that key into scores.json.",
    ),
    "more digits than are shown": (
        {YAML: TOP + TASK + PHASE + BOARD.replace("index: 0}", "index: 0, precision: 12}")},
        "competition.yaml:5: `leaderboards[0].columns[0].precision`: At most 10 digits are shown, not 12.",
    ),
    "several leaderboards": (
        {YAML: TOP + TASK + PHASE + BOARD.replace("}]}]", "}]}, {title: S, key: s, columns: []}]")},
        "competition.yaml:5: `leaderboards[1]`: Only the first leaderboard is used, as on Codabench.",
    ),
    "the hidden column ranks": (
        {
            YAML: TOP
            + TASK
            + PHASE
            + BOARD.replace("}]}]", ", hidden: true}, {title: Loss, key: loss, index: 1, sorting: asc}]}]"),
        },
        "competition.yaml:5: `leaderboards[0].columns`: The column that ranks is hidden, and the rank would show it. "
        "The board ranks by 'loss'.",
    ),
    "a misspelt field": (
        {YAML: TOP + TASK.replace("p}", "p, refrence_data: p}") + PHASE + BOARD},
        "competition.yaml:3: `tasks[0].refrence_data`: It is not read. Is it `reference_data`?",
    ),
    "nothing to migrate": (
        {YAML: TOP + TASK + PHASE.replace("}", ", auto_migrate_to_this_phase: true}") + BOARD},
        "competition.yaml:4: `phases[0].auto_migrate_to_this_phase`: The first phase has none before it, so that "
        "nothing migrates.",
    ),
    "answers in the input data": (
        {
            YAML: TOP + TASK.replace("p}", "p, reference_data: r, input_data: i}") + PHASE + BOARD,
            "r/labels.csv": "1\n",
            "i/train/labels.csv": "1\n",
        },
        "competition.yaml:3: `tasks[0].reference_data`: 'labels.csv' and a file of `input_data` are the same. "
        "Participants' code can read it: keep the answers out of the input data.",
    ),
}


@pytest.mark.parametrize(("files", "sentence"), WARNINGS.values(), ids=WARNINGS)
def test_a_warning(tmp_path: Path, files: Files, sentence: str) -> None:
    assert findings_of(tmp_path, {**PROGRAM, **files}) == ([], [sentence])


def test_columns_of_further_leaderboards_of_the_old_dialect_are_left_out(tmp_path: Path) -> None:
    yaml = changed(
        CODALAB_YAML,
        ("    RESULTS: &RESULTS {label: Results, rank: 1}\n", "    RESULTS: &RESULTS {label: Results, rank: 1}\n"
         "    OTHER: &OTHER {label: Other, rank: 2}\n"),
        ("Duration: {leaderboard: *RESULTS", "Duration: {leaderboard: *OTHER"),
    )  # fmt: skip
    assert findings_of(tmp_path, {**CODALAB, YAML: yaml}) == (
        [],
        [
            "competition.yaml:33: `leaderboard.leaderboards`: Only the first leaderboard is used, as on Codabench. "
            "Columns of the others are left out."
        ],
    )


def test_nothing_is_said_of_keys_where_a_program_is_not_all_text(tmp_path: Path) -> None:
    files = {
        YAML: TOP + TASK + PHASE + BOARD.replace("key: accuracy", "key: f1"),
        **PROGRAM,
        "p/score.so": b"\x7fELF\0",
    }
    assert findings_of(tmp_path, files) == ([], [])


def test_links_are_not_followed(tmp_path: Path) -> None:
    source = write(tmp_path / "source", {**BENCHGEN, "secret/labels.csv": "1"})
    (source / "scoring_program" / "link").symlink_to("/etc/passwd")
    (source / "reference_data").rename(source / "kept")
    (source / "reference_data").symlink_to("kept")
    (tmp_path / "scratch").mkdir()
    assert [str(finding) for finding in read_bundle(source, tmp_path / "scratch").findings.errors] == [
        "competition.yaml:5: `tasks[0].scoring_program`: 'scoring_program' holds 'link', which is a link or no regular "
        "file. Put a file in its place.",
        "competition.yaml:6: `tasks[0].reference_data`: 'reference_data' is behind a link. Put the file itself into "
        "the bundle.",
    ]


def test_all_errors_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    yaml = changed(
        CODABENCH_YAML,
        ("image: images/logo.png", "image: logo.png"),
        ("input_data: input.zip", "input_data: inputs.zip"),
        ("tasks: [0, 1]\n    path", "tasks: [9]\n    path"),
        ("sorting: asc}", "sorting: sideways}"),
    )
    errors, _ = findings_of(tmp_path, {**CODABENCH, YAML: yaml})
    places = ("image: logo", "inputs.zip", "tasks: [9]", "sideways")
    assert [int(error.split(":")[1]) for error in errors] == [line_of(yaml, at) for at in places]


def test_control_characters_of_strangers_do_not_reach_a_terminal() -> None:
    assert str(Finding("a\x1b[2J.yaml", 1, "b\n", "c\x07")) == "a?[2J.yaml:1: `b?`: c?"
