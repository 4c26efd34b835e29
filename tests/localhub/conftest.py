"""One running Hub for the suite, with people in it; every test makes repos of its own."""

import itertools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi

import localhub

TOKENS = {"ada": "hf_ada", "bob": "hf_bob", "eve": "hf_eve"}
ORGANIZATIONS = {"lab": {"ada": "admin", "bob": "contributor"}}
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub"), tokens=TOKENS, organizations=ORGANIZATIONS) as it:
        yield it


@pytest.fixture
def as_user(served: localhub.Running) -> Callable[[str | None], HfApi]:
    """The client of one person; None is a stranger."""
    return lambda name: HfApi(endpoint=served.endpoint, token=TOKENS[name] if name else False)


@pytest.fixture
def api(as_user: Callable[[str | None], HfApi]) -> HfApi:
    return as_user("ada")


@pytest.fixture
def new_name() -> Callable[[str], str]:
    return lambda word="repo": f"ada/{word}-{next(_numbers)}"


@pytest.fixture
def model(api: HfApi, new_name: Callable[[str], str]) -> str:
    repo_id = new_name("model")
    api.create_repo(repo_id)
    return repo_id


@pytest.fixture
def dataset(api: HfApi, new_name: Callable[[str], str]) -> str:
    repo_id = new_name("data")
    api.create_repo(repo_id, repo_type="dataset")
    return repo_id


def git(*arguments: str | Path) -> str:
    """Run the real git; its output."""
    return subprocess.run(["git", *map(str, arguments)], check=True, capture_output=True, text=True).stdout
