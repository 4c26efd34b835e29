"""transformers, peft, datasets and pandas against a Hub mounted under a prefix, in a process of their own."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

import localhub
from localhub.serving import bind, endpoint_of


@contextmanager
def mounted(root: Path) -> Iterator[str]:
    """A Hub at /hub of another application."""
    localhub.Hub(root).accounts.add_user("ada", token="hf_ada")
    outer = FastAPI()
    outer.mount("/hub", localhub.create_app(root))
    listening = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(outer, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"{endpoint_of(listening)}/hub"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("home")
    with mounted(tmp_path_factory.mktemp("hub")) as endpoint:
        environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_TOKEN": "hf_ada", "HF_HOME": str(home)}
        environment |= {"OMP_NUM_THREADS": "1", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        script = Path(__file__).with_name("drive_clients.py")
        ended = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=170)
    assert ended.returncode == 0, ended.stderr[-4000:]
    result: dict[str, Any] = json.loads(ended.stdout)
    return result


def test_a_checkpoint_is_pushed_and_loaded_at_either_commit(results: dict[str, Any]) -> None:
    assert results["old_weights_differ"]
    assert results["tokens"] == [1, 2, 0]
    assert results["metadata"] == {"F32": results["parameters"]}


def test_an_adapter_is_pushed_and_loaded(results: dict[str, Any]) -> None:
    assert results["adapter"] == 2


def test_datasets_are_loaded_by_the_configs_of_their_readme(results: dict[str, Any]) -> None:
    assert results["configs"] == ["details", "results"]
    assert (results["latest"], results["streamed"]) == (5, 3)


def test_a_dataset_is_pushed_and_loaded(results: dict[str, Any]) -> None:
    assert results["pushed"] == [1, 2, 3]


def test_pandas_reads_what_it_wrote(results: dict[str, Any]) -> None:
    assert results["read"] == [1.5, 2.5]


def test_a_card_is_pushed_and_loaded(results: dict[str, Any]) -> None:
    assert results["card"] == "mit"
    assert results["refused"].startswith('- Error: "license" must be one of [apache-2.0, mit,')


def test_a_renamed_checkpoint_loads_under_its_old_name(results: dict[str, Any]) -> None:
    assert results["moved"] == "llama"
    assert results["moved_file"] == 1
