"""Signing in and out by the command: where the token is kept, who reads it, and that it goes nowhere else."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from fastapi import Request, Response

from tests.leaderboard.cli.sites import Shell, Site
from tests.leaderboard.people import TOKENS


def kept(folder: Path) -> Path:
    return folder / "config" / "podium" / "servers.json"


def test_the_token_is_kept_for_nobody_else(site: Site, ada: Shell, tmp_path: Path) -> None:
    assert kept(tmp_path).stat().st_mode & 0o777 == 0o600
    assert kept(tmp_path).parent.stat().st_mode & 0o777 == 0o700
    who = ada.json("whoami")
    assert (who["name"], who["server"], who["sender"]) == ("ada", site.address, "ada")
    assert ada("whoami").splitlines()[0] == "name    ada" and "Next: " in ada.err
    assert ada.json("logout")["was_signed_in"] and not ada.json("logout")["was_signed_in"]
    assert TOKENS["ada"] not in kept(tmp_path).read_text()
    lost = ada.json("whoami", exit=5)
    assert lost["code"] == "not_signed_in" and f"podium login --server {site.address}" in lost["error"]


def test_a_token_comes_from_a_pipe(site: Site, podium: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(TOKENS["bob"] + "\n"))
    assert podium.json("login", "--server", site.address + "/api/v1/")["name"] == "bob"


def test_a_token_that_the_hub_does_not_know_is_not_kept(site: Site, podium: Shell, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_wrong")
    refused = podium.json("login", "--server", site.address, "--token-file", str(tmp_path / "token"), exit=5)
    assert refused["code"] == "not_signed_in" and "hf_wrong" not in json.dumps(refused)
    assert not kept(tmp_path).exists()


def test_a_file_that_others_can_read_is_refused(site: Site, ada: Shell, tmp_path: Path) -> None:
    kept(tmp_path).chmod(0o644)
    ada("whoami", exit=2)
    assert f"chmod 600 {kept(tmp_path)}" in ada.err


def test_a_folder_that_cannot_be_written_is_told(site: Site, podium: Shell, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKENS["ada"])
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "podium").symlink_to("/proc/self/no-folder")
    told = podium.json("login", "--server", site.address, "--token-file", str(tmp_path / "token"), exit=2)
    assert told["code"] == "bad_settings" and str(kept(tmp_path)) in told["error"]


@pytest.mark.parametrize(
    "address", ["board", "ftp://board", "https://", "https://ada@board", "http://[", "https://b/?x"]
)
def test_what_is_no_address_is_refused(podium: Shell, address: str) -> None:
    podium("whoami", "--server", address, exit=2)
    assert "is not the address of a server" in podium.err


def test_a_token_does_not_travel_unencrypted(podium: Shell) -> None:
    podium("login", "--server", "http://board.example", exit=2)
    assert "not reached by https" in podium.err


def test_no_server_is_known_at_first(podium: Shell) -> None:
    assert podium.json("list", exit=2)["code"] == "bad_settings"


def test_a_redirect_is_not_followed(site: Site, ada: Shell) -> None:
    site.faults.append(lambda _: Response(status_code=307, headers={"location": f"http://localhost:{site.port}/steal"}))
    ada("whoami", exit=2)
    assert "Name the address that it now has" in ada.err
    assert site.asked[-1] == "GET /me" and not [asked for asked in site.asked if "steal" in asked]


def test_another_server_never_gets_the_token(site: Site, ada: Shell) -> None:
    tokens: list[str | None] = []

    def listen(request: Request) -> None:
        tokens.append(request.headers.get("authorization"))

    site.faults.append(listen)
    ada.json("whoami", exit=0)
    ada.json("whoami", "--server", f"http://localhost:{site.port}", exit=5)
    assert tokens == [f"Bearer {TOKENS['ada']}", None]
