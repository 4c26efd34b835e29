"""Addresses that no route takes: what the client makes of the answer."""

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

import localhub

from .test_repos import bearer


@pytest.mark.parametrize(
    "address",
    [
        "/api/collections",
        "/api/jobs/ada/1/logs",
        "/api/spaces/hardware",
        "/api/spaces/zero-gpu/quota",
        "/api/spaces/ada/app/runtime",
        "/api/models/ada/m/treesize/main",
        "/api/users/ada/followers",
        "/api/settings/repositories",
        "/datasets/ada/d/blob/main/README.md",
        "/ada/m.git/info/refs",
    ],
)
def test_what_only_the_hub_has_is_a_501(served: localhub.Running, address: str) -> None:
    answer = httpx.get(served.endpoint + address)
    assert answer.status_code == 501
    assert "x-error-code" not in answer.headers
    assert address in answer.headers["x-error-message"]


@pytest.mark.parametrize(
    "address",
    ["/api/nonsense", "/api/models/ada/m/nonsense", "/api/repos/nonsense", "/api/nonsense/edit", "/a/b/c/d/e", "/api"],
)
def test_what_nobody_has_is_a_404_about_no_repo(served: localhub.Running, address: str) -> None:
    answer = httpx.get(served.endpoint + address, headers=bearer("ada"))
    assert (answer.status_code, answer.headers.get("x-error-code")) == (404, None)
    assert answer.json()["error"] == f"There is no route for GET {address}"
    assert httpx.post(served.endpoint + address, headers=bearer("ada")).status_code == 404


def test_a_method_that_a_route_does_not_take_is_a_405(served: localhub.Running, model: str) -> None:
    answer = httpx.patch(f"{served.endpoint}/api/models/{model}")
    assert (answer.status_code, answer.headers.get("x-error-code"), answer.headers["allow"]) == (405, None, "GET")


def test_the_client_takes_no_missing_route_for_a_missing_repo(api: HfApi, model: str) -> None:
    with pytest.raises(HfHubHTTPError) as caught:
        api.get_space_runtime(model)
    assert not isinstance(caught.value, RepositoryNotFoundError)
    assert caught.value.response.status_code == 501


@pytest.mark.parametrize("repo_id", ["gpt2", "api/m", "ada/nowhere"])
def test_a_repo_that_cannot_be_here_is_not_found(api: HfApi, repo_id: str) -> None:
    for call in (api.model_info, api.list_repo_files, api.list_repo_commits, api.dataset_info):
        with pytest.raises(RepositoryNotFoundError):
            call(repo_id)
    with pytest.raises(RepositoryNotFoundError):
        api.hf_hub_download(repo_id, "config.json")
