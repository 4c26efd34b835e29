"""Reading and writing files with the real client."""

import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, CommitScheduler, HfApi, HfFileSystem, SpaceCard
from huggingface_hub import snapshot_download as download_snapshot
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RevisionNotFoundError

import localhub
from localhub.names import Kind

from .conftest import TOKENS

ADA = {"Authorization": f"Bearer {TOKENS['ada']}"}


def add(path: str, content: bytes = b"x") -> CommitOperationAdd:
    return CommitOperationAdd(path, content)


def test_a_commit_on_a_stale_parent_is_a_412(api: HfApi, dataset: str) -> None:
    before = api.dataset_info(dataset).sha
    made = api.create_commit(dataset, [add("a")], commit_message="a", repo_type="dataset", parent_commit=before)
    assert api.dataset_info(dataset).sha == made.oid != before
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_commit(dataset, [add("b")], commit_message="b", repo_type="dataset", parent_commit=before)
    assert caught.value.response.status_code == 412
    assert "b" not in api.list_repo_files(dataset, repo_type="dataset")


def test_racing_commits_with_a_parent_lose_no_update(api: HfApi, dataset: str) -> None:
    def increment(worker: int) -> None:
        while True:
            head = api.dataset_info(dataset, expand=["sha"]).sha
            try:
                api.create_commit(
                    dataset, [add(f"claims/{worker}")], commit_message="+", repo_type="dataset", parent_commit=head
                )
            except HfHubHTTPError as error:
                assert error.response.status_code == 412
            else:
                return

    workers = [threading.Thread(target=increment, args=(n,)) for n in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    commits = api.list_repo_commits(dataset, repo_type="dataset")
    assert [commit.title for commit in commits] == ["+"] * 6 + ["initial commit"]
    assert len(list(api.list_repo_tree(dataset, "claims", repo_type="dataset"))) == 6


def test_many_operations_in_one_commit(api: HfApi, model: str) -> None:
    api.create_commit(model, [add("keep"), add("a/b/c", b"deep"), add("a/d"), add("gone/x")], commit_message="add")
    operations = [CommitOperationDelete("gone/"), CommitOperationDelete("a/d"), add("a/b/c", b"deeper")]
    api.create_commit(model, operations, commit_message="change")
    assert api.list_repo_files(model) == [".gitattributes", "a/b/c", "keep"]
    with pytest.raises(EntryNotFoundError):
        api.delete_file("nowhere", model)


def test_tree_pages_belong_to_one_commit(api: HfApi, dataset: str, served: localhub.Running) -> None:
    served.hub.commit(dataset, {f"many/{n:04}.json": f"{n}" for n in range(1500)}, kind="dataset")
    assert len(list(api.list_repo_tree(dataset, recursive=True, repo_type="dataset"))) == 1502
    address = f"{served.endpoint}/api/datasets/{dataset}/tree/main?recursive=true&limit=1000"
    first = httpx.get(address)
    served.hub.commit(dataset, {"many": None, "0": "other"}, kind="dataset")
    second = httpx.get(first.links["next"]["url"])
    assert len(first.json()) + len(second.json()) == 1502
    assert "next" not in second.links
    assert httpx.get(f"{address}&cursor=nonsense").status_code == 400


def test_tree_entries_tell_size_oid_and_last_commit(api: HfApi, model: str) -> None:
    first = api.create_commit(model, [add("a.txt", b"hello"), add("w.bin", b"\0" * 99)], commit_message="first")
    second = api.create_commit(model, [add("d/b.txt")], commit_message="second")
    entries = {entry.path: entry for entry in api.list_repo_tree(model, expand=True)}
    assert entries["a.txt"].size == 5
    assert entries["a.txt"].blob_id == "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"
    assert entries["w.bin"].lfs.size == 99
    assert entries["a.txt"].last_commit.oid == first.oid
    assert entries["d"].last_commit.oid == second.oid
    infos = api.get_paths_info(model, ["a.txt", "d", "missing"], expand=True)
    assert [(info.path, info.last_commit.title) for info in infos] == [("a.txt", "first"), ("d", "second")]
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree(model, "missing"))


def test_a_large_file_travels_through_lfs(api: HfApi, model: str, tmp_path: Path, served: localhub.Running) -> None:
    content = bytes(range(256)) * 50_000
    api.upload_file(path_or_fileobj=content, path_in_repo="w/model.bin", repo_id=model)
    path = api.hf_hub_download(model, "w/model.bin", cache_dir=tmp_path)
    assert Path(path).read_bytes() == content
    address = f"{served.endpoint}/{model}/resolve/main/w/model.bin"
    assert httpx.get(address, headers={"Range": "bytes=256-511"}).content == bytes(range(256))
    assert httpx.get(address, headers={"Range": "bytes=256-511"}).status_code == 206
    assert httpx.get(f"{served.endpoint}/{model}/raw/main/w/model.bin").text.startswith("version https://git-lfs")
    batch = {
        "operation": "download",
        "objects": [{"oid": api.get_paths_info(model, "w/model.bin")[0].lfs.sha256, "size": 1}],
    }
    answer = httpx.post(f"{served.endpoint}/{model}.git/info/lfs/objects/batch", json=batch).json()
    assert httpx.get(answer["objects"][0]["actions"]["download"]["href"]).content == content


def test_an_upload_link_cannot_be_forged_or_filled_with_something_else(
    api: HfApi, model: str, served: localhub.Running
) -> None:
    oid = "a" * 64
    batch = {"operation": "upload", "objects": [{"oid": oid, "size": 3}]}
    address = f"{served.endpoint}/{model}.git/info/lfs/objects/batch"
    assert httpx.post(address, json=batch).status_code == 401
    link = httpx.post(address, json=batch, headers=ADA).json()["objects"][0]["actions"]["upload"]["href"]
    assert httpx.put(link.replace("a" * 64, "b" * 64), content=b"abc").status_code == 403
    assert httpx.put(link, content=b"abc").status_code == 400
    operation = {"key": "lfsFile", "value": {"path": "w.bin", "algo": "sha256", "oid": oid, "size": 3}}
    assert commit_raw(served, model, operation).status_code == 400


def test_an_upload_that_breaks_off_leaves_nothing(served: localhub.Running, model: str) -> None:
    oid = hashlib.sha256(b"abcdef").hexdigest()
    batch = {"operation": "upload", "objects": [{"oid": oid, "size": 6}]}
    link = httpx.post(f"{served.endpoint}/{model}.git/info/lfs/objects/batch", json=batch, headers=ADA).json()
    address = urlsplit(link["objects"][0]["actions"]["upload"]["href"])
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = f"PUT {address.path}?{address.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc"
        connection.sendall(head.encode())
        assert becomes(lambda: arriving(served.hub.root))
    assert becomes(lambda: not arriving(served.hub.root))
    assert not list(served.hub.repos.get(Kind.MODEL, model).lfs.folder.rglob("*"))


def arriving(root: Path) -> list[Path]:
    """Files of a Hub that are being uploaded and hold bytes."""
    return [path for path in (root / "tmp").iterdir() if size(path)]


def size(path: Path) -> int:
    """Bytes of a file, which the server may remove meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def becomes(true: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 60
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(true())


def test_a_file_of_another_repo_is_not_taken_by_its_hash(
    api: HfApi, model: str, new_name: Callable[[str], str], as_user: Callable[[str | None], HfApi]
) -> None:
    secret, other = new_name("secret"), "eve/thief"
    api.create_repo(secret, private=True)
    api.upload_file(path_or_fileobj=b"\0secret" * 9, path_in_repo="w.bin", repo_id=secret)
    oid = api.get_paths_info(secret, "w.bin")[0].lfs.sha256
    as_user("eve").create_repo(other, exist_ok=True)
    batch = {"operation": "upload", "objects": [{"oid": oid, "size": 63}]}
    address = f"{api.endpoint}/{other}.git/info/lfs/objects/batch"
    answer = httpx.post(address, json=batch, headers={"Authorization": f"Bearer {TOKENS['eve']}"}).json()
    assert "upload" in answer["objects"][0]["actions"]


def test_headers_that_the_clients_cache_needs(api: HfApi, model: str, served: localhub.Running) -> None:
    made = api.create_commit(model, [add("a b/é.txt", b"0123456789")], commit_message="x")
    address = f"{served.endpoint}/{model}/resolve/main/a%20b/%C3%A9.txt"
    head = httpx.head(address)
    assert (head.headers["x-repo-commit"], head.headers["content-length"]) == (made.oid, "10")
    assert head.headers["etag"] == '"ad471007bd7f5983d273b9584e5629230150fd54"'
    assert httpx.get(address, headers={"Range": "bytes=-3"}).content == b"789"
    assert httpx.get(address, headers={"Range": "bytes=4-5"}).headers["content-range"] == "bytes 4-5/10"
    assert httpx.get(address, headers={"Range": "bytes=99-"}).status_code == 416
    assert httpx.get(address, headers={"If-None-Match": head.headers["etag"]}).status_code == 304
    missing = httpx.head(f"{served.endpoint}/{model}/resolve/main/missing")
    assert missing.status_code == 404
    assert missing.headers["x-error-code"] == "EntryNotFound"
    assert missing.headers["x-repo-commit"] == made.oid
    with pytest.raises(RevisionNotFoundError):
        api.hf_hub_download(model, "a", revision="nope")


def test_an_abbreviated_commit_is_a_revision(api: HfApi, model: str) -> None:
    sha = api.model_info(model).sha
    assert api.model_info(model, revision=sha[:8]).sha == sha


def commit_raw(served: localhub.Running, repo_id: str, *operations: object) -> httpx.Response:
    lines = [{"key": "header", "value": {"summary": "raw"}}, *operations]
    body = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return httpx.post(f"{served.endpoint}/api/models/{repo_id}/commit/main", content=body, headers=ADA)


@pytest.mark.parametrize(
    "path",
    ["../../x", "/etc/passwd", "a/../../b", ".git/hooks/post-update", "a\\..\\b", "x/.Git/y", "a\0b", "", "a//b"],
)
def test_hostile_paths_are_refused_over_http(served: localhub.Running, model: str, path: str) -> None:
    operation = {"key": "file", "value": {"path": path, "content": "eA==", "encoding": "base64"}}
    assert commit_raw(served, model, operation).status_code == 422


@pytest.mark.parametrize(
    "operation",
    [
        "not json",
        '{"key": "file"}',
        {"key": "unknown", "value": {"path": "a"}},
        {"key": "file", "value": {"path": "a", "content": "%%%", "encoding": "base64"}},
        {"key": "lfsFile", "value": {"path": "a", "oid": "../../etc", "size": 1}},
        "[" * 100_000,
    ],
)
def test_a_commit_that_cannot_be_read_is_a_400(served: localhub.Running, model: str, operation: object) -> None:
    assert commit_raw(served, model, operation).status_code == 400


def test_a_path_that_is_file_and_folder_at_once_is_refused(served: localhub.Running, model: str) -> None:
    operations = [{"key": "file", "value": {"path": path, "content": "x"}} for path in ("a", "a/b")]
    assert commit_raw(served, model, *operations).status_code == 422


def test_upload_folder_snapshot_and_gitignore(api: HfApi, dataset: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for n in range(30):
        (folder / f"org{n % 3}").mkdir(parents=True, exist_ok=True)
        (folder / f"org{n % 3}" / f"{n}.json").write_text(str(n))
    (folder / ".gitignore").write_text("*.log\n")
    (folder / "noise.log").write_text("no")
    api.upload_folder(repo_id=dataset, folder_path=folder, repo_type="dataset")
    path = download_snapshot(
        dataset, repo_type="dataset", endpoint=api.endpoint, cache_dir=tmp_path / "cache", allow_patterns="org1/*"
    )
    assert sorted(file.name for file in Path(path).rglob("*.json")) == sorted(f"{n}.json" for n in range(1, 30, 3))
    assert "noise.log" not in api.list_repo_files(dataset, repo_type="dataset")


def test_the_file_system_reads_writes_globs_and_removes(api: HfApi, dataset: str) -> None:
    files = HfFileSystem(endpoint=api.endpoint, token=TOKENS["ada"])
    with files.open(f"datasets/{dataset}/a/x.json", "w") as file:
        file.write('{"x": 1}')
    api.upload_file(path_or_fileobj=b"0123456789" * 100, path_in_repo="a/y.bin", repo_id=dataset, repo_type="dataset")
    files.invalidate_cache()
    assert files.glob(f"datasets/{dataset}/**/*.json") == [f"datasets/{dataset}/a/x.json"]
    with files.open(f"datasets/{dataset}/a/y.bin", block_size=64) as file:
        file.seek(505)
        assert file.read(7) == b"5678901"
    files.rm(f"datasets/{dataset}/a/x.json")
    assert not files.exists(f"datasets/{dataset}/a/x.json")


def test_the_commit_scheduler_pushes(api: HfApi, dataset: str, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("{}\n")
    scheduler = CommitScheduler(repo_id=dataset, repo_type="dataset", folder_path=tmp_path, every=60, hf_api=api)
    scheduler.trigger().result()
    scheduler.stop()
    assert "log.jsonl" in api.list_repo_files(dataset, repo_type="dataset")


def test_the_history_is_told_as_html_too(api: HfApi, model: str) -> None:
    message, description = "Fix <b> & co", "See https://example.org/1\nand <i>"
    api.create_commit(model, [add("x")], commit_message=message, commit_description=description)
    commit = api.list_repo_commits(model, formatted=True)[0]
    assert (commit.title, commit.message) == (message, description)
    assert commit.formatted_title == "Fix &lt;b&gt; &amp; co"
    link = '<a href="https://example.org/1">https://example.org/1</a>'
    assert commit.formatted_message == f"See {link}<br>and &lt;i&gt;"
    assert api.list_repo_commits(model)[0].formatted_title is None


@pytest.mark.parametrize("sdk", ["gradio", "docker", "static"])
def test_a_new_space_has_a_card_that_names_its_sdk(
    api: HfApi, new_name: Callable[[str], str], tmp_path: Path, sdk: str
) -> None:
    space = new_name("my_space")
    api.create_repo(space, repo_type="space", space_sdk=sdk)
    assert api.list_repo_files(space, repo_type="space") == [".gitattributes", "README.md"]
    assert len(api.list_repo_commits(space, repo_type="space")) == 1
    info = api.space_info(space)
    assert info.sdk == info.card_data.sdk == sdk
    assert info.card_data.title == space.removeprefix("ada/").replace("_", " ").replace("-", " ").title()
    assert info.card_data.get("app_file") == ("app.py" if sdk == "gradio" else None)
    card = SpaceCard.load(api.hf_hub_download(space, "README.md", repo_type="space", cache_dir=tmp_path))
    card.data.pinned = True
    files = [add("README.md", str(card).encode()), add("app.py")]
    api.create_commit(space, files, commit_message="Change the card, which the client checks", repo_type="space")
    assert api.space_info(space).card_data.pinned
    assert api.file_exists(space, "app.py", repo_type="space")


def test_an_unknown_sdk_is_refused(served: localhub.Running) -> None:
    body = {"name": "app", "type": "space", "sdk": "shiny"}
    answer = httpx.post(f"{served.endpoint}/api/repos/create", json=body, headers=ADA)
    assert answer.status_code == 400
    assert "expected one of gradio, docker, static, streamlit" in answer.json()["error"]
