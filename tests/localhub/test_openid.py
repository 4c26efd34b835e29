"""Signing in through the provider, with the library that applications use."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import OAuth2Client
from huggingface_hub import HfApi
from joserfc import jwt
from joserfc.jwk import KeySet

import localhub
from localhub.errors import Unauthenticated
from localhub.oauth import OpenId

from .test_repos import status_of

BACK = "http://127.0.0.1:1/login/callback"
SCOPE = "openid profile write-discussions"


class Application:
    """A public application on this machine."""

    def __init__(self, endpoint: str, client_id: str = "podium", redirect_uri: str = BACK, scope: str = SCOPE) -> None:
        self.places = httpx.get(f"{endpoint}/.well-known/openid-configuration").json()
        self.client = OAuth2Client(
            client_id,
            scope=scope,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method="none",
        )
        self.verifier = generate_token(48)
        self.address, self.state = self.client.create_authorization_url(
            self.places["authorization_endpoint"], code_verifier=self.verifier, nonce="once"
        )

    def show_token(self, token: str, **changed: str) -> httpx.Response:
        fields = {key: values[0] for key, values in parse_qs(urlsplit(self.address).query).items()}
        return httpx.post(self.places["authorization_endpoint"], data=fields | {"token": token} | changed)

    def redeem(self, returned: httpx.Response, **changed: str) -> dict[str, str]:
        options = {"authorization_response": returned.headers["location"], "code_verifier": self.verifier} | changed
        tokens: dict[str, str] = self.client.fetch_token(self.places["token_endpoint"], state=self.state, **options)
        return tokens


def test_code_flow_with_pkce(served: localhub.Running, model: str) -> None:
    app = Application(served.endpoint)
    page = httpx.get(app.address)
    assert page.status_code == 200
    assert "podium" in page.text and "write-discussions" in page.text and "eve" not in page.text
    returned = app.show_token("hf_eve")
    assert returned.status_code == 303
    assert returned.headers["location"].startswith(BACK + "?code=")
    tokens = app.redeem(returned)
    keys = KeySet.import_key_set(httpx.get(app.places["jwks_uri"]).json())
    claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
    assert (claims["preferred_username"], claims["nonce"], claims["aud"]) == ("eve", "once", "podium")
    assert claims["iss"] == served.endpoint
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    about = httpx.get(app.places["userinfo_endpoint"], headers=headers).json()
    assert (about["sub"], about["preferred_username"]) == (claims["sub"], "eve")
    eve = HfApi(endpoint=served.endpoint, token=tokens["access_token"])
    assert eve.whoami()["name"] == "eve"
    assert eve.create_discussion(model, "Signed in").num == 1
    assert status_of(lambda: eve.create_repo("eve/not-in-scope")) == 403
    assert tokens["access_token"] not in "".join(
        file.read_text(errors="replace") for file in (served.hub.root / "oauth").rglob("*.json")
    )


def test_a_code_works_once_and_only_for_who_asked(served: localhub.Running) -> None:
    app = Application(served.endpoint)
    returned = app.show_token("hf_eve")
    app.redeem(returned)
    assert "invalid_grant" in failure(app, returned)
    assert "invalid_grant" in failure(app, app.show_token("hf_eve"), code_verifier=generate_token(48))


def failure(app: Application, returned: httpx.Response, **changed: str) -> str:
    from authlib.integrations.base_client.errors import OAuthError

    with pytest.raises(OAuthError) as caught:
        app.redeem(returned, **changed)
    return str(caught.value)


def test_a_wrong_token_signs_nobody_in(served: localhub.Running) -> None:
    answer = Application(served.endpoint).show_token("hf_wrong")
    assert answer.status_code == 401
    assert "location" not in answer.headers
    assert "hf_wrong" not in answer.text
    assert Application(served.endpoint).show_token("", user="ada").status_code == 401


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"redirect_uri": "https://evil.example/"}, "not registered"),
        ({"redirect_uri": "javascript:alert(1)"}, "not registered"),
        ({"redirect_uri": "ftp://127.0.0.1/x"}, "http:// or https://"),
        ({"code_challenge": ""}, "PKCE"),
        ({"code_challenge_method": "plain"}, "S256"),
        ({"response_type": "token"}, "code"),
        ({"scope": "profile"}, "openid"),
    ],
)
def test_incomplete_or_strange_requests_go_nowhere(
    served: localhub.Running, changed: dict[str, str], message: str
) -> None:
    app = Application(served.endpoint)
    answer = app.show_token("hf_eve", **changed)
    assert answer.status_code == 400
    assert message in answer.text
    fields = {key: values[0] for key, values in parse_qs(urlsplit(app.address).query).items()} | changed
    assert httpx.get(app.places["authorization_endpoint"], params=fields).status_code == 400


def test_a_registered_application_returns_only_to_its_address(served: localhub.Running) -> None:
    provider = OpenId(served.hub.root, served.hub.accounts)
    provider.add_client("board", ["https://board.example/callback"], secret="very secret")
    good = Application(served.endpoint, "board", "https://board.example/callback")
    returned = good.show_token("hf_eve")
    assert returned.status_code == 303
    assert "invalid_client" in failure(good, returned)
    assert Application(served.endpoint, "board", BACK).show_token("hf_eve").status_code == 400


def test_a_read_token_cannot_be_turned_into_more(served: localhub.Running, model: str) -> None:
    app = Application(served.endpoint, scope="openid profile write-repos read-repos")
    read_only = served.hub.accounts.add_user("ada", role="read")
    tokens = app.redeem(app.show_token(read_only))
    assert tokens["scope"] == "openid profile read-repos"
    ada = HfApi(endpoint=served.endpoint, token=tokens["access_token"])
    assert status_of(lambda: ada.create_discussion(model, "No right")) == 403


def test_expired_tokens_are_worth_nothing_and_forgotten(tmp_path: Path) -> None:
    hub = localhub.Hub(tmp_path)
    hub.accounts.add_user("ada", token="hf_ada")
    lasting, expired = (hub.accounts.grant("ada", frozenset(), "podium", seconds) for seconds in (60, -1))
    with pytest.raises(Unauthenticated):
        hub.accounts.visitor(expired)
    OpenId(tmp_path, hub.accounts).sweep()
    assert hub.accounts.visitor(lasting).name == "ada"
    assert len(list((tmp_path / "oauth" / "tokens").iterdir())) == 1


@pytest.fixture
def open_hub(tmp_path: Path) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path, tokens={"ada": "hf_ada"}, choose_user=True) as it:
        yield it


def test_a_demo_lets_people_choose_who_they_are(open_hub: localhub.Running) -> None:
    app = Application(open_hub.endpoint)
    assert 'name="user" value="ada"' in httpx.get(app.address).text
    assert app.redeem(app.show_token("", user="ada"))["access_token"]
