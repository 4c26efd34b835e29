"""The operator's file of keys: who may name one, where it is sent, and that no error shows one."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.endpoints.addresses import Place
from leaderboard.endpoints.secrets import EndpointSecrets, load_secrets
from leaderboard.errors import BadSettings, Infrastructure
from leaderboard.records import Person

KEY = "sk-very-secret"
FILE = f"""
team:
  key: {KEY}
  hosts: [api.example.org, "127.0.0.1:8000"]
  senders: [ann, lab]
everybody:
  hosts: [api.example.org:443]
  senders: ["*"]
"""


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "endpoints.yaml"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_who_may_name_a_key_and_where_it_is_sent(tmp_path: Path) -> None:
    secrets = EndpointSecrets(written(tmp_path, FILE))
    team, everybody = secrets.get("team"), secrets.get("everybody")
    assert team is not None and team.key is not None and team.key.get_secret_value() == KEY
    assert team.may_be_named_by(Person(name="ann")) and team.may_be_named_by(Person(name="bob", orgs=("lab",)))
    assert not team.may_be_named_by(Person(name="bob"))
    assert team.is_for(Place("https", "api.example.org", 443, "/v1"))
    assert team.is_for(Place("http", "127.0.0.1", 8000, ""))
    assert not team.is_for(Place("https", "api.example.org", 8443, ""))
    assert not team.is_for(Place("https", "evil.example.org", 443, ""))
    assert everybody is not None and everybody.is_for(Place("https", "api.example.org", 443, ""))
    assert everybody.key is None and everybody.may_be_named_by(Person(name="bob"))
    assert secrets.get("other") is None and EndpointSecrets().get("team") is None
    assert EndpointSecrets(tmp_path / "none.yaml").get("team") is None
    assert KEY not in repr(secrets.get("team")), "not in a log either"


@pytest.mark.parametrize(
    "text",
    [f"team: {{key: {KEY}}}", f"team: {KEY}", f"- {KEY}", f"team: {{key: {KEY}, hosts: [], senders: [ann]}}",
     f"team: {{key: [{KEY}], hosts: [a.b], senders: [ann]}}", f"team: {{{KEY}",
     f"team: {{key: '{KEY} x', hosts: [a.b], senders: [ann]}}"],
)  # fmt: skip
def test_a_file_that_is_wrong_says_so_without_the_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadSettings) as told:
        load_secrets(written(tmp_path, text))
    assert "endpoints.yaml" in str(told.value) and KEY not in str(told.value)
    with pytest.raises(Infrastructure) as ours:
        EndpointSecrets(tmp_path / "endpoints.yaml").get("team")
    assert KEY not in str(ours.value)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"endpoints\.yaml"):
        load_secrets(written(tmp_path, FILE, 0o644))
