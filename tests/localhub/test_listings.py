"""Lists of repos: what they are filtered and sorted by, and what is refused."""

from collections.abc import Callable

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import BadRequestError

import localhub


def test_lists_search_filter_sort_and_page(
    served: localhub.Running, api: HfApi, new_name: Callable[[str], str]
) -> None:
    names = [new_name("findable") for _ in range(3)]
    for number, name in enumerate(names):
        served.hub.commit(name, {"README.md": f"---\nlicense: mit\ntags: [n{number}]\n---\n"}, kind="dataset")
    assert {info.id for info in api.list_datasets(search="FINDABLE", author="ada")} == set(names)
    assert [info.id for info in api.list_datasets(search="findable", filter=["license:mit", "n1"])] == [names[1]]
    number = names[2].rpartition("-")[2]
    assert [info.id for info in api.list_datasets(search="findable", dataset_name=number)] == [names[2]]
    assert len(list(api.list_datasets(search="findable", limit=2))) == 2
    first = httpx.get(f"{served.endpoint}/api/datasets?search=findable&limit=2&sort=createdAt&direction=1")
    rest = httpx.get(first.links["next"]["url"])
    assert [row["id"] for row in first.json() + rest.json()] == names


def test_lists_are_sorted_by_likes_and_downloads(
    served: localhub.Running, api: HfApi, new_name: Callable[[str], str]
) -> None:
    names = [new_name("sorted") for _ in range(3)]
    for name, likes, downloads in zip(names, (1, 3, 2), (30, 10, 20), strict=True):
        served.hub.create_repo(name).update(likes=likes, downloads=downloads)
    liked = [info.id for info in api.list_models(search="sorted", sort="likes")]
    downloaded = [info.id for info in api.list_models(search="sorted", sort="downloads")]
    assert (liked, downloaded) == ([names[1], names[2], names[0]], [names[0], names[2], names[1]])


def test_datasets_are_filtered_by_their_card(
    served: localhub.Running, api: HfApi, new_name: Callable[[str], str]
) -> None:
    head = "language: [en, ru]\ntask_categories: [text-generation]\nsize_categories: n<1K\n"
    names = [new_name("facets") for _ in range(2)]
    served.hub.commit(names[0], {"README.md": f"---\n{head}---\n"}, kind="dataset")
    served.hub.commit(names[1], {"README.md": "---\nlanguage: en\n---\n"}, kind="dataset")
    infos = api.list_datasets(search="facets", language="ru", task_categories="text-generation", size_categories="n<1K")
    assert [info.id for info in infos] == names[:1]
    assert {info.id for info in api.list_datasets(search="facets", language="en")} == set(names)


def test_models_are_filtered_by_task_and_gate(
    served: localhub.Running, api: HfApi, new_name: Callable[[str], str]
) -> None:
    names = [new_name("tasks") for _ in range(2)]
    served.hub.commit(names[0], {"README.md": "---\npipeline_tag: summarization\n---\n"})
    served.hub.create_repo(names[1]).update(gated="auto")
    for filters, name in (({"pipeline_tag": "summarization"}, 0), ({"gated": True}, 1), ({"gated": False}, 0)):
        assert [info.id for info in api.list_models(search="tasks", **filters)] == [names[name]], filters


@pytest.mark.parametrize(
    ("filters", "named"),
    [
        ({"apps": "ollama"}, '"apps"'),
        ({"inference_provider": "all", "num_parameters": "min:6B"}, '"inference_provider", "num_parameters"'),
        ({"inference": "warm"}, '"inference"'),
        ({"sort": "trending_score"}, '"sort" cannot be "trendingScore"'),
    ],
)
def test_what_models_cannot_be_filtered_by_is_refused(api: HfApi, filters: dict[str, str], named: str) -> None:
    with pytest.raises(BadRequestError, match="this Hub") as caught:
        list(api.list_models(**filters))
    assert named in str(caught.value)


def test_what_datasets_and_spaces_cannot_be_filtered_by_is_refused(api: HfApi, served: localhub.Running) -> None:
    with pytest.raises(BadRequestError, match='"filter" cannot be "benchmark:official"'):
        list(api.list_datasets(benchmark=True))
    with pytest.raises(BadRequestError, match='Filtering spaces by "linked", "models"'):
        list(api.list_spaces(models="ada/m", linked=True))
    answer = httpx.get(f"{served.endpoint}/api/datasets?pipeline_tag=x&gated=perhaps&sort=mainSize")
    assert answer.status_code == 400
    assert [word for word in ("pipeline_tag", "gated", "mainSize") if word not in answer.json()["error"]] == []
