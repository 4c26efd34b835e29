"""Files of earlier versions are brought forward; those of a newer Podium are refused with a sentence."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from leaderboard.community.discussions import Discussion
from leaderboard.community.flags import Flag, FlagList
from leaderboard.community.votes import Ballot
from leaderboard.records import PodiumBlock, Request, Versioned
from leaderboard.records.versioned import Step
from leaderboard.submissions.policy import Decisions

FORMATS = (Request, PodiumBlock, Flag, FlagList, Ballot, Decisions, Discussion)


def renamed(fields: dict[str, Any]) -> dict[str, Any]:
    fields["name"] = fields.pop("nom")
    return fields


def split(fields: dict[str, Any]) -> dict[str, Any]:
    fields["first"], fields["last"] = fields.pop("name").split(" ")
    return fields


class Someone(Versioned):
    STEPS: ClassVar[tuple[Step, ...]] = (renamed, split)
    schema_version: int = 3
    first: str
    last: str


@pytest.mark.parametrize(
    "fields",
    [
        {"schema_version": 1, "nom": "Ada Lovelace"},
        {"nom": "Ada Lovelace"},
        {"schema_version": 2, "name": "Ada Lovelace"},
        {"schema_version": 3, "first": "Ada", "last": "Lovelace"},
    ],
)
def test_every_earlier_version_becomes_the_newest(fields: dict[str, Any]) -> None:
    before = dict(fields)
    someone = Someone.model_validate(fields)
    assert (someone.schema_version, someone.first, someone.last) == (3, "Ada", "Lovelace")
    assert fields == before, "what was read is not changed"
    assert Someone.model_validate_json(someone.model_dump_json()) == someone


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.__name__)
def test_each_format_of_ours_is_at_its_newest_version_and_refuses_a_newer_one(kind: type[Versioned]) -> None:
    assert kind.model_fields["schema_version"].default == kind.newest()
    with pytest.raises(ValidationError, match="from a newer Podium"):
        kind.model_validate({"schema_version": kind.newest() + 1})
