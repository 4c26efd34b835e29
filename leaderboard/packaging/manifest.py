"""`manifest.json`: what a package holds, written into it when it is made."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt

from leaderboard.records.artifact import Sha256

FILE = "manifest.json"
FORMAT = "podium-package"


class ManifestFile(BaseModel):
    """A file of the package."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Annotated[str, Field(min_length=1, max_length=300)]
    """Below the package's root, its parts separated by `/`."""
    bytes: NonNegativeInt
    sha256: Sha256


class Versions(BaseModel):
    """What made the package."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    podium: str
    python: str


class Manifest(BaseModel):
    """Everything in the package but the manifest itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["podium-package"] = "podium-package"
    """By which a manifest.json is known to be this."""
    schema_version: Literal[1] = 1
    kind: Literal["code"] = "code"
    benchmark: str
    """Id of the benchmark that it is made for."""
    entry: str
    """The file that is imported; empty where the benchmark names none."""
    versions: Versions
    created: AwareDatetime
    """From SOURCE_DATE_EPOCH, else the first moment of 1980: the same files always make the same package."""
    files: list[ManifestFile]
    """Sorted by path."""
