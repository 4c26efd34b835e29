"""One table of the Hub's troubles and refusals: everybody who asks it says the same of the same answer."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from huggingface_hub.errors import OfflineModeIsEnabled

from leaderboard.errors import HubUnavailable, NotAllowed
from leaderboard.hub.dataset_repo import HubRepo
from leaderboard.hub.discussions import HubDiscussions
from leaderboard.hub.errors import (
    DatasetMissing,
    DiscussionsMissing,
    HubRefusal,
    HubTrouble,
    answer_error,
    hub_error,
    translated,
)
from leaderboard.hub.hub import Hub
from leaderboard.hub.model_reports import ModelReports
from tests.leaderboard.hub.test_hub import Trouble, troubled
from tests.leaderboard.results.test_sharing import BENCHMARK, block

ASKERS: dict[str, Callable[[str], Any]] = {
    "facts": lambda endpoint: Hub(endpoint, timeout_s=10).facts("org/name"),
    "dataset": lambda endpoint: HubRepo("org/name", endpoint, "hf_x", 5).create(private=False, gated=False),
    "discussion": lambda endpoint: HubDiscussions("org/name", endpoint, "hf_x", 5).say(1, "Hello."),
    "pull request": lambda endpoint: ModelReports(endpoint, "hf_x", 5).offer(BENCHMARK, block(), ""),
}


@pytest.fixture(params=ASKERS.values(), ids=ASKERS)
def ask(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, dict[str, str]], Any]:
    monkeypatch.setattr("leaderboard.hub.http.FIRST_WAIT_S", 0.0)

    def asked(status: int, headers: dict[str, str]) -> Any:
        with troubled(Trouble((status, headers, b""))) as endpoint:
            return request.param(endpoint)

    return asked


@pytest.mark.parametrize("headers", [{"RateLimit": '"api";r=0;t=200'}, {"Retry-After": "200"}])
def test_a_rate_limit_is_the_same_to_everybody(ask: Callable[..., Any], headers: dict[str, str]) -> None:
    with pytest.raises(HubUnavailable, match="may use it; it says to wait 200 s") as limited:
        ask(429, headers)
    assert limited.value.retry_after_s == 200


@pytest.mark.parametrize("status", [500, 503])
def test_trouble_of_the_hub_is_the_same_to_everybody(ask: Callable[..., Any], status: int) -> None:
    with pytest.raises(HubUnavailable, match=rf"^The Hub has trouble of its own \(it answered {status}\)\."):
        ask(status, {})


@pytest.mark.parametrize("asker", ASKERS.values(), ids=ASKERS)
def test_a_hub_that_is_not_there_is_the_same_to_everybody(asker: Callable[[str], Any]) -> None:
    with troubled(Trouble((200, {}, b""))) as endpoint:
        pass
    with pytest.raises(HubUnavailable, match=r"^The Hub is not responding: no connection could be opened\.") as failed:
        asker(endpoint)
    assert failed.value.retry_after_s


@pytest.mark.parametrize(
    ("asker", "status", "code", "kind", "sentence"),
    [
        ("dataset", 403, "", HubUnavailable, "does not let this board use the dataset org/name"),
        ("dataset", 404, "RepoNotFound", DatasetMissing, "does not let this board use the dataset org/name"),
        ("dataset", 400, "", HubUnavailable, "refused a request about org/name"),
        ("discussion", 403, "", NotAllowed, "does not let this board write in org/name"),
        ("discussion", 404, "", DiscussionsMissing, "does not let this board write in org/name"),
        ("discussion", 400, "", HubUnavailable, "would not take part in a discussion"),
        ("pull request", 403, "", NotAllowed, "org/model takes no pull request from this board"),
    ],
)
def test_refusals_mean_what_was_asked_for(
    asker: str, status: int, code: str, kind: type[Exception], sentence: str
) -> None:
    trouble = Trouble((status, {"X-Error-Code": code}, b""))
    with troubled(trouble) as endpoint, pytest.raises(kind, match=sentence) as refused:
        ASKERS[asker](endpoint)
    assert "hf_x" not in str(refused.value)


def test_the_same_everywhere_without_an_answer() -> None:
    request = httpx2.Request("GET", "http://hub.example")
    slow = hub_error(httpx2.ReadTimeout("", request=request), "org/name", 5)
    assert isinstance(slow, HubTrouble) and slow.retry_after_s == 5
    assert str(slow) == "The Hub is not responding: it did not answer a question about org/name in time."
    offline = hub_error(OfflineModeIsEnabled())
    assert isinstance(offline, HubUnavailable) and not isinstance(offline, HubTrouble)
    assert offline.retry_after_s is None and "HF_HUB_OFFLINE" in str(offline)
    with pytest.raises(HubTrouble, match=r"no usable answer about org/name\."), translated("org/name"):
        raise KeyError("num")
    with pytest.raises(SystemError), translated():
        raise SystemError


def test_what_the_hub_says_to_wait_goes_before_our_own_guess() -> None:
    headers = SimpleNamespace(
        limit=httpx2.Headers({"RateLimit": '"api";r=0;t=7', "Retry-After": "9"}),
        nonsense=httpx2.Headers({"RateLimit": "soon", "Retry-After": "tomorrow"}),
    )
    told, guessed = answer_error(429, headers.limit, 1), answer_error(429, headers.nonsense, 1)
    assert isinstance(told, HubTrouble) and (told.told_s, told.retry_after_s) == (7, 7)
    assert isinstance(guessed, HubTrouble) and (guessed.told_s, guessed.retry_after_s) == (None, 60)
    refused = answer_error(404, httpx2.Headers({"X-Error-Code": "EntryNotFound", "X-Error-Message": "No."}))
    assert isinstance(refused, HubRefusal)
    assert (refused.status, refused.code, refused.message) == (404, "EntryNotFound", "No.")
