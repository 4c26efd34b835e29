"""Likes, as the client lists and removes them; it does not give any, so that programs do not."""

from collections.abc import Callable

import httpx
from huggingface_hub import HfApi

import localhub

from .test_repos import Clients, bearer, status_of


def like(served: localhub.Running, kind: str, repo_id: str, user: str) -> int:
    return httpx.post(f"{served.endpoint}/api/{kind}/{repo_id}/like", headers=bearer(user)).status_code


def test_likes_are_counted_listed_and_taken_back(
    served: localhub.Running, api: HfApi, as_user: Clients, model: str, dataset: str
) -> None:
    for kind, repo_id, user in (("models", model, "bob"), ("models", model, "eve"), ("datasets", dataset, "eve")):
        assert [like(served, kind, repo_id, user) for _ in range(2)] == [200, 200]
    assert [user.username for user in api.list_repo_likers(model)] == ["eve", "bob"]
    assert api.model_info(model).likes == 2
    assert api.dataset_info(dataset).likes == 1
    eve = as_user("eve")
    liked = eve.list_liked_repos()
    assert (liked.user, liked.total, liked.models, liked.datasets) == ("eve", 2, [model], [dataset])
    eve.unlike(model)
    eve.unlike(model)
    assert as_user(None).list_liked_repos("eve").models == []
    assert [user.username for user in api.list_repo_likers(model)] == ["bob"]


def test_likes_are_added_to_the_seeded_number(served: localhub.Running, api: HfApi, model: str) -> None:
    served.hub.create_repo(model).update(likes=7)
    like(served, "models", model, "bob")
    assert api.model_info(model).likes == 8
    assert [info.likes for info in api.list_models(search=model.partition("/")[2])] == [8]


def test_who_may_like(served: localhub.Running, as_user: Clients, api: HfApi, new_name: Callable[[str], str]) -> None:
    name = new_name("hidden")
    api.create_repo(name, private=True)
    assert like(served, "models", name, "ada") == 200
    assert like(served, "models", name, "eve") == 404
    assert httpx.post(f"{served.endpoint}/api/models/{name}/like").status_code == 401
    assert name in api.list_liked_repos().models
    assert name not in as_user("eve").list_liked_repos("ada").models
    reader = HfApi(endpoint=served.endpoint, token=served.hub.accounts.add_user("ada", role="read"))
    assert status_of(lambda: reader.unlike(name)) == 403


def test_likes_go_with_a_renamed_repo(served: localhub.Running, api: HfApi, new_name: Callable[[str], str]) -> None:
    old, new = new_name("old"), new_name("new")
    api.create_repo(old)
    like(served, "models", old, "bob")
    api.move_repo(old, new)
    assert [user.username for user in api.list_repo_likers(old)] == ["bob"]
