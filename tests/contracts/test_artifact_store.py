"""What every store of uploaded files does: over a folder, and over a private dataset of a Hub on loopback."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError

import localhub
from leaderboard.artifacts.folder import FolderArtifacts
from leaderboard.artifacts.hub import HubArtifacts
from leaderboard.artifacts.store import ArtifactStore
from leaderboard.errors import BadSettings, HubUnavailable, NotFound, Unreadable
from leaderboard.hub.private_repo import PrivateRepo
from localhub.faults import Fault
from tests.contracts.stores import TOKEN

CONTENT = b"id,label\n" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NOTHING = "0" * 64
Machine = Callable[[str], ArtifactStore]
"""Opens the store on a machine of that name."""
_numbers = itertools.count(1)


@pytest.fixture
def repo_id() -> str:
    return f"board/private-{next(_numbers)}"


@pytest.fixture(params=["folder", "hub"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    if request.param == "folder":
        return lambda name: FolderArtifacts(tmp_path / "artifacts")
    opener = partial(on_hub, request.getfixturevalue("served"), request.getfixturevalue("repo_id"), tmp_path)
    opener("first").prepare()
    return opener


def on_hub(served: localhub.Running, repo_id: str, folder: Path, name: str) -> HubArtifacts:
    return HubArtifacts(
        PrivateRepo(repo_id, served.endpoint, TOKEN, 30.0), FolderArtifacts(folder / name / "artifacts")
    )


@pytest.fixture
def store(machine: Machine) -> ArtifactStore:
    store = machine("first")
    store.prepare()
    return store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """What somebody sends."""
    path = tmp_path / "sent"
    path.write_bytes(CONTENT)
    return path


def test_what_is_added_is_there_on_every_machine(store: ArtifactStore, machine: Machine, file: Path) -> None:
    assert store.add(file, "ada") == SHA256
    file.unlink()
    for opened in (store, machine("first"), machine("second")):
        assert (opened.size(SHA256), opened.owns("ada", SHA256)) == (len(CONTENT), True)
        assert opened.path(SHA256).read_bytes() == CONTENT


def test_what_is_not_there_is_not_found(store: ArtifactStore, tmp_path: Path) -> None:
    assert store.size(NOTHING) is None
    assert not store.owns("ada", NOTHING)
    with pytest.raises(NotFound):
        store.path(NOTHING)
    with pytest.raises(NotFound):
        store.fetch(NOTHING, tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


def test_a_content_belongs_to_all_who_sent_it_and_to_nobody_else(
    store: ArtifactStore, machine: Machine, file: Path
) -> None:
    names = ["ada", "Ada B", "..", ".", "a/b", "../ada", "%2e", "é" * 20]
    store.add(file, names[0])
    machine("second").add(file, names[1])
    for name in names[2:]:
        assert not store.owns(name, SHA256), name
        store.add(file, name)
    for opened in (store, machine("third")):
        assert all(opened.owns(name, SHA256) for name in names)
        assert not any(opened.owns(name, SHA256) for name in ("", "ad", "ADA", "ada/", "b"))
    assert store.path(SHA256).read_bytes() == CONTENT


def test_it_is_fetched_for_a_job_and_checked(
    store: ArtifactStore, machine: Machine, file: Path, tmp_path: Path
) -> None:
    store.add(file, "ada")
    elsewhere = machine("second")
    elsewhere.fetch(SHA256, tmp_path / "job")
    assert (tmp_path / "job").read_bytes() == CONTENT
    elsewhere.path(SHA256).write_bytes(b"changed")
    with pytest.raises(Unreadable, match="has changed"):
        elsewhere.fetch(SHA256, tmp_path / "job")


def test_an_empty_file_is_one_too(store: ArtifactStore, machine: Machine, file: Path) -> None:
    file.write_bytes(b"")
    digest = store.add(file, "ada")
    assert (machine("second").size(digest), machine("second").path(digest).read_bytes()) == (0, b"")


# --- on the Hub


def test_the_dataset_that_is_made_is_private(
    served: localhub.Running, repo_id: str, tmp_path: Path, file: Path
) -> None:
    store = on_hub(served, repo_id, tmp_path, "first")
    store.prepare()
    store.add(file, "ada")
    assert HfApi(endpoint=served.endpoint, token=TOKEN).dataset_info(repo_id).private
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=served.endpoint, token=False).dataset_info(repo_id)


def test_nothing_goes_into_a_dataset_that_is_public(
    served: localhub.Running, repo_id: str, tmp_path: Path, file: Path
) -> None:
    """Neither where it is public from the start, nor where somebody makes it public later."""
    api = HfApi(endpoint=served.endpoint, token=TOKEN)
    store = on_hub(served, repo_id, tmp_path, "first")
    store.prepare()
    api.update_repo_settings(repo_id, repo_type="dataset", private=False)
    before = api.list_repo_files(repo_id, repo_type="dataset")
    for call in (store.prepare, lambda: store.add(file, "ada")):
        with pytest.raises(BadSettings, match=f"the dataset {repo_id} is public") as caught:
            call()
        assert "PODIUM_HUB_PRIVATE_DATA" in str(caught.value)
    assert api.list_repo_files(repo_id, repo_type="dataset") == before
    assert not store.owns("ada", SHA256)


def test_a_dataset_that_is_missing_and_may_not_be_made_is_said(
    served: localhub.Running, repo_id: str, tmp_path: Path
) -> None:
    store = HubArtifacts(PrivateRepo(repo_id, served.endpoint, TOKEN, 30.0), FolderArtifacts(tmp_path), create=False)
    with pytest.raises(HubUnavailable, match=f"does not let this board use the dataset {repo_id}"):
        store.prepare()


def test_a_content_that_the_hub_has_changed_is_refused(
    served: localhub.Running, repo_id: str, tmp_path: Path, file: Path
) -> None:
    store = on_hub(served, repo_id, tmp_path, "first")
    store.prepare()
    store.add(file, "ada")
    HfApi(endpoint=served.endpoint, token=TOKEN).upload_file(
        path_or_fileobj=b"other", path_in_repo=f"artifacts/{SHA256[:2]}/{SHA256}", repo_id=repo_id, repo_type="dataset"
    )
    elsewhere = on_hub(served, repo_id, tmp_path, "second")
    with pytest.raises(Unreadable, match="the Hub has another content"):
        elsewhere.path(SHA256)
    assert [path.name for path in (tmp_path / "second").rglob("*")] == ["artifacts"]


def test_a_hub_in_trouble_is_no_missing_file(
    served: localhub.Running, repo_id: str, tmp_path: Path, file: Path
) -> None:
    store = on_hub(served, repo_id, tmp_path, "first")
    store.prepare()
    served.faults.set([Fault("503", path=repo_id)])
    try:
        for call in (lambda: store.owns("ada", SHA256), lambda: store.add(file, "ada"), lambda: store.size(SHA256)):
            with pytest.raises(HubUnavailable):
                call()
    finally:
        served.faults.set([])
