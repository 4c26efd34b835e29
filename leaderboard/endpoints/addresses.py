"""Which addresses the service may send requests to on behalf of a stranger: public ones, unless the operator says more.

A name is judged by every address that it resolves to. Whoever connects uses the addresses that were judged, and does
not resolve the name again.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

MOST_CHARACTERS = 300
PORTS = {"http": 80, "https": 443}
LEAST_OTHER_PORT = 1024
"""Ports below belong to other services (mail, files, remote shells), but for the scheme's own."""
PLAIN = re.compile(r"[\x21-\x7e]+")
NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_-]{1,63})*\.?")
NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
"""A last label for which resolvers take the whole name for an IPv4 address, in one of its old notations."""
GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
NOT_PUBLIC = [
    ip_network(each) for each in ("192.0.0.0/24", "192.88.99.0/24", "192.31.196.0/24", "192.175.48.0/24", "3fff::/20")
]
"""Relays, sinks and examples that `ipaddress` counts as public."""
Resolve = Callable[[str, int], Sequence[str]]


class Refusal(NamedTuple):
    """Why an address is refused."""

    code: str
    found: str = ""
    """What of it."""


class Place(NamedTuple):
    """Where an endpoint is."""

    scheme: str
    host: str
    """In lower case, an IPv6 address without brackets."""
    port: int
    path: str
    """Without a slash at its end."""

    @property
    def authority(self) -> str:
        """Host and port, as they are written in an address."""
        return self._name if self.port == PORTS[self.scheme] else self.with_port

    @property
    def with_port(self) -> str:
        """Host and port, also where it is the scheme's own."""
        return f"{self._name}:{self.port}"

    @property
    def _name(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


@dataclass(frozen=True)
class AddressRules:
    """What the operator allows beside public addresses over https."""

    hosts: frozenset[str] = frozenset()
    """`name` or `name:port` of hosts that may be private, and spoken to over http."""
    http: bool = False
    """Whether public hosts may be spoken to over http."""

    @classmethod
    def of(cls, hosts: str, http: bool) -> AddressRules:
        """From the settings: `hosts` separated by commas."""
        return cls(frozenset(name.strip().lower() for name in hosts.split(",") if name.strip()), http)

    def trusts(self, place: Place) -> bool:
        """Whether the operator named the host."""
        return not self.hosts.isdisjoint({place.with_port, place.with_port.rpartition(":")[0]})

    def admits(self, place: Place, address: str) -> bool:
        """Whether a connection to this address may be made for the endpoint."""
        return self.trusts(place) or is_public(address)


def parse(url: str) -> Place | Refusal:
    """Host, port and path of a base address; a Refusal where it is none."""
    if len(url) > MOST_CHARACTERS:
        return Refusal("endpoint_url_too_long", str(len(url)))
    if not PLAIN.fullmatch(url) or "\\" in url:
        return Refusal("endpoint_url_unreadable")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return Refusal("endpoint_url_unreadable")
    host = (parts.hostname or "").lower()
    if parts.scheme not in PORTS or not _is_host(host):
        return Refusal("endpoint_url_unreadable")
    if "@" in parts.netloc:
        return Refusal("endpoint_url_credentials")
    if "?" in url or "#" in url:
        return Refusal("endpoint_url_query")
    return Place(parts.scheme, host, PORTS[parts.scheme] if port is None else port, parts.path.rstrip("/"))


def refused(place: Place, rules: AddressRules, resolve: Resolve | None = None) -> list[Refusal]:
    """Every reason against the place; none means that requests may be sent there. `resolve` raises socket.gaierror."""
    if rules.trusts(place):
        return []
    reasons = []
    if place.scheme == "http" and not rules.http:
        reasons.append(Refusal("endpoint_not_https"))
    if place.port != PORTS[place.scheme] and place.port < LEAST_OTHER_PORT:
        reasons.append(Refusal("endpoint_port", str(place.port)))
    try:
        addresses = (resolve or addresses_of)(place.host, place.port)
    except (OSError, UnicodeError):
        return [*reasons, Refusal("endpoint_unresolved", place.host)]
    if not all(is_public(address) for address in addresses):
        reasons.append(Refusal("endpoint_private_address", place.host))
    return reasons


def addresses_of(host: str, port: int) -> list[str]:
    """Every address that the name has, as numbers. Raises socket.gaierror."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether anybody on the Internet could have this address, also where it stands for an IPv4 address."""
    try:
        number = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(number, IPv6Address):
        inner = _inner(number)
        if inner is not None:
            return _public(inner) and (number in GLOBAL_UNICAST or number in NAT64 or number.ipv4_mapped is not None)
        return number in GLOBAL_UNICAST and _public(number)
    return _public(number)


def _public(number: IPv4Address | IPv6Address) -> bool:
    other = number.is_multicast or number.is_reserved or any(number in network for network in NOT_PUBLIC)
    return number.is_global and not other


def _inner(number: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for: mapped, compatible, translated or tunnelled; None for none."""
    if number.teredo is not None:
        return number.teredo[1]
    if number in NAT64 or int(number) >> 32 == 0:
        return IPv4Address(int(number) & 0xFFFFFFFF)
    return number.ipv4_mapped or number.sixtofour


def _is_host(host: str) -> bool:
    """A name, or an address in its one usual notation."""
    if ":" in host or NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        try:
            return str(ip_address(host)) == host or ":" in host
        except ValueError:
            return False
    return NAME.fullmatch(host) is not None
