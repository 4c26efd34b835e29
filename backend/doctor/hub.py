"""The Hub: whether it answers, what the service's token may do there, and whether the clocks agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from backend.doctor.line import Line, failed, ok, warning
from leaderboard.errors import HubUnavailable, NotAllowed
from leaderboard.hub.token import hub_time, token_rights
from leaderboard.settings import Settings

SKEW_S = 5.0
"""Seconds by which clocks may differ: leases and sign-ins are compared by them."""


def check_hub(settings: Settings) -> Iterator[Line]:
    """Whether the Hub answers, the clock, and the token."""
    try:
        there = hub_time(settings.hub_endpoint, settings.hub_timeout_s)
    except HubUnavailable as error:
        fix = "Check HF_ENDPOINT, the network and its proxy (HTTPS_PROXY); try again later."
        yield failed("hub", f"{settings.hub_endpoint}: {error}", fix)
        return
    yield ok("hub", f"{settings.hub_endpoint} answers.")
    yield check_clock(there, datetime.now(UTC), settings)
    yield check_token(settings)


def check_clock(there: datetime | None, here: datetime, settings: Settings) -> Line:
    """Whether this machine's clock agrees with the Hub's."""
    if there is None:
        return ok("clock", "The Hub does not say its time; the clock was not compared.")
    skew = abs((here - there).total_seconds())
    fix = "Let the clock be set from the network, such as: timedatectl set-ntp true"
    if skew > settings.lease_s / 2:
        sentence = f"The clock differs from the Hub's by {skew:.0f} s: workers would take each other's requests."
        return failed("clock", sentence, fix)
    if skew > SKEW_S:
        return warning("clock", f"The clock differs from the Hub's by {skew:.0f} s.", fix)
    return ok("clock", "The clock agrees with the Hub's.")


def check_token(settings: Settings) -> Line:
    """Whether HF_TOKEN is valid and may do what the settings need."""
    needs = settings.store == "hub" or settings.hub_discussions
    renew = "Make a token with write access in the Hub's settings and set HF_TOKEN."
    if not settings.token:
        if needs:
            return failed("token", "There is no HF_TOKEN; this board writes to the Hub.", renew)
        return ok("token", "There is no HF_TOKEN; only public models can be submitted.")
    try:
        rights = token_rights(settings.hub_endpoint, settings.token, settings.hub_timeout_s)
    except NotAllowed:
        return failed("token", "The Hub does not know HF_TOKEN: it was revoked or has expired.", renew)
    except HubUnavailable as error:
        return failed("token", str(error), "Try again later.")
    whose = f"HF_TOKEN is {rights.name}'s, with the role {rights.role}"
    if not needs:
        return ok("token", f"{whose}; nothing has to be written to the Hub.")
    namespaces = {name.partition("/")[0] for name in (settings.hub_requests, settings.hub_results) if name}
    denied = [name for name in sorted(namespaces or {settings.hub_namespace}) if name and not rights.may_write(name)]
    if denied:
        return failed("token", f"{whose}; it may not write to {', '.join(denied)}.", renew)
    return ok("token", f"{whose}; it may write where the board's datasets are.")
