"""A folder to push to the Hub as a Space: the front end of a board whose files are datasets.

    README.md           says how the Space is run, and that people sign in with their accounts on the Hub
    requirements.txt    the packages of the core and of the extra `server`, at the versions that were tested
    space.py            starts `app.py` with the board's settings; none of them is a secret
    app.py, leaderboard/, backend/, benchmarks/    Podium

A Space forgets its disk at every restart, so everything is kept in datasets. Evaluations run on workers elsewhere.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import yaml

from leaderboard import __version__
from leaderboard.errors import BadSettings
from leaderboard.settings import PROJECT, Settings

CARRIED = (
    *("title", "benchmarks", "maintainers", "oauth_scopes", "refresh_s"),
    *("hub_namespace", "hub_requests", "hub_results", "hub_contents", "hub_details", "hub_private", "hub_discussions"),
)
"""Settings of the machine where the folder is written that hold on the Space too, where they are set."""
FIXED = {
    "PODIUM_STORE": "hub",
    "PODIUM_EMBEDDED": "false",
    "PODIUM_SIGN_IN": "required",
    "PODIUM_HOST": "0.0.0.0",
    "PODIUM_PORT": "7860",
    "PODIUM_WORK_DIR": "/tmp/podium/work",
    "PODIUM_SECRETS_DIR": "/tmp/podium/secrets",
    "PODIUM_LOG": "json",
}
"""Settings of every Space."""
PACKAGES = ("leaderboard", "backend")
EXTRA = "server"
SDK = "gradio"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
OF_EXTRA = re.compile(r"extra == [\"'](\w+)[\"']")
OWN_EXTRA = re.compile(r"podium\[(\w+)\]")
"""An extra of ours that another one includes."""
ALWAYS_ASKED = ("openid", "profile")
"""Scopes that the Hub gives every Space with sign-in."""
START = '''"""Starts the board on a Space. Secrets are set in the Space's own settings: HF_TOKEN, PODIUM_SESSION_KEY."""

from os import environ
import runpy

SETTINGS = {settings}

if host := environ.get("SPACE_HOST"):
    environ.setdefault("PODIUM_PUBLIC_URL", f"https://{{host}}")
for name, value in SETTINGS.items():
    environ.setdefault(name, value)
runpy.run_path("app.py", run_name="__main__")
'''
ABOUT = """
# {title}

A leaderboard run by Podium {version}. Requests, results and details are datasets of `{owner}`.

Secrets to set in this Space's settings: `HF_TOKEN`, which may write to these datasets, and `PODIUM_SESSION_KEY`, 32
random characters or more, so that people stay signed in when the Space restarts.
"""


def write_space(settings: Settings, folder: Path) -> None:
    """Write the Space of the board of these settings into `folder`, which is new or empty. Raises BadSettings."""
    if not settings.hub_namespace:
        raise BadSettings(
            "PODIUM_HUB_NAMESPACE: a Space keeps its files in datasets. Set the user or organisation that owns them."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadSettings(f"{folder} is there already and not empty. Name a folder that is new or empty.")
    draft = folder.absolute().with_name(f".{folder.absolute().name}.{secrets.token_hex(6)}")
    try:
        draft.mkdir(parents=True)
        for name in PACKAGES:
            shutil.copytree(PROJECT / name, draft / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(settings.benchmarks_dir, draft / "benchmarks", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(PROJECT / "app.py", draft)
        for name, text in files(settings).items():
            (draft / name).write_text(text, encoding="utf-8")
        draft.rename(folder)
    except OSError as error:
        raise BadSettings(f"The Space could not be written to {folder} ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def files(settings: Settings) -> dict[str, str]:
    """Name -> text of the files that are made for this board."""
    packages = requirements()
    return {
        "README.md": readme(settings, packages[SDK]),
        "requirements.txt": "".join(f"{name}=={pin}\n" for name, pin in packages.items()),
        "space.py": START.format(settings=json.dumps(variables(settings), indent=4, ensure_ascii=False)),
    }


def variables(settings: Settings) -> dict[str, str]:
    """The Space's environment, without secrets."""
    given = {f"PODIUM_{name.upper()}": getattr(settings, name) for name in CARRIED if name in settings.model_fields_set}
    return FIXED | {name: str(value) for name, value in given.items()}


def readme(settings: Settings, sdk_version: str) -> str:
    """The README with the head that the Hub reads."""
    head = {
        "title": settings.title,
        "emoji": "🏆",
        "colorFrom": "blue",
        "colorTo": "gray",
        "sdk": SDK,
        "sdk_version": sdk_version,
        "python_version": "3.11",
        "app_file": "space.py",
        "pinned": False,
        "hf_oauth": True,
        "hf_oauth_expiration_minutes": round(settings.session_hours * 60),
        "hf_oauth_scopes": [scope for scope in settings.oauth_scopes.split() if scope not in ALWAYS_ASKED],
    }
    body = ABOUT.format(title=settings.title, version=__version__, owner=settings.hub_namespace)
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n{body}"


def requirements() -> dict[str, str]:
    """Package -> version of what a front end needs itself; its own needs are resolved by the Space.

    Raises BadSettings where the extra is not installed and nothing else tells its versions.
    """
    lock = PROJECT / "requirements.txt"
    pins = dict(line.split("==") for line in lock.read_text().split() if "==" in line) if lock.is_file() else {}
    return {name: pins.get(name) or _installed(name) for name in sorted(declared())}


def declared() -> set[str]:
    """Names of the packages of the core and of the extra."""
    place = PROJECT / "pyproject.toml"
    if place.is_file():
        project = tomllib.loads(place.read_text(encoding="utf-8"))["project"]
        extras = {"": project["dependencies"], **project["optional-dependencies"]}
    else:
        extras = {"": []}
        for line in requires("podium") or []:
            of = OF_EXTRA.search(line)
            extras.setdefault(of[1] if of else "", []).append(line)
    names: set[str] = set()
    wanted = ["", EXTRA]
    for extra in wanted:
        for line in extras[extra]:
            if of_its_own := OWN_EXTRA.match(line):
                wanted.append(of_its_own[1])
            elif match := NAME.match(line):
                names.add(match[0].lower().replace("_", "-"))
    return names


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        raise BadSettings(f"The version of {name} is not known. Run: pip install 'podium[{EXTRA}]'") from None
