"""The shape of the project: imports point one way, and the data folders stay data folders."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rooms import ROOMS

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("leaderboard", "backend", "localhub", "scripts")


def modules() -> Iterator[tuple[str, Path]]:
    """Dotted name and file of every module of the project."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                names.add(full if is_module(full) else node.module)
    return names


def is_module(name: str) -> bool:
    """Whether there is such a module of ours."""
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def room(name: str) -> str:
    """The room of a module: `leaderboard.pages.queue` -> `leaderboard.pages`."""
    return ".".join(name.split(".")[:2])


ALL = list(modules())
FILES = dict(ALL)


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith(("leaderboard", "backend"))])
def test_a_room_imports_only_what_the_table_allows(name: str) -> None:
    own = room(name)
    assert own in ROOMS, f"{name} is in no room: add it to tests/rooms.py and to docs/architecture.md"
    allowed = {own, *ROOMS[own].split()}
    for imported in imports(FILES[name]):
        top = imported.split(".")[0]
        assert top not in {"localhub", "scripts", "app"}, f"{name} imports {imported}"
        if imported in FILES:
            assert room(imported) in allowed, f"{name} imports {imported}: {own} may not import {room(imported)}"


def test_the_table_names_what_exists_and_leads_nowhere_back() -> None:
    rooms = {room(name) for name in FILES if name.startswith(("leaderboard", "backend"))}
    assert set(ROOMS) == rooms
    assert {other for allowed in ROOMS.values() for other in allowed.split()} <= rooms
    assert not cycles({name: set(allowed.split()) for name, allowed in ROOMS.items()})


def test_no_file_imports_itself_through_others() -> None:
    assert not cycles({name: imports(path) & FILES.keys() for name, path in FILES.items()})


def cycles(graph: dict[str, set[str]]) -> list[str]:
    """Names that lead back to themselves."""

    def reached(name: str, visited: set[str]) -> set[str]:
        for other in graph.get(name, set()) - visited:
            visited.add(other)
            reached(other, visited)
        return visited

    return [name for name in graph if name in reached(name, set())]


def test_the_architecture_page_names_every_room_and_only_what_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    paths = {
        path.rstrip("/") for path in re.findall(r"`((?:leaderboard|backend|localhub|scripts|tests)/[\w./]*)`", page)
    }
    missing = sorted(path for path in paths if not (ROOT / path).exists())
    assert not missing, f"docs/architecture.md names {missing}, which do not exist"
    for name in ROOMS:
        path = name.replace(".", "/")
        assert path in paths or f"{path}.py" in paths or "." not in name, f"docs/architecture.md omits {name}"


def test_the_way_of_a_submission_is_short() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    section = page.partition("## The way of a submission\n")[2].partition("\n## ")[0]
    hops = re.findall(r"^(\d+)\. `([\w/.]+\.py)`", section, re.MULTILINE)
    assert [int(number) for number, _ in hops] == list(range(1, len(hops) + 1)), "one file a hop, in order"
    assert 8 <= len(hops) <= 12


@pytest.mark.parametrize(("name", "path"), [item for item in ALL if item[0].startswith("localhub")])
def test_localhub_imports_nothing_of_the_project(name: str, path: Path) -> None:
    own = {"leaderboard", "backend", "scripts", "app"}
    assert not [imported for imported in imports(path) if imported.split(".")[0] in own]


def test_one_importer_of_the_hub_client_and_of_the_environment() -> None:
    for name, path in ALL:
        if not name.startswith(("leaderboard", "backend")):
            continue
        imported = imports(path)
        if any(module.split(".")[0] == "huggingface_hub" for module in imported):
            assert room(name) == "leaderboard.hub", name
        if name.startswith("leaderboard"):
            assert "os.environ" not in path.read_text() or name == "leaderboard.settings", (
                f"{name} reads the environment"
            )


def test_gradio_only_under_pages() -> None:
    for name, path in ALL:
        if name.startswith("leaderboard") and not name.startswith("leaderboard.pages"):
            assert not [imported for imported in imports(path) if imported.split(".")[0] == "gradio"], name


def test_the_data_folders_shadow_no_library() -> None:
    assert not list(ROOT.glob("requests/**/__init__.py")) + list(ROOT.glob("results/**/__init__.py"))
    spec = importlib.util.find_spec("requests")
    assert spec is not None and spec.origin is not None and "site-packages" in spec.origin
