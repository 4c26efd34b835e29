"""Bundles in each dialect, as folders and zips."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

Files = Mapping[str, str | bytes]

SCORE = """\
import json, sys
print("scoring")
json.dump({"accuracy": 0.5, "loss": 1.5, "Duration": 3}, open(sys.argv[2] + "/scores.json", "w"))
"""
SCORING: Files = {"metadata.yaml": "command: python3 $program/score.py $input $output\n", "score.py": SCORE}
INGESTION: Files = {"metadata": "command: python3 $program/ingest.py\n", "ingest.py": "print('ingesting')\n"}


def packed(files: Files) -> bytes:
    """A zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def below(folder: str, files: Files) -> dict[str, str | bytes]:
    """The same files in a folder."""
    return {f"{folder}/{name}": content for name, content in files.items()}


def write(folder: Path, files: Files) -> Path:
    """The files as a folder."""
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


CODABENCH_YAML = """\
version: 2
title: Flowers
description: Tell flowers apart.
image: images/logo.png
terms: pages/terms.md
registration_auto_approve: true
enable_detailed_results: true
docker_image: codalab/codalab-legacy:py312
pages:
  - title: Overview
    file: pages/overview.md
  - title: Data
    file: pages/data.html
fact_sheet:
  method:
    key: method
    title: Which method?
    type: select
    selection: ["", trees, networks]
    is_required: "true"
    is_on_leaderboard: "false"
tasks:
  - index: 0
    name: Iris
    description: Three kinds
    is_public: false
    scoring_program: scoring.zip
    reference_data: reference/iris/
    ingestion_program: programs/ingestion
    input_data: input.zip
  - index: 1
    name: Roses
    scoring_program: scoring.zip
    reference_data: reference/roses
    ingestion_program: programs/ingestion
    input_data: input.zip
    ingestion_only_during_scoring: true
solutions:
  - index: 0
    tasks: [0, 1]
    path: solutions/good/
phases:
  - index: 1
    name: Final
    start: 2027-01-01 12:00:00
    tasks: [0, 1]
    max_submissions: 3
    max_submissions_per_day: 0
    execution_time_limit: 60
    auto_migrate_to_this_phase: true
    hide_score_output: true
  - index: 0
    name: Development
    description: Try it out.
    start: 12-01-2026
    end: 2027-01-01T12:00:00+01:00
    tasks: [0]
    starting_kit: kit
    public_data: public.zip
leaderboards:
  - title: Results
    key: main
    submission_rule: Add and Delete Multiple
    primary_index: 2
    color: orange
    columns:
      - {title: Accuracy, key: accuracy, index: 1, sorting: desc, precision: 3, computation: null}
      - {title: Rank, key: loss, index: 2, sorting: asc}
      - {title: Duration, key: Duration, index: 4, sorting: asc, hidden: true}
      - {title: Mean, key: mean, index: 5, computation: avg, computation_indexes: "1, 2"}
      - {title: Best, key: best, index: 3, computation: max, computation_indexes: [5, 1]}
"""
CODABENCH: Files = {
    "competition.yaml": CODABENCH_YAML,
    "images/logo.png": b"\x89PNG\r\n\x1a\n",
    "pages/terms.md": "Be fair.\n",
    "pages/overview.md": "# Flowers\n",
    "pages/data.html": "<p>Data</p>\n",
    "scoring.zip": packed(SCORING),
    **below("programs/ingestion", INGESTION),
    "reference/iris/labels.csv": "0\n1\n",
    "reference/roses/labels.csv": "1\n0\n",
    "input.zip": packed({"data/features.csv": "5.1\n4.9\n"}),
    "solutions/good/model.py": "def predict(): ...\n",
    "kit/README.md": "Start here.\n",
    "public.zip": packed({"train.csv": "1,2\n"}),
    ".DS_Store": b"\0",
    "programs/ingestion/__pycache__/ingest.cpython-311.pyc": b"\0",
}
"""Two phases that follow each other at one moment, one with two tasks; zips, folders, and junk."""

BENCHGEN_YAML = """\
title: Small
tasks:
  - index: 0
    name: Only
    scoring_program: scoring_program
    reference_data: reference_data
    ingestion_program: ""
phases:
  - index: 0
    name: Always
    tasks: [0]
leaderboard:
  - title: Board
    key: board
    columns:
      - {title: Accuracy, key: accuracy, index: 0}
"""
BENCHGEN: Files = {
    "competition.yaml": BENCHGEN_YAML,
    **below("scoring_program", SCORING),
    "reference_data/labels.csv": "0\n1\n",
}
"""Only what has to be there."""

CODALAB_YAML = """\
title: Old
description: null
image: logo.png
has_registration: true
force_submission_to_leaderboard: true
competition_docker_image: codalab/codalab-legacy:py37
end_date: 2027-03-01 00:00:00+00:00
html:
  overview: overview.html
  terms: terms.html
phases:
  2:
    phasenumber: 2
    label: Final
    color: green
    start_date: 2027-02-10 00:00:00+00:00
    max_submissions: 3
    execution_time_limit: 900
    auto_migration: true
    scoring_program: program.zip
    reference_data: reference.zip
  1:
    phasenumber: 1
    label: Development
    start_date: 2027-01-01
    scoring_program: program.zip
    reference_data: reference.zip
    starting_kit: kit.zip
    ingestion_program: ingestion.zip
    input_data: input.zip
    ingestion_program_only_during_scoring: true
leaderboard:
  leaderboards:
    RESULTS: &RESULTS {label: Results, rank: 1}
  columns:
    Duration: {leaderboard: *RESULTS, label: Duration, rank: 3, sort: asc, numeric_format: 2}
    accuracy: {leaderboard: *RESULTS, label: Accuracy, rank: 2, numeric_format: 4}
    mean:
      leaderboard: *RESULTS
      label: Mean
      rank: 1
      computed: {operation: Avg, fields: "accuracy, loss"}
    loss: {leaderboard: *RESULTS, label: Loss, rank: 4, sort: asc}
"""
CODALAB: Files = {
    "competition.yaml": CODALAB_YAML.replace("\n", "\r\n"),
    "logo.png": b"\x89PNG\r\n\x1a\n",
    "overview.html": "<p>Old</p>",
    "terms.html": "<p>Fair</p>",
    "program.zip": packed({**below("program", SCORING), "__MACOSX/program/._score.py": b"\0"}),
    "reference.zip": packed({"labels.txt": "0\n1\n"}),
    "ingestion.zip": packed(INGESTION),
    "input.zip": packed({"features.txt": "5\n"}),
    "kit.zip": packed({"README.md": "Start\n"}),
}
"""Two phases in a mapping, a program in a wrapping folder, a computed column, line ends of Windows."""

DIALECTS: dict[str, Files] = {"codabench": CODABENCH, "benchgen": BENCHGEN, "codalab": CODALAB}
