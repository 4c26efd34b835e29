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
