"""The folders that a start looks at: the private one lies apart from the others and is its owner's alone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaderboard.errors import BadSettings
from leaderboard.settings import Settings
from leaderboard.stores.folders import check_folders


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    def make(**more: Any) -> Settings:
        folders = {f"{name}_dir": tmp_path / name for name in ("requests", "results", "work", "private")}
        return Settings.model_validate(folders | more)

    return make


def test_the_private_folder_is_made_for_its_owner_alone_where_it_is_needed(
    settings: Callable[..., Settings], tmp_path: Path
) -> None:
    check_folders(settings(), working=True)
    assert not (tmp_path / "private").exists()
    check_folders(settings(), working=True, private=True)
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("other", ["requests", "results", "work", "."])
def test_a_private_folder_in_another_folder_or_around_it_is_refused(
    settings: Callable[..., Settings], tmp_path: Path, other: str
) -> None:
    place = tmp_path if other == "." else tmp_path / other / "mine"
    with pytest.raises(BadSettings, match=r"PODIUM_PRIVATE_DIR: .* lie in each other"):
        check_folders(settings(private_dir=place), working=True, private=True)
    link = tmp_path / "link"
    link.symlink_to(place)
    with pytest.raises(BadSettings, match=r"PODIUM_PRIVATE_DIR: .* lie in each other"):
        check_folders(settings(private_dir=link), working=True, private=True)


def test_every_problem_is_said_at_once(settings: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bad = settings(private_dir=tmp_path / "file" / "private", results_dir=tmp_path / "file" / "results")
    with pytest.raises(BadSettings) as refused:
        check_folders(bad, working=True, private=True)
    said = [line.partition(":")[0] for line in str(refused.value).splitlines()]
    assert said == ["PODIUM_RESULTS_DIR", "PODIUM_PRIVATE_DIR"]


def test_a_private_folder_that_others_may_read_is_warned_of(
    settings: Callable[..., Settings], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "private").mkdir(mode=0o700)
    with caplog.at_level(logging.WARNING):
        check_folders(settings(), working=True, private=True)
        assert not caplog.records
        (tmp_path / "private").chmod(0o750)
        check_folders(settings(), working=True, private=True)
    assert f"chmod 700 {tmp_path / 'private'}" in caplog.text
