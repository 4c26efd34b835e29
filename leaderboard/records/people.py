"""Who does something, as the server knows them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Person(BaseModel):
    """Somebody as the server knows them; never what they say of themselves."""

    model_config = ConfigDict(frozen=True)

    name: str
    """Account name on the Hub, or the name that the settings give to whoever is not signed in."""
    orgs: tuple[str, ...] = ()
    """Organisations on the Hub that they belong to."""


def is_same(name: str, other: str) -> bool:
    """Whether both are one name on the Hub."""
    return hub_name(name) == hub_name(other)


def hub_name(name: str) -> str:
    """`name` such that two of them are equal where the Hub takes them for the same account.

    Its names are ASCII and ignore case. Folding the case of other characters would make the Kelvin sign a `k`.
    """
    return name.lower() if name.isascii() else name
