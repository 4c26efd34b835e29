"""Which addresses requests may be sent to on behalf of a stranger."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from leaderboard.endpoints.addresses import AddressRules, Place, Refusal, addresses_of, is_public, parse, refused

PUBLIC = ("93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1")
NOT_PUBLIC = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "fe80::1", "fe80::1%eth0",
    "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1", "64:ff9b::7f00:1", "64:ff9b:1::1",
    "2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "3fff::1", "100::1", "4000::1", "nothing",
)  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_everybodys(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://api.example.org/v1", Place("https", "api.example.org", 443, "/v1")),
        ("https://API.Example.org:8443/v1/", Place("https", "api.example.org", 8443, "/v1")),
        ("http://93.184.215.14", Place("http", "93.184.215.14", 80, "")),
        ("https://[2606:4700::1]:8000/v1", Place("https", "2606:4700::1", 8000, "/v1")),
    ],
)
def test_addresses_that_are_read(url: str, place: Place) -> None:
    assert parse(url) == place


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://api.example.org", "endpoint_url_unreadable"),
        ("file:///etc/passwd", "endpoint_url_unreadable"),
        ("https://", "endpoint_url_unreadable"),
        ("https:///v1", "endpoint_url_unreadable"),
        ("https://2130706433/v1", "endpoint_url_unreadable"),
        ("https://0x7f000001/v1", "endpoint_url_unreadable"),
        ("https://0x7f.1/v1", "endpoint_url_unreadable"),
        ("https://0177.0.0.1/v1", "endpoint_url_unreadable"),
        ("https://127.1/v1", "endpoint_url_unreadable"),
        ("https://127.0.0.1./v1", "endpoint_url_unreadable"),
        ("https://1.2.3.4.5/v1", "endpoint_url_unreadable"),
        ("https://a b.example.org", "endpoint_url_unreadable"),
        ("https://api.example.org\t/v1", "endpoint_url_unreadable"),
        ("https://api.example.org\r\nHost: x/v1", "endpoint_url_unreadable"),
        ("https://api.example.org\\@10.0.0.1/", "endpoint_url_unreadable"),
        ("https://ⓔxample.org/v1", "endpoint_url_unreadable"),
        ("https://api.example.org:99999/v1", "endpoint_url_unreadable"),
        ("https://api.example.org:x/v1", "endpoint_url_unreadable"),
        ("https://[::1/v1", "endpoint_url_unreadable"),
        ("https://exa%6dple.org/v1", "endpoint_url_unreadable"),
        ("https://-x.example.org/v1", "endpoint_url_unreadable"),
        ("https://user:word@api.example.org/v1", "endpoint_url_credentials"),
        ("https://api.example.org@10.0.0.1/v1", "endpoint_url_credentials"),
        ("https://api.example.org/v1?key=1", "endpoint_url_query"),
        ("https://api.example.org/v1#x", "endpoint_url_query"),
        ("https://api.example.org/" + "v" * 300, "endpoint_url_too_long"),
    ],
)
def test_addresses_that_are_not_read(url: str, code: str) -> None:
    found = parse(url)
    assert isinstance(found, Refusal) and found.code == code


def codes(url: str, rules: AddressRules, *addresses: str) -> list[str]:
    def resolve(host: str, port: int) -> Sequence[str]:
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return addresses

    place = parse(url)
    assert isinstance(place, Place)
    return [refusal.code for refusal in refused(place, rules, resolve)]


def test_every_address_of_a_name_has_to_be_public() -> None:
    rules = AddressRules()
    assert codes("https://api.example.org/v1", rules, "1.1.1.1", "2606:4700::1") == []
    assert codes("https://api.example.org/v1", rules, "1.1.1.1", "10.0.0.1") == ["endpoint_private_address"]
    assert codes("https://api.example.org/v1", rules, "1.1.1.1", "::ffff:10.0.0.1") == ["endpoint_private_address"]
    assert codes("https://api.example.org/v1", rules) == ["endpoint_unresolved"]


def test_numbers_are_judged_as_the_resolver_reads_them() -> None:
    for url in ("https://127.0.0.1/v1", "https://[::1]/v1", "https://[::ffff:127.0.0.1]/v1", "https://169.254.169.254"):
        place = parse(url)
        assert isinstance(place, Place)
        assert [refusal.code for refusal in refused(place, AddressRules())] == ["endpoint_private_address"], url
    assert addresses_of("localhost", 80) and not any(map(is_public, addresses_of("localhost", 80)))


def test_http_and_ports() -> None:
    assert codes("http://api.example.org/v1", AddressRules(), "1.1.1.1") == ["endpoint_not_https"]
    assert codes("http://api.example.org/v1", AddressRules(http=True), "1.1.1.1") == []
    assert codes("https://api.example.org:22/v1", AddressRules(), "1.1.1.1") == ["endpoint_port"]
    assert codes("http://api.example.org:443/v1", AddressRules(http=True), "1.1.1.1") == ["endpoint_port"]
    assert codes("https://api.example.org:8443/v1", AddressRules(), "1.1.1.1") == []
    every = ["endpoint_not_https", "endpoint_port", "endpoint_private_address"]
    assert codes("http://api.example.org:25/v1", AddressRules(), "10.0.0.1") == every


def test_what_the_operator_allows() -> None:
    rules = AddressRules.of(" vllm.lan:8000, OTHER.lan ,[fd00::1]:9000", http=False)
    assert codes("http://vllm.lan:8000/v1", rules, "10.0.0.1") == []
    assert "endpoint_private_address" in codes("http://vllm.lan:8001/v1", rules, "10.0.0.1")
    assert codes("https://other.lan:9/v1", rules, "10.0.0.1") == []
    assert codes("http://[fd00::1]:9000", rules, "fd00::1") == []
    assert codes("http://sub.other.lan/v1", rules, "10.0.0.1") == ["endpoint_not_https", "endpoint_private_address"]
    place = parse("http://vllm.lan:8000/v1")
    assert isinstance(place, Place) and rules.admits(place, "10.0.0.1")
    assert not AddressRules().admits(place, "10.0.0.1") and AddressRules().admits(place, "1.1.1.1")
