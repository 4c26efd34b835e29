"""`users.json` as an operator may leave it: what cannot be read loses nobody."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

import localhub
from localhub import Hub
from localhub.__main__ import main
from localhub.accounts import digest
from localhub.errors import Damaged

BROKEN = {
    "": "Expecting value",
    '{"users": {"ada": {"tok': "Unterminated string",
    "[]": 'it must be an object with "users" and "organizations"',
    '{"users": []}': '"users" must be an object',
    '{"users": {"ada": {"tokens": [{"role": "write"}]}, "bob": []}}': '"tokens" of the user "ada" must be a list of '
    'objects, each with a "sha256"; "bob" in "users" must be an object',
    '{"organizations": {"lab": {}}}': '"members" of the organization "lab" must be an object',
    "\0\0\0": "Expecting value",
}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path, tokens={"ada": "hf_ada"}) as it:
        yield it


def name_of(hub: localhub.Running, token: str) -> str:
    return str(HfApi(endpoint=hub.endpoint, token=token).whoami()["name"])


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_edit_loses_nobody(
    hub: localhub.Running, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    good = (tmp_path / "users.json").read_text()
    assert name_of(hub, "hf_ada") == "ada"
    (tmp_path / "users.json").write_text(content)
    for _ in range(3):
        assert name_of(hub, "hf_ada") == "ada"
        assert Hub(tmp_path).accounts.users() == ["ada"]
    messages = [row.getMessage() for row in caplog.records if row.levelno == logging.ERROR]
    assert len(messages) == 1 + 3, "once by the server, and once by each that is new"
    assert all(BROKEN[content] in line and "users.last-good.json, are served meanwhile" in line for line in messages)
    (tmp_path / "users.json").write_text(good)
    hub.hub.accounts.add_user("bob", token="hf_bob")
    assert (name_of(hub, "hf_ada"), name_of(hub, "hf_bob")) == ("ada", "bob")
    assert "users.json can be read again." in caplog.messages


def test_a_file_that_is_gone_is_taken_for_a_mistake(hub: localhub.Running, tmp_path: Path) -> None:
    (tmp_path / "users.json").unlink()
    assert name_of(hub, "hf_ada") == "ada"
    (tmp_path / "users.last-good.json").unlink()
    assert Hub(tmp_path).accounts.users() == []


def test_what_an_operator_wrote_is_kept_too(hub: localhub.Running, tmp_path: Path) -> None:
    users = json.loads((tmp_path / "users.json").read_text())
    users["users"]["eve"] = {"tokens": [{"sha256": digest("hf_eve"), "role": "read"}]}
    (tmp_path / "users.json").write_text(json.dumps(users))
    assert name_of(hub, "hf_eve") == "eve"
    (tmp_path / "users.json").write_text("{")
    assert Hub(tmp_path).accounts.users() == ["ada", "eve"]
    assert oct((tmp_path / "users.last-good.json").stat().st_mode & 0o777) == "0o600"


def test_a_token_that_was_revoked_stays_so(hub: localhub.Running, tmp_path: Path) -> None:
    users = json.loads((tmp_path / "users.json").read_text())
    users["users"]["ada"]["tokens"] = []
    (tmp_path / "users.json").write_text(json.dumps(users))
    for _ in range(2):
        with pytest.raises(HfHubHTTPError, match="Invalid user token"):
            name_of(hub, "hf_ada")
        (tmp_path / "users.json").write_text("{")


def test_nothing_overwrites_a_broken_edit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Hub(tmp_path).accounts.add_user("ada")
    (tmp_path / "users.json").write_text('{"users": {"ada"')
    with pytest.raises(Damaged, match=r"Nothing was changed: correct the file, or copy users\.last-good\.json over it"):
        Hub(tmp_path).accounts.add_user("bob")
    assert main(["--root", str(tmp_path), "--port", "0", "--token", "bob"]) == 1
    assert "users.json cannot be read" in capsys.readouterr().err
    assert (tmp_path / "users.json").read_text() == '{"users": {"ada"'


def test_without_a_good_copy_it_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text("{")
    with pytest.raises(Damaged, match=r"users\.json cannot be read"):
        Hub(tmp_path).accounts.users()


def test_a_copy_that_cannot_be_written_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "users.last-good.json").mkdir()
    Hub(tmp_path).accounts.add_user("ada", token="hf_ada")
    assert Hub(tmp_path).accounts.visitor("hf_ada").name == "ada"
    assert any("users.last-good.json could not be written" in line for line in caplog.messages)
