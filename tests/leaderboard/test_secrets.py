"""Where the service's own secrets lie, and who may read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.errors import BadSettings
from leaderboard.settings import load_settings


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The secrets' folder, with the current directory beside it."""
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("PODIUM_SECRETS_DIR", str(folder))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    (tmp_path / "service").mkdir()
    monkeypatch.chdir(tmp_path / "service")
    return folder


def test_settings_are_read_from_the_secrets_folder(secrets: Path) -> None:
    file = secrets / "podium.env"
    file.write_text("HF_TOKEN=hf_mine\nPODIUM_TITLE=Mine\n")
    file.chmod(0o600)
    settings = load_settings()
    assert (settings.token, settings.title, settings.secrets_dir) == ("hf_mine", "Mine", secrets)


def test_a_file_of_secrets_that_others_can_read_is_refused(secrets: Path) -> None:
    file = secrets / "podium.env"
    file.write_text("HF_TOKEN=hf_mine\n")
    file.chmod(0o640)
    with pytest.raises(BadSettings, match="chmod 600") as refusal:
        load_settings()
    assert "hf_mine" not in str(refusal.value)


def test_a_folder_that_is_none_is_a_sentence(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets / "file").write_text("")
    monkeypatch.setenv("PODIUM_SECRETS_DIR", str(secrets / "file"))
    with pytest.raises(BadSettings, match="PODIUM_SECRETS_DIR"):
        load_settings()


def test_an_env_file_in_the_service_s_own_folder_is_refused_with_the_command_that_moves_it(secrets: Path) -> None:
    Path(".env").write_text("HF_TOKEN=hf_mine\n")
    with pytest.raises(BadSettings, match=r"mv \.env") as refusal:
        load_settings()
    assert str(secrets / "podium.env") in str(refusal.value) and "hf_mine" not in str(refusal.value)
