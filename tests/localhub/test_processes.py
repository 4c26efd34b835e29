"""Several server processes over one root, and the command that starts one."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

from localhub import Hub
from localhub.names import Kind

from .conftest import git

REPOSITORY = Path(__file__).parents[2]


@contextmanager
def process(root: Path, *options: str) -> Iterator[tuple[str, list[str]]]:
    """A server as people start it: its endpoint and what it printed before."""
    command = [sys.executable, "-m", "localhub", "--root", str(root), "--port", "0", *options]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = []
        try:
            for line in server.stdout:
                said.append(line)
                if found := re.search(r"serving .* at (http://\S+)", line):
                    yield found[1], said
                    break
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=15)


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

    with process(tmp_path) as (one, _), process(tmp_path) as (other, _):
        workers = [threading.Thread(target=claim, args=((one, other)[n % 2], n)) for n in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        listed = HfApi(endpoint=other, token="hf_ada").list_repo_files("ada/counter", repo_type="dataset")
    bare = hub.repos.get(Kind.DATASET, "ada/counter").folder
    git("-C", bare, "fsck", "--strict")
    assert len(listed) == 4 * 8 + 2
    assert set(git("-C", bare, "rev-list", "main").split()[:32]) == set(won)


def test_the_command_makes_an_owner_and_says_how_to_go_on(tmp_path: Path) -> None:
    with process(tmp_path, "--token", "ada=hf_ada", "--token", "bob:read", "--org", "lab=ada:admin") as (
        endpoint,
        said,
    ):
        printed = re.search(r"token of bob \(shown once\): (hf_\w+)", "".join(said))
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
