"""Branches, tags and squashing."""

from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError

import localhub
from localhub.names import Kind

from .conftest import git
from .test_repos import Clients, status_of


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


def test_what_git_itself_pushed_is_served(api: HfApi, model: str, served: localhub.Running, tmp_path: Path) -> None:
    bare, clone = served.hub.repos.get(Kind.MODEL, model).folder, tmp_path / "clone"
    git("clone", "-q", bare, clone)
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    (clone / "run.sh").write_text("echo hello\n")
    (clone / "run.sh").chmod(0o755)
    (clone / "link").symlink_to("run.sh")
    git("-C", clone, "add", ".")
    head = git("-C", clone, "rev-parse", "HEAD").strip()
    git("-C", clone, "update-index", "--add", "--cacheinfo", f"160000,{head},submodule")
    git("-C", clone, *who, "commit", "-q", "-m", "By git")
    git("-C", clone, *who, "tag", "-a", "v1", "-m", "annotated")
    git("-C", clone, "push", "-q", "origin", "main", "v1")
    commit = git("-C", clone, "rev-parse", "HEAD").strip()
    assert api.list_repo_files(model) == [".gitattributes", "link", "run.sh"]
    assert [info.path for info in api.get_paths_info(model, ["link", "submodule"])] == ["link"]
    assert not api.file_exists(model, "submodule")
    assert api.model_info(model, revision="v1").sha == commit
    assert api.list_repo_refs(model).tags[0].target_commit == commit
    api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=model)
    assert git("-C", bare, "ls-tree", "main", "run.sh").startswith("100755")
    assert git("-C", bare, "ls-tree", "main", "submodule").startswith("160000")


def test_packed_references_are_read_moved_and_deleted(api: HfApi, model: str, served: localhub.Running) -> None:
    first = api.model_info(model).sha
    bare = served.hub.repos.get(Kind.MODEL, model).folder
    for name in ("gone", "kept"):
        api.create_branch(model, branch=name)
        git("-C", bare, "-c", "user.name=Ada", "-c", "user.email=a@b.org", "tag", "-a", f"v-{name}", "-m", name, "main")
    git("-C", bare, "pack-refs", "--all")
    assert not [path for path in (bare / "refs").rglob("*") if path.is_file()]
    second = api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=model).oid
    assert status_of(lambda: api.create_branch(model, branch="gone/below")) == 409
    api.delete_branch(model, branch="gone")
    api.delete_tag(model, tag="v-gone")
    refs = api.list_repo_refs(model)
    assert {branch.name: branch.target_commit for branch in refs.branches} == {"kept": first, "main": second}
    assert {tag.name: tag.target_commit for tag in refs.tags} == {"v-kept": first}
    listed = git("-C", bare, "show-ref", "--dereference").splitlines()
    assert [row.split()[1] for row in listed] == [f"refs/{name}" for name in (
        "heads/kept", "heads/main", "tags/v-kept", "tags/v-kept^{}",
    )]  # fmt: skip
    git("-C", bare, "fsck", "--strict")


def test_a_name_is_read_to_its_end(api: HfApi, model: str, served: localhub.Running) -> None:
    api.upload_file(path_or_fileobj=b"x", path_in_repo="d/x", repo_id=model)
    for address in (
        "resolve/main%00/d/x",
        "resolve/main/d/x%00",
        "resolve/main/d%00",
        "resolve/refs%2Fheads%2Fmain%00/d/x",
    ):
        assert httpx.get(f"{served.endpoint}/{model}/{address}").status_code == 404
    assert api.get_paths_info(model, ["d\0x", "d/x\0", "d/x"]) == api.get_paths_info(model, ["d/x"])


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


def test_head_is_main_wherever_a_revision_is_taken(api: HfApi, model: str, tmp_path: Path) -> None:
    made = api.upload_file(path_or_fileobj=b"x", path_in_repo="d/x.txt", repo_id=model, revision="HEAD").oid
    assert api.model_info(model).sha == api.model_info(model, revision="HEAD").sha == made
    assert api.list_repo_files(model, revision="HEAD") == [".gitattributes", "d/x.txt"]
    assert [entry.path for entry in api.list_repo_tree(model, "d", revision="HEAD")] == ["d/x.txt"]
    assert api.get_paths_info(model, "d/x.txt", revision="HEAD")[0].size == 1
    assert Path(api.hf_hub_download(model, "d/x.txt", revision="HEAD", cache_dir=tmp_path)).read_bytes() == b"x"
    pull = api.upload_file(path_or_fileobj=b"y", path_in_repo="y", repo_id=model, revision="HEAD", create_pr=True)
    assert api.get_discussion_details(model, pull.pr_num).target_branch == "refs/heads/main"
    api.create_branch(model, branch="side", revision="HEAD")
    api.create_tag(model, tag="v1", revision="HEAD")
    assert {api.model_info(model, revision=ref).sha for ref in ("side", "v1")} == {made}
    api.super_squash_history(model, branch="HEAD")
    assert len(api.list_repo_commits(model, revision="HEAD")) == 1
    assert status_of(lambda: api.create_branch(model, branch="HEAD")) == 400


def test_head_in_python(served: localhub.Running, model: str) -> None:
    oid = served.hub.commit(model, {"x": "1"}, revision="HEAD")
    assert served.hub.repos.get(Kind.MODEL, model).refs.get("refs/heads/main") == oid


def test_the_history_of_a_pull_request_is_squashed(api: HfApi, as_user: Clients, model: str) -> None:
    bob, eve = as_user("bob"), as_user("eve")
    pull = bob.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=model, create_pr=True)
    ref = f"refs/pr/{pull.pr_num}"
    bob.upload_file(path_or_fileobj=b"y", path_in_repo="y", repo_id=model, revision=ref)
    assert status_of(lambda: eve.super_squash_history(model, branch=ref)) == 403
    bob.super_squash_history(model, branch=ref, commit_message="One commit")
    commits = bob.list_repo_commits(model, revision=ref)
    assert [commit.title for commit in commits] == ["One commit"]
    assert bob.list_repo_files(model, revision=ref) == [".gitattributes", "x", "y"]
    assert bob.get_discussion_details(model, pull.pr_num).events[-1].oid == commits[0].commit_id
    api.merge_pull_request(model, pull.pr_num)
    assert api.list_repo_files(model) == [".gitattributes", "x", "y"]


def test_a_tag_takes_no_commits(api: HfApi, model: str) -> None:
    api.create_tag(model, tag="v1")
    assert status_of(lambda: api.super_squash_history(model, branch="refs/tags/v1")) == 400
    assert status_of(lambda: api.super_squash_history(model, branch="v1")) == 404
    assert status_of(lambda: api.delete_file(".gitattributes", model, revision="refs/tags/v1")) == 400
