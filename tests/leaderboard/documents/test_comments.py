"""What people write in discussions, on the model's page: text, links that are marked as theirs, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from leaderboard.benchmarks import load_benchmark
from leaderboard.community.flags import Category, Draft
from leaderboard.documents import document_routes
from leaderboard.identity import Asker
from leaderboard.records import Person
from leaderboard.service import open_service
from leaderboard.settings import PROJECT, Settings
from tests.leaderboard.compared import Place

TINY = load_benchmark(PROJECT / "benchmarks" / "tiny.yaml")
ADA = Asker(Person(name="ada"), "token")
EVIDENCE = '<img src="https://t.example/e.png"> ![e](https://t.example/e.png) The test set is in its card.'


@pytest.mark.parametrize(
    ("comment", "shown"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("![read](https://t.example/pixel.png)", '!<a href="https://t.example/pixel.png" rel="nofollow noopener ugc"'),
        ("![read][p]\n\n[p]: https://t.example/pixel.png", '!<a href="https://t.example/pixel.png" rel="nofollow'),
        ("[click](javascript:alert(1))", "[click](javascript:alert(1))"),
        ("[click](data:text/html,x)", "[click](data:text/html,x)"),
    ],
)
def test_a_comment_loads_and_runs_nothing(tmp_path: Path, comment: str, shown: str) -> None:
    tasks = [part.task for column in TINY.columns for part in column.parts]
    Place(tmp_path, TINY).publish("lab/model", {task: [1.0, 0.0] for task in tasks})
    folders = {f"{name}_dir": tmp_path / name for name in ("requests", "results", "work", "private")}
    named = {"benchmarks": "tiny", "hub_endpoint": "http://127.0.0.1:9"}
    service = open_service(Settings.model_validate({**folders, **named}))
    flag = service.flag_desk.propose(Draft(model="lab/model", category=Category.OTHER, evidence=EVIDENCE), ADA)
    service.flag_desk.say("flags", flag.id, comment, ADA)
    app = FastAPI()
    app.include_router(document_routes(service))
    flags = TestClient(app).get("/model/lab/model").text.partition('<section id="flags">')[2]
    assert shown in flags
    assert "&lt;img src=&#34;https://t.example/e.png&#34;&gt; ![e](https://t.example/e.png)" in flags
    for loaded in ("<img", "<script", "<iframe", 'javascript:alert(1)"', 'src="', 'href="data:'):
        assert loaded not in flags, loaded
