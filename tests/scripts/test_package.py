"""Podium as a package: the wheel, a core installed without extras, and what is declared."""

from __future__ import annotations

import ast
import hashlib
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

from backend.sandbox.programs import missing
from leaderboard import __version__
from leaderboard.cli.exits import INCOMPLETE
from leaderboard.packaging.package import preview
from leaderboard.packaging.validate import validate
from leaderboard.space import declared as declared_by_space
from tests.leaderboard.old_boards import requests_v2
from tests.leaderboard.packaging.kits import pair_kit, predictions_kit
from tests.shared import ROOT

PACKAGES = ("leaderboard", "backend", "localhub", "benchmarks")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NETWORK = re.compile(r"Failed to fetch|error sending request|dns error|network was disabled", re.IGNORECASE)
BROUGHT_ALONG = {"starlette": "fastapi", "pydantic-core": "pydantic", "nltk": "lm-eval"}
"""Imported, but part of what another package is: that one is declared."""
MOST_PACKAGES, MOST_BYTES = 28, 30_000_000
"""Of an installation of the core: distributions with those that they need, and files in site-packages."""
LARGE = {
    "torch",
    "gradio",
    "pandas",
    "numpy",
    "pyarrow",
    "transformers",
    "huggingface_hub",
    "sklearn",
    "scipy",
    "fastapi",
}
DISTRIBUTIONS = (
    "import json; from importlib.metadata import distributions; print(json.dumps([d.name for d in distributions()]))"
)


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
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "app.py"):
        shutil.copy(ROOT / name, source)
    uv("build", "--quiet", "--wheel", "--python", sys.executable, "--out-dir", folder / "dist", source)
    [wheel] = (folder / "dist").glob("*.whl")
    return wheel


def installed_with(wheel: Path, extra: str = "") -> Installed:
    """The wheel in an environment of its own."""
    folder = wheel.parent.parent / f"venv-{extra}"
    uv("venv", "--quiet", "--python", sys.executable, folder)
    python = folder / "bin" / "python"
    wanted = f"podium[{extra}] @ {wheel.as_uri()}" if extra else str(wheel)
    uv("pip", "install", "--quiet", "--python", python, "--constraint", ROOT / "requirements.txt", wanted)
    return Installed(wheel, python.parent)


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Installed:
    """The core, without extras: what a participant gets."""
    return installed_with(wheel)


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


def test_the_core_is_small(installed: Installed, tmp_path: Path) -> None:
    listed = installed.run(tmp_path, "python", "-c", DISTRIBUTIONS)
    packages = json.loads(listed.stdout)
    assert len(packages) <= MOST_PACKAGES, packages
    [site] = installed.bin.parent.glob("lib/python3*/site-packages")
    size = sum(path.lstat().st_size for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert size <= MOST_BYTES, f"{size:,} bytes"


def test_help_imports_nothing_large() -> None:
    """Where all of it is installed."""
    asked = (
        "import sys; from leaderboard.cli.__main__ import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "package" in done.stdout
    assert not LARGE & set(done.stderr.split())


def test_a_participant_packs_and_validates_with_the_core_alone(installed: Installed, tmp_path: Path) -> None:
    challenge = pair_kit(tmp_path / "kit")
    built = installed.run(tmp_path, "podium", "package", "kit", "--json")
    assert built.returncode == 0, built.stderr
    digest = hashlib.sha256((tmp_path / "code.zip").read_bytes()).hexdigest()
    assert json.loads(built.stdout)["sha256"] == digest == preview(challenge.folder, challenge).sha256
    read = installed.run(tmp_path, "podium", "validate", "kit", "--no-run")
    assert read.returncode == 0, read.stderr
    assert "Next: podium submit kit" in read.stdout
    whole = installed.run(tmp_path, "podium", "validate", "code.zip", "--kit", "kit")
    assert whole.returncode == 2
    assert "Not checked: the smoke test." in whole.stderr and "pip install 'podium[validate]'" in whole.stderr
    answers = predictions_kit(tmp_path / "answers")
    unread = installed.run(tmp_path, "podium", "validate", str(answers.folder))
    assert unread.returncode == 2 and "Not checked: everything inside the file." in unread.stderr


@pytest.mark.soak
def test_the_extra_validate_is_enough_for_all_checks(wheel: Path, tmp_path: Path) -> None:
    if missing():
        pytest.skip(missing())
    validating = installed_with(wheel, "validate")
    for challenge in (pair_kit(tmp_path / "kit"), predictions_kit(tmp_path / "answers")):
        done = validating.run(tmp_path, "podium", "validate", str(challenge.folder), "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        answer = json.loads(done.stdout)
        assert answer["unchecked"] == [] and answer["scores"] == validate(challenge.folder, challenge).scores


def test_an_old_board_is_imported_into_the_working_folder(wheel: Path, tmp_path: Path) -> None:
    keeping = installed_with(wheel, "board")
    old, folder = requests_v2(tmp_path / "old"), tmp_path / "here"
    folder.mkdir()
    done = keeping.run(folder, "podium", "import", str(old), "--benchmark", "open-llm-v2", "--json")
    assert done.returncode == INCOMPLETE.exit, done.stderr  # the old board has a file that is none of its requests
    new = json.loads(done.stdout)["requests"]["new"]
    assert new > 3
    assert len(list((folder / "requests").rglob("*.json"))) == new
    asked = keeping.run(folder, "python", "-c", "from leaderboard.space import declared; print(*sorted(declared()))")
    assert asked.stdout.split() == sorted(declared_by_space())


def test_the_doctor_looks_at_what_a_participant_needs(installed: Installed, tmp_path: Path) -> None:
    done = installed.run(tmp_path, "podium", "doctor", "--json", "--server", "http://127.0.0.1:1")
    [line] = json.loads(done.stdout)
    assert done.returncode == 1 and "http://127.0.0.1:1 cannot be reached" in line["sentence"]


@pytest.mark.parametrize(
    "words",
    [("import", "x", "--benchmark", "y"), ("backup", "x"), ("restore", "x"), ("space", "x"), ("bundle add", "x")],
    ids=lambda words: words[0],
)
def test_a_verb_that_keeps_a_board_says_which_extra_it_needs(
    installed: Installed, tmp_path: Path, words: tuple[str, ...]
) -> None:
    verb, *rest = words
    done = installed.run(tmp_path, "podium", *verb.split(), *rest)
    assert done.returncode == 2
    assert f"`podium {verb}` needs packages that are not installed" in done.stderr
    assert "pip install 'podium[board]'" in done.stderr


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
    return [Requirement(line) for line in listed if not line.startswith("podium[")]


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
