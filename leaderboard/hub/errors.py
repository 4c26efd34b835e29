"""What the Hub's troubles and refusals mean to us: the one table of statuses and exceptions, for all that asks it.

| the Hub, or the connection to it      | here                                                                      |
|---------------------------------------|---------------------------------------------------------------------------|
| 429                                   | HubTrouble, to be tried again when the answer's headers say               |
| 408, 425, 5xx                         | HubTrouble                                                                |
| no answer, a broken or odd one        | HubTrouble                                                                |
| any other status                      | HubRefusal; whose fault it is depends on the question, see the functions  |
| the client is set to work offline     | HubUnavailable: its operator has to do something                          |

Nothing is decided by the text of an error but `disabled`, for which the Hub has no code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx2
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

from leaderboard.errors import (
    HubUnavailable,
    ModelDisabled,
    ModelGated,
    ModelNotFound,
    ModelPrivate,
    ModelUnavailable,
    NotAllowed,
    RevisionNotFound,
)

AGAIN_S = 60.0
"""When to try again where the Hub does not say it."""
TRANSIENT = {408, 425}
CLIENT_ERRORS = (httpx2.HTTPError, OSError, RuntimeError, ValueError, KeyError, TypeError)
"""What the client raises: of the connection, of files, of uploads, and for answers that are not what they should be."""


class HubTrouble(HubUnavailable):
    """Trouble that may be over soon. `told_s`: seconds that the Hub itself says to wait; None where it does not."""

    def __init__(self, message: str, again_s: float, told_s: float | None = None) -> None:
        self.told_s = told_s
        super().__init__(message, again_s if told_s is None else told_s)


class DatasetMissing(HubUnavailable):
    """There is no such dataset, or it is hidden from us."""


class DiscussionsMissing(NotAllowed):
    """The repository or the discussion is not there, or not for this token."""


class HubRefusal(Exception):
    """The Hub answered with a status that asking again will not change."""

    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        self.status = status
        self.code = code
        """X-Error-Code of the answer."""
        self.message = message
        """X-Error-Message of the answer."""
        super().__init__(f"The Hub refused a request (it answered {status} {code}).")


@contextmanager
def translated(about: str = "", again_s: float = AGAIN_S) -> Iterator[None]:
    """Turn what the client raises inside the block into HubRefusal and HubUnavailable.

    `about`: what is asked about, for the sentences. `again_s`: when to try again where the Hub does not say it.
    """
    try:
        yield
    except CLIENT_ERRORS as error:
        raise hub_error(error, about, again_s) from error


def hub_error(error: Exception, about: str = "", again_s: float = AGAIN_S) -> HubUnavailable | HubRefusal:
    """What an exception of the client means."""
    matter = f" about {about}" if about else ""
    if isinstance(error, HfHubHTTPError):
        return answer_error(error.response.status_code, error.response.headers, again_s)
    if isinstance(error, OfflineModeIsEnabled):
        return HubUnavailable(
            "This board is set to work offline (HF_HUB_OFFLINE). Nothing is wrong with any submission; its operator "
            "can unset it."
        )
    if isinstance(error, httpx2.TimeoutException):
        return HubTrouble(f"The Hub is not responding: it did not answer a question{matter} in time.", again_s)
    if isinstance(error, httpx2.ConnectError):
        return HubTrouble("The Hub is not responding: no connection could be opened.", again_s)
    if isinstance(error, httpx2.TransportError | ConnectionError):
        return HubTrouble("The Hub is not responding: the connection broke off.", again_s)
    return HubTrouble(f"The Hub gave no usable answer{matter}.", again_s)


def answer_error(status: int, headers: Mapping[str, str], again_s: float = AGAIN_S) -> HubTrouble | HubRefusal:
    """What an answer with an error status means."""
    if status == 429:
        told = _told_to_wait(headers)
        wait = "" if told is None else f"; it says to wait {told:.0f} s"
        return HubTrouble(f"The Hub limits how often this board may use it{wait}.", max(again_s, AGAIN_S), told)
    if status in TRANSIENT or status >= 500:
        return HubTrouble(f"The Hub has trouble of its own (it answered {status}).", again_s)
    return HubRefusal(status, headers.get("x-error-code", ""), headers.get("x-error-message", ""))


def _told_to_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the headers of a limited answer say to wait."""
    limit, after = parse_ratelimit_headers(headers), headers.get("retry-after", "")
    if limit:
        return float(limit.reset_in_seconds)
    return float(after) if after.isdecimal() else None


# --- what a refusal means, by what was asked for


def model_refused(refusal: HubRefusal, model: str, revision: str) -> ModelUnavailable:
    """Reading a model."""
    by_code: dict[str, type[ModelUnavailable]] = {"RevisionNotFound": RevisionNotFound, "GatedRepo": ModelGated}
    if refusal.code in by_code:
        return by_code[refusal.code](model, revision)
    if "disabled" in refusal.message:
        return ModelDisabled(model, revision)
    return (ModelPrivate if refusal.status == 403 else ModelNotFound)(model, revision)


def dataset_refused(refusal: HubRefusal, dataset: str) -> HubUnavailable:
    """Reading or writing a dataset of the board's own. Waiting does not help."""
    if refusal.status not in (401, 403, 404):
        return HubUnavailable(f"The Hub refused a request about {dataset} (it answered {refusal.status}).")
    return (DatasetMissing if refusal.code == "RepoNotFound" else HubUnavailable)(
        f"The Hub does not let this board use the dataset {dataset} (it answered {refusal.status}). Its operator must "
        "check that HF_TOKEN is valid and may write there."
    )


def discussion_refused(refusal: HubRefusal, dataset: str, who: str) -> NotAllowed | HubUnavailable:
    """Writing in the discussions of a dataset with the token of `who`."""
    if refusal.status not in (401, 403, 404):
        return HubUnavailable(f"The Hub would not take part in a discussion (it answered {refusal.status}).", AGAIN_S)
    return (DiscussionsMissing if refusal.status == 404 else NotAllowed)(
        f"The Hub does not let {who} write in {dataset} (it answered {refusal.status})."
    )


def pull_request_refused(refusal: HubRefusal, model: str) -> NotAllowed:
    """Opening a pull request in somebody's repository."""
    return NotAllowed(f"{model} takes no pull request from this board ({refusal.status}).")
