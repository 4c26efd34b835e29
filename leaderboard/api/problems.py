"""The one place that turns errors into HTTP: a status, a sentence, and every problem with its fix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from leaderboard.errors import (
    AlreadyRequested,
    BadPath,
    Conflict,
    HubUnavailable,
    Infrastructure,
    NotAccepted,
    NotAllowed,
    NotFound,
    NotPossible,
    NotSignedIn,
    PodiumError,
    TooLarge,
    TooMany,
)
from leaderboard.records import Problem

STATUS: list[tuple[type[PodiumError], int]] = [
    (AlreadyRequested, 409),
    (NotAccepted, 422),
    (NotSignedIn, 401),
    (NotAllowed, 403),
    (NotFound, 404),
    (BadPath, 404),
    (Conflict, 409),
    (NotPossible, 409),
    (TooLarge, 413),
    (TooMany, 429),
    (Infrastructure, 503),
    (PodiumError, 500),
]
"""The first class that fits gives the status."""

RETRY_AFTER_S = 60
NOT_JSON = Problem(
    code="not_json", field="body", message="The body is not JSON.", fix="Send a JSON object; /docs shows one."
)
SENTENCES = {
    404: "There is nothing at this address. /docs lists the API's.",
    405: "This address does not take that method. /docs lists those that it takes.",
}
"""Statuses that the framework gives by itself, in our words."""


class Trouble(BaseModel):
    """The body of every answer that is not a success."""

    error: str
    """A sentence."""
    problems: list[Problem] = Field(default_factory=list)
    """Each thing that is wrong, with its fix."""
    existing: str | None = None
    """For a checkpoint that is already in the queue: the address of its request."""


def status_of(error: PodiumError) -> int:
    """The HTTP status for `error`."""
    return next(status for kind, status in STATUS if isinstance(error, kind))


def trouble_of(error: PodiumError, root: str = "") -> Trouble:
    """The body for `error`; `root` stands before our addresses."""
    problems = error.problems if isinstance(error, NotAccepted) else []
    existing = f"{root}/api/v1/requests/{error.existing.id}" if isinstance(error, AlreadyRequested) else None
    return Trouble(error=str(error), problems=problems, existing=existing)


def form_problems(errors: Iterable[Any]) -> list[Problem]:
    """What pydantic found wrong in a submission's or a query's fields, in our words."""
    return [_form_problem(error) for error in errors]


def _form_problem(error: dict[str, Any]) -> Problem:
    field = ".".join(str(part) for part in error["loc"] if part not in ("body", "query", "path")) or "body"
    given = shown(error.get("input"))
    match error["type"]:
        case "missing":
            return Problem(code="missing", field=field, message=f"{field} is missing.", fix=f"Say a value for {field}.")
        case "extra_forbidden":
            return Problem(
                code="unknown_field",
                field=field,
                message=f"A submission has no field {field}.",
                fix=f"Leave {field} out. /docs lists the fields.",
            )
        case "enum" | "literal_error":
            return Problem(
                code="unknown_value",
                field=field,
                message=f"{field} cannot be {given!r}.",
                fix=f"Use one of {error['ctx']['expected']}.",
            )
        case "less_than_equal" | "greater_than_equal":
            most = error["type"] == "less_than_equal"
            bound = f"at {'most' if most else 'least'} {error['ctx']['le' if most else 'ge']}"
            return Problem(
                code=error["type"],
                field=field,
                message=f"{field} is {given!r}; it may be {bound}.",
                fix=f"Use {bound}.",
            )
        case "json_invalid":
            return NOT_JSON
    fix = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    return Problem(code=error["type"], field=field, message=f"{field} is {given!r}, which does not fit.", fix=f"{fix}.")


def shown(value: Any) -> str:
    """The beginning of what was sent, such that every answer can hold it."""
    try:
        text = str(value)
    except (RecursionError, ValueError):  # nested too deeply; a number with too many digits
        return "what was sent"
    return text[:100].encode(errors="backslashreplace").decode()


def catch_errors(app: FastAPI) -> None:
    """Answer every PodiumError, every malformed body and every unknown address of `app` with a Trouble."""
    app.add_exception_handler(PodiumError, _answer)
    app.add_exception_handler(RequestValidationError, _answer_form)
    app.add_exception_handler(HTTPException, _answer_http)


def retry_after(error: PodiumError) -> int:
    """Seconds after which trying again makes sense."""
    retry_after = error.retry_after_s if isinstance(error, HubUnavailable | TooMany) else None
    return max(1, round(retry_after)) if retry_after is not None else RETRY_AFTER_S


def trouble_answer(error: PodiumError, root: str = "") -> JSONResponse:
    """The answer to whom `error` happened; `root` stands before our addresses."""
    headers = {"Retry-After": str(retry_after(error))} if isinstance(error, Infrastructure | TooMany) else {}
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(trouble_of(error, root).model_dump(mode="json"), status_of(error), headers)


def _answer(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PodiumError)
    return trouble_answer(error, str(request.scope.get("root_path", "")).rstrip("/"))


def _answer_form(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return trouble_answer(NotAccepted(form_problems(error.errors())))


def _answer_http(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses by itself."""
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # it gives up on a body in its own words, with no more than this status
        return trouble_answer(NotAccepted([NOT_JSON]))
    sentence = SENTENCES.get(error.status_code, f"{error.detail}.")
    return JSONResponse(Trouble(error=sentence).model_dump(mode="json"), error.status_code, error.headers)
