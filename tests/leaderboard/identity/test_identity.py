"""Who asks and whether they may, over HTTP against the OpenID provider of a Hub on loopback."""

from __future__ import annotations

import json
import logging
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gradio.oauth import attach_oauth
from itsdangerous import URLSafeTimedSerializer
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.requests import Request

import localhub
from app import build_app
from leaderboard.api import add_api, catch_errors
from leaderboard.api.signin import PENDING_COOKIE, STAMP_COOKIE
from leaderboard.documents import document_routes
from leaderboard.errors import BadSettings, NotAllowed
from leaderboard.identity import STAMP_HEADER, Identity, Role, Session
from leaderboard.identity.rights import EVENTS, ROUTES, Roles
from leaderboard.identity.sealed import Sealer, session_key
from leaderboard.pages import know_gradios_session
from leaderboard.records import Person
from leaderboard.service import Service
from leaderboard.settings import Settings
from localhub.faults import Fault
from localhub.oauth import OpenId
from scripts.seed_hub import seed
from tests.leaderboard.people import BOARD, ORGANIZATIONS, TOKENS, Open, at_the_hub, bearer, client_of, sign_in, stamped

GOOD = {"benchmark": "tiny", "model": "podium-demo/tiny-base"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    root = tmp_path_factory.mktemp("hub")
    seed(root)
    with localhub.running(root, tokens=TOKENS, organizations=ORGANIZATIONS) as running:
        yield running


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"sign_in": "required", "maintainers": "keepers, root"}


@pytest.fixture
def browser(service: Service) -> TestClient:
    return client_of(service)


# --- signing in


def test_signing_in_submitting_and_signing_out(browser: TestClient, service: Service) -> None:
    assert browser.get("/api/v1/me").json()["name"] is None
    back = sign_in(browser, "ada", "/submit?benchmark=tiny")
    assert (back.status_code, back.headers["location"]) == (303, "/submit?benchmark=tiny")
    me = browser.get("/api/v1/me").json()
    assert (me["name"], me["orgs"], me["roles"]) == ("ada", ["lab"], ["reader", "submitter"])

    answer = browser.post("/api/v1/submissions", json=GOOD, headers=stamped(browser))
    assert answer.status_code == 201, answer.text
    assert answer.json()["sender"] == "ada"

    copy = browser.cookies.get(service.identity.session_cookie)
    assert browser.post("/api/v1/sign-out", headers=stamped(browser)).status_code == 204
    assert browser.get("/api/v1/me").json()["name"] is None
    browser.cookies.set(service.identity.session_cookie, copy or "")
    assert browser.get("/api/v1/me").json()["name"] is None, "a copy of the cookie does not outlive the session"


def test_what_the_browser_keeps(browser: TestClient, service: Service) -> None:
    answer = sign_in(browser, "ada")
    cookies = {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}
    session, stamp = cookies[service.identity.session_cookie], cookies[STAMP_COOKIE]
    assert "HttpOnly" in session and "SameSite=lax" in session and "Path=/" in session
    assert "HttpOnly" not in stamp and "SameSite=lax" in stamp
    assert "Max-Age=0" in cookies[PENDING_COOKIE], "what was kept for the way is dropped"
    assert "ada" not in session, "nor can the browser read it"


def test_under_https_cookies_are_secure_and_only_ours(opened: Open, hub: localhub.Running) -> None:
    service = opened(public_url="https://board.example", oauth_client_id="board")
    OpenId(hub.hub.root, hub.hub.accounts).add_client("board", ["https://board.example/api/v1/sign-in/callback"])
    browser = client_of(service, "https://board.example")
    answer = sign_in(browser, "ada")
    lines = [line for line in answer.headers.get_list("set-cookie") if "Max-Age=0" not in line]
    assert len(lines) == 2 and all("Secure" in line for line in lines)
    assert lines[0].startswith("__Host-podium_session=")
    assert browser.get("/api/v1/me").json()["name"] == "ada"


def test_a_board_describes_itself_as_an_application(opened: Open) -> None:
    service = opened(public_url="https://board.example/")
    reply = client_of(service).get("/api/v1/sign-in/client.json").json()
    assert (
        reply["client_id"] == "https://board.example/api/v1/sign-in/client.json" == service.identity.provider.client_id
    )
    assert reply["redirect_uris"] == ["https://board.example/api/v1/sign-in/callback"]
    assert reply["token_endpoint_auth_method"] == "none"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "[::1", ""])
def test_without_a_public_address_nobody_signs_in_from_elsewhere(service: Service, host: str) -> None:
    browser = client_of(service)
    for path in ("/api/v1/sign-in", "/api/v1/sign-in/client.json"):
        answer = browser.get(path, headers={"host": host}, follow_redirects=False)
        assert answer.status_code == 403 and "PODIUM_PUBLIC_URL" in answer.text and not answer.cookies


def test_without_a_public_address_nobody_signs_in_through_another_interface(service: Service) -> None:
    browser = client_of(service, "http://192.0.2.7:7860")
    answer = browser.get("/api/v1/sign-in", headers={"host": "localhost:7860"}, follow_redirects=False)
    assert answer.status_code == 403 and "PODIUM_PUBLIC_URL" in answer.text


@pytest.mark.parametrize(
    ("public", "host", "sent_back_to"),
    [
        ("", "localhost:9", "http://localhost:7860"),
        ("", "127.0.0.1", "http://127.0.0.1:7860"),
        ("https://board.example", "evil.example", "https://board.example"),
    ],
)
def test_the_way_back_is_never_what_the_host_header_says(
    opened: Open, public: str, host: str, sent_back_to: str
) -> None:
    browser = client_of(opened(public_url=public))
    begun = browser.get("/api/v1/sign-in", headers={"host": host}, follow_redirects=False)
    asked = parse_qs(urlsplit(begun.headers["location"]).query)
    assert asked["redirect_uri"] == [f"{sent_back_to}/api/v1/sign-in/callback"]


def test_a_client_with_a_secret(opened: Open, hub: localhub.Running) -> None:
    back = f"{BOARD}/api/v1/sign-in/callback"
    OpenId(hub.hub.root, hub.hub.accounts).add_client("private", [back], secret="very secret")
    browser = client_of(opened(oauth_client_id="private", oauth_client_secret="very secret"))
    assert sign_in(browser, "ada").status_code == 303
    other = client_of(opened(oauth_client_id="private", oauth_client_secret="not it"))
    answer = sign_in(other, "ada")
    assert answer.status_code == 403 and "invalid_client" in answer.text
    assert "not it" not in answer.text


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "/\r\nSet-Cookie: a=b", ""]
)
def test_nobody_is_sent_to_another_site(browser: TestClient, back: str) -> None:
    assert sign_in(browser, "ada", back).headers["location"] == "/"


def test_the_way_back_counts_once_and_only_in_the_browser_that_began(service: Service) -> None:
    browser, other = client_of(service), client_of(service)
    begun = browser.get("/api/v1/sign-in", follow_redirects=False)
    pending = browser.cookies.get(PENDING_COOKIE)
    address = at_the_hub(begun.headers["location"], TOKENS["ada"])
    assert other.get(address, follow_redirects=False).status_code == 401
    assert other.cookies.get(service.identity.session_cookie) is None

    assert browser.get(address, follow_redirects=False).status_code == 303
    browser.cookies.clear()
    browser.cookies.set(PENDING_COOKIE, pending or "", path="/api/v1/sign-in")
    again = browser.get(address, follow_redirects=False)
    assert again.status_code == 401 and "finished before" in again.text
    fresh = at_the_hub(begun.headers["location"], TOKENS["eve"])
    assert browser.get(fresh, follow_redirects=False).status_code == 401, "also with a new code for the old state"


def test_another_state_a_missing_code_and_a_late_return_are_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = client_of(service)

    def returned(**changed: str) -> httpx.Response:
        begun = browser.get("/api/v1/sign-in", follow_redirects=False)
        address = at_the_hub(begun.headers["location"], TOKENS["ada"])
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()} | changed
        return browser.get(f"{address.partition('?')[0]}?{urlencode(query)}", follow_redirects=False)

    assert returned(state="another").status_code == 401
    assert returned(code="").status_code == 401
    assert returned(code="invented").status_code == 403
    begun = browser.get("/api/v1/sign-in", follow_redirects=False)
    address = at_the_hub(begun.headers["location"], TOKENS["ada"])
    later = time.time() + 601
    monkeypatch.setattr("leaderboard.identity.sealed.time.time", lambda: later)
    assert browser.get(address, follow_redirects=False).status_code == 401


def test_an_identity_that_the_provider_did_not_sign_for_us_now_is_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's answer is changed on its way, as by whoever can; everything else is real."""
    changes: list[dict[str, Any]] = [
        {"aud": "another application"},
        {"iss": "https://evil.example"},
        {"nonce": "another sign-in"},
        {"exp": int(time.time()) - 3600},
        {"sub": "somebody else"},
    ]
    true_encode, provider_key = jwt.encode, RSAKey.generate_key(2048)
    for change in changes:
        monkeypatch.setattr("localhub.oauth.jwt.encode", lambda h, c, k, change=change: true_encode(h, c | change, k))
        answer = sign_in(client_of(service), "ada")
        assert answer.status_code == 403, change
    monkeypatch.setattr("localhub.oauth.jwt.encode", lambda h, c, k: true_encode(h, c, provider_key))
    assert sign_in(client_of(service), "ada").status_code == 403
    monkeypatch.undo()
    assert sign_in(client_of(service), "ada").status_code == 303


def test_trouble_of_the_provider_is_ours(hub: localhub.Running, opened: Open) -> None:
    browser = client_of(opened())
    hub.faults.set([Fault("500")])
    try:
        answer = browser.get("/api/v1/sign-in", follow_redirects=False)
    finally:
        hub.faults.set([])
    assert answer.status_code == 503 and "Try again" in answer.text


# --- forged and worn out sessions


def forged(service: Service) -> dict[str, str]:
    """Cookies that somebody may try."""
    session = Session(expires=int(time.time()) + 3600, id="1", name="mia", orgs=("keepers",))
    sealed = Sealer(session_key(service.settings), "podium session").seal(session)
    changed = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    return {
        "another key": Sealer(b"\0" * 32, "podium session").seal(session),
        "a key made from nothing": Sealer(b"-v4", "podium session").seal(session),
        "another purpose": Sealer(session_key(service.settings), "podium sign-in").seal(session),
        "changed": changed,
        "cut": sealed[: len(sealed) // 2],
        "not sealed": session.model_dump_json(),
        "signed as Gradio's off Spaces": URLSafeTimedSerializer("-v4").dumps({"oauth_info": {"name": "mia"}}),
        "no encryption": "eyJhbGciOiJub25lIn0..",
        "over": Sealer(session_key(service.settings), "podium session").seal(
            session.model_copy(update={"expires": int(time.time()) - 1})
        ),
    }


def test_forged_cookies_are_nobody(service: Service) -> None:
    for what, cookie in forged(service).items():
        browser = client_of(service)
        browser.cookies.set(service.identity.session_cookie, cookie)
        assert browser.get("/api/v1/me").json()["name"] is None, what
        assert browser.post("/api/v1/submissions", json=GOOD, headers={STAMP_HEADER: "x"}).status_code == 401, what


def test_a_session_ends(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = client_of(service)
    sign_in(browser, "ada")
    cookie = browser.cookies.get(service.identity.session_cookie) or ""
    later = time.time() + 12 * 3600 + 1
    monkeypatch.setattr("leaderboard.identity.sealed.time.time", lambda: later)
    request = Request(
        {"type": "http", "headers": [(b"cookie", f"{service.identity.session_cookie}={cookie}".encode())]}
    )
    assert service.identity.session(request) is None


def test_gradios_own_session_is_believed_on_spaces_only(opened: Open, tmp_path: Path) -> None:
    info = {"expires_at": time.time() + 60, "userinfo": {"preferred_username": "mia", "orgs": [{"name": "keepers"}]}}

    def asked(by: Service, headers: dict[str, str] | None = None, **more: Any) -> Person:
        raw = [(name.encode(), value.encode()) for name, value in (headers or {"host": "x"}).items()]
        scope = {"type": "http", "method": "POST", "headers": raw, "session": {"oauth_info": info | more}}
        return by.identity.visitor(Request(scope))

    on_space = {"space_id": "lab/board", "system": "spaces", "oauth_client_secret": "of the Space"}
    space = opened(**on_space)
    assert asked(space) == Person(name="mia", orgs=("keepers",))
    assert asked(space, expires_at=time.time() - 1).name == "anonymous"
    for missing in on_space:
        assert asked(opened(**{k: v for k, v in on_space.items() if k != missing})).name == "anonymous", missing
    for origin, allowed in ((BOARD, True), ("https://evil.example", False), (None, False)):
        headers = {"host": "127.0.0.1:7860"} | ({"origin": origin} if origin else {})
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        request = Request({"type": "http", "method": "POST", "headers": raw, "session": {"oauth_info": info}})
        if allowed:
            assert space.identity.sender(request).name == "mia"
        else:
            with pytest.raises(NotAllowed):
                space.identity.sender(request)


# --- other sites


def test_another_site_changes_nothing(browser: TestClient, service: Service) -> None:
    sign_in(browser, "ada")
    good = stamped(browser)
    refused = [
        {},
        {STAMP_HEADER: "invented"},
        {STAMP_HEADER: good[STAMP_HEADER][:-1]},
        good | {"origin": "https://evil.example"},
        good | {"origin": "null"},
        good | {"origin": BOARD.replace("7860", "7861")},
    ]
    for headers in refused:
        answer = browser.post("/api/v1/submissions", json=GOOD, headers=headers)
        assert answer.status_code == 403, headers
        assert browser.post("/api/v1/sign-out", headers=headers).status_code == 403
    assert service.queue.view().requests == []
    assert browser.post("/api/v1/submissions", json=GOOD, headers=good).status_code == 201


def test_the_stamp_of_one_session_is_not_that_of_another(service: Service) -> None:
    ada, eve = client_of(service), client_of(service)
    sign_in(ada, "ada")
    sign_in(eve, "eve")
    assert ada.post("/api/v1/submissions", json=GOOD, headers=stamped(eve)).status_code == 403


def test_without_sign_in_another_site_cannot_submit_either(opened: Open) -> None:
    browser = client_of(opened(sign_in="off"))
    answer = browser.post("/api/v1/submissions", json=GOOD, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert browser.post("/api/v1/submissions", json=GOOD, headers={"origin": BOARD}).status_code == 201


# --- tokens


def test_a_token_says_who_a_program_is(browser: TestClient, service: Service) -> None:
    answer = browser.post("/api/v1/submissions", json=GOOD, headers=bearer("bob"))
    assert (answer.status_code, answer.json()["sender"]) == (201, "bob")
    assert browser.get("/api/v1/me", headers=bearer("mia")).json()["roles"] == ["reader", "submitter", "maintainer"]


@pytest.mark.parametrize("route", ["submissions", "submissions/check"])
def test_who_asks_is_worked_out_once_for_a_request(
    browser: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    asked: list[str] = []
    whoami = service.hub.whoami
    monkeypatch.setattr(service.hub, "whoami", lambda token: asked.append(token) or whoami(token))
    for name in ("bob", "ada"):
        before = len(asked)
        answer = browser.post(
            f"/api/v1/{route}", json=GOOD | {"use_chat_template": name == "ada"}, headers=bearer(name)
        )
        assert answer.status_code in (200, 201, 422), answer.text
        assert len(asked) == before + 1, "never remembered from another request"


def test_what_is_known_of_who_asks_shows_no_secret(service: Service) -> None:
    raw = [(key.lower().encode(), value.encode()) for key, value in bearer("bob").items()]
    asker = service.identity.asker(Request({"type": "http", "method": "POST", "headers": raw}))
    assert asker.token == TOKENS["bob"] and asker.key == "@bob" and TOKENS["bob"] not in repr(asker)


def test_a_wrong_token_is_told_so(browser: TestClient) -> None:
    for token in ("hf_wrong", "x y", "\u00fc"):
        sent = f"Bearer {token}".encode()
        answer = browser.post("/api/v1/submissions", json=GOOD, headers={b"authorization": sent})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert token not in answer.text


def test_tokens_are_in_no_file_and_no_log(
    browser: TestClient, service: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        sign_in(browser, "ada")
        browser.post("/api/v1/submissions", json=GOOD, headers=bearer("bob"))
        browser.post("/api/v1/submissions", json=GOOD, headers={"Authorization": "Bearer hf_wrong"})
    request = Request(
        {
            "type": "http",
            "headers": [(b"cookie", "; ".join(f"{k}={v}" for k, v in browser.cookies.items()).encode())],
        }
    )
    token = service.identity.asker(request).token
    assert token is not None and token.startswith("hf_oauth_"), "the Hub's token for discussions in their name"
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "hub" not in path.parts)
    for secret in (*TOKENS.values(), "hf_wrong", token):
        assert secret.encode() not in kept
        assert secret not in caplog.text


# --- roles and settings


def test_the_sender_is_never_what_the_body_says(browser: TestClient) -> None:
    answer = browser.post("/api/v1/submissions", json=GOOD | {"sender": "eve"}, headers=bearer("bob"))
    assert answer.status_code == 422
    assert browser.post("/api/v1/submissions", json=GOOD, headers=bearer("bob")).json()["sender"] == "bob"


@pytest.mark.parametrize(
    ("setting", "status", "sender"),
    [("off", 201, "anonymous"), ("optional", 201, "anonymous"), ("required", 401, None)],
)
def test_who_may_submit_is_a_setting(opened: Open, setting: str, status: int, sender: str | None) -> None:
    browser = client_of(opened(sign_in=setting))
    assert browser.get("/api/v1/me").json()["sender"] == sender
    answer = browser.post("/api/v1/submissions", json=GOOD)
    assert answer.status_code == status
    assert answer.json().get("sender") == sender
    named = {"off": "anonymous", "optional": "bob", "required": "bob"}[setting]
    other = GOOD | {"precision": "float32"}
    assert browser.post("/api/v1/submissions", json=other, headers=bearer("bob")).json()["sender"] == named


def test_a_board_without_sign_in_has_no_key_and_says_so(opened: Open, tmp_path: Path) -> None:
    browser = client_of(opened(sign_in="off", secrets_dir=tmp_path / "secrets"))
    answer = browser.get("/api/v1/sign-in", follow_redirects=False)
    assert answer.status_code == 403 and "PODIUM_SIGN_IN" in answer.text
    assert not list(tmp_path.rglob("session*.key"))


def test_strangers_are_never_maintainers_where_people_can_sign_in(opened: Open, hub: localhub.Running) -> None:
    hub.hub.accounts.add_user("anonymous", token="hf_anonymous")
    for setting, expected in (("off", True), ("optional", False), ("required", False)):
        service = opened(sign_in=setting, maintainers="anonymous")
        me = client_of(service).get("/api/v1/me").json()
        assert ("maintainer" in me["roles"]) is expected, setting
    answer = client_of(service).get("/api/v1/me", headers={"Authorization": "Bearer hf_anonymous"})
    assert answer.status_code == 403 and "PODIUM_ANONYMOUS_SENDER" in answer.json()["error"]


def test_owners_and_maintainers() -> None:
    roles = Roles(["Keepers", "root"])
    ada = Person(name="Ada", orgs=("lab",))
    assert roles.owns(ada, "ada/model") and roles.owns(ada, "LAB/model")
    assert not roles.owns(ada, "labs/model") and not roles.owns(ada, "ada") and not roles.owns(ada, "eve/ada")
    assert not roles.is_maintainer(ada)
    assert roles.is_maintainer(Person(name="ROOT")) and roles.is_maintainer(Person(name="mia", orgs=("keepers",)))


@pytest.mark.parametrize("name", ["\u212aeepers", "keeperſ", "KEEPERS\u0130", "ｋｅｅｐｅｒｓ"])
def test_names_that_only_look_alike_are_nobody(name: str) -> None:
    roles = Roles(["Keepers"])
    assert not roles.is_maintainer(Person(name=name)) and not roles.is_maintainer(Person(name="eve", orgs=(name,)))
    assert not roles.owns(Person(name=name), "keepers/model") and not roles.owns(
        Person(name="keepers"), f"{name}/model"
    )


def test_who_owns_a_model_may_act_for_it(service: Service) -> None:
    def asking(name: str) -> Request:
        raw = [(key.lower().encode(), value.encode()) for key, value in bearer(name).items()]
        return Request({"type": "http", "method": "POST", "headers": raw})

    assert service.identity.owner(asking("bob"), "lab/model").name == "bob"
    assert service.identity.owner(asking("mia"), "lab/model").name == "mia", "maintainers too"
    assert service.identity.maintainer(asking("mia")).name == "mia"
    with pytest.raises(NotAllowed, match="owner of lab/model"):
        service.identity.owner(asking("eve"), "lab/model")
    with pytest.raises(NotAllowed, match="you are eve"):
        service.identity.maintainer(asking("eve"))


def test_the_session_key_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    settings = Settings(work_dir=tmp_path / "work", secrets_dir=tmp_path / "secrets")
    key = session_key(settings)
    [place] = (tmp_path / "secrets").iterdir()
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700 and not (tmp_path / "work").exists()
    assert session_key(settings.model_copy(update={"work_dir": tmp_path / "other"})) != key
    assert session_key(settings) == key == place.read_bytes() and len(key) == 32
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    place.chmod(0o640)
    with pytest.raises(BadSettings, match="read by others"):
        session_key(settings)
    assert session_key(Settings(work_dir=tmp_path, session_key="k" * 32)) == b"k" * 32
    with pytest.raises(BadSettings, match="31 characters"):
        session_key(Settings(session_key="k" * 31))


def test_front_ends_with_the_same_key_know_the_same_sessions(opened: Open, tmp_path: Path) -> None:
    first = opened(session_key="k" * 40)
    browser = client_of(first)
    sign_in(browser, "ada")
    second = client_of(opened(session_key="k" * 40, work_dir=tmp_path / "other"))
    second.cookies = browser.cookies
    assert second.get("/api/v1/me").json()["name"] == "ada"


def test_a_session_with_a_long_token_still_fits_a_cookie(service: Service) -> None:
    identity: Identity = service.identity
    orgs = tuple(f"organisation-number-{number}" for number in range(200))
    for session in (
        Session(expires=2**33, id="1", name="ada", token="t" * 4000),
        Session(expires=2**33, id="1", name="ada", orgs=orgs, token="t"),
    ):
        text = identity.seal(session)
        assert len(text) <= 3800
        request = Request({"type": "http", "headers": [(b"cookie", f"{identity.session_cookie}={text}".encode())]})
        opened_again = identity.session(request)
        assert opened_again is not None and opened_again.name == "ada"


# --- every route has a rule


def test_every_route_has_a_rule_and_every_rule_a_route(service: Service) -> None:
    app = FastAPI()
    add_api(app, service)
    catch_errors(app)
    described = app.openapi()["paths"]
    routes = {
        f"{method.upper()} {path.removeprefix('/api/v1')}" for path, methods in described.items() for method in methods
    }
    assert routes == set(ROUTES), "who may call it? leaderboard/identity/rights.py"


def test_what_changes_something_is_not_for_everybody() -> None:
    looks = {"POST /submissions/check"}
    open_to_all = {name for name, role in ROUTES.items() if not name.startswith("GET ") and role is Role.READER}
    assert open_to_all == looks


def test_strangers_are_refused_at_every_route_that_is_not_theirs(browser: TestClient) -> None:
    for name, role in ROUTES.items():
        method, _, path = name.partition(" ")
        if role is Role.READER:
            continue
        address = "/api/v1" + path.replace("{", "").replace("}", "")
        answer = browser.request(method, address, json={})
        assert answer.status_code == 401, name
        assert set(json.loads(answer.content)) == {"error", "problems", "existing"}
        if role is Role.MAINTAINER:
            assert browser.request(method, address, json={}, headers=bearer("eve")).status_code == 403, name


def test_a_route_without_a_rule_answers_nobody(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    names, api = list(ROUTES), client_of(service)
    monkeypatch.setattr("leaderboard.api.guard.ROUTES", {})
    for name in names:
        method, _, path = name.partition(" ")
        answer = api.request(method, f"/api/v1{path}".replace("{", "").replace("}", ""), headers=bearer("mia"))
        assert answer.status_code == 403 and "nothing says who may" in answer.json()["error"], name


def test_gradios_own_session_is_known_on_documents_too(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradio.oauth.get_space", lambda: "lab/board")
    for name in ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL"):
        monkeypatch.setattr(f"gradio.oauth.{name}", "of the Space")
    space = opened(space_id="lab/board", system="spaces", oauth_client_secret="of the Space")
    app, gradios = FastAPI(), FastAPI()
    app.include_router(document_routes(space))
    know_gradios_session(app)
    attach_oauth(gradios)
    info = {"expires_at": time.time() + 60, "userinfo": {"preferred_username": "mia"}}

    @gradios.get("/sign")
    def sign(request: Request) -> None:
        request.session["oauth_info"] = info

    cookie = TestClient(gradios, base_url="https://testserver").get("/sign").cookies["session"]
    browser = TestClient(app, base_url="https://testserver")
    assert (
        '<a href="/login/huggingface?_target_url=%2Fqueue%3Fmine%3D1">Sign in</a>' in browser.get("/queue?mine=1").text
    )
    browser.cookies.set("session", cookie)
    assert "<b>mia</b>" in browser.get("/queue").text


# --- every event of the pages has a rule


FORM = ["/submit?benchmark=tiny", "{}", GOOD["model"], "main", "bfloat16", "other", "Original", "", False]
INPUTS = {"submit.submit": FORM}
"""What an event gets in these tests; texts where nothing else is said."""


def events(pages: Any) -> list[tuple[int | None, str, int]]:
    """Number (None for server functions), name and number of inputs of every event that runs Python of ours."""
    result: list[tuple[int | None, str, int]] = [
        (number, name_of(entry.fn), len(entry.inputs)) for number, entry in pages.fns.items() if entry.fn is not None
    ]
    members = [vars(block).values() for block in pages.blocks.values()]
    served = [value for values in members for value in values if getattr(value, "_is_server_fn", False)]
    return result + [(None, name_of(item), 1) for item in served]


def name_of(function: Any) -> str:
    return f"{function.__module__.removeprefix('leaderboard.pages.')}.{function.__name__}"


@pytest.fixture
def whole(service: Service) -> FastAPI:
    return build_app(service)


def test_every_event_has_a_rule_and_those_above_readers_refuse_strangers(whole: FastAPI, service: Service) -> None:
    pages = next(route.app.get_blocks() for route in whole.routes if hasattr(getattr(route, "app", None), "get_blocks"))
    listed = events(pages)
    assert {name for _, name, _ in listed} - set(EVENTS) == set(), "who may call it? leaderboard/identity/rights.py"
    assert not any(number is None for number, _, _ in listed), "what has no event asks the API"
    browser = TestClient(whole, base_url=BOARD)
    above = [(number, name, count) for number, name, count in listed if EVENTS[name] is not Role.READER]
    assert "submit.submit" in {name for _, name, _ in above}
    for number, name, count in above:
        assert number is not None, f"{name}: a server function has no place in this test yet"
        for headers in ({}, {"origin": BOARD}):
            reply = called(browser, number, INPUTS.get(name, [""] * count), headers)
            assert "Sign in" in reply, name
    assert service.queue.view().requests == [] and not any(service.settings.results_dir.rglob("*.json"))


def called(browser: TestClient, number: int, data: list[Any], headers: dict[str, str]) -> str:
    body = {"fn_index": number, "data": data, "session_hash": "test"}
    return browser.post("/gradio_api/run/predict", json=body, headers=headers).text


def test_submitting_on_the_page_needs_the_pages_stamp(whole: FastAPI, service: Service) -> None:
    pages = next(route.app.get_blocks() for route in whole.routes if hasattr(getattr(route, "app", None), "get_blocks"))
    number = next(number for number, name, _ in events(pages) if name == "submit.submit")
    assert number is not None
    browser = TestClient(whole, base_url=BOARD)
    sign_in(browser, "ada")
    for headers in ({}, stamped(browser) | {"origin": "https://evil.example"}, {STAMP_HEADER: "x"}):
        reply = called(browser, number, FORM, headers)
        assert "another site" in reply or "Load it again" in reply
    assert service.queue.view().requests == []
    called(browser, number, FORM, stamped(browser))
    assert [request.sender for request in service.queue.view().requests] == ["ada"]
