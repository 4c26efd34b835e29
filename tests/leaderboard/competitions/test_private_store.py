"""Private decisions of a board: in a folder of its own, or in a private dataset on the Hub, never in a public one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from pydantic import SecretStr

import localhub
from leaderboard.errors import BadSettings
from leaderboard.opening import open_private_store
from leaderboard.settings import Settings

TOKEN = "hf_board"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub"), tokens={"board": TOKEN}) as running:
        yield running


def machine(hub: localhub.Running, folder: Path, dataset: str) -> Settings:
    return Settings(
        store="hub", hub_endpoint=hub.endpoint, hub_token=SecretStr(TOKEN), hub_namespace="board",
        hub_private_data=dataset, private_dir=folder / "private", work_dir=folder / "work",
    )  # fmt: skip


def test_what_one_machine_keeps_another_one_reads_and_nobody_else(hub: localhub.Running, tmp_path: Path) -> None:
    path = "competition/pairs/selections.json"
    store = open_private_store(machine(hub, tmp_path / "a", "board/kept"))
    store.commit({path: b"{}"}, "A selection")
    assert open_private_store(machine(hub, tmp_path / "b", "board/kept")).read(path)[0] == b"{}"
    assert HfApi(hub.endpoint, token=TOKEN).dataset_info("board/kept").private


def test_a_public_dataset_is_refused(hub: localhub.Running, tmp_path: Path) -> None:
    HfApi(hub.endpoint, token=TOKEN).create_repo("board/open", repo_type="dataset", private=False)
    with pytest.raises(BadSettings, match="board/open is public"):
        open_private_store(machine(hub, tmp_path, "board/open"))


def test_a_folder_is_for_the_service_alone(tmp_path: Path) -> None:
    settings = Settings(private_dir=tmp_path / "private")
    open_private_store(settings).commit({"a.json": b"{}"}, "A decision")
    assert (tmp_path / "private" / "decisions").stat().st_mode & 0o077 == 0
