"""Conditional requests: what a cache that has a file already is answered."""

import httpx
import pytest
from huggingface_hub import HfApi

import localhub

from .test_files import add

SMALL, LARGE = b"0123456789", bytes(range(256)) * 100


@pytest.fixture
def address(served: localhub.Running, api: HfApi, model: str) -> str:
    api.create_commit(model, [add("small.txt", SMALL), add("large.bin", LARGE)], commit_message="Both kinds")
    assert [info.lfs is None for info in api.get_paths_info(model, ["small.txt", "large.bin"])] == [True, False]
    return f"{served.endpoint}/{model}/resolve/main"


def etag_of(address: str) -> str:
    return httpx.head(address).headers["etag"]


@pytest.mark.parametrize("name", ["small.txt", "large.bin"])
def test_what_the_cache_has_is_not_sent_again(address: str, name: str) -> None:
    etag = etag_of(f"{address}/{name}")
    for condition in (etag, f"W/{etag}", "*", f'"other, with a comma", W/"old", {etag}', f'"old",{etag}'):
        for method in ("GET", "HEAD"):
            answer = httpx.request(method, f"{address}/{name}", headers={"If-None-Match": condition})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag), condition
            assert len(answer.headers["x-repo-commit"]) == 40
    for other in ('"other"', etag.strip('"'), f'W/"{etag[1:9]}"', ""):
        assert httpx.get(f"{address}/{name}", headers={"If-None-Match": other}).status_code == 200, other
    twice = [("If-None-Match", '"old"'), ("If-None-Match", etag)]
    assert httpx.get(f"{address}/{name}", headers=twice).status_code == 304


@pytest.mark.parametrize(("name", "content"), [("small.txt", SMALL), ("large.bin", LARGE)])
def test_a_download_goes_on_only_with_the_same_content(address: str, name: str, content: bytes) -> None:
    etag = etag_of(f"{address}/{name}")

    def answer(if_range: str) -> tuple[int, bytes]:
        got = httpx.get(f"{address}/{name}", headers={"Range": "bytes=4-", "If-Range": if_range})
        return got.status_code, got.content

    assert answer(etag) == (206, content[4:])
    changed = httpx.get(f"{address}/{name}").headers.get("last-modified", "Sat, 21 Nov 2026 00:00:00 GMT")
    for other in ('"other"', f"W/{etag}", changed):
        assert answer(other) == (200, content), other


def test_a_large_file_is_named_by_its_hash_for_git_lfs_too(served: localhub.Running, api: HfApi, address: str) -> None:
    oid = etag_of(f"{address}/large.bin").strip('"')
    repo = address.removesuffix("/resolve/main")
    batch = {"operation": "download", "objects": [{"oid": oid, "size": len(LARGE)}]}
    answer = httpx.post(f"{repo}.git/info/lfs/objects/batch", json=batch).json()
    href = answer["objects"][0]["actions"]["download"]["href"]
    assert httpx.get(href).headers["etag"] == f'"{oid}"'
    assert httpx.get(href, headers={"If-None-Match": f'"{oid}"'}).status_code == 304
