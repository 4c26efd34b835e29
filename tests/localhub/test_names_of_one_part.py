"""Repositories without a namespace, as the Hub has them from its first years."""

from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

import localhub

Clients = Callable[[str | None], HfApi]


@pytest.fixture
def old_model(served: localhub.Running) -> str:
    served.hub.commit("distilgpt2", {"README.md": "---\nlicense: mit\n---\nold", "config.json": "{}"})
    return "distilgpt2"


def test_it_is_read_like_any_other(api: HfApi, old_model: str) -> None:
    info = api.model_info(old_model, files_metadata=True)
    assert (info.id, info.card_data and info.card_data.license) == ("distilgpt2", "mit")
    assert "config.json" in api.list_repo_files("distilgpt2", revision=info.sha)
    assert "old" in Path(api.hf_hub_download("distilgpt2", "README.md")).read_text()
    assert "distilgpt2" in [found.id for found in api.list_models(search="distilgpt2")]


def test_the_same_name_with_a_namespace_is_another_repo(api: HfApi, old_model: str) -> None:
    api.create_repo("ada/distilgpt2")
    assert api.model_info("ada/distilgpt2").sha != api.model_info("distilgpt2").sha
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("distilgpt3")


def test_nobody_changes_it_over_http(api: HfApi, old_model: str) -> None:
    with pytest.raises(HfHubHTTPError) as caught:
        api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id="distilgpt2")
    assert caught.value.response.status_code == 403


def test_a_name_may_begin_with_an_underscore(api: HfApi) -> None:
    api.create_repo("ada/_Spydaz_Web")
    assert api.model_info("ada/_spydaz_web").id == "ada/_Spydaz_Web"
