"""The large files that a repo stores: listed, and deleted for good."""

import os
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import EntryNotFoundError

import localhub
from localhub.names import Kind

from .conftest import git
from .test_files import add
from .test_repos import Clients, status_of


@pytest.fixture
def weights(api: HfApi, model: str) -> str:
    """A model whose weights were replaced, with a pull request that adds some more."""
    for n in range(2):
        files = [add("w/weights.bin", os.urandom(1000 + n)), add(f"{n}.txt", b"text")]
        api.create_commit(model, files, commit_message=f"Weights {n}", commit_description="With text")
    api.create_commit(model, [add("more.bin", os.urandom(1002))], commit_message="More", create_pr=True)
    return model


def test_large_files_of_all_history_are_listed(api: HfApi, as_user: Clients, weights: str) -> None:
    now = api.get_paths_info(weights, "w/weights.bin")[0].lfs.sha256
    files = sorted(api.list_lfs_files(weights), key=lambda file: file.size)
    assert [(file.filename, file.size, file.ref) for file in files] == [
        ("w/weights.bin", 1000, "main"),
        ("w/weights.bin", 1001, "main"),
        ("more.bin", 1002, "refs/pr/1"),
    ]
    assert files[1].file_oid == files[1].oid == now
    assert len({file.pushed_at.date() for file in files}) == 1
    assert status_of(lambda: list(as_user("eve").list_lfs_files(weights))) == 403


def test_deleted_files_leave_the_history(served: localhub.Running, api: HfApi, weights: str, tmp_path: Path) -> None:
    before = api.list_repo_commits(weights)
    old = [file for file in api.list_lfs_files(weights) if file.size == 1000]
    api.permanently_delete_lfs_files(weights, old)
    after = api.list_repo_commits(weights)
    assert [(commit.title, commit.message, commit.created_at, commit.authors) for commit in after] == [
        (commit.title, commit.message, commit.created_at, commit.authors) for commit in before
    ]
    assert [old.commit_id == new.commit_id for old, new in zip(before, after, strict=True)] == [False, False, True]
    assert api.list_repo_files(weights, revision=after[1].commit_id) == [".gitattributes", "0.txt"]
    assert Path(api.hf_hub_download(weights, "w/weights.bin", cache_dir=tmp_path)).stat().st_size == 1001
    assert sorted(file.size for file in api.list_lfs_files(weights)) == [1001, 1002]
    git("-C", served.hub.repos.get(Kind.MODEL, weights).folder, "fsck", "--strict")
    assert api.get_discussion_details(weights, 1).conflicting_files == []
    api.change_discussion_status(weights, 1, "open")
    api.merge_pull_request(weights, 1)
    assert "more.bin" in api.list_repo_files(weights)


def test_the_history_may_keep_the_names(api: HfApi, as_user: Clients, weights: str) -> None:
    head = api.model_info(weights).sha
    files = list(api.list_lfs_files(weights))
    assert status_of(lambda: as_user("eve").permanently_delete_lfs_files(weights, files)) == 403
    api.permanently_delete_lfs_files(weights, files, rewrite_history=False)
    assert api.model_info(weights).sha == head
    assert list(api.list_lfs_files(weights)) == []
    with pytest.raises(EntryNotFoundError, match="it was deleted"):
        api.hf_hub_download(weights, "w/weights.bin")


def test_a_content_that_no_commit_has_is_listed_without_a_name(api: HfApi, weights: str) -> None:
    api.super_squash_history(weights)
    listed = {file.size: (file.filename, file.ref) for file in api.list_lfs_files(weights)}
    assert listed == {
        1000: ("w/weights.bin", "refs/pr/1"),
        1001: ("w/weights.bin", "main"),
        1002: ("more.bin", "refs/pr/1"),
    }
    api.delete_file("w/weights.bin", weights)
    api.super_squash_history(weights, branch="refs/pr/1")
    api.super_squash_history(weights)
    assert {file.size: file.filename for file in api.list_lfs_files(weights)}[1000] == ""
