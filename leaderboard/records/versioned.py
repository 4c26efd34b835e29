"""Files of earlier versions, read by this one: each format says its version, and is brought forward step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import BaseModel, model_validator
from pydantic_core import PydanticCustomError

Step = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes the fields of one version of a format from those of the version before."""


class Versioned(BaseModel):
    """A record whose files have a `schema_version`. What is written has the newest one.

    To change a format so that older files do not fit any more, append a step to STEPS and raise `schema_version` by
    one. Files of versions from before there were any (0) are another board's, and are not for here.
    """

    STEPS: ClassVar[tuple[Step, ...]] = ()
    """The first makes version 2 of version 1, and so on."""

    @classmethod
    def newest(cls) -> int:
        """The version that this Podium writes."""
        return len(cls.STEPS) + 1

    @model_validator(mode="before")
    @classmethod
    def _brought_forward(cls, fields: Any) -> Any:
        version = fields.get("schema_version", 1) if isinstance(fields, dict) else None
        if not isinstance(version, int) or version < 1 or version == cls.newest():
            return fields
        if version > cls.newest():
            raise PydanticCustomError(
                "newer_podium",
                "schema_version is {version}, from a newer Podium; this one reads {newest}",
                {"version": version, "newest": cls.newest()},
            )
        for step in cls.STEPS[version - 1 :]:
            fields = step(dict(fields))
        return {**fields, "schema_version": cls.newest()}
