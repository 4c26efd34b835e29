"""Who may read what a result holds that is not for everybody."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

import localhub
from leaderboard.benchmarks import as_shown, load_benchmark
from leaderboard.documents import model as model_page
from leaderboard.documents.visit import Visit
from leaderboard.errors import NotFound
from leaderboard.records import (
    Artifact,
    ArtifactRequest,
    NamedBlock,
    Person,
    Provenance,
    Request,
    Score,
)
from leaderboard.results.private_results import DETAILED_RESULTS, HIDDEN_SCORES, PrivateResults
from leaderboard.service import Service
from tests.leaderboard.people import ORGANIZATIONS, TOKENS, Open, bearer, client_of

YAML = """
id: parity
version: "1"
title: Parity
description: Odd or even.
kinds: [code]
bundle:
  folder: bundle
  tasks: [{{index: 0, name: Only, scoring_program: scoring}}]
  phases: [{{track: open, name: Main, tasks: [0]}}]
details: {details}
columns:
  - {{key: accuracy, title: Accuracy, score: accuracy, hidden: {all_hidden}}}
  - {{key: withheld, title: Withheld, score: withheld, hidden: true, in_average: false}}
"""
RUN = "0123456789abcdef"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with localhub.running(tmp_path_factory.mktemp("hub"), tokens=TOKENS, organizations=ORGANIZATIONS) as running:
        yield running


@pytest.fixture
def open_board(opened: Open, tmp_path: Path) -> Any:
    """Opens a board with a result of ada's, whose details are as said."""

    def make(details: str = "public", all_hidden: bool = False) -> Service:
        folder = tmp_path / f"benchmarks-{secrets.token_hex(4)}"
        folder.mkdir()
        (folder / "parity.yaml").write_text(YAML.format(details=details, all_hidden=str(all_hidden).lower()))
        service = opened(
            benchmarks="parity", benchmarks_dir=folder, private_dir=tmp_path / "private", sign_in="required",
            maintainers="keepers",
        )  # fmt: skip
        publish(service)
        return service

    return make


def publish(service: Service) -> Request:
    artifact = Artifact(sha256="a" * 64, bytes=1, filename="a.zip")
    wanted = ArtifactRequest(
        kind="code", id=RUN, benchmark="parity", sender="ada", model="ada/first", revision="a" * 64,
        artifact=artifact,
    )  # fmt: skip
    claimed = service.queue.claim(service.queue.submit(wanted), "w1", 60)
    scores = {column.key: Score(raw=0.5, normalised=0.5) for column in service.benchmarks["parity"].columns}
    block = NamedBlock(
        request_id=claimed.id, attempt=1, benchmark="parity", benchmark_version="1", kind="code",
        model="ada/first", revision="a" * 64, precision="", weight_type="", use_chat_template=False,
        time=claimed.job_start_time or "", scores=scores, average=0.5 if scores else None, provenance=Provenance(),
    )  # fmt: skip
    hidden = {"withheld": {"title": "Withheld", "score": Score(raw=0.875, normalised=0.875).model_dump()}}
    files = {DETAILED_RESULTS: b"<p>Row by row</p>", HIDDEN_SCORES: json.dumps(hidden).encode()}
    service.private_results.write(claimed.id, 1, files)
    aggregated = {"results": {}, "podium": block.model_dump(mode="json")}
    service.results.publish(aggregated, {}, service.contents.changes)
    service.queue.finish(claimed)
    return claimed


@pytest.mark.parametrize(
    ("details", "readers"),
    [("public", {"", "ada", "bob", "mia"}), ("gated", {"ada", "mia"}), ("none", {"ada", "mia"})],
)
def test_who_reads_detailed_results(open_board: Any, details: str, readers: set[str]) -> None:
    service = open_board(details)
    address = f"/api/v1/requests/{RUN}/detailed-results"
    api = client_of(service)
    people = {name: bearer(name) if name else {} for name in ("", "ada", "bob", "mia")}
    answers = {name: api.get(address, headers=headers).status_code for name, headers in people.items()}
    assert answers == {name: 200 if name in readers else 403 for name in people}
    for name in people:
        person = Person(name=name, orgs=("keepers",) if name == "mia" else ()) if name else None
        drawn = model_page.draw(service, Visit(("ada", "first"), {}, person))
        assert ("Row by row" not in drawn) and ("<iframe" in drawn) == (name in readers), name
        assert ("0.8750" in drawn) == ("Hidden scores" in drawn) == (name == "mia"), name


def test_only_maintainers_read_hidden_scores(open_board: Any) -> None:
    api = client_of(open_board())
    address = f"/api/v1/requests/{RUN}/hidden-scores"
    assert [api.get(address, headers=headers).status_code for headers in ({}, bearer("ada"))] == [401, 403]
    assert api.get(address, headers=bearer("mia")).json()["withheld"]["score"]["raw"] == 0.875
    assert api.get(f"{address}?attempt=7", headers=bearer("mia")).status_code == 404


def test_the_frame_is_sandboxed(open_board: Any) -> None:
    drawn = model_page.draw(open_board(), Visit(("ada", "first"), {}, None))
    frame = drawn[drawn.index("<iframe") : drawn.index("</iframe>")]
    assert f'src="/api/v1/requests/{RUN}/detailed-results?attempt=1"' in frame
    assert 'sandbox="allow-scripts"' in frame and "allow-same-origin" not in frame


def test_a_board_all_of_whose_columns_are_hidden(open_board: Any) -> None:
    service = open_board(all_hidden=True)
    api = client_of(service)
    assert api.get("/api/v1/benchmarks").json()[0]["columns"] == []
    table = api.get("/api/v1/leaderboard?benchmark=parity").json()
    assert table["total"] == 1 and not any("Accuracy" in column for column in table["columns"])


def test_hidden_columns_are_for_scores_of_challenges_and_do_not_rank(tmp_path: Path) -> None:
    (tmp_path / "parity.yaml").write_text(YAML.format(details="public", all_hidden="false"))
    benchmark = load_benchmark(tmp_path / "parity.yaml")
    assert [column.ranks for column in benchmark.columns] == [True, False]
    shown = as_shown({"parity": benchmark})["parity"]
    assert [column.key for column in shown.columns] == ["accuracy"]
    harness = benchmark.columns[0].model_dump() | {"score": "", "run": ["a"], "hidden": True}
    with pytest.raises(ValueError, match="Only a challenge's `score` can be hidden"):
        type(benchmark.columns[0]).model_validate(harness | {"parts": [{"task": "a", "metrics": ["acc,none"]}]})


def test_nothing_else_is_kept_or_found(tmp_path: Path) -> None:
    kept = PrivateResults(tmp_path / "private")
    kept.write(RUN, 1, {})
    assert not kept.root.exists()
    kept.write(RUN, 1, {"../other": b"x", DETAILED_RESULTS: b"page"})
    assert [file.name for file in (kept.root / f"{RUN}-1").iterdir()] == [DETAILED_RESULTS]
    assert kept.read(RUN, 1, DETAILED_RESULTS) == b"page" and kept.root.stat().st_mode & 0o077 == 0
    for run, name in ((RUN, HIDDEN_SCORES), ("../" + RUN, DETAILED_RESULTS), (RUN, "../../secret")):
        with pytest.raises(NotFound):
            kept.read(run, 1, name)
