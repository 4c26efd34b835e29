"""The documentation names every route, every fault and every option there is, and none that is not."""

import importlib
import pkgutil
import re
from pathlib import Path

import localhub.server
from localhub.__main__ import parser
from localhub.faults import KINDS
from localhub.oauth import SCOPES

TEXT = (Path(__file__).parents[2] / "docs" / "localhub.md").read_text()
ROW = re.compile(r"^\| (GET|POST|PUT|DELETE) \| `([^`]+)` \|", re.M)


def served_routes() -> set[tuple[str, str]]:
    """(method, address) of every route; those that exist for each kind's prefix once, as `[kind/]`."""
    routes = set()
    for module in pkgutil.iter_modules(localhub.server.__path__, "localhub.server."):
        router = getattr(importlib.import_module(module.name), "router", None)
        for route in router.routes if router else ():
            path = re.sub(r"^/(datasets|spaces)(?=/\{namespace\})", "", route.path)
            path = re.sub(r":(path|kind)\}", "}", path)
            if path.startswith("/{namespace}"):
                path = "/[kind/]" + path.removeprefix("/")
            routes |= {(method, path) for method in route.methods - {"HEAD"}}
    return routes


def test_every_route_is_in_the_table() -> None:
    assert set(ROW.findall(TEXT)) == served_routes()


def test_every_fault_scope_and_option_is_explained() -> None:
    options = {option for action in parser()._actions for option in action.option_strings if option.startswith("--")}
    missing = [word for word in (*KINDS, *SCOPES, *sorted(options - {"--help"})) if f"`{word}" not in TEXT]
    assert not missing
