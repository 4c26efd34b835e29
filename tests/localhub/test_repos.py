"""Repos as a whole: made, seen, renamed, gated, removed; and who may."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

import localhub

from .conftest import TOKENS

Clients = Callable[[str | None], HfApi]


def status_of(call: Callable[[], object]) -> int:
    with pytest.raises(HfHubHTTPError) as caught:
        call()
    return caught.value.response.status_code


def test_creating_twice_is_a_409_with_the_address(api: HfApi, model: str) -> None:
    assert status_of(lambda: api.create_repo(model)) == 409
    assert str(api.create_repo(model, exist_ok=True)).endswith(model)


def test_ids_ignore_case_and_keep_their_spelling(api: HfApi, new_name: Callable[[str], str]) -> None:
    name = new_name("MixedCase")
    api.create_repo(name)
    assert api.model_info(name.lower()).id == name
    assert status_of(lambda: api.create_repo(name.upper().replace("ADA", "ada"))) == 409


@pytest.mark.parametrize(
    "name", ["api/x", "Datasets/x", "oauth/x", "a..b", "a--b", "a.git", "-a", "a" * 97, "a b", "../x", ".."]
)
def test_impossible_names_are_refused(served: localhub.Running, name: str) -> None:
    answer = httpx.post(f"{served.endpoint}/api/repos/create", json={"name": name}, headers=bearer("ada"))
    assert answer.status_code == 400


def bearer(user: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[user]}"}


def test_a_private_repo_does_not_exist_for_others(api: HfApi, as_user: Clients, new_name: Callable[[str], str]) -> None:
    name = new_name("private")
    api.create_repo(name, private=True)
    for other in ("eve", None):
        with pytest.raises(RepositoryNotFoundError):
            as_user(other).model_info(name)
        assert name not in [info.id for info in as_user(other).list_models(author="ada")]
    assert status_of(lambda: as_user(None).model_info(name)) == 401
    assert status_of(lambda: as_user("eve").model_info(name)) == 404
    assert api.model_info(name).private
    api.update_repo_settings(name, visibility="public")
    assert as_user(None).model_info(name).private is False


def test_writing_needs_the_right(api: HfApi, as_user: Clients, model: str) -> None:
    def upload(client: HfApi) -> object:
        return client.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=model)

    assert status_of(lambda: upload(as_user("eve"))) == 403
    assert status_of(lambda: upload(as_user(None))) == 401
    assert status_of(lambda: as_user("eve").delete_repo(model)) == 403
    assert status_of(lambda: as_user("eve").create_repo("ada/taken-over")) == 403
    assert status_of(lambda: HfApi(endpoint=api.endpoint, token="hf_wrong").model_info(model)) == 401


def test_roles_in_an_organisation(as_user: Clients, new_name: Callable[[str], str]) -> None:
    ada, bob = as_user("ada"), as_user("bob")
    adas, bobs = (new_name("org").replace("ada/", "lab/") for _ in range(2))
    ada.create_repo(adas, private=True)
    bob.create_repo(bobs)
    bob.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=bobs)
    assert bob.model_info(adas).private
    assert status_of(lambda: bob.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=adas)) == 403
    assert status_of(lambda: as_user("eve").create_repo("lab/x")) == 403
    ada.delete_repo(bobs)


def test_a_read_token_reads_only(served: localhub.Running, api: HfApi, new_name: Callable[[str], str]) -> None:
    token = served.hub.accounts.add_user("ada", role="read")
    name = new_name("mine")
    api.create_repo(name, private=True)
    reader = HfApi(endpoint=served.endpoint, token=token)
    assert reader.model_info(name).id == name
    assert reader.whoami()["auth"]["accessToken"]["role"] == "read"
    assert status_of(lambda: reader.create_repo(new_name("no"))) == 403
    assert status_of(lambda: reader.create_discussion(name, "A question")) == 403
    assert token not in (served.hub.root / "users.json").read_text()


def test_whoami_tells_organisations_with_roles(api: HfApi) -> None:
    me = api.whoami()
    assert (me["name"], me["type"]) == ("ada", "user")
    assert [(org["name"], org["roleInOrg"]) for org in me["orgs"]] == [("lab", "admin")]
    assert [member.username for member in api.list_organization_members("lab")] == ["ada", "bob"]
    assert api.get_user_overview("bob").fullname == "bob"


def test_a_renamed_repo_is_found_under_its_old_name(api: HfApi, new_name: Callable[[str], str], tmp_path: Path) -> None:
    old, new, third = new_name("old"), new_name("new"), new_name("third")
    api.create_repo(old)
    api.upload_file(path_or_fileobj=b"hello", path_in_repo="d/x.txt", repo_id=old)
    api.create_discussion(old, "Before the move")
    uid = httpx.get(f"{api.endpoint}/api/models/{old}").json()["_id"]
    api.move_repo(old, new)
    assert api.model_info(old).id == new
    answer = httpx.get(f"{api.endpoint}/api/models/{old}?blobs=true")
    assert (answer.status_code, answer.headers["location"]) == (307, f"/api/models/{new}?blobs=true")
    assert Path(api.hf_hub_download(old, "d/x.txt", cache_dir=tmp_path)).read_text() == "hello"
    api.upload_file(path_or_fileobj=b"y", path_in_repo="y.txt", repo_id=old)
    assert api.file_exists(new, "y.txt")
    api.move_repo(new, third)
    moved = httpx.get(f"{api.endpoint}/api/models/{old}", follow_redirects=True).json()
    assert (moved["id"], moved["_id"]) == (third, uid)
    assert api.get_discussion_details(third, 1).title == "Before the move"
    api.create_repo(old)
    assert api.model_info(old).id == old


def test_a_move_onto_a_repo_is_refused(api: HfApi, model: str, new_name: Callable[[str], str]) -> None:
    other = new_name("other")
    api.create_repo(other)
    assert status_of(lambda: api.move_repo(model, other)) == 409
    assert status_of(lambda: api.move_repo(model, "eve/mine")) == 403


def test_a_gated_repo_lets_in_who_was_accepted(
    served: localhub.Running, api: HfApi, as_user: Clients, model: str, tmp_path: Path
) -> None:
    api.upload_file(path_or_fileobj=b"x", path_in_repo="x.txt", repo_id=model)
    api.update_repo_settings(model, gated="manual")
    eve = as_user("eve")
    assert eve.model_info(model).gated == "manual"
    with pytest.raises(GatedRepoError):
        eve.hf_hub_download(model, "x.txt", cache_dir=tmp_path)
    assert httpx.get(f"{served.endpoint}/{model}/resolve/main/x.txt").headers["x-error-code"] == "GatedRepo"
    assert httpx.post(f"{served.endpoint}/{model}/ask-access", headers=bearer("eve")).json() == {"status": "pending"}
    assert [request.username for request in api.list_pending_access_requests(model)] == ["eve"]
    assert status_of(lambda: list(eve.list_pending_access_requests(model))) == 403
    api.accept_access_request(model, "eve")
    assert eve.hf_hub_download(model, "x.txt", cache_dir=tmp_path)
    api.reject_access_request(model, "eve", rejection_reason=None)
    assert httpx.get(f"{served.endpoint}/{model}/resolve/main/x.txt", headers=bearer("eve")).status_code == 403
    api.grant_access(model, "bob")
    assert [request.username for request in api.list_accepted_access_requests(model)] == ["bob"]


def test_an_automatic_gate_opens_on_asking(api: HfApi, served: localhub.Running, model: str) -> None:
    api.update_repo_settings(model, gated="auto")
    assert httpx.post(f"{served.endpoint}/{model}/ask-access", headers=bearer("eve")).json() == {"status": "accepted"}
    assert httpx.post(f"{served.endpoint}/{model}/ask-access").status_code == 401


def test_deleting_leaves_nothing(api: HfApi, model: str, served: localhub.Running) -> None:
    api.delete_repo(model)
    assert not api.repo_exists(model)
    assert not list(served.hub.root.glob("repos/.trash-*"))
    api.delete_repo(model, missing_ok=True)
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo(model)


def test_pages_show_text_as_text(served: localhub.Running, api: HfApi, model: str) -> None:
    api.upload_file(path_or_fileobj=b"<script>alert(1)</script>", path_in_repo="README.md", repo_id=model)
    page = httpx.get(f"{served.endpoint}/{model}")
    assert "&lt;script&gt;" in page.text
    assert "<script" not in page.text
    for address in ("", f"{model}/tree/main", f"{model}/commit/main", f"{model}/discussions"):
        assert httpx.get(f"{served.endpoint}/{address}").status_code == 200
    raw = httpx.get(f"{served.endpoint}/{model}/resolve/main/README.md")
    assert raw.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in raw.headers["content-security-policy"]


def test_every_answer_has_a_request_id_and_unknown_addresses_are_404(served: localhub.Running) -> None:
    answer = httpx.get(f"{served.endpoint}/api/models/only-one-part/x/y/z")
    assert answer.status_code == 404
    assert answer.headers["x-request-id"].startswith("Root=1-")


def test_the_client_asks_what_it_may_do(api: HfApi, as_user: Clients, model: str) -> None:
    eve, stranger = as_user("eve"), as_user(None)
    api.auth_check(model, write=True)
    for client in (eve, stranger):
        client.auth_check(model)
    assert status_of(lambda: eve.auth_check(model, write=True)) == 403
    assert status_of(lambda: stranger.auth_check(model, write=True)) == 401
    api.update_repo_settings(model, gated="manual")
    for client in (eve, stranger):
        with pytest.raises(GatedRepoError):
            client.auth_check(model)
    api.update_repo_settings(model, gated=False, visibility="private")
    for client in (eve, stranger):
        with pytest.raises(RepositoryNotFoundError):
            client.auth_check(model)
