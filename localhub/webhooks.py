"""Webhooks: their registrations, and their calls, made in sequence by a separate thread."""

import hashlib
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from localhub.accounts import Accounts
from localhub.drafts import Drafts
from localhub.errors import Invalid, NotFound
from localhub.events import Event
from localhub.files import locked, read_json

logger = logging.getLogger(__name__)
DOMAINS = ("repo", "discussion")
WATCHED = ("user", "org", "model", "dataset", "space")
_PAUSES = (0.5, 2.0)
_TIMEOUT = 10.0


class Webhooks:
    """The webhooks of one root, `webhooks.json`."""

    def __init__(self, root: Path, accounts: Accounts) -> None:
        self._path, self._lock, self._accounts = root / "webhooks.json", root / "locks" / "webhooks.lock", accounts
        self._drafts = Drafts(root)
        self._waiting: queue.Queue[tuple[dict[str, Any], dict[str, Any]]] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()

    def of(self, user: str) -> list[dict[str, Any]]:
        """A user's webhooks."""
        return [hook for hook in self._all() if hook["owner"] == user]

    def get(self, user: str, hook_id: str) -> dict[str, Any]:
        """One of a user's webhooks; raises NotFound."""
        for hook in self.of(user):
            if hook["id"] == hook_id:
                return hook
        raise NotFound("Webhook not found")

    def add(self, user: str, data: dict[str, Any]) -> dict[str, Any]:
        """Register `{url, watched: [{type, name}], domains?, secret?}`; raises Invalid."""
        hook = {"id": secrets.token_hex(12), "owner": user, "disabled": False, "secret": None, "domains": list(DOMAINS)}
        hook |= {"url": None, "watched": []} | _checked(data)
        if not hook["url"] or not hook["watched"]:
            raise Invalid('A webhook needs a "url" and at least one item in "watched"')
        self._change(lambda hooks: [*hooks, hook])
        return hook

    def update(self, user: str, hook_id: str, data: dict[str, Any]) -> dict[str, Any]:
        """Change some fields; raises NotFound or Invalid."""
        changed = self.get(user, hook_id) | _checked(data)
        self._change(lambda hooks: [changed if hook["id"] == hook_id else hook for hook in hooks])
        return changed

    def set_disabled(self, user: str, hook_id: str, disabled: bool) -> dict[str, Any]:
        """Disable or enable a webhook."""
        changed = self.get(user, hook_id) | {"disabled": disabled}
        self._change(lambda hooks: [changed if hook["id"] == hook_id else hook for hook in hooks])
        return changed

    def delete(self, user: str, hook_id: str) -> None:
        """Delete a webhook; raises NotFound."""
        self.get(user, hook_id)
        self._change(lambda hooks: [hook for hook in hooks if hook["id"] != hook_id])

    def listen(self, event: Event) -> None:
        """Call the webhooks that watch where `event` happened. Returns at once; the calls are made in order."""
        wanting = [hook for hook in self._all() if not hook["disabled"] and self._wants(hook, event)]
        for hook in wanting:
            self._waiting.put((hook, payload(hook, event)))
        if wanting:
            self._start()

    def _wants(self, hook: dict[str, Any], event: Event) -> bool:
        if event.scope.partition(".")[0] not in hook["domains"]:
            return False
        repo = event.repo
        namespace = repo.name.namespace.lower()
        if repo.meta.private and namespace != hook["owner"].lower():
            members = {org.lower() for org in self._accounts.organizations_of(hook["owner"])}
            if namespace not in members:
                return False
        names = {"user": namespace, "org": namespace, repo.kind.singular: repo.id.lower()}
        return any(names.get(item["type"]) == item["name"].lower() for item in hook["watched"])

    def _all(self) -> list[dict[str, Any]]:
        hooks: list[dict[str, Any]] = read_json(self._path, [])
        return hooks

    def _change(self, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
        with locked(self._lock):
            self._drafts.write_json(self._path, change(self._all()), mode=0o600)

    def _start(self) -> None:
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._deliver, name="localhub-webhooks", daemon=True)
                self._thread.start()

    def _deliver(self) -> None:
        while True:
            hook, body = self._waiting.get()
            headers = {"X-Webhook-Secret": hook["secret"]} if hook["secret"] else {}
            for pause in (*_PAUSES, None):
                if _call(hook["url"], body, headers):
                    break
                if pause is None:
                    logger.warning("webhook %s: %s could not be reached, the event is dropped", hook["id"], hook["url"])
                else:
                    time.sleep(pause)


def _call(url: str, body: dict[str, Any], headers: dict[str, str]) -> bool:
    try:
        response = httpx.post(url, json=body, headers=headers, timeout=_TIMEOUT, follow_redirects=False)
    except httpx.HTTPError:
        return False
    return response.status_code < 500


def _checked(data: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {key: data[key] for key in ("url", "watched", "domains", "secret") if key in data}
    problems = []
    if "url" in fields and not str(fields["url"]).startswith(("http://", "https://")):
        problems.append("the url must start with http:// or https://")
    for domain in fields.get("domains") or ():
        if domain not in DOMAINS:
            problems.append(f'unknown domain "{domain}": expected {" or ".join(DOMAINS)}')
    for item in fields.get("watched") or ():
        if not isinstance(item, dict) or item.get("type") not in WATCHED or not isinstance(item.get("name"), str):
            problems.append(f'watched items are {{"type": one of {", ".join(WATCHED)}, "name": ...}}')
    if problems:
        raise Invalid("; ".join(problems))
    return fields


def payload(hook: dict[str, Any], event: Event) -> dict[str, Any]:
    """The posted body: version 3 of the Hub's format. Addresses are relative to the Hub."""
    repo = event.repo
    page = f"/{repo.kind.web_prefix}{repo.id}"
    api = f"/api/{repo.kind}/{repo.id}"
    body: dict[str, Any] = {
        "event": {"action": event.action, "scope": event.scope},
        "repo": {
            "type": repo.kind.singular,
            "name": repo.id,
            "id": repo.uid,
            "private": repo.meta.private,
            "url": {"web": page, "api": api},
            "owner": {"id": _uid(repo.name.namespace), "name": repo.name.namespace},
            **({"headSha": event.head} if event.head else {}),
        },
        "webhook": {"id": hook["id"], "version": 3},
    }
    if event.refs:
        body["updatedRefs"] = [{"ref": ref, "oldSha": old, "newSha": new} for ref, old, new in event.refs]
    if discussion := event.extra.get("discussion"):
        num = discussion["num"]
        body["discussion"] = {key: discussion[key] for key in ("num", "title", "status", "isPullRequest")} | {
            "id": f"{repo.uid}-{num}",
            "author": {"id": _uid(discussion["author"]["name"]), "name": discussion["author"]["name"]},
            "url": {"web": f"{page}/discussions/{num}", "api": f"{api}/discussions/{num}"},
            **({"changes": discussion["changes"]} if "changes" in discussion else {}),
        }
        if comment := event.extra.get("comment"):
            url = {"web": f"{page}/discussions/{num}#{comment['id']}"}
            author = {"id": _uid(comment["author"]), "name": comment["author"]}
            body["comment"] = {**comment, "author": author, "url": url}
    return body


def _uid(name: str) -> str:
    return hashlib.sha256(name.lower().encode()).hexdigest()[:24]
