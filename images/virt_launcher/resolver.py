"""The pod's own name servers and search domains, from the text of its resolv.conf. Pure.

In: the text. Out: what a guest behind the pod's address should be told. Called by dhcp_server.py.
"""

from __future__ import annotations

import contextlib
import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Resolver:
    """IPv4 name servers in order, and search domains in order."""

    dns: tuple[ipaddress.IPv4Address, ...] = ()
    search: tuple[str, ...] = ()


def parse_resolv_conf(text: str) -> Resolver:
    """The name servers and the last search list of a resolv.conf; lines and addresses that make no sense are passed over."""
    dns: list[ipaddress.IPv4Address] = []
    search: tuple[str, ...] = ()
    for line in text.splitlines():
        words = line.split()
        match words[:1]:
            case ["nameserver"]:
                with contextlib.suppress(ValueError):
                    dns.extend(ipaddress.IPv4Address(word) for word in words[1:2])
            case ["search" | "domain"]:
                search = tuple(word.rstrip(".") for word in words[1:] if word.strip("."))
    return Resolver(dns=tuple(dns), search=search)
