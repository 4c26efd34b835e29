"""What is submitted: a file of predictions, a package or folder of code, a checkpoint, an endpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leaderboard.errors import WrongUse

CHECKPOINT = re.compile(r"([\w.-]+/[\w.-]+|[\w-]+)(@[\w./-]+)?", re.ASCII)
"""Of a name without `/` one that cannot be a misspelt file."""
KINDS = ("predictions", "code", "checkpoint", "endpoint")


@dataclass(frozen=True)
class Source:
    """Something to submit."""

    kind: str
    fields: Mapping[str, Any]
    """Fields of the submission beside the artifact's."""
    file: Path | None = None
    """What is uploaded; None for what lies elsewhere."""
    ships: Sequence[tuple[str, int]] = field(default_factory=tuple)
    """Path and bytes of each file of a package that was made here; empty where that is not known."""
    left_out: Sequence[str] = field(default_factory=tuple)
    """What of the folder does not ship, each with its reason."""
    local_scores: Mapping[str, float] = field(default_factory=dict)
    """What the checks on this machine scored: key of each column -> score."""


@dataclass(frozen=True)
class Wanted:
    """What the command line says of a submission beside its source; empty is not said."""

    kind: str = ""
    name: str = ""
    description: str = ""
    checkpoint: Mapping[str, Any] = field(default_factory=dict)
    endpoint: Mapping[str, Any] = field(default_factory=dict)


def kind_of(what: str, wanted: Wanted, benchmark: Mapping[str, Any]) -> str:
    """The kind of what is submitted, of those that the benchmark takes. Raises WrongUse."""
    taken = [kind for kind in benchmark.get("kinds", []) if kind in KINDS]
    kind = wanted.kind or _looks_like(what, taken)
    if kind not in taken:
        offer = ", ".join(taken) or "nothing that this command can submit"
        raise WrongUse(f"{benchmark['title']} takes {offer}, and {what} is submitted as {kind}. Choose with --kind.")
    return kind


def _looks_like(what: str, taken: Sequence[str]) -> str:
    """The kind that `what` looks like. Raises WrongUse."""
    place = Path(what)
    if re.match(r"https?://", what):
        return "endpoint"
    if place.is_dir():
        return "code"
    if place.is_file():
        return "code" if place.suffix == ".zip" and "code" in taken else "predictions"
    if CHECKPOINT.fullmatch(what) and "checkpoint" in taken:
        return "checkpoint"
    raise WrongUse(
        f"{what} is no file or folder here, no https:// address and no name of a checkpoint (org/name). Check how it "
        "is spelt, and that the benchmark takes it."
    )


def source_of(what: str, kind: str, wanted: Wanted) -> Source:
    """What is submitted, without a folder of code (`packing`). Raises WrongUse."""
    if kind == "checkpoint":
        model, _, revision = what.partition("@")
        said = {name: value for name, value in wanted.checkpoint.items() if value}
        return Source(kind, said | {"model": model} | ({"revision": revision} if revision else {}))
    named = {"name": wanted.name, "description": wanted.description}
    if kind == "endpoint":
        if not (wanted.name and wanted.endpoint.get("model")):
            raise WrongUse("An endpoint needs --name, its name on the board, and --model, its name at the server.")
        endpoint = {name: value for name, value in wanted.endpoint.items() if value and name != "tokenizer"}
        tokenizer = {"tokenizer": wanted.endpoint["tokenizer"]} if wanted.endpoint.get("tokenizer") else {}
        return Source(kind, named | tokenizer | {"endpoint": endpoint | {"url": what}})
    place = Path(what)
    if not place.is_file():
        raise WrongUse(f"There is no file {what}.")
    return Source(kind, named | {"name": wanted.name or name_from(place)}, place)


def name_from(place: Path) -> str:
    """A name for the board from that of a file or folder."""
    stem = place.resolve().name
    for ending in (".gz", ".zip", ".csv", ".jsonl", ".parquet"):
        stem = stem.removesuffix(ending)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:96] or "submission"
