"""The shape of the project: imports point one way, and the data folders stay data folders."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("leaderboard", "backend", "localhub", "scripts")

LAYERS = [
    {"leaderboard", "leaderboard.records", "leaderboard.errors"},
    {"leaderboard.settings", "leaderboard.benchmarks", "leaderboard.scores", "leaderboard.harness_tasks",
     "leaderboard.generation", "leaderboard.metrics", "leaderboard.workers",
     "leaderboard.yaml_lines", "leaderboard.policy", "leaderboard.lineage",
     "leaderboard.checks", "leaderboard.search", "leaderboard.view"},
    {"leaderboard.stores", "leaderboard.hub", "leaderboard.request_files", "leaderboard.request_index",
     "leaderboard.result_files", "leaderboard.retries",
     "leaderboard.queue", "leaderboard.results", "leaderboard.details", "leaderboard.contents",
     "leaderboard.board_rows", "leaderboard.array_cache", "leaderboard.table", "leaderboard.boards",
     "leaderboard.compare", "leaderboard.plots",
     "leaderboard.community", "leaderboard.policy", "leaderboard.lineage", "leaderboard.facts", "leaderboard.rights",
     "leaderboard.intake", "leaderboard.identity", "leaderboard.logs", "leaderboard.importer",
     "leaderboard.every_eval_ever", "leaderboard.turns", "leaderboard.service"},
    {"leaderboard.api", "leaderboard.pages", "leaderboard.cli"},
]  # fmt: skip
"""Lowest first. A module may import from its own layer and from those below."""

BACKEND_MAY_USE = {
    "leaderboard", "leaderboard.records", "leaderboard.errors", "leaderboard.settings", "leaderboard.benchmarks",
    "leaderboard.scores", "leaderboard.bundles", "leaderboard.hub", "leaderboard.stores", "leaderboard.queue",
    "leaderboard.results", "leaderboard.contents", "leaderboard.community", "leaderboard.harness_tasks",
    "leaderboard.details", "leaderboard.yaml_lines", "leaderboard.facts", "leaderboard.checks",
    "leaderboard.generation", "leaderboard.workers",
}  # fmt: skip


def modules() -> Iterator[tuple[str, Path]]:
    """Dotted name and file of every module of the project."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def unit(name: str) -> str:
    """The second-level module a dotted name belongs to: `leaderboard.pages.queue` -> `leaderboard.pages`."""
    return ".".join(name.split(".")[:2])


def layer(name: str) -> int | None:
    """Index in LAYERS, None for what is not a module of ours."""
    return next((level for level, names in enumerate(LAYERS) if unit(name) in names), None)


ALL = list(modules())


@pytest.mark.parametrize(("name", "path"), [one for one in ALL if one[0].startswith("leaderboard")])
def test_leaderboard_imports_point_down(name: str, path: Path) -> None:
    own = layer(name)
    assert own is not None, f"{name} is in no layer: add it to LAYERS and to docs/architecture.md"
    for imported in imports(path):
        assert not imported.startswith(("backend", "localhub")), f"{name} imports {imported}"
        level = layer(imported)
        assert level is None or level <= own, f"{name} imports {imported}, which is above it"


@pytest.mark.parametrize(("name", "path"), [one for one in ALL if one[0].startswith("backend")])
def test_backend_imports_only_what_it_may(name: str, path: Path) -> None:
    for imported in imports(path):
        assert not imported.startswith(("gradio", "localhub", "app")), f"{name} imports {imported}"
        if imported.startswith("leaderboard") and layer(imported) is not None:
            assert unit(imported) in BACKEND_MAY_USE, f"{name} imports {imported}"


@pytest.mark.parametrize(("name", "path"), [one for one in ALL if one[0].startswith("localhub")])
def test_localhub_imports_nothing_of_the_project(name: str, path: Path) -> None:
    assert not [one for one in imports(path) if one.split(".")[0] in {"leaderboard", "backend", "scripts", "app"}]


def test_one_importer_of_the_hub_client_and_of_the_environment() -> None:
    for name, path in ALL:
        if not name.startswith(("leaderboard", "backend")):
            continue
        found = imports(path)
        if any(one.split(".")[0] == "huggingface_hub" for one in found):
            assert name in {"leaderboard.hub", "leaderboard.stores.hub"} or name.startswith(
                ("leaderboard.hub.", "leaderboard.stores.hub_")
            ), name
        if name.startswith("leaderboard"):
            assert "os.environ" not in path.read_text() or name == "leaderboard.settings", (
                f"{name} reads the environment"
            )


def test_gradio_only_under_pages() -> None:
    for name, path in ALL:
        if name.startswith("leaderboard") and not name.startswith("leaderboard.pages"):
            assert not [one for one in imports(path) if one.split(".")[0] == "gradio"], name


def test_the_data_folders_shadow_no_library() -> None:
    assert not list(ROOT.glob("requests/**/__init__.py")) + list(ROOT.glob("results/**/__init__.py"))
    found = importlib.util.find_spec("requests")
    assert found is not None and found.origin is not None and "site-packages" in found.origin
