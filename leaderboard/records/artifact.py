"""A file that a person uploaded, and an endpoint that a person hosts: what is submitted beside checkpoints."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ArtifactName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$")]
"""What a person calls a submission; the last part of its `owner/name`."""


def digest_of(file: Path) -> str:
    """The SHA-256 of a file's content. Raises OSError."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


class Artifact(BaseModel):
    """An uploaded file, kept privately under its digest (`leaderboard.artifacts`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Sha256
    """Of its content."""
    bytes: int = Field(ge=0)
    """Its size."""
    filename: str = Field(min_length=1, max_length=255, pattern=r"^[^/\\\x00-\x1f\x7f]+$")
    """What it was called; tells its format, and is shown."""


class HubModel(BaseModel):
    """A model on the Hub that a package of code loads."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: str
    """Repository id."""
    revision: str
    """Its commit when the package was submitted."""
    files: dict[str, str]
    """Files that are downloaded -> their content (`leaderboard.hub.loaded_files.pinned_files`)."""
    params: float | None = None
    """Parameters in billions; None when unknown."""


class Endpoint(BaseModel):
    """An OpenAI-compatible server that answers for a model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(min_length=1, max_length=2000, pattern=r"^https?://")
    """Its base address, to which `/completions` or `/chat/completions` is added."""
    model: str = Field(min_length=1, max_length=300)
    """The name under which the server knows the model."""
    api: Literal["completions", "chat"] = "chat"
    """`completions` also answers multiple choice; `chat` only generates."""
    secret: str = Field(default="", max_length=64, pattern=r"^[A-Za-z0-9_-]*$")
    """Name of the key in the operator's file of secrets; never the key itself. Empty where none is needed."""
