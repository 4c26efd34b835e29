"""The keys of endpoints: a file of the operator's, by name. Who may name a key, and which hosts it is sent to.

team-key:
  key: sk-...
  hosts: [api.example.org]
  senders: [ann, example-org]
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError, field_validator

from leaderboard.endpoints.addresses import Place
from leaderboard.errors import BadSettings, Infrastructure
from leaderboard.records import Person
from leaderboard.settings import refuse_if_open

FILE = "endpoints.yaml"
EVERYBODY = "*"
WORD = re.compile(r"[\x21-\x7e]+")


class EndpointSecret(BaseModel):
    """One key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: SecretStr | None = None
    """What is sent as `Authorization: Bearer`; a front end without workers needs none."""
    hosts: list[str] = Field(min_length=1)
    """`name` or `name:port` of the hosts that it may be sent to; without a port, the scheme's own."""
    senders: list[str] = Field(min_length=1)
    """People and organisations who may name it; `*` for everybody."""

    @field_validator("key")
    @classmethod
    def _one_word(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not WORD.fullmatch(key.get_secret_value()):
            raise ValueError("A key has neither spaces nor line breaks")
        return key

    def is_for(self, place: Place) -> bool:
        """Whether it may be sent there."""
        return not {place.authority, place.with_port}.isdisjoint(name.lower() for name in self.hosts)

    def may_be_named_by(self, person: Person) -> bool:
        """Whether the person may have it sent."""
        return not {EVERYBODY, person.name, *person.orgs}.isdisjoint(self.senders)


SECRETS = TypeAdapter(dict[str, EndpointSecret])


class EndpointSecrets(NamedTuple):
    """The operator's file, read anew each time that it is asked."""

    file: Path | None = None

    def get(self, name: str) -> EndpointSecret | None:
        """The secret of that name; None where there is none. Raises Infrastructure for a file that cannot be used."""
        try:
            return load_secrets(self.file).get(name) if self.file else None
        except BadSettings as error:
            raise Infrastructure(f"The keys of endpoints cannot be read: {error}") from error


def load_secrets(file: Path) -> dict[str, EndpointSecret]:
    """Name -> secret; nothing where there is no file. Raises BadSettings, whose text holds no key."""
    refuse_if_open(file)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadSettings(f"{file.name} cannot be read as YAML ({type(error).__name__}).") from None
    try:
        return SECRETS.validate_python(content or {})
    except ValidationError as error:
        places = sorted({".".join(str(part) for part in problem["loc"][:2]) for problem in error.errors()})
        raise BadSettings(
            f"{file.name}: {', '.join(places) or 'its content'} is not what is allowed: each name has `key`, `hosts` "
            "and `senders`."
        ) from None
