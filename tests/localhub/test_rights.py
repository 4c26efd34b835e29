"""Every route of the application, asked by people with and without access to gated and private repos.

The routes are enumerated: a new one is content, and asked for the right to read it, unless it is listed here.
"""

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi.routing import APIRoute
from huggingface_hub import CommitOperationAdd, HfApi

import localhub
from localhub import access
from localhub.accounts import DISCUSS, WRITE
from localhub.names import Kind

Visitors = dict[str, httpx.Client]
CANARY = "canary"
TOKENS = {name: f"hf_{name}" for name in ("ada", "member", "guest", "eve")}
REPO = "/api/{kind:kind}/{namespace}/{name}"
DISCUSSION = REPO + "/discussions/{num}"

OPEN = {
    ("GET", REPO),
    ("GET", REPO + "/revision/{revision}"),
    ("GET", REPO + "/tree/{revision}"),
    ("GET", REPO + "/tree/{revision}/{path:path}"),
    ("POST", REPO + "/paths-info/{revision}"),
    ("GET", REPO + "/refs"),
    ("GET", REPO + "/likers"),
    ("POST", REPO + "/like"),
    ("DELETE", REPO + "/like"),
    ("GET", REPO + "/discussions"),
    ("POST", REPO + "/discussions"),
    ("GET", DISCUSSION),
    ("POST", DISCUSSION + "/comment"),
    ("POST", DISCUSSION + "/comment/{comment_id}/edit"),
    ("POST", DISCUSSION + "/comment/{comment_id}/hide"),
    ("POST", DISCUSSION + "/status"),
    ("POST", DISCUSSION + "/title"),
    *(
        (method, f"{prefix}/{{namespace}}/{{name}}{tail}")
        for prefix in ("", "/datasets", "/spaces")
        for method, tail in (
            ("POST", "/ask-access"),
            ("GET", ""),
            ("GET", "/tree/{revision}"),
            ("GET", "/tree/{revision}/{path:path}"),
            ("GET", "/discussions"),
            ("GET", "/discussions/{num}"),
        )
    ),
}
"""Routes that tell everybody of a gated repo: names, sizes, hashes and discussions, never what is in its files."""

SIGNED = "/_lfs/"
"""Addresses that work by their signature, which is given only to people with the right."""

EXAMPLES = {
    "revision": ["main"],
    "revisions": ["main", "main..main"],
    "path": ["secret.txt", "weights.bin", "sub"],
    "num": ["1"],
    "branch": ["main"],
    "tag": ["v1"],
    "status": ["pending"],
    "comment_id": ["none"],
    "mode": ["read"],
    "oid": ["0" * 64],
}
"""Values of the parameters in an address. A new parameter needs one here."""

FLAGS: list[tuple[str, str]] = [
    *((name, "1") for name in ("diff", "recursive", "blobs", "include_prs", "create_pr")),
    *(("expand", name) for name in ("config", "cardData", "tags", "evalResults", "siblings", "formatted", "true")),
]
BODY = {
    "paths": ["secret.txt", "weights.bin", "README.md"],
    "expand": True,
    "operation": "download",
    "objects": [{"oid": "0" * 64, "size": 1}],
    "files": [{"path": "secret.txt", "size": 1}],
    "title": "A question",
    "comment": "A question",
    "status": "open",
}
EVALUATION = f"- dataset: {{id: lab/board, task_id: main}}\n  value: 1\n  notes: {CANARY} notes\n"
FILES = {
    "README.md": f"---\nlicense: {CANARY}-license\ntags: [{CANARY}-tag]\nsdk: {CANARY}-sdk\n---\n{CANARY} card",
    "config.json": json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": f"{CANARY}-type"}),
    "tokenizer_config.json": json.dumps({"chat_template": f"{CANARY} template"}),
    ".eval_results/b.yaml": EVALUATION,
    "eval.yaml": f"tasks: [{{id: {CANARY}-task}}]",
    "secret.txt": f"{CANARY} text",
    "sub/secret.txt": f"{CANARY} text",
    "weights.bin": f"\0{CANARY} weights".encode(),
}


class Case(NamedTuple):
    """A repo that not everybody may read, and who may."""

    name: str
    reader: str
    refused: dict[str, int]
    """Visitor -> status of what they may not have."""


CASES = [
    Case("gated", "guest", {"stranger": 401, "eve": 403, "unscoped": 403}),
    Case("private", "member", {"stranger": 401, "eve": 404, "unscoped": 404}),
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    """A gated and a private repo of each kind, with a pull request in each."""
    people = {"lab": {"ada": "admin", "member": "read"}}
    with localhub.running(tmp_path_factory.mktemp("rights"), tokens=TOKENS, organizations=people) as it:
        api = HfApi(endpoint=it.endpoint, token=TOKENS["ada"])
        for kind, case in itertools.product(Kind, CASES):
            repo_id = f"lab/{case.name}"
            it.hub.commit(repo_id, FILES, f"{CANARY} commit", kind=kind.singular)
            repo = it.hub.repos.get(kind, repo_id)
            if case.name == "gated":
                repo.update(gated="manual")
                access.grant(repo, "guest")
            else:
                repo.update(private=True)
            operations = [CommitOperationAdd("secret.txt", b"what it was is in the diff")]
            api.create_commit(repo_id, operations, commit_message="A proposal", repo_type=kind.singular, create_pr=True)
        it.hub.commit("lab/board", {"eval.yaml": "tasks: [{id: main}]"}, kind="dataset")
        yield it


@pytest.fixture(scope="module")
def visitors(hub: localhub.Running) -> Iterator[Visitors]:
    """`unscoped` is a member who let an application know who they are and write, but not read their repos."""
    tokens = {name: TOKENS[name] for name in ("member", "guest", "eve")} | {"stranger": None}
    tokens["unscoped"] = hub.hub.accounts.grant("member", frozenset({WRITE, DISCUSS}), "app", 600)
    with ExitStack() as held:
        yield {name: held.enter_context(client_of(hub, token)) for name, token in tokens.items()}


def client_of(hub: localhub.Running, token: str | None) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=hub.endpoint, headers=headers)


def all_routes(router: Any) -> Iterator[tuple[str, str]]:
    """(method, address) of every route, also of those in included routers."""
    for route in router.routes:
        if included := getattr(route, "original_router", None):
            yield from all_routes(included)
        else:
            assert isinstance(route, APIRoute), f"{route}: how is it asked?"
            yield from ((method, route.path) for method in route.methods)


def addresses(template: str, repo_name: str) -> Iterator[str]:
    """The addresses of a route about one repo, with an example for each parameter."""
    values = EXAMPLES | {"kind": ["models", "datasets"], "namespace": ["lab"], "name": [repo_name]}
    plain = template.replace(":kind}", "}").replace(":path}", "}")
    names = [name for name in values if f"{{{name}}}" in plain]
    for chosen in itertools.product(*(values[name] for name in names)):
        yield plain.format(**dict(zip(names, chosen, strict=True)))


def answers(client: httpx.Client, method: str, template: str, name: str) -> Iterator[httpx.Response]:
    for address in addresses(template, name):
        for flags in ([], FLAGS):
            body = None if method in ("GET", "HEAD") else BODY
            yield client.request(method, address, params=httpx.QueryParams(flags), json=body)


def about_a_repo(tmp_path: Path) -> list[tuple[str, str]]:
    routes = [route for route in all_routes(localhub.create_app(tmp_path)) if "{namespace}" in route[1]]
    assert set(routes) >= OPEN
    return routes


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_route_asks_the_right_to_read(visitors: Visitors, tmp_path: Path, case: Case) -> None:
    wrong = []
    for (method, template), (visitor, status) in itertools.product(about_a_repo(tmp_path), case.refused.items()):
        for answer in answers(visitors[visitor], method, template, case.name):
            summary = f"{visitor}: {method} {answer.request.url} {answer.status_code}"
            if CANARY in answer.text or answer.status_code >= 500:
                wrong.append(summary)
            if SIGNED in template:
                continue
            # What is open shows nothing of the files, or refuses the part of it that would.
            is_open = case.name == "gated" and (method, template) in OPEN
            if answer.status_code != status and not is_open:
                wrong.append(summary)
            if case.name == "gated" and method != "HEAD" and not is_open:
                assert answer.headers["X-Error-Code"] == "GatedRepo", summary
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_who_has_the_right_sees_what_the_others_do_not(visitors: Visitors, tmp_path: Path, case: Case) -> None:
    texts: dict[tuple[str, str], str] = {}
    for method, template in about_a_repo(tmp_path):
        if method == "GET" and SIGNED not in template:
            shown = list(answers(visitors[case.reader], method, template, case.name))
            assert not [answer for answer in shown if "GatedRepo" in answer.headers.get("X-Error-Code", "")]
            texts[method, template] = "\n".join(answer.text for answer in shown)
    for word in ("-license", "-tag", "-sdk", " card", "-type", " template", " text", " weights", " commit"):
        assert [route for route, text in texts.items() if CANARY + word in text], word
    for route in (DISCUSSION, "/{namespace}/{name}/discussions/{num}", REPO + "/commits/{revision}", REPO):
        assert CANARY in texts["GET", route], route


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_lists_and_leaderboards_tell_it_to_nobody_else(visitors: Visitors, case: Case) -> None:
    listed = ("/api/models", "/api/datasets", "/api/spaces", "/api/models?expand=config&expand=cardData", "/")
    for address in (*listed, f"/api/models?filter={CANARY}-tag", "/api/datasets/lab/board/leaderboard"):
        for visitor in case.refused:
            assert CANARY not in visitors[visitor].get(address).text, f"{visitor}: {address}"
    board = visitors[case.reader].get("/api/datasets/lab/board/leaderboard")
    assert f"lab/{case.name}" in [row["modelId"] for row in board.json()]


def test_the_client_reads_a_discussion_without_the_diff(hub: localhub.Running) -> None:
    def diff_for(visitor: str) -> str:
        client = HfApi(endpoint=hub.endpoint, token=TOKENS[visitor])
        return client.get_discussion_details("lab/gated", 1).diff or ""

    assert (diff_for("eve"), f"-{CANARY} text" in diff_for("guest")) == ("", True)
