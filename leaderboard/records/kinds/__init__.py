"""The kinds of submissions by name, and the few questions that are answered by the kind of a record.

A request, a result or a submission without `kind` is a checkpoint's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from leaderboard.records.kinds.checkpoint import CheckpointKind
from leaderboard.records.kinds.kind import Kind
from leaderboard.records.kinds.named import CodeKind, EndpointKind, PredictionsKind
from leaderboard.records.repository import model_folder
from leaderboard.records.request import Request
from leaderboard.records.result import PodiumBlock
from leaderboard.records.submission import CHECKPOINT, BaseSubmission

KINDS: dict[str, Kind] = {
    CHECKPOINT: CheckpointKind(),
    "predictions": PredictionsKind(),
    "code": CodeKind(),
    "endpoint": EndpointKind(),
}
"""Name of a kind -> the kind."""
MARK = "_eval_request_"
"""In the name of every request file."""
DIGITS = 12
"""Of a commit or digest in the name of a request file."""


def kind_of(record: Request | PodiumBlock | BaseSubmission) -> Kind:
    """The kind of a record. Its name is known: `request_of`, `block_of` and `submission_of` refuse others."""
    return KINDS[record.kind]


def request_of(fields: Mapping[str, Any]) -> Request:
    """The request with these fields, in the class of its kind. Raises ValidationError."""
    return _kind_named(fields).request.model_validate(fields)


def block_of(fields: Any) -> PodiumBlock:
    """The block of a result with these fields, in the class of its kind. Raises ValidationError."""
    return fields if isinstance(fields, PodiumBlock) else _kind_named(fields).block.model_validate(fields)


def submission_of(fields: Any) -> BaseSubmission:
    """The submission with these fields, in the class of its kind. Raises ValidationError."""
    return fields if isinstance(fields, BaseSubmission) else _kind_named(fields).submission.model_validate(fields)


def folder_of(record: Request | PodiumBlock) -> str:
    """What the paths of its request file and of its result files begin with."""
    return f"{record.benchmark}/{model_folder(record.model)}"


def identity_of(record: Request | PodiumBlock) -> str:
    """What tells it from others of the same name on the same benchmark, in full."""
    return " ".join(kind_of(record).identity(record))


def request_path(request: Request) -> str:
    """Path in the requests store; a function of the identity, so that creating the same twice is refused."""
    digest, *others = kind_of(request).identity(request)
    return f"{folder_of(request)}{MARK}{'_'.join((digest[:DIGITS], *others))}.json"


def _kind_named(fields: Any) -> Kind:
    """The kind that `fields` name. Raises ValidationError, at the field `kind`, for one that is not known here."""
    name = fields.get("kind", CHECKPOINT) if isinstance(fields, Mapping) else CHECKPOINT
    if isinstance(name, str) and name in KINDS:
        return KINDS[name]
    expected = " or ".join(repr(known) for known in KINDS)
    unknown = PydanticCustomError("literal_error", "Input should be {expected}", {"expected": expected})
    raise ValidationError.from_exception_data("kind", [InitErrorDetails(type=unknown, loc=("kind",), input=name)])


class _ByKind:
    """Makes a field or body the union of the submissions of all kinds, told apart by `kind`.

    pydantic's own discriminated unions need the tag to be there; here a submission without `kind` is a checkpoint.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = [handler.generate_schema(kind.submission) for kind in KINDS.values()]
        described = choices[0] if len(choices) == 1 else core_schema.union_schema([*choices])
        return core_schema.no_info_plain_validator_function(submission_of, json_schema_input_schema=described)


Submission = Annotated[BaseSubmission, _ByKind()]
"""A submission of any kind, as a form or a body says it."""
