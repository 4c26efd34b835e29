"""Folders made into packages: the same bytes each time, nothing unlisted, no secrets."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import zipfile
from pathlib import Path

import pytest

from leaderboard import __version__
from leaderboard.cli.__main__ import main
from leaderboard.errors import BadSettings, NotFound, NotPackaged
from leaderboard.packaging.challenge import Challenge, find_challenge
from leaderboard.packaging.package import Built, build, preview
from tests.backend.evaluators.code.packages import GOOD_MODEL
from tests.leaderboard.packaging.kits import pair_kit, predictions_kit

HF_TOKEN, GITHUB_TOKEN, AWS_KEY = "hf_" + "a1B2" * 8, "ghp_" + "x9Y8" * 9, "AKIA" + "QWER" * 4
PRIVATE_KEY = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nabc\n"


@pytest.fixture
def challenge(tmp_path: Path) -> Challenge:
    return pair_kit(tmp_path / "kit")


def put(challenge: Challenge, files: dict[str, str]) -> None:
    """Files of the submission."""
    for name, content in files.items():
        path = challenge.submission / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def packed(challenge: Challenge) -> Built:
    return build(challenge.submission, challenge.folder.parent / "package.zip", challenge)


def contents(built: Built) -> dict[str, bytes]:
    with zipfile.ZipFile(built.path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def refusal(challenge: Challenge) -> list[str]:
    with pytest.raises(NotPackaged) as caught:
        packed(challenge)
    assert not (challenge.folder.parent / "package.zip").exists()
    return caught.value.lines


# --- the archive and its manifest


def test_the_same_files_make_the_same_bytes_whenever_and_wherever_they_lie(
    challenge: Challenge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    put(challenge, {"lib/b.py": "x = 1\n", "lib/a.py": "x = 2\n"})
    first = packed(challenge)
    other = tmp_path / "elsewhere" / "kit"
    for name in ("lib/a.py", "lib/b.py", "model.py"):  # in another order, with other times and modes
        (other / "submission" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(challenge.submission / name, other / "submission" / name)
        (other / "submission" / name).chmod(0o600)
        os.utime(other / "submission" / name, (1, 1))
    shutil.copyfile(challenge.folder / "challenge.yaml", other / "challenge.yaml")
    second = build(other, tmp_path / "elsewhere" / "again.zip", find_challenge(other))
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.sha256 == second.sha256 == hashlib.sha256(first.path.read_bytes()).hexdigest()
    entries = zipfile.ZipFile(first.path).infolist()
    assert [entry.filename for entry in entries] == ["lib/a.py", "lib/b.py", "manifest.json", "model.py"]
    assert {entry.date_time for entry in entries} == {(2023, 11, 14, 22, 13, 20)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


def test_the_manifest_lists_everything_and_says_what_made_it(
    challenge: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    built = packed(challenge)
    files = contents(built)
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["created"] == "1980-01-01T00:00:00Z"
    assert (manifest["schema_version"], manifest["kind"], manifest["benchmark"]) == (1, "code", "code")
    assert manifest["entry"] == "model.py"
    assert manifest["versions"] == {"podium": __version__, "python": platform.python_version()}
    assert {each["path"]: (each["bytes"], each["sha256"]) for each in manifest["files"]} == {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()
    }


@pytest.mark.parametrize("given", ["yesterday", "0", "-1", "99999999999"])
def test_a_time_that_no_zip_can_hold_is_refused(
    challenge: Challenge, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
    with pytest.raises(BadSettings, match="SOURCE_DATE_EPOCH"):
        packed(challenge)


def test_a_package_is_no_part_of_the_next_one(challenge: Challenge) -> None:
    into = challenge.submission / "mine.zip"
    first = build(challenge.folder, into, challenge)
    second = build(challenge.folder, into, challenge)
    assert first.sha256 == second.sha256
    assert [each.path for each in second.left_out] == ["mine.zip"]


# --- what ships and what does not


def test_secrets_never_ship_and_are_named(challenge: Challenge) -> None:
    names = (".env", "keys/server.pem", "id_rsa", ".netrc", "credentials", ".ssh/config")
    put(challenge, dict.fromkeys(names, "x") | {".podiumignore": "!.env\n!id_rsa\n"})
    put(
        challenge,
        {
            "a.py": f"TOKEN = '{HF_TOKEN}'\n",
            "b.txt": GITHUB_TOKEN,
            "c.cfg": f"key={AWS_KEY}",
            "d": PRIVATE_KEY,
            "e.bin": "\0" * ((1 << 20) - 10) + HF_TOKEN,
        },
    )
    built = packed(challenge)
    assert sorted(contents(built)) == ["manifest.json", "model.py"]
    secrets = {each.path: each.reason for each in built.left_out if each.secret}
    assert set(secrets) == {
        *(".env", "keys/server.pem", "id_rsa", ".netrc", "credentials", ".ssh/"),
        *("a.py", "b.txt", "c.cfg", "d", "e.bin"),
    }
    assert secrets["a.py"] == "it holds what looks like a Hugging Face token"


def test_an_entry_with_a_token_is_no_package_without_it(challenge: Challenge) -> None:
    put(challenge, {"model.py": f"{GOOD_MODEL}\nTOKEN = '{HF_TOKEN}'\n"})
    [line] = refusal(challenge)
    assert line == (
        "model.py does not ship because it holds what looks like a Hugging Face token, and it is the file that is "
        "imported. Change that."
    )


def test_ignore_files_decide_as_git_decides(challenge: Challenge) -> None:
    (challenge.folder / ".gitignore").write_text("*.csv\nnotes/\n")
    put(
        challenge,
        {
            ".gitignore": "/scratch.py\n!keep.csv\n",
            ".podiumignore": "big.npy\n",
            "scratch.py": "x",
            "lib/scratch.py": "x = 1\n",
            "lib/more.csv": "x",
            "keep.csv": "x",
            "drop.csv": "x",
            "notes/a.py": "x",
            "big.npy": "x",
            "lib/.gitignore": "!more.csv\n",
            "__pycache__/model.pyc": "x",
            ".git/config": "x",
            ".venv/pyvenv.cfg": "x",
        },
    )
    built = packed(challenge)
    assert sorted(contents(built)) == ["keep.csv", "lib/more.csv", "lib/scratch.py", "manifest.json", "model.py"]
    reasons = {each.path: each.reason for each in built.left_out}
    assert reasons["scratch.py"] == ".gitignore:1 ignores it"
    assert reasons["notes/"] == ".gitignore:2 ignores it"
    assert reasons["big.npy"] == ".podiumignore:1 ignores it"
    assert reasons[".venv/"] == "it is a virtual environment"
    assert {".git/", "drop.csv"} <= reasons.keys()


def test_everything_in_the_way_is_told_at_once(challenge: Challenge) -> None:
    put(
        challenge, {"state.pkl": "x", "requirements.txt": "numpy>=2\n-e git+https://ada:secret@host/x\nscipy==1.17.0\n"}
    )
    (challenge.submission / "model.py").unlink()
    (challenge.submission / "link.py").symlink_to("/etc/passwd")
    os.mkfifo(challenge.submission / "pipe")
    assert [line.partition(". ")[0] for line in refusal(challenge)] == [
        "link.py is a symbolic link; put the file itself there, or name it in .podiumignore.",
        "pipe is a device, a FIFO or a socket; remove it, or name it in .podiumignore.",
        "requirements.txt: 'numpy>=2' names no exact version of a package",
        "requirements.txt: '-e git+https' names no exact version of a package",
        "package.zip has no model.py at its root",
        "state.pkl is a file that this benchmark does not take: compiled code and pickles are refused",
    ]


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ({"max_bytes": 100}, "The package has "),
        ({"max_unpacked_bytes": 900}, "The archive holds more than 900 bytes"),
        ({"max_files": 2}, "The archive has more than 2 entries"),
    ],
)
def test_the_limits_of_the_benchmark_hold(tmp_path: Path, rules: dict[str, int], sentence: str) -> None:
    challenge = pair_kit(tmp_path / "kit", **rules)
    put(challenge, {"a.py": "# " + "a" * 900})
    assert refusal(challenge)[0].startswith(sentence)


def test_predictions_need_no_package(tmp_path: Path) -> None:
    [line] = refusal(predictions_kit(tmp_path / "kit"))
    assert line.startswith("Answers takes a file of predictions, which needs no package.")


# --- requirements

UV = """
version = 1
[[package]]
name = "mine"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "numpy", marker = "python_full_version >= '3'" },
    { name = "colorama", marker = "sys_platform == 'win32'" },
    { name = "httpx", extra = ["http2"] },
]
[package.dev-dependencies]
dev = [{ name = "pytest" }]
[[package]]
name = "numpy"
version = "2.4.1"
source = { registry = "https://ada:password@pypi.example/simple" }
[[package]]
name = "colorama"
version = "0.4.6"
[[package]]
name = "pytest"
version = "9.2.0"
[[package]]
name = "httpx"
version = "0.28.1"
dependencies = [{ name = "idna" }]
[package.optional-dependencies]
http2 = [{ name = "h2" }]
[[package]]
name = "idna"
version = "3.20"
[[package]]
name = "h2"
version = "4.3.0"
"""
POETRY = """
[[package]]
name = "Numpy"
version = "2.4.1"
optional = false
groups = ["main"]
[[package]]
name = "pytest"
version = "9.2.0"
optional = false
groups = ["dev"]
[[package]]
name = "colorama"
version = "0.4.6"
optional = false
groups = ["main", "dev"]
markers = {main = "sys_platform == 'win32'", dev = "python_version >= '3.0'"}
[[package]]
name = "rare"
version = "1.0"
optional = true
groups = ["main"]
"""
TEXT = "numpy==2.4.1 ; python_version >= '3' \\\n    --hash=sha256:00\n# a comment\ncolorama==0.4.6 ; os_name == 'nt'\n"


@pytest.mark.parametrize(
    ("name", "text", "pins"),
    [
        ("uv.lock", UV, ["h2==4.3.0", "httpx==0.28.1", "idna==3.20", "numpy==2.4.1"]),
        ("poetry.lock", POETRY, ["numpy==2.4.1"]),
        ("requirements.txt", TEXT, ["numpy==2.4.1"]),
    ],
)
def test_requirements_are_frozen(challenge: Challenge, name: str, text: str, pins: list[str]) -> None:
    (challenge.submission / name).write_text(text)
    built = packed(challenge)
    files = contents(built)
    assert sorted(files) == ["manifest.json", "model.py", "requirements.txt"]
    frozen = files["requirements.txt"].decode().splitlines()
    assert frozen[0].startswith(f"# Frozen from {name}.") and frozen[1:] == pins


def test_a_lock_that_cannot_be_read_is_told(challenge: Challenge) -> None:
    put(challenge, {"uv.lock": "[[package]\n"})
    assert refusal(challenge)[0].startswith("uv.lock cannot be read (TOMLDecodeError")


def test_requirements_are_refused_where_the_benchmark_takes_none(tmp_path: Path) -> None:
    challenge = pair_kit(tmp_path / "kit", requirements=False)
    put(challenge, {"uv.lock": UV, "requirements.txt": TEXT})
    assert refusal(challenge)[0] == (
        "Code takes no requirements of packages, and there is uv.lock and requirements.txt. Name it in .podiumignore."
    )


# --- the command


def test_a_preview_writes_nothing(
    challenge: Challenge, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(challenge, {".env": "x", "a.pyc": "x"})
    before = {path: path.stat().st_mtime_ns for path in challenge.folder.rglob("*")}
    monkeypatch.chdir(challenge.submission)
    assert main(["package", "--preview"]) == 0
    printed = capsys.readouterr()
    digest = preview(challenge.folder, challenge).sha256
    assert printed.err == "! .env is left out: it holds settings that are often secret.\n"
    assert "- a.pyc is left out" in printed.out and digest in printed.out
    assert {path: path.stat().st_mtime_ns for path in challenge.folder.rglob("*")} == before
    assert main(["package", "-o", "../mine.zip", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["sha256"] == digest == hashlib.sha256((challenge.folder / "mine.zip").read_bytes()).hexdigest()


def test_a_folder_without_a_kit_is_refused_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotFound):
        find_challenge(tmp_path)
    assert main(["package", str(tmp_path)]) == 1
    assert "Fetch the starting kit of the challenge with `podium init BENCHMARK`" in capsys.readouterr().err
