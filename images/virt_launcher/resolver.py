"""The pod's own name servers and search domains, from the text of its resolv.conf. Pure.

In: the text. Out: what a guest behind the pod's address should be told. Called by dhcp_server.py.
"""

from __future__ import annotations

import contextlib
import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Resolver:
    """Name servers in order, by version of IP, and search domains in order."""

    dns: tuple[ipaddress.IPv4Address, ...] = ()
    dns6: tuple[ipaddress.IPv6Address, ...] = ()
    search: tuple[str, ...] = ()


def parse_resolv_conf(text: str) -> Resolver:
    """The name servers and the last search list of a resolv.conf; lines and addresses that make no sense are passed over."""
    dns: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = []
    search: tuple[str, ...] = ()
    for line in text.splitlines():
        words = line.split()
        match words[:1]:
            case ["nameserver"]:
                with contextlib.suppress(ValueError):
                    dns.extend(ipaddress.ip_address(word) for word in words[1:2])
            case ["search" | "domain"]:
                search = tuple(word.rstrip(".") for word in words[1:] if word.strip("."))
    return Resolver(
        dns=tuple(address for address in dns if address.version == 4),
        dns6=tuple(address for address in dns if address.version == 6),
        search=search,
    )


def search_with_subdomain(search: tuple[str, ...], subdomain: str | None) -> tuple[str, ...]:
    """The search list of a guest with a subdomain: before the pod's own the domain in which a headless Service of that name lists the guest."""
    services = [domain for domain in search if ".svc." in f".{domain}."]
    own = [domain for domain in services if not domain.startswith("svc.")][:1]
    return (*(f"{subdomain}.{domain}" for domain in own if subdomain), *search)
