"""Starting kits: packed by a running board, fetched by `podium init`, unpacked within limits."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi import FastAPI, Response
from fastapi.testclient import TestClient

import localhub
from leaderboard.benchmarks import Benchmark, load_benchmark
from leaderboard.cli.__main__ import main
from leaderboard.cli.client.accounts import Account, Accounts
from leaderboard.errors import BadBenchmark, NotFound
from leaderboard.packaging.challenge import Challenge, find_challenge
from leaderboard.packaging.kits import Kits, check_kits
from leaderboard.packaging.validate import validate
from leaderboard.service import Service
from tests.backend.evaluators.code.packages import zipped
from tests.leaderboard.packaging.kits import pair_kit, predictions_kit
from tests.leaderboard.packaging.served import serving
from tests.leaderboard.people import Open, client_of


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def challenge(tmp_path: Path) -> Challenge:
    """The kit of a benchmark in a folder of benchmarks."""
    return published(tmp_path / "benchmarks", pair_kit(tmp_path / "benchmarks" / "code" / "kit"))


def published(folder: Path, challenge: Challenge) -> Challenge:
    """Write the benchmark's YAML file beside its kit."""
    document = challenge.benchmark.model_dump(mode="json", exclude_defaults=True)
    document["competition"] = {"kit": challenge.folder.relative_to(folder).as_posix()}
    (folder / f"{challenge.benchmark.id}.yaml").write_text(yaml.safe_dump(document))
    return challenge


@pytest.fixture
def settings(tmp_path: Path, challenge: Challenge) -> dict[str, Any]:
    plain = challenge.benchmark.model_dump(mode="json", exclude_defaults=True) | {"id": "plain", "title": "Plain"}
    (tmp_path / "benchmarks" / "plain.yaml").write_text(yaml.safe_dump(plain))
    return {
        "benchmarks_dir": tmp_path / "benchmarks", "benchmarks": "code,plain", "private_dir": tmp_path / "private"
    }  # fmt: skip


@pytest.fixture
def board(service: Service) -> Iterator[str]:
    with serving(client_of(service).app) as address:
        yield address


# --- the server's side


def test_a_kit_is_the_same_bytes_until_a_file_changes(api: TestClient, challenge: Challenge) -> None:
    first = api.get("/api/v1/benchmarks/code/kit")
    assert first.status_code == 200 and first.headers["content-type"] == "application/zip"
    assert 'filename="code-kit.zip"' in first.headers["content-disposition"]
    for path in challenge.folder.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    again = api.get("/api/v1/benchmarks/code/kit")
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    known = {"If-None-Match": first.headers["etag"]}
    assert api.get("/api/v1/benchmarks/code/kit", headers=known).status_code == 304
    (challenge.folder / "README.md").write_text("# Read me\n")
    changed = api.get("/api/v1/benchmarks/code/kit", headers=known)
    assert changed.status_code == 200 and changed.headers["etag"] != first.headers["etag"]


def test_only_regular_files_of_the_kit_are_sent(api: TestClient, challenge: Challenge, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir(exist_ok=True)
    (tmp_path / "private" / "answers.csv").write_text("secret")
    (challenge.folder / "answers.csv").symlink_to(tmp_path / "private" / "answers.csv")
    (challenge.folder / "folder").symlink_to(tmp_path / "private")
    (challenge.folder / ".DS_Store").write_text("x")
    os.mkfifo(challenge.folder / "pipe")
    file = tmp_path / "kit.zip"
    file.write_bytes(api.get("/api/v1/benchmarks/code/kit").content)
    assert zipfile.ZipFile(file).namelist() == [
        *("challenge.yaml", "data/labels.csv", "data/test/test_pairs.csv", "data/train/train.csv"),
        "submission/model.py",
    ]


def test_a_benchmark_without_a_kit_and_one_that_does_not_exist_are_told(api: TestClient) -> None:
    none = api.get("/api/v1/benchmarks/plain/kit")
    assert (none.status_code, none.json()["error"]) == (
        404,
        "Plain has no starting kit. Its page says what is submitted.",
    )
    assert api.get("/api/v1/benchmarks/nothing/kit").status_code == 404


def test_a_kit_that_is_not_there_or_is_anothers_keeps_a_board_from_starting(
    opened: Open, challenge: Challenge, tmp_path: Path
) -> None:
    other = published(tmp_path / "benchmarks", predictions_kit(tmp_path / "benchmarks" / "answers" / "kit"))
    (challenge.folder / "challenge.yaml").write_text((other.folder / "challenge.yaml").read_text())
    with pytest.raises(BadBenchmark, match="is for the benchmark 'answers'"):
        opened()
    (challenge.folder / "challenge.yaml").unlink()
    with pytest.raises(BadBenchmark, match=r"There is no challenge\.yaml in"):
        check_kits({"code": load_benchmark(tmp_path / "benchmarks" / "code.yaml")})


def test_the_kit_of_a_bundle_is_that_of_the_phase_which_is_open(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    phases = [
        {"track": "first", "end": now - timedelta(days=1), "starting_kit": "kits/0.zip"},
        {"track": "second", "start": now - timedelta(days=1), "end": now + timedelta(days=1)},
        {"track": "third", "start": now + timedelta(days=1), "starting_kit": "kits/2.zip"},
    ]
    benchmark = bundle_benchmark(phases)
    for number in (0, 2):
        file = tmp_path / "bundle" / "kits" / f"{number}.zip"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(zipped({"README.md": f"{number}"}))
    kits = Kits({"flowers": benchmark}, lambda _: tmp_path, tmp_path / "packed")
    assert kits.kit("flowers").file.name == "2.zip"
    phases[1]["starting_kit"] = "kits/0.zip"
    kits = Kits({"flowers": bundle_benchmark(phases)}, lambda _: tmp_path, tmp_path / "packed")
    assert kits.kit("flowers").file.name == "0.zip"
    kits = Kits({"flowers": bundle_benchmark([{"track": "only"}])}, lambda _: tmp_path, tmp_path / "packed")
    with pytest.raises(NotFound):
        kits.kit("flowers")


def bundle_benchmark(phases: list[dict[str, Any]]) -> Benchmark:
    return Benchmark.model_validate(
        {
            "id": "flowers", "version": "1", "title": "Flowers", "description": "", "kinds": ["code"],
            "columns": [{"key": "accuracy", "title": "Accuracy", "score": "accuracy"}],
            "bundle": {
                "folder": "bundle",
                "tasks": [{"index": 0, "name": "Iris", "scoring_program": "scoring"}],
                "phases": [{"name": phase["track"], "tasks": [0], **phase} for phase in phases],
            },
        }
    )  # fmt: skip


# --- the command


def test_init_makes_a_folder_that_is_valid_as_it_is(
    board: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "code", "--server", board]) == 0
    printed = capsys.readouterr().out
    assert "✓ code: the starting kit of code, 5 files" in printed and "Next: podium validate code" in printed
    validation = validate(tmp_path / "code", find_challenge(tmp_path / "code"), run=False)
    assert validation.problems == [] and validation.kind == "code"
    assert main(["init", "code", "--server", board]) == 1
    assert "code is there already, and is left as it is. Name another folder." in capsys.readouterr().err
    assert main(["init", "code", "deep/other", "--server", f"{board}/", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"][0] == "challenge.yaml"
    assert (tmp_path / "deep" / "other" / "submission" / "model.py").is_file()


def test_the_benchmarks_of_a_board_are_listed(
    board: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["init", "--list", "--server", board]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "  code   Code: code", "  plain  Plain: code  (no starting kit)", "Next: podium init code"
    ]  # fmt: skip
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    Accounts().keep(Account(board))
    assert main(["init", "--list", "--json"]) == 0
    assert [kit["has_kit"] for kit in json.loads(capsys.readouterr().out)] == [True, False]


def test_what_a_server_may_answer_instead_is_told(
    board: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "plain", "--server", board]) == 1
    assert "Plain has no starting kit." in capsys.readouterr().err
    assert main(["init", "code", "--server", "http://127.0.0.1:1"]) == 3
    assert "http://127.0.0.1:1 cannot be reached" in capsys.readouterr().err
    capsys.readouterr()
    assert main(["init"]) == 2
    assert "`podium init --list` shows which there are" in capsys.readouterr().err
    other = FastAPI()
    other.get("/api/v1/benchmarks")(lambda: {"hello": "world"})
    escaping = zipped({"../evil.py": "x", "fine.py": "x"})
    other.get("/api/v1/benchmarks/code/kit")(lambda: Response(escaping, media_type="application/zip"))
    with serving(other) as address:
        assert main(["init", "--list", "--server", address]) == 1
        assert "does not answer as a Podium board does" in capsys.readouterr().err
        assert main(["init", "code", "--server", address]) == 1
    assert "leads out of the archive" in capsys.readouterr().err
    assert not (tmp_path / "code").exists() and not (tmp_path / "evil.py").exists()
