"""What the Hub says: of a repository at a commit, and of whoever holds a token.

Everything in a repository is hostile: nothing is downloaded without a bound, nothing is run, nothing is trusted to
have the type it should. A call ends within its timeout; trouble of the Hub or of our own token is HubUnavailable.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any
from urllib.parse import quote

from huggingface_hub import hf_hub_url
from pydantic import ValidationError

from leaderboard.errors import (
    HubUnavailable,
    ModelNotFound,
    NotAllowed,
    RevisionNotFound,
    TooManyFiles,
)
from leaderboard.hub.errors import AGAIN_S, HubRefusal, model_refused
from leaderboard.hub.file_contents import FileContents, ReadFile, UnusableFile, read_contents
from leaderboard.hub.http import NOTHING_WRONG, AnswerTooLong, BoundedClient, Deadline
from leaderboard.hub.outage import outage_of
from leaderboard.records import ModelFacts, Person, is_repo_id, is_revision
from leaderboard.settings import PUBLIC_HUB, Settings

__all__ = ["Hub", "hub_environment"]

MAX_INFO_BYTES = 32_000_000
MAX_PERSON_BYTES = 1_000_000
MAX_TAGS = 256
MAX_TAG_CHARACTERS = 128
CACHED_CONTENTS = 32
CACHED_PEOPLE = 1024
PERSON_S = 60.0
"""Seconds for which an answer about a token is believed; the Hub limits that question strictly."""
THREADS = 32


class Hub:
    """The Hub at `endpoint`; safe to use from several threads."""

    def __init__(self, endpoint: str = PUBLIC_HUB, token: str | None = None, timeout_s: float = 30.0) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.timeout_s = timeout_s
        self.outage = outage_of(self.endpoint)
        """Whether it responds."""
        self._client = BoundedClient(self.endpoint, token)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="hub")
        self._lock = threading.Lock()
        self._contents: OrderedDict[tuple[str, str], FileContents] = OrderedDict()
        self._people: OrderedDict[str, tuple[float, Person | None]] = OrderedDict()

    def facts(self, model: str, revision: str = "main") -> ModelFacts:
        """What the Hub says of `model` at the commit that `revision` is now; `model` comes back as the Hub spells it.

        Raises ModelNotFound, RevisionNotFound, ModelGated, ModelPrivate, ModelDisabled, TooManyFiles, HubUnavailable.
        """
        if not is_repo_id(model):
            raise ModelNotFound(model, revision)
        if not is_revision(revision):
            raise RevisionNotFound(model, revision)
        deadline = Deadline(self.timeout_s)
        info = self._info(model, revision, deadline)
        facts = _facts(info)
        if facts is None:
            raise HubUnavailable(
                f"The Hub's answer about {model} cannot be read. {NOTHING_WRONG}; try again later.", 60
            )
        contents = self._read(facts, deadline)
        return facts.model_copy(update=vars(contents))

    def overview(self, model: str, revision: str = "main") -> ModelFacts:
        """What the Hub says of `model` in one question: without its files' contents, but for the card's front matter.

        A repository that was renamed answers under its new name. Raises as `facts`.
        """
        if not is_repo_id(model):
            raise ModelNotFound(model, revision)
        if not is_revision(revision):
            raise RevisionNotFound(model, revision)
        info = self._info(model, revision, Deadline(self.timeout_s))
        facts = _facts(info)
        if facts is None:
            raise HubUnavailable(f"The Hub's answer about {model} cannot be read; try again later.", 60)
        card = info.get("cardData")
        return facts.model_copy(update={"card": card if isinstance(card, dict) else {}})

    def has_commit(self, model: str, revision: str) -> bool:
        """Whether the repository that is called `model` now has that commit. Raises as `overview`."""
        try:
            self._info(model, revision, Deadline(self.timeout_s))
        except RevisionNotFound:
            return False
        return True

    def whoami(self, token: str) -> Person:
        """Whose token it is. Raises NotAllowed when the Hub does not know it, HubUnavailable."""
        person = self._person(token, Deadline(self.timeout_s))
        if person is None:
            raise NotAllowed("The Hub does not know this token. Make a new one in your settings on the Hub.")
        return person

    def close(self) -> None:
        """End the threads; questions under way are not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _info(self, model: str, revision: str, deadline: Deadline) -> Any:
        url = f"{self.endpoint}/api/models/{model}/revision/{quote(revision, safe='')}?blobs=true"
        try:
            return _json(self._client.get(url, deadline, MAX_INFO_BYTES))
        except HubRefusal as refusal:
            raise self._why(refusal, model, revision, deadline) from None
        except AnswerTooLong:
            raise TooManyFiles(model, revision) from None

    def _why(self, refusal: HubRefusal, model: str, revision: str, deadline: Deadline) -> Exception:
        """Whose fault a refusal is: a 401 also means that our own token is refused."""
        token = self._client.token
        if refusal.status == 401 and token and self._person(token, deadline) is None:
            return HubUnavailable(
                f"The Hub refuses this board's own token. {NOTHING_WRONG}; its operator has to renew HF_TOKEN."
            )
        return model_refused(refusal, model, revision)

    def _read(self, facts: ModelFacts, deadline: Deadline) -> FileContents:
        """The contents of its files; those of a commit never change and are kept for a while."""
        key = (facts.model, facts.revision)
        with self._lock:
            if key in self._contents:
                self._contents.move_to_end(key)
                return self._contents[key]

        def fetch(name: str, limit: int, start: int | None = None) -> bytes:
            return self._file(facts, name, limit, start, deadline)

        def run(read: ReadFile, arguments: Iterable[tuple[str, int]]) -> list[Any]:
            futures = [self._pool.submit(read, *wanted) for wanted in arguments]
            try:
                return [future.result(timeout=deadline.left) for future in futures]
            except FutureTimeout:
                raise deadline.missed() from None
            finally:
                for future in futures:
                    future.cancel()

        contents = read_contents(facts.files, fetch, run)
        with self._lock:
            self._contents[key] = contents
            while len(self._contents) > CACHED_CONTENTS:
                self._contents.popitem(last=False)
        return contents

    def _file(self, facts: ModelFacts, name: str, limit: int, start: int | None, deadline: Deadline) -> bytes:
        """Bytes of one file; see `contents.Fetch`."""
        url = hf_hub_url(facts.model, name, revision=facts.revision, endpoint=self.endpoint)
        span = {} if start is None else {"range": f"bytes={start}-{start + limit - 1}"}
        try:
            return self._client.get(url, deadline, limit, span)
        except AnswerTooLong:
            if start is not None:
                raise HubUnavailable(
                    f"The Hub sends more of {facts.model} than it is asked for. {NOTHING_WRONG}; "
                    "this board's operator has to look at HF_ENDPOINT."
                ) from None
            raise UnusableFile(f"it is longer than the {limit:,} bytes that are read") from None
        except HubRefusal as refusal:
            if refusal.status == 416:
                raise UnusableFile("it is empty") from None
            if refusal.code == "EntryNotFound" or (refusal.status == 404 and refusal.code != "RepoNotFound"):
                raise UnusableFile("the Hub lists it and does not have it") from None
            raise self._why(refusal, facts.model, facts.revision, deadline) from None

    def _person(self, token: str, deadline: Deadline) -> Person | None:
        """Whose token it is, None when the Hub does not know it; a fresh answer is used again."""
        key = hashlib.sha256(token.encode()).hexdigest()
        with self._lock:
            asked, person = self._people.get(key, (-PERSON_S, None))
        if time.monotonic() - asked < PERSON_S:
            return person
        try:
            client = BoundedClient(self.endpoint, token)
            person = _person(_json(client.get(f"{self.endpoint}/api/whoami-v2", deadline, MAX_PERSON_BYTES)))
        except HubRefusal as refusal:
            if refusal.status not in (401, 403):
                raise HubUnavailable(
                    f"The Hub would not say whose token this is ({refusal.status}).", AGAIN_S
                ) from None
            person = None
        with self._lock:
            self._people[key] = (time.monotonic(), person)
            while len(self._people) > CACHED_PEOPLE:
                self._people.popitem(last=False)
        return person


def hub_environment(settings: Settings, *, with_token: bool = False) -> dict[str, str]:
    """Environment for a worker's Hub clients. `with_token` only where a checkpoint is gated: jobs need no other."""
    environment = {"HF_ENDPOINT": settings.hub_endpoint, "HF_HUB_DISABLE_TELEMETRY": "1"}
    if settings.hub_endpoint.rstrip("/") != PUBLIC_HUB:
        environment["HF_HUB_DISABLE_XET"] = "1"
    if with_token and settings.token:
        return environment | {"HF_TOKEN": settings.token}
    return environment | {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}


def _json(body: bytes) -> Any:
    """A JSON answer of the Hub without lone surrogates, which no file of ours could hold; None when it is none."""
    try:
        value = json.loads(body)
        if b"\\ud" in body.lower():
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value


def _facts(info: Any) -> ModelFacts | None:
    """Model info as facts, but for the files' contents; None when it lacks what every answer has."""
    if not isinstance(info, dict) or not isinstance(info.get("id"), str) or not isinstance(info.get("sha"), str):
        return None
    siblings = [sibling for sibling in info.get("siblings") or [] if isinstance(sibling.get("rfilename"), str)]
    lfs = {sibling["rfilename"]: sibling["lfs"] for sibling in siblings if isinstance(sibling.get("lfs"), dict)}
    tags = [str(tag)[:MAX_TAG_CHARACTERS] for tag in (info.get("tags") or [])[:MAX_TAGS]]
    try:
        return ModelFacts(
            model=info["id"],
            revision=info["sha"],
            private=bool(info.get("private")),
            gated=bool(info.get("gated")),
            files={sibling["rfilename"]: sibling.get("size") for sibling in siblings},
            sha256={name: str(sibling["sha256"]) for name, sibling in lfs.items() if sibling.get("sha256")},
            blobs={sibling["rfilename"]: str(sibling["blobId"]) for sibling in siblings if sibling.get("blobId")},
            likes=info.get("likes"),
            downloads=info.get("downloads"),
            created_at=info.get("createdAt"),
            last_modified=info.get("lastModified"),
            tags=tags,
        )
    except ValidationError:
        return None


def _person(answer: Any) -> Person | None:
    if not isinstance(answer, dict) or not isinstance(answer.get("name"), str):
        return None
    orgs = answer.get("orgs")
    names = (
        [organisation.get("name") for organisation in orgs if isinstance(organisation, dict)]
        if isinstance(orgs, list)
        else []
    )
    return Person(name=answer["name"], orgs=tuple(name for name in names if isinstance(name, str)))
