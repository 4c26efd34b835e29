"""Where endpoints may be and which keys there are, by the settings."""

from __future__ import annotations

from leaderboard.endpoints.addresses import AddressRules
from leaderboard.endpoints.secrets import FILE, EndpointSecrets
from leaderboard.settings import Settings


def address_rules(settings: Settings) -> AddressRules:
    """What the operator allows."""
    return AddressRules.of(settings.endpoint_hosts, settings.endpoint_http)


def endpoint_secrets(settings: Settings) -> EndpointSecrets:
    """The operator's keys."""
    return EndpointSecrets(settings.secrets_dir / FILE)
