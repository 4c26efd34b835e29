"""The wheel in an environment of its own, as a participant installs it, submits to a board that is served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.leaderboard.cli.sites import GOOD, Site
from tests.leaderboard.people import TOKENS
from tests.scripts.test_package import Installed, installed, wheel

__all__ = ["installed", "wheel"]


@pytest.mark.soak
def test_a_fresh_environment_submits_to_a_running_board(installed: Installed, site: Site, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "token.txt").write_text(TOKENS["ada"])
    (home / "mine.csv").write_text(GOOD)
    settings = {"PODIUM_SERVER": site.address, "NO_PROXY": "127.0.0.1"}
    signed_in = installed.run(home, "podium", "login", "--token-file", "token.txt", **settings)
    assert signed_in.returncode == 0, signed_in.stderr
    words = ["submit", "mine.csv", "--benchmark", "quiz", "--name", "mine", "--yes", "--json"]
    done = installed.run(home, "podium", *words, **settings)
    assert done.returncode == 0, done.stderr
    [request] = site.requests()
    assert json.loads(done.stdout)["exit"] == 0 and (request.model, request.sender) == ("ada/mine", "ada")
    site.finish(request.id)
    watched = installed.run(home, "podium", "watch", request.id, **settings)
    assert watched.returncode == 0 and "correct\t0.666667" in watched.stdout, watched.stderr
    assert TOKENS["ada"] not in done.stdout + done.stderr + watched.stdout + watched.stderr
