"""A pod's resolv.conf."""

from __future__ import annotations

import ipaddress

from ansible_collections.playvirt.core.images.virt_launcher import resolver


def test_parse_resolv_conf_of_a_pod() -> None:
    text = "search default.svc.cluster.local svc.cluster.local.\nnameserver 10.96.0.10\noptions ndots:5\n"
    assert resolver.parse_resolv_conf(text) == resolver.Resolver(
        dns=(ipaddress.IPv4Address("10.96.0.10"),), search=("default.svc.cluster.local", "svc.cluster.local")
    )


def test_parse_resolv_conf_passes_over_what_makes_no_sense() -> None:
    text = "nameserver\nnameserver fd00::1\n# nameserver 1.1.1.1\nsearch first\nsearch .\nnameserver 1.2.3.4 junk\n"
    assert resolver.parse_resolv_conf(text) == resolver.Resolver(dns=(ipaddress.IPv4Address("1.2.3.4"),), search=())
