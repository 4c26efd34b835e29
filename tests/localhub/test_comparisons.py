"""What differs between two commits is what git itself says, with the sizes and kinds that the Hub adds."""

import re
from collections.abc import Callable

import httpx
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

import localhub
from localhub.names import Kind

from .conftest import git

LINES = "".join(f"line {number}\n" for number in range(50)).encode()
Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(served: localhub.Running, model: str) -> Ask:
    """Asks what differs."""
    address = f"{served.endpoint}/api/models/{model}/compare"
    return lambda names, **query: httpx.get(f"{address}/{names}", params=query)


def changed(api: HfApi, model: str) -> tuple[str, str]:
    """Two commits between which files were changed, added and deleted."""
    before = {"a/b/changed.json": b"1", "gone.txt": b"gone", "old name.txt": LINES, "same.txt": b"same"}
    first = api.create_commit(model, [CommitOperationAdd(*file) for file in before.items()], commit_message="first")
    after = {
        "a/b/changed.json": b"22", "a/new-\u00e4.txt": "\u00e4".encode(), "binary.txt": b"\0\1",
        "large.bin": bytes(500), "new name.txt": LINES + b"more\n",
    }  # fmt: skip
    operations = [CommitOperationAdd(*file) for file in after.items()]
    gone = [CommitOperationDelete(path) for path in ("gone.txt", "old name.txt")]
    return first.oid, api.create_commit(model, [*operations, *gone], commit_message="second").oid


def test_a_line_for_each_file_that_differs(api: HfApi, model: str, served: localhub.Running, ask: Ask) -> None:
    first, second = changed(api, model)
    answer = ask(f"{first}..{second}", raw="true").text
    bare = served.hub.repos.get(Kind.MODEL, model).folder
    by_git = git("-C", bare, "-c", "core.quotePath=off", "diff", "--raw", "--abbrev=40", "--no-renames", first, second)
    assert re.sub(r"(?m)^[BT] \d+\t|\.\.\.", "", answer) == by_git
    kinds = {line.rpartition("\t")[2]: line.partition("\t")[0] for line in answer.splitlines()}
    assert kinds == {
        "a/b/changed.json": "T 2", "a/new-\u00e4.txt": "T 2", "binary.txt": "B 2", "large.bin": "T 500",
        "gone.txt": "T 0", "new name.txt": f"T {len(LINES) + 5}", "old name.txt": "T 0",
    }  # fmt: skip


def test_the_same_as_a_patch(api: HfApi, model: str, ask: Ask) -> None:
    first, second = changed(api, model)
    assert "-1\n" in ask(f"{first}..{second}").text
    assert ask(f"{first}..main").text == ask(second).text == ask("main").text


def test_the_first_commit_is_compared_with_nothing(api: HfApi, model: str, ask: Ask) -> None:
    first = api.list_repo_commits(model)[-1].commit_id
    assert [line.rpartition("\t")[2] for line in ask(first, raw="1").text.splitlines()] == [".gitattributes"]
    assert ask(f"{first}..{first}", raw="1").text == ""


def test_a_commit_that_is_not_there(ask: Ask) -> None:
    for names in ("never", f"{'0' * 40}..main", "main.."):
        assert ask(names).status_code == 404
