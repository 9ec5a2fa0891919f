"""A webhook leads to the public Internet, and into no network of ours."""

import asyncio
from ipaddress import ip_address

import pytest

from pleintemps_gateway.connections.guarded import Networks, Poster, check_url
from pleintemps_gateway.errors import PostError, WebhookError

from .receiver import Receiver

NOTHING = Networks([])


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "2002:a00:1::",
        "64:ff9b:1::a00:1",
        "64:ff9b::a00:1",
    ],
)
def test_what_is_not_of_the_internet_is_not_reached(text: str) -> None:
    assert not NOTHING.may_reach(ip_address(text))


def test_a_network_of_ones_own_is_reached_if_it_is_named() -> None:
    own = Networks(["192.168.10.0/24", "fd00::/8"])
    assert own.may_reach(ip_address("192.168.10.7")) and own.may_reach(ip_address("::ffff:192.168.10.7"))
    assert own.may_reach(ip_address("fd00::1"))
    assert not own.may_reach(ip_address("192.168.11.7"))
    assert NOTHING.may_reach(ip_address("8.8.8.8")) and NOTHING.may_reach(ip_address("2001:4860:4860::8888"))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://127.0.0.1/x", "private"),
        ("https://[::1]/x", "private"),
        ("http://example.org/", "not-https"),
        ("ftp://example.org/", "not-https"),
        ("https://", "address"),
        ("https://a@example.org/", "address"),
        ("https://example.org:0/", "address"),
        ("https://example.org:99999/", "address"),
        ("https://exa mple.org/", "address"),
        ("https://example.org/\r\nx", "address"),
        ("https://éxample.org/", "address"),
        ("https://example.org/#x", "address"),
        ("https://[::/", "address"),
        ("https://example.org/" + "x" * 500, "address"),
        ("no address", "address"),
    ],
)
def test_an_address_that_will_never_do_is_refused_at_once(url: str, reason: str) -> None:
    with pytest.raises(WebhookError) as raised:
        check_url(url, NOTHING)
    assert raised.value.reason == reason


def test_an_address_that_will_do_is_taken() -> None:
    assert check_url(" https://example.org:8443/a?b=c ", NOTHING) == "https://example.org:8443/a?b=c"
    assert check_url("http://192.168.10.7/a", Networks(["192.168.10.0/24"])) == "http://192.168.10.7/a"


@pytest.mark.parametrize("networks", [NOTHING, Networks(["192.168.10.0/24"])], ids=["none", "another"])
def test_a_name_that_leads_inside_is_not_connected_to(networks: Networks) -> None:
    receiver = Receiver()
    try:
        with pytest.raises(PostError, match="private network"):
            asyncio.run(Poster(networks).post(f"https://localhost:{receiver.port}/", {}, b"{}"))
    finally:
        receiver.close()
    assert receiver.asked == 0


def test_without_tls_only_a_network_of_ones_own_is_reached() -> None:
    poster = Poster(Networks(["192.168.10.0/24"]))
    with pytest.raises(PostError, match="private network"):
        asyncio.run(poster.post("http://8.8.8.8/", {}, b"{}"))
