"""/docs: the API's addresses as a page of ours, written from the service's own openapi.json; Swagger UI on request.

Swagger UI's files come with a package; nothing is loaded from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from leaderboard.documents.answers import answers
from leaderboard.documents.frame import Page
from leaderboard.documents.render import render
from leaderboard.documents.visit import Visit
from leaderboard.service import Service

OTHER = "other"
"""Heading of addresses without a tag."""


@dataclass(frozen=True)
class Value:
    """A parameter, or a field of a body."""

    name: str
    kind: str
    """What it may be, in words."""
    required: bool
    about: str
    place: str = ""
    """Of a parameter: path, query or header."""


@dataclass(frozen=True)
class Body:
    """One form that the body of a request may have."""

    name: str
    fields: list[Value]
    """Empty where it is no JSON object."""


@dataclass(frozen=True)
class Operation:
    """One address with one method."""

    id: str
    method: str
    path: str
    title: str
    """What it does, in a sentence or two."""
    about: str
    """What else there is to say."""
    parameters: list[Value]
    bodies: list[Body]
    answers: list[tuple[str, str]]
    """Status, and what it means."""


def mount_reference(app: FastAPI, service: Service) -> None:
    """Serve /docs for the routes that `app` has, and Swagger UI's files below /docs-assets."""
    app.mount("/docs-assets", StaticFiles(packages=[("fastapi_offline", "static")]))
    described = cache(lambda: operations(app.openapi()))  # when somebody asks first: more routes may follow
    page = Page("API", partial(draw, described), styles=("reference.css",), scripts=("reference.js",))
    app.add_api_route("/docs", answers(service, page), methods=["GET", "HEAD"], include_in_schema=False)


def draw(described: Callable[[], Mapping[str, Sequence[Operation]]], service: Service, visit: Visit) -> str:
    """The page of what is `described`: the addresses by tag."""
    return render("reference", title=service.settings.title, groups=described())


def operations(description: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """The addresses that an openapi.json describes, by tag."""
    groups: dict[str, list[Operation]] = {}
    schemas = description.get("components", {}).get("schemas", {})
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            tag = next(iter(operation.get("tags", ())), OTHER)
            groups.setdefault(tag, []).append(_operation(path, method, operation, schemas))
    return groups


def _operation(path: str, method: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> Operation:
    content = operation.get("requestBody", {}).get("content", {})
    statuses = {status: str(answer.get("description", "")) for status, answer in operation["responses"].items()}
    title, _, about = operation.get("description", "").partition("\n\n")
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        title=title.replace("`", "") or operation.get("summary", ""),
        about=about,
        parameters=[
            Value(
                name=parameter["name"],
                kind=_kind(parameter.get("schema", {}), schemas),
                required=parameter.get("required", False),
                about=parameter.get("description", ""),
                place=parameter["in"],
            )
            for parameter in operation.get("parameters", ())
        ],
        bodies=[body for media in content.values() for body in _bodies(media.get("schema", {}), schemas)],
        answers=sorted(statuses.items()),
    )


def _bodies(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[Body]:
    for choice in _choices(schema):
        name = _name(choice)
        whole = schemas.get(name, choice)
        required = whole.get("required", ())
        fields = [
            Value(field, _kind(described, schemas), field in required, described.get("description", ""))
            for field, described in whole.get("properties", {}).items()
        ]
        if name or fields:
            yield Body(name or whole.get("title", "JSON"), fields)


def _choices(schema: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    choices: Sequence[Mapping[str, Any]] = schema.get("anyOf") or schema.get("oneOf") or (schema,)
    return [choice for choice in choices if choice.get("type") != "null"]


def _name(schema: Mapping[str, Any]) -> str:
    """The name of the schema that is referred to; empty for one that is written out."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _kind(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    choices = _choices(schema)
    if len(choices) > 1:
        return " or ".join(dict.fromkeys(_kind(choice, schemas) for choice in choices))
    [choice] = choices or [schema]
    name = _name(choice)
    whole = schemas.get(name, choice)
    if allowed := whole.get("enum"):
        return ", ".join(map(str, allowed))
    if whole.get("type") == "array":
        return f"list of {_kind(whole.get('items', {}), schemas)}"
    return name or str(whole.get("const") or whole.get("type") or "any")
