"""/docs: the API's own description as a page that loads nothing from elsewhere (FastAPI's fetches its scripts)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from leaderboard.pages.render import render


@dataclass(frozen=True)
class Field:
    """A parameter of a route, or a field of a model."""

    name: str
    kind: str
    text: str
    where: str = ""
    """`path` or `query`, for a parameter."""
    required: bool = False


@dataclass(frozen=True)
class Route:
    """One method of one address."""

    method: str
    path: str
    text: str
    fields: list[Field]
    body: str
    """Model of the body that is sent; empty when there is none."""
    answers: list[tuple[str, str, str]]
    """Status, what it means, model."""


def routes(described: dict[str, Any]) -> list[Route]:
    """Every route of an OpenAPI description, in its order."""
    return [
        Route(
            method.upper(),
            path,
            one.get("description") or one.get("summary", ""),
            [_parameter(each) for each in one.get("parameters", [])],
            _of_content(one.get("requestBody", {})),
            [(status, each["description"], _of_content(each)) for status, each in one["responses"].items()],
        )
        for path, methods in described["paths"].items()
        for method, one in methods.items()
    ]


def models(described: dict[str, Any]) -> dict[str, list[Field]]:
    """Every model of an OpenAPI description with its fields; an enumeration has none."""
    found = described.get("components", {}).get("schemas", {})
    return {
        name: [
            Field(field, _kind(schema), schema.get("description", ""), required=field in one.get("required", []))
            for field, schema in one.get("properties", {}).items()
        ]
        for name, one in sorted(found.items())
        if one.get("properties")
    }


def _parameter(one: dict[str, Any]) -> Field:
    return Field(one["name"], _kind(one["schema"]), one.get("description", ""), one["in"], one.get("required", False))


def _of_content(one: dict[str, Any]) -> str:
    return next((_kind(each["schema"]) for each in one.get("content", {}).values() if each.get("schema")), "")


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a few words: `text`, `whole number`, `list of Request`, `Cost or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(str(one) for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    names = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "object"}
    said = str(schema.get("type", "anything"))
    return names.get(said, said)


def mount_reference(app: FastAPI, head: str) -> None:
    """Serve /docs for the routes that `app` has when it is asked."""

    @app.get("/docs", include_in_schema=False)
    def reference() -> HTMLResponse:
        described = app.openapi()
        return HTMLResponse(
            render("reference", title=app.title, head=head, routes=routes(described), models=models(described))
        )
