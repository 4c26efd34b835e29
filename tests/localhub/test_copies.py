"""Copies made by the server: of whole repos, and of files between them."""

import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from huggingface_hub import CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError

import localhub
from localhub.names import Kind

from .conftest import git
from .test_files import add
from .test_repos import Clients, bearer, status_of

WEIGHTS = os.urandom(2000)


@pytest.fixture
def source(api: HfApi, model: str) -> str:
    """A model with a small and a large file, a branch, a tag and a pull request."""
    api.create_commit(model, [add("a.txt", b"first")], commit_message="first")
    api.create_commit(model, [add("w/weights.bin", WEIGHTS), add("a.txt", b"second")], commit_message="second")
    api.create_branch(model, branch="side")
    api.create_tag(model, tag="v1")
    api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=model, create_pr=True)
    return model


def test_a_duplicate_has_the_history_and_the_large_files(
    served: localhub.Running, api: HfApi, as_user: Clients, source: str, tmp_path: Path
) -> None:
    git("-C", served.hub.repos.get(Kind.MODEL, source).folder, "gc", "-q")
    api.upload_file(path_or_fileobj=b"later", path_in_repo="later.txt", repo_id=source)
    bob = as_user("bob")
    made = bob.duplicate_repo(source, f"bob/copy-of-{source.partition('/')[2]}")
    assert (made.repo_id, made.files_copy_pending) == (f"bob/copy-of-{source.partition('/')[2]}", False)
    assert bob.list_repo_commits(made.repo_id) == bob.list_repo_commits(source)
    copied, original = bob.list_repo_refs(made.repo_id, include_pull_requests=True), bob.list_repo_refs(source)
    assert (copied.branches, copied.tags, copied.pull_requests) == (original.branches, original.tags, [])
    bob.upload_file(path_or_fileobj=b"mine", path_in_repo="mine.txt", repo_id=made.repo_id)
    api.delete_repo(source)
    assert Path(bob.hf_hub_download(made.repo_id, "w/weights.bin", cache_dir=tmp_path)).read_bytes() == WEIGHTS
    assert Path(bob.hf_hub_download(made.repo_id, "mine.txt", cache_dir=tmp_path)).read_bytes() == b"mine"
    git("-C", served.hub.repos.get(Kind.MODEL, made.repo_id).folder, "fsck", "--strict")


def test_who_may_duplicate_and_where(api: HfApi, as_user: Clients, source: str, new_name: Callable[[str], str]) -> None:
    name, existing = new_name("copy"), new_name("taken")
    api.create_repo(existing)
    assert status_of(lambda: api.duplicate_repo(source, existing)) == 409
    assert api.duplicate_repo(source, existing, exist_ok=True).repo_id == existing
    assert status_of(lambda: as_user("eve").duplicate_repo(source, name)) == 403
    api.update_repo_settings(source, visibility="private")
    with pytest.raises(RepositoryNotFoundError):
        as_user("eve").duplicate_repo(source)
    api.duplicate_repo(source, name)
    assert api.model_info(name).private
    api.duplicate_repo(source, f"{name}-2", visibility="public")
    assert not api.model_info(f"{name}-2").private


def test_the_copy_of_a_space_and_of_a_gated_repo(
    api: HfApi, as_user: Clients, source: str, new_name: Callable[[str], str]
) -> None:
    space, gated = new_name("space"), new_name("gated")
    api.create_repo(space, repo_type="space", space_sdk="static")
    api.duplicate_repo(space, f"{space}-2", repo_type="space")
    assert api.space_info(f"{space}-2").sdk == "static"
    api.update_repo_settings(source, gated="auto")
    with pytest.raises(GatedRepoError):
        as_user("eve").duplicate_repo(source)
    api.duplicate_repo(source, gated)
    assert api.model_info(gated).gated == "auto"


def test_files_are_copied_within_a_repo(api: HfApi, source: str, tmp_path: Path) -> None:
    operations = [
        CommitOperationCopy("w/weights.bin", "copy.bin"),
        CommitOperationCopy("a.txt", "copy.txt"),
        CommitOperationDelete("w/weights.bin"),
    ]
    api.create_commit(source, operations, commit_message="Rename")
    assert api.list_repo_files(source) == [".gitattributes", "a.txt", "copy.bin", "copy.txt"]
    assert Path(api.hf_hub_download(source, "copy.bin", cache_dir=tmp_path)).read_bytes() == WEIGHTS
    first = api.list_repo_commits(source)[-2].commit_id
    old = [CommitOperationCopy("a.txt", "old.txt", src_revision=first)]
    api.create_commit(source, old, commit_message="From the past")
    assert Path(api.hf_hub_download(source, "old.txt", cache_dir=tmp_path)).read_bytes() == b"first"


def test_files_are_copied_between_repos(api: HfApi, source: str, dataset: str, tmp_path: Path) -> None:
    api.copy_files(f"hf://{source}", f"hf://datasets/{dataset}/from/")
    files = api.list_repo_files(dataset, repo_type="dataset")
    assert {"from/a.txt", "from/w/weights.bin"} <= set(files)
    api.delete_repo(source)
    path = api.hf_hub_download(dataset, "from/w/weights.bin", repo_type="dataset", cache_dir=tmp_path)
    assert Path(path).read_bytes() == WEIGHTS


def test_a_large_file_is_copied_only_by_who_may_read_it(
    api: HfApi, as_user: Clients, source: str, dataset: str, new_name: Callable[[str], str]
) -> None:
    def copy(path: str, user: str) -> object:
        operation = CommitOperationCopy(path, "stolen.bin", src_repo_id=source, src_repo_type="model")
        target = new_name("target").replace("ada/", f"{user}/")
        as_user(user).create_repo(target)
        return as_user(user).create_commit(target, [operation], commit_message="Copy")

    with pytest.raises(EntryNotFoundError):
        copy("missing.bin", "eve")
    copy("w/weights.bin", "eve")
    api.update_repo_settings(source, visibility="private")
    with pytest.raises(RepositoryNotFoundError):
        copy("w/weights.bin", "eve")
    body = {"target": {"type": "dataset", "name": dataset}, "files": [{"sha256": "0" * 64}]}
    route = f"{api.endpoint}/api/models/{source}/lfs-files/duplicate"
    answer = httpx.post(route, json=body, headers=bearer("ada"))
    assert answer.json()["failed"] == [{"sha256": "0" * 64, "error": f"{source} has no such large file"}]


def test_only_who_may_write_is_told_a_xet_hash(api: HfApi, as_user: Clients, source: str) -> None:
    """A client without HF_HUB_DISABLE_XET=1 would read the file from Xet."""
    shown = [as_user(user).get_paths_info(source, "w/weights.bin")[0].xet_hash for user in ("ada", None)]
    assert shown == [api.get_paths_info(source, "w/weights.bin")[0].lfs.sha256, None]
