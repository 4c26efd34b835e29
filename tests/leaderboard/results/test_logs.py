"""What a job's log says to everybody: file names stay, the machine's folders do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.workdir import Workdir
from leaderboard.results.job_logs import TAIL_BYTES, JobLogs, clean_log, without_folders
from leaderboard.stores.local import LocalStore

ID = "0123456789abcdef"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('  File "/usr/lib/python3/transformers/modeling_llama.py", line 3', '  File "…/modeling_llama.py", line 3'),
        ("/srv/app/backend/job.py:12: UserWarning: odd", "…/job.py:12: UserWarning: odd"),
        ("[Errno 2] No such file or directory: '/data/my models/config.json'",
         "[Errno 2] No such file or directory: '…/config.json'"),
        ("cannot open file:///opt/x/y.so (skipped)", "cannot open file:…/y.so (skipped)"),
        ("HOME=/home/alice PATH=/usr/bin:/opt/secret/bin", "HOME=… PATH=…"),
        ("in ~/work/x.txt, ~bob/y.txt and ../../etc/passwd.", "in …/x.txt, …/y.txt and …."),
        ("gcc -I/opt/cuda/include -o /tmp/out.o", "gcc -I… -o …/out.o"),
        ("/home/alice.smith is missing", "… is missing"),
        ("目录/home/alice/模型.json", "目录…"),
        ("(/var/lib/x)", "(…)"),
    ],
)  # fmt: skip
def test_of_a_path_the_folders_are_left_out(written: str, shown: str) -> None:
    assert without_folders(written) == shown


@pytest.mark.parametrize(
    "line",
    [
        "https://huggingface.co/meta-llama/Llama-3.1-8B/resolve/main/config.json is there",
        "Downloading podium-demo/tiny-base and hf://datasets/cais/mmlu/test.parquet",
        "100%|██████████| 12/12 [00:01<00:00, 9.7it/s], 3.1 MB/s, n/a, and/or, 1 / 2",
        "git+https://github.com/EleutherAI/lm-evaluation-harness@v0.4.9",
        "the end token is </s>, <think>no</think>",
        "http://127.0.0.1:8080/api/models/org/name?blobs=true",
    ],
)
def test_addresses_repositories_and_rates_survive(line: str) -> None:
    assert without_folders(line) == line


NAMES = st.text(st.characters(blacklist_categories=("Z", "C"), blacklist_characters="/\"'`"), min_size=1, max_size=9)
MARKED = st.builds("SECRET{}".format, NAMES)
AROUND = [
    "{}",
    ' "{}", line 3',
    "'{}'",
    "in {}: x",
    "a={}",
    "[{}]",
    "({})",
    "\t{}\t",
    "x:{}",
    "file://{}",
    "`{}`",
    "{},b",
]


@settings(deadline=None)
@given(
    st.lists(MARKED, min_size=1, max_size=5), st.sampled_from(["x.py", "config.json", "", "SECRETuser"]),
    st.sampled_from(AROUND), st.sampled_from(["/", "//", "~/", "~SECRET/", "../", "../../"]),
)  # fmt: skip
def test_no_folder_of_any_path_is_shown(folders: list[str], name: str, around: str, start: str) -> None:
    shown = without_folders(around.format(start + "/".join([*folders, name])))
    assert "SECRET" not in shown
    assert name not in ("x.py", "config.json") or around == "{},b" or name in shown


@settings(deadline=None)
@given(st.lists(MARKED.map(lambda name: f"{name} SECRET"), min_size=1, max_size=3), st.sampled_from("\"'`"))
def test_between_quotes_folders_may_have_spaces(folders: list[str], quote: str) -> None:
    path = f"/{'/'.join(folders)}/x.py"
    assert without_folders(f"at {quote}{path}{quote}.") == f"at {quote}…/x.py{quote}."


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    assert without_folders(without_folders(text)) == without_folders(text)


@pytest.mark.parametrize("text", ["/0.A", "…/0.A", "~/0.A", "'/a b/0.A'", "'…/0.A'", "……/0.A", "x…/0.A /b"])
def test_what_is_clean_stays_as_it_is(text: str) -> None:
    clean = without_folders(text)
    assert without_folders(clean) == clean


@settings(deadline=None)
@given(st.text(alphabet="/0.A…~'\"` :-Ix<>\n=", max_size=30))
def test_any_text_of_paths_and_quotes_is_read(text: str) -> None:
    assert without_folders(without_folders(text)) == without_folders(text)


def log_of(work: Path, content: bytes) -> str:
    """What everybody reads of a log that a job in the work folder `work` wrote."""
    workdir = Workdir(work / "jobs" / f"{ID}-1")
    workdir.path.mkdir(parents=True)
    workdir.log.write_bytes(content)
    logs = JobLogs(LocalStore(work.parent / "requests"))
    logs.write(ID, clean_log(workdir.log_tail(), [work]))
    return logs.read(ID)


def test_a_log_of_a_work_folder_with_spaces(tmp_path: Path) -> None:
    work = tmp_path / "my secret work"
    assert (
        log_of(work, f"loading {work}/hub/model.safetensors\x1b[0m now".encode()) == "loading …/model.safetensors now"
    )


def test_half_of_a_line_is_not_shown(tmp_path: Path) -> None:
    line = b"/home/alice/secret/" + b"x" * TAIL_BYTES + b"/y/x.py\nthe end"
    assert log_of(tmp_path / "work", line) == "the end"


def test_a_long_run_of_punctuation_is_read_in_passing() -> None:
    """Its square would keep a worker from everything else for minutes."""
    assert clean_log(f"/{'!' * 300_000}a. /x{'!' * 9}") == "…. …!!!!!!!!!"


def test_a_log_that_grows_while_it_is_cleaned_keeps_to_its_bound(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    logs = JobLogs(store)
    logs.write(ID, clean_log("/a /b\n" * (TAIL_BYTES // 6)))
    content, _ = store.read(f"logs/{ID}.txt")
    assert TAIL_BYTES - 12 < len(content) <= TAIL_BYTES and set(content.decode().split("\n")) == {"… …", ""}
    assert logs.read(ID, 2) == "… …"


def test_only_an_id_of_ours_names_a_log(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    logs = JobLogs(store)
    logs.write("../workers/w1", "text")
    assert store.list() == {} and logs.read("../workers/w1") == "" and logs.read(ID) == ""
