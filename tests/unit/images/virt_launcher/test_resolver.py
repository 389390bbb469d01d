"""A pod's resolv.conf."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import resolver


def test_parse_resolv_conf_of_a_pod() -> None:
    text = "search default.svc.cluster.local svc.cluster.local.\nnameserver 10.96.0.10\noptions ndots:5\n"
    assert resolver.parse_resolv_conf(text) == resolver.Resolver(
        dns=(ipaddress.IPv4Address("10.96.0.10"),), search=("default.svc.cluster.local", "svc.cluster.local")
    )


def test_parse_resolv_conf_passes_over_what_makes_no_sense() -> None:
    text = "nameserver\nnameserver fd00::1\n# nameserver 1.1.1.1\nsearch first\nsearch .\nnameserver 1.2.3.4 junk\n"
    assert resolver.parse_resolv_conf(text) == resolver.Resolver(
        dns=(ipaddress.IPv4Address("1.2.3.4"),), dns6=(ipaddress.IPv6Address("fd00::1"),), search=()
    )


@pytest.mark.parametrize(
    ("search", "added"),
    [
        (("ns.svc.cluster.local", "svc.cluster.local", "cluster.local"), ("shops.ns.svc.cluster.local",)),
        (("svc.cluster.local", "example.org"), ()),
        (("example.org",), ()),
        ((), ()),
    ],
)
def test_search_with_subdomain(search: tuple[str, ...], added: tuple[str, ...]) -> None:
    assert resolver.search_with_subdomain(search, "shops") == (*added, *search)
    assert resolver.search_with_subdomain(search, None) == search
