"""Webhooks: registered with the client, posted to a listener of our own."""

import json
import queue
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from huggingface_hub import HfApi, WebhookPayload

from .test_repos import status_of

Call = tuple[str | None, dict[str, Any]]


class Listener:
    """Keeps what is posted to it."""

    def __init__(self) -> None:
        calls: queue.Queue[Call] = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                calls.put((self.headers.get("X-Webhook-Secret"), json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        self.calls = calls
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def next(self) -> Call:
        return self.calls.get(timeout=60)


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    thread = threading.Thread(target=listener.server.serve_forever, daemon=True)
    thread.start()
    yield listener
    listener.server.shutdown()
    listener.server.server_close()


def test_commits_and_comments_are_told(api: HfApi, dataset: str, listener: Listener) -> None:
    hook = api.create_webhook(url=listener.url, watched=[{"type": "dataset", "name": dataset}], secret="s3cret")
    before = api.dataset_info(dataset).sha
    made = api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=dataset, repo_type="dataset")
    secret, event = listener.next()
    assert secret == "s3cret"
    assert event["event"] == {"action": "update", "scope": "repo.content"}
    assert event["repo"]["headSha"] == made.oid
    assert event["updatedRefs"] == [{"ref": "refs/heads/main", "oldSha": before, "newSha": made.oid}]
    num = api.create_discussion(dataset, "A question", repo_type="dataset").num
    assert WebhookPayload(**listener.next()[1]).discussion.num == num
    api.comment_discussion(dataset, num, "hello", repo_type="dataset")
    payload = WebhookPayload(**listener.next()[1])
    assert (payload.event.scope, payload.comment.content) == ("discussion.comment", "hello")
    api.delete_webhook(hook.id)


def test_only_what_is_watched_and_seen_is_told(
    api: HfApi, as_user: Callable[[str | None], HfApi], model: str, new_name: Callable[[str], str], listener: Listener
) -> None:
    eve = as_user("eve")
    hook = eve.create_webhook(url=listener.url, watched=[{"type": "user", "name": "ada"}], domains=["repo"])
    api.create_repo(new_name("private"), private=True)
    api.create_discussion(model, "Not of the repo domain")
    api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=model)
    assert listener.next()[1]["repo"]["name"] == model
    assert listener.calls.empty()
    eve.disable_webhook(hook.id)
    api.upload_file(path_or_fileobj=b"y", path_in_repo="x", repo_id=model)
    eve.enable_webhook(hook.id)
    api.upload_file(path_or_fileobj=b"z", path_in_repo="z", repo_id=model)
    head = api.model_info(model).sha
    assert listener.next()[1]["repo"]["headSha"] == head
    eve.delete_webhook(hook.id)


def test_webhooks_belong_to_their_owner(api: HfApi, as_user: Callable[[str | None], HfApi]) -> None:
    hook = api.create_webhook(url="http://127.0.0.1:9/x", watched=[{"type": "org", "name": "lab"}])
    assert [webhook.id for webhook in api.list_webhooks()] == [hook.id]
    assert as_user("eve").list_webhooks() == []
    assert status_of(lambda: as_user("eve").delete_webhook(hook.id)) == 404
    assert api.update_webhook(hook.id, url="http://127.0.0.1:9/y").url == "http://127.0.0.1:9/y"
    assert status_of(lambda: api.update_webhook(hook.id, url="file:///etc/passwd")) == 400
    api.delete_webhook(hook.id)
