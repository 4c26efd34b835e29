"""Branches, tags and squashing."""

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError

import localhub
from localhub.names import Kind

from .conftest import git
from .test_repos import status_of


def test_branches_and_tags(api: HfApi, model: str) -> None:
    first = api.model_info(model).sha
    second = api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=model).oid
    api.create_branch(model, branch="snap/2026-11", revision=first)
    api.create_tag(model, tag="v1.0")
    refs = api.list_repo_refs(model)
    assert {branch.name: branch.target_commit for branch in refs.branches} == {"main": second, "snap/2026-11": first}
    assert [(tag.name, tag.ref, tag.target_commit) for tag in refs.tags] == [("v1.0", "refs/tags/v1.0", second)]
    assert api.list_repo_files(model, revision="snap/2026-11") == [".gitattributes"]
    api.upload_file(path_or_fileobj=b"y", path_in_repo="y", repo_id=model, revision="snap/2026-11")
    assert api.list_repo_files(model, revision="v1.0") == [".gitattributes", "x"]
    api.delete_branch(model, branch="snap/2026-11")
    api.delete_tag(model, tag="v1.0")
    assert [branch.name for branch in api.list_repo_refs(model).branches] == ["main"]


def test_what_git_would_refuse_is_refused(api: HfApi, model: str) -> None:
    for name in ("a..b", "a b", "a.lock", ".a", "a~1", "@{x"):
        assert status_of(lambda name=name: api.create_branch(model, branch=name)) == 400
    api.create_branch(model, branch="taken")
    assert status_of(lambda: api.create_branch(model, branch="taken")) == 409
    assert status_of(lambda: api.create_branch(model, branch="taken/below")) == 409
    assert status_of(lambda: api.delete_branch(model, branch="main")) == 403
    assert status_of(lambda: api.delete_branch(model, branch="never")) == 404
    with pytest.raises(RevisionNotFoundError):
        api.create_tag(model, tag="v2", revision="never")
    with pytest.raises(HfHubHTTPError):
        api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=model, revision="refs/heads/../../HEAD")


def test_a_squashed_branch_has_one_commit_and_the_same_files(api: HfApi, model: str, served: localhub.Running) -> None:
    for n in range(3):
        api.upload_file(path_or_fileobj=str(n).encode(), path_in_repo=f"{n}", repo_id=model)
    files = api.list_repo_files(model)
    api.super_squash_history(model)
    assert [commit.title for commit in api.list_repo_commits(model)] == [
        "Super-squash branch 'main' using huggingface_hub"
    ]
    assert api.list_repo_files(model) == files
    bare = served.hub.repos.get(Kind.MODEL, model).folder
    git("-C", bare, "fsck", "--strict")
