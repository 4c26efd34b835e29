"""Query parameters of GET routes: one that a route does not list is refused, by the one door that all routes share.

What a route lists is what `/docs` shows of it: the arguments of its function, and `listed` ones that it reads itself.
Names that begin with `_` are left to clients and proxies (`_=1699` against caches, `__sign` of a Space).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import ValidationError

from leaderboard.api.problems import form_problems, shown
from leaderboard.board.view import PARAMETERS, View
from leaderboard.errors import NotAccepted
from leaderboard.records import Problem

FOREIGN = {"x-foreign-parameters": True}
"""`openapi_extra` of a route to which other services add parameters of their own."""
LISTS = (list, tuple, set, frozenset)
CLIENTS_OWN = "_"


def listed(names: Iterable[str], about: str) -> dict[str, Any]:
    """`openapi_extra` of a route that reads these parameters itself."""
    return {
        "parameters": [
            {"name": name, "in": "query", "required": False, "description": about, "schema": {"type": "string"}}
            for name in names
        ]
    }


VIEW_PARAMETERS = listed(PARAMETERS, "As in the address of the Leaderboard page.")
"""Of routes that answer with what the page shows under the same parameters."""


class Parameters:
    """The query parameters of one route."""

    def __init__(self, route: APIRoute) -> None:
        extra = route.openapi_extra or {}
        self._foreign = bool(extra.get("x-foreign-parameters"))
        declared = dict(_declared(route.dependant))
        listed_names = {each["name"]: False for each in extra.get("parameters", ()) if each["in"] == "query"}
        self.names: Mapping[str, bool] = declared | listed_names
        """Name -> whether it may be given several times."""

    def check(self, request: Request) -> None:
        """Raise NotAccepted, with every problem, for parameters that the route does not take."""
        if self._foreign:
            return
        given = [name for name, _ in request.query_params.multi_items() if not name.startswith(CLIENTS_OWN)]
        unknown = [name for name in dict.fromkeys(given) if name not in self.names]
        repeated = [name for name, many in self.names.items() if not many and given.count(name) > 1]
        problems = [self._unknown(name) for name in unknown] + [_repeated(name) for name in repeated]
        if problems:
            raise NotAccepted(problems)

    def _unknown(self, name: str) -> Problem:
        allowed = f"It takes {', '.join(self.names)}." if self.names else "It takes none."
        near = get_close_matches(name, self.names, n=1)
        return Problem(
            code="unknown_parameter",
            field=shown(name),
            message=f"This address takes no parameter {shown(name)!r}." + (f" Did you mean {near[0]}?" if near else ""),
            fix=allowed,
        )


def view_of(request: Request) -> View:
    """The view that the query asks for. Raises NotAccepted, with a problem for each value that cannot be used."""
    known = View.known(request.query_params)
    # An empty value is none, but for `hide`, whose default is not empty.
    given = {name: value for name, value in known.items() if value != "" or name == "hide"}
    try:
        return View.model_validate(given)
    except ValidationError as error:
        raise NotAccepted(form_problems(error.errors())) from None


def _repeated(name: str) -> Problem:
    return Problem(
        code="repeated_parameter",
        field=name,
        message=f"{name} is given more than once.",
        fix=f"Give {name} once; where it is a list, separate its values by commas.",
    )


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) in LISTS or any(_is_list(inner) for inner in get_args(annotation))


def _declared(dependant: Dependant) -> Iterable[tuple[str, bool]]:
    for field in dependant.query_params:
        yield field.alias, _is_list(field.field_info.annotation)
    for inner in dependant.dependencies:
        yield from _declared(inner)
