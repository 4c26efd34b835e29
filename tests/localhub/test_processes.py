"""Several server processes over one root, and the command that starts one."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

from localhub import Hub
from localhub.names import Kind

from .conftest import git

REPOSITORY = Path(__file__).parents[2]


class Server(NamedTuple):
    """The process, and the lines it printed until it was ready."""

    process: subprocess.Popen[str]
    output: list[str]


@contextmanager
def process(root: Path, *options: str, inside: Sequence[str] = ()) -> Iterator[tuple[str, Server]]:
    """A server as people start it (by the command `inside`), ended afterwards: its endpoint, and the process."""
    command = [*inside, sys.executable, "-m", "localhub", "--root", str(root), "--port", "0", *options]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        output: list[str] = []
        try:
            for line in server.stdout:
                output.append(line)
                if match := re.search(r"serving .* at (http://\S+)", line):
                    yield match[1], Server(server, output)
                    break
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=60)


def test_two_processes_race_for_one_branch(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    hub.accounts.add_user("ada", token="hf_ada")
    hub.commit("ada/counter", {"start": "0"}, kind="dataset")
    won: list[str] = []

    def claim(endpoint: str, worker: int) -> None:
        client = HfApi(endpoint=endpoint, token="hf_ada")
        for number in range(8):
            operation = CommitOperationAdd(f"{worker}/{number}", b"x")
            while True:
                head = client.dataset_info("ada/counter", expand=["sha"]).sha
                try:
                    made = client.create_commit(
                        "ada/counter", [operation], commit_message="+", repo_type="dataset", parent_commit=head
                    )
                except HfHubHTTPError as error:
                    assert error.response.status_code == 412
                else:
                    won.append(made.oid)
                    break

    with process(tmp_path) as (first, _), process(tmp_path) as (second, _):
        workers = [threading.Thread(target=claim, args=((first, second)[n % 2], n)) for n in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        listed = HfApi(endpoint=second, token="hf_ada").list_repo_files("ada/counter", repo_type="dataset")
    bare = hub.repos.get(Kind.DATASET, "ada/counter").folder
    git("-C", bare, "fsck", "--strict")
    assert len(listed) == 4 * 8 + 2
    assert set(git("-C", bare, "rev-list", "main").split()[:32]) == set(won)


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    hub.accounts.add_user("ada", token="hf_ada")
    hub.commit("ada/m", {"x": "0"})
    done: list[str] = []
    enough = threading.Event()

    def write(endpoint: str, worker: int) -> None:
        with httpx.Client(base_url=endpoint, headers={"Authorization": "Bearer hf_ada"}, timeout=60) as client:
            for number in range(1000):
                files = [{"path": f"{worker}/{number}/{n}", "content": "x" * number} for n in range(5)]
                lines = [{"key": "header", "value": {"summary": "+"}}, *({"key": "file", "value": f} for f in files)]
                try:
                    answer = client.post("/api/models/ada/m/commit/main", content="\n".join(map(json.dumps, lines)))
                except httpx.HTTPError:
                    return
                done.append(answer.json()["commitOid"])
                if len(done) > 20:
                    enough.set()

    with process(tmp_path) as (endpoint, server):
        workers = [threading.Thread(target=write, args=(endpoint, n)) for n in range(3)]
        for worker in workers:
            worker.start()
        assert enough.wait(120)
        server.process.kill()
        for worker in workers:
            worker.join()
    bare = hub.repos.get(Kind.MODEL, "ada/m").folder
    git("-C", bare, "fsck", "--strict")
    assert set(done) <= set(git("-C", bare, "rev-list", "main").split())
    hub.commit("ada/m", {"after": "1"})


def test_the_command_makes_an_owner_and_says_how_to_go_on(tmp_path: Path) -> None:
    with process(tmp_path, "--token", "ada=hf_ada", "--token", "bob:read", "--org", "lab=ada:admin") as (
        endpoint,
        server,
    ):
        printed = re.search(r"token of bob \(shown once\): (hf_\w+)", "".join(server.output))
        assert printed
        assert HfApi(endpoint=endpoint, token=printed[1]).whoami()["auth"]["accessToken"]["role"] == "read"
        assert HfApi(endpoint=endpoint, token="hf_ada").whoami()["orgs"][0]["name"] == "lab"
    assert oct((tmp_path / "users.json").stat().st_mode & 0o777) == "0o600"


def test_a_mistake_on_the_command_line_is_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "localhub", "--root", str(tmp_path), "--org", "lab=nobody:admin"]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, env=dict(os.environ))
    assert ended.returncode == 2
    assert 'Unknown user "nobody" for organisation lab' in ended.stderr
    assert "Traceback" not in ended.stderr
