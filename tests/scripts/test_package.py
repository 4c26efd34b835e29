"""Podium as a package: the wheel, a core installed without extras, and what is declared."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from leaderboard import __version__
from tests.leaderboard.old_boards import requests_v2
from tests.shared import ROOT

PACKAGES = ("leaderboard", "backend", "localhub", "benchmarks")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NETWORK = re.compile(r"Failed to fetch|error sending request|dns error|network was disabled", re.IGNORECASE)
BROUGHT_ALONG = {"starlette": "fastapi", "pydantic-core": "pydantic", "nltk": "lm-eval"}
"""Imported, but part of what another package is: that one is declared."""


@dataclass(frozen=True)
class Installed:
    """The core in an environment of its own."""

    wheel: Path
    bin: Path

    def run(self, cwd: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """A program of the environment, with these settings alone."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PODIUM_", "PYTHON"))}
        program, variables = [str(self.bin / words[0]), *words[1:]], environment | {"HOME": str(cwd)} | settings
        return subprocess.run(program, cwd=cwd, env=variables, capture_output=True, text=True)


def uv(*words: str | Path) -> None:
    """Run uv; skips the test where there is none, or no package index."""
    program = shutil.which(ROOT / ".venv" / "bin" / "uv") or shutil.which("uv")
    if program is None:
        pytest.skip("uv is not here; `make test` installs it")
    done = subprocess.run([program, *words], capture_output=True, text=True)
    if done.returncode and NETWORK.search(done.stderr):
        pytest.skip(f"no package index can be reached: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel of this tree, installed without extras."""
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "app.py"):
        shutil.copy(ROOT / name, source)
    uv("build", "--quiet", "--wheel", "--python", sys.executable, "--out-dir", folder / "dist", source)
    [wheel] = (folder / "dist").glob("*.whl")
    uv("venv", "--quiet", "--python", sys.executable, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", python, "--constraint", ROOT / "requirements.txt", wheel)
    return Installed(wheel, python.parent)


# --- the wheel


def test_the_wheel_holds_every_file_of_the_packages_and_the_licence(installed: Installed) -> None:
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    files = (path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file())
    expected = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    about = f"podium-{__version__}.dist-info"
    assert {name for name in names if not name.startswith(about)} == expected | {"app.py"}
    assert f"{about}/licenses/LICENSE" in names
    metadata = zipfile.ZipFile(installed.wheel).read(f"{about}/METADATA").decode()
    assert "\nLicense-Expression: Apache-2.0\n" in metadata


def test_podium_starts_in_an_empty_folder_without_torch_and_gradio(installed: Installed, tmp_path: Path) -> None:
    extras = installed.run(
        tmp_path, "python", "-c", "import importlib.util as u; print(*map(u.find_spec, ('torch', 'gradio')))"
    )
    assert extras.stdout.split() == ["None", "None"]
    assert installed.run(tmp_path, "podium", "--version").stdout == f"podium {__version__}\n"
    helped, bare = installed.run(tmp_path, "podium", "--help"), installed.run(tmp_path, "podium")
    assert helped.returncode == bare.returncode == 0
    assert helped.stdout == bare.stdout
    assert all(re.search(rf"^  {verb} ", helped.stdout, re.MULTILINE) for verb in ("import", "serve", "worker"))
    assert not list(tmp_path.iterdir())


def test_an_old_board_is_imported_into_the_working_folder(installed: Installed, tmp_path: Path) -> None:
    old, folder = requests_v2(tmp_path / "old"), tmp_path / "here"
    folder.mkdir()
    done = installed.run(folder, "podium", "import", str(old), "--benchmark", "open-llm-v2", "--json")
    assert done.returncode == 0, done.stderr
    new = json.loads(done.stdout)["requests"]["new"]
    assert new > 3
    assert len(list((folder / "requests").rglob("*.json"))) == new


@pytest.mark.parametrize(
    ("verb", "embedded", "extras"),
    [("serve", "true", "server,worker"), ("serve", "false", "server"), ("worker", "true", "worker")],
)
def test_a_verb_says_which_extra_it_needs(
    installed: Installed, tmp_path: Path, verb: str, embedded: str, extras: str
) -> None:
    done = installed.run(tmp_path, "podium", verb, PODIUM_EMBEDDED=embedded)
    assert done.returncode == 2
    assert f"`podium {verb}` needs packages that are not installed" in done.stderr
    assert f"pip install 'podium[{extras}]'" in done.stderr


# --- what is declared


def declared() -> list[Requirement]:
    """Every requirement of pyproject.toml, those of extras among them."""
    listed = [*PROJECT["project"]["dependencies"]]
    for extra in PROJECT["project"]["optional-dependencies"].values():
        listed += extra
    return [Requirement(line) for line in listed]


def pins(name: str) -> dict[str, str]:
    """Package -> version in a compiled file."""
    lines = (line.partition("==") for line in (ROOT / name).read_text().splitlines() if line[:1].isalnum())
    return {canonicalize_name(package): version for package, _, version in lines}


def test_every_requirement_is_declared_once_and_locked_at_a_version_that_it_allows() -> None:
    names = [canonicalize_name(requirement.name) for requirement in declared()]
    assert len(names) == len(set(names))
    locked = pins("requirements.txt")
    wrong = [
        str(requirement)
        for requirement in declared()
        if not requirement.specifier.contains(locked[canonicalize_name(requirement.name)])
    ]
    assert not wrong, "run: make lock"


def test_the_developers_lock_is_the_services_and_more() -> None:
    both, group = pins("requirements-dev.txt"), map(Requirement, PROJECT["dependency-groups"]["dev"])
    assert pins("requirements.txt").items() <= both.items()
    assert all(requirement.specifier.contains(both[canonicalize_name(requirement.name)]) for requirement in group)


def test_every_package_that_is_imported_is_declared() -> None:
    distributions = packages_distributions()
    packages = {canonicalize_name(requirement.name) for requirement in declared()}
    missing = {}
    for path in [ROOT / "app.py", *(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))]:
        for module in imported(path) - {*sys.stdlib_module_names, *PACKAGES}:
            names = {canonicalize_name(name) for name in distributions.get(module, [module])}
            if not {BROUGHT_ALONG.get(name, name) for name in names} & packages:
                missing[module] = path.relative_to(ROOT).as_posix()
    assert not missing, "declare them in pyproject.toml and run: make lock"


def imported(path: Path) -> set[str]:
    """The top-level modules that a file imports, wherever in the file."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            modules.add(node.module)
    return {module.partition(".")[0] for module in modules}
