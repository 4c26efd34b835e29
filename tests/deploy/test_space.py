"""The Space that `podium space` writes: pushed to a Hub on loopback, and started from its own requirements."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from huggingface_hub import HfApi
from typer.testing import CliRunner

import localhub
from leaderboard.cli.__main__ import app
from leaderboard.errors import BadSettings
from leaderboard.settings import Settings
from leaderboard.space import FIXED, requirements, write_space
from scripts.make_reference import variable
from scripts.service import ADDRESS
from tests.shared import ROOT

TOKEN = "hf_ada"
KNOWN = {variable(name, field).strip("`") for name, field in Settings.model_fields.items()}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub")) as running:
        running.hub.accounts.add_user("ada", token=TOKEN)
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    settings = Settings(title='Ada\'s "board": one', benchmarks="tiny", hub_namespace="ada", hub_token=TOKEN)
    write_space(settings, tmp_path / "space")
    return tmp_path / "space"


def head_of(folder: Path) -> dict[str, object]:
    """The front matter of the README."""
    head = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    assert isinstance(head, dict)
    return head


def test_the_head_says_how_it_runs_and_that_people_sign_in(folder: Path) -> None:
    head = head_of(folder)
    assert (head["title"], head["sdk"], head["app_file"], head["hf_oauth"]) == (
        'Ada\'s "board": one', "gradio", "space.py", True,
    )  # fmt: skip
    assert head["hf_oauth_scopes"] == ["read-memberships", "write-discussions"]
    assert head["sdk_version"] == requirements()["gradio"]
    assert (folder / str(head["app_file"])).is_file()


def test_it_holds_what_it_needs_and_no_secret(folder: Path) -> None:
    for name in ("app.py", "leaderboard/settings.py", "backend/job.py", "benchmarks/tiny.yaml"):
        assert (folder / name).is_file()
    assert not list(folder.rglob("__pycache__"))
    assert TOKEN not in "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())
    pins = (folder / "requirements.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", pin) for pin in pins)
    assert not [pin for pin in pins if pin.startswith(("torch", "lm-eval"))]


def test_its_settings_exist_and_keep_everything_in_datasets(folder: Path) -> None:
    tree = ast.parse((folder / "space.py").read_text())
    [given] = [ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign)]
    assert given.keys() <= KNOWN and given.items() >= FIXED.items()
    assert (given["PODIUM_HUB_NAMESPACE"], given["PODIUM_BENCHMARKS"]) == ("ada", "tiny")


def test_the_command_refuses_a_board_without_datasets_and_a_folder_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["space", str(tmp_path / "space")])
    assert isinstance(done.exception, BadSettings) and "PODIUM_HUB_NAMESPACE" in str(done.exception)
    monkeypatch.setenv("PODIUM_HUB_NAMESPACE", "ada")
    assert "hf upload ada/board" in CliRunner().invoke(app, ["space", str(tmp_path / "space")]).output
    again = CliRunner().invoke(app, ["space", str(tmp_path / "space")])
    assert isinstance(again.exception, BadSettings) and "not empty" in str(again.exception)


def test_it_is_pushed_to_a_hub(folder: Path, hub: localhub.Running) -> None:
    api = HfApi(endpoint=hub.endpoint, token=TOKEN)
    api.create_repo("ada/board", repo_type="space", space_sdk="gradio", exist_ok=True)
    api.upload_folder(repo_id="ada/board", repo_type="space", folder_path=folder)
    there = set(api.list_repo_files("ada/board", repo_type="space"))
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} <= there
    card = api.space_info("ada/board").card_data
    assert card is not None and card["hf_oauth"] is True and card["sdk"] == "gradio"


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_it_starts_from_a_clean_environment_with_its_own_requirements(
    folder: Path, hub: localhub.Running, tmp_path: Path
) -> None:
    uv = shutil.which(ROOT / ".venv" / "bin" / "uv") or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not here; `make test` installs it")
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, "-r", folder / "requirements.txt"], check=True)
    api = HfApi(endpoint=hub.endpoint, token=TOKEN)
    api.create_repo("ada/clean", repo_type="space", space_sdk="gradio")
    api.upload_folder(repo_id="ada/clean", repo_type="space", folder_path=folder)
    clone = api.snapshot_download("ada/clean", repo_type="space", local_dir=tmp_path / "clone")
    environment = {
        "PATH": os.defpath, "HOME": str(tmp_path), "HF_ENDPOINT": hub.endpoint, "HF_TOKEN": TOKEN,
        "SPACE_ID": "ada/clean", "SPACE_HOST": "ada-clean.hf.space", "PODIUM_PORT": "0", "PODIUM_HOST": "127.0.0.1",
        "PODIUM_WORK_DIR": str(tmp_path / "work"), "PODIUM_SECRETS_DIR": str(tmp_path / "secrets"),
        "SYSTEM": "spaces", "OAUTH_CLIENT_ID": "board", "OAUTH_CLIENT_SECRET": "s" * 32,
        "OPENID_PROVIDER_URL": hub.endpoint, "OAUTH_SCOPES": "openid profile", "PODIUM_SESSION_KEY": "k" * 32,
    }  # fmt: skip
    log = tmp_path / "space.log"
    with (
        log.open("w") as out,
        subprocess.Popen(
            [python, "space.py"], cwd=clone, env=environment, stdout=subprocess.PIPE, stderr=out, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            match = next((found for line in process.stdout if (found := ADDRESS.search(line))), None)
            assert match, log.read_text()
            for path in ("/readyz", "/", "/queue", "/api/v1/benchmarks"):
                assert httpx.get(f"{match[1]}{path}", trust_env=False, timeout=60).status_code == 200, path
        finally:
            process.terminate()
    assert {info.id for info in api.list_datasets(author="ada")} >= {"ada/requests", "ada/results"}
