"""What is made for binding bridge, as text. That ip takes it, and that it survives an interruption, is shown in tests/integration."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.network import bridge, devices

WISH = bridge.Bridge(mac="02:1a:2b:3c:4d:5e")
UPLINK: dict[str, Any] = {
    "ifname": "eth0",
    "mtu": 1450,
    "flags": ["BROADCAST", "UP"],
    "address": "0a:58:0a:f4:01:07",
    "addr_info": [{"family": "inet", "local": "10.244.1.7", "prefixlen": 24, "scope": "global"}],
}
ROUTES = [
    {"dst": "default", "gateway": "10.244.1.1", "dev": "eth0"},
    {"dst": "10.244.1.0/24", "dev": "eth0", "protocol": "kernel"},
    {"dst": "10.96.0.0/12", "gateway": "10.244.1.1", "dev": "eth9"},
]
ALIAS = "playvirt;10.244.1.7/24;0.0.0.0/0>10.244.1.1"


def observed(*seen: dict[str, Any], routes: list[dict[str, Any]] | None = None) -> devices.Observed:
    return devices.Observed({device["ifname"]: device for device in seen}, routes or [])


def test_batch_in_new_namespace_writes_down_first_what_it_takes() -> None:
    found = WISH.batch(observed(UPLINK, routes=ROUTES))
    assert found[0] == f'link set dev eth0 alias "{ALIAS}"'
    port = found.index("link set dev eth0 name eth0-nic")
    assert found[port - 2 : port + 1] == [
        "link set dev eth0 down",
        "address flush dev eth0",
        "link set dev eth0 name eth0-nic",
    ]
    assert "address add 169.254.75.10/32 dev k6t-eth0" in found
    assert found[-3:] == [
        "link add name eth0 type bridge",
        "address add 10.244.1.7/24 dev eth0",
        "link set dev eth0 up",
    ]


def test_port_has_never_the_guests_address() -> None:
    """Multus may have given the pod's interface the address that the VMI asks for, and a bridge delivers to its ports' addresses itself."""
    (line,) = [
        line
        for line in WISH.batch(observed({**UPLINK, "address": WISH.mac}, routes=ROUTES))
        if "eth0-nic address" in line
    ]
    assert WISH.mac not in line


def test_pod_says_nothing_on_the_guests_network() -> None:
    """Neither a hardware address that other pods have there too, nor IPv6, where there is IPv6."""
    first, second = (
        dataclasses.replace(WISH, mac=mac).batch(observed(UPLINK)) for mac in ("02:00:00:00:00:07", "02:00:00:00:00:08")
    )
    assert not {line for line in first if "type bridge stp" in line} & {
        line for line in second if "type bridge stp" in line
    }
    assert WISH.sysctls(observed(UPLINK)) == {"net/ipv4/conf/all/arp_ignore": "1"}
    with_ipv6 = dataclasses.replace(observed(UPLINK), sysctls={"net/ipv6/conf/all/disable_ipv6": "0"})
    assert WISH.sysctls(with_ipv6) == {
        "net/ipv4/conf/all/arp_ignore": "1",
        "net/ipv6/conf/k6t-eth0/disable_ipv6": "1",
        "net/ipv6/conf/eth0-nic/disable_ipv6": "1",
    }


def test_names_of_a_hashed_network_fit_into_a_device_name() -> None:
    wish = dataclasses.replace(WISH, uplink="pod37a8eec1ce1", fallback="net1", bridge="k6t-37a8eec1ce1")
    found = wish.batch(observed({**UPLINK, "ifname": "pod37a8eec1ce1"}))
    assert "link set dev pod37a8eec1ce1 name 37a8eec1ce1-nic" in found


@pytest.mark.parametrize(
    "taken",
    [
        bridge.Taken(),
        bridge.Taken(
            addresses=("10.1.1.2/24", "fd00::2/64"), routes=(("0.0.0.0/0", "10.1.1.1"), ("169.254.1.1/32", ""))
        ),
    ],
)
def test_alias_is_read_as_it_was_written(taken: bridge.Taken) -> None:
    assert bridge.parse_alias(taken.alias()) == taken


def test_alias_of_somebody_else_says_nothing() -> None:
    assert bridge.parse_alias("uplink of the pod") is None


def test_interface_with_more_than_an_alias_can_hold() -> None:
    routes = [{"dst": f"10.{number}.0.0/16", "gateway": "10.244.1.1", "dev": "eth0"} for number in range(20)]
    with pytest.raises(errors.PermanentError, match="1 addresses and 20 routes, .* use masquerade"):
        WISH.batch(observed(UPLINK, routes=routes))


def test_port_whose_alias_was_changed() -> None:
    with pytest.raises(errors.PermanentError, match="eth0-nic does not tell what it had as eth0"):
        WISH.lease(observed({**UPLINK, "ifname": "eth0-nic", "addr_info": []}))


def test_batch_before_cni_has_made_the_uplink() -> None:
    with pytest.raises(errors.PermanentError, match="no interface eth0: "):
        WISH.batch(observed())


def test_lease_of_a_simple_network_tells_a_router_and_no_routes() -> None:
    assert WISH.lease(observed(UPLINK, routes=ROUTES)) == {
        "interface": "k6t-eth0",
        "mtu": 1450,
        "ipv4": {"client": "10.244.1.7", "prefix": 24, "server": "169.254.75.10", "router": "10.244.1.1", "routes": []},
    }


def test_lease_tells_all_routes_where_a_router_is_not_enough() -> None:
    routes = [
        {"dst": "169.254.1.1", "dev": "eth0", "scope": "link"},
        {"dst": "default", "gateway": "169.254.1.1", "dev": "eth0"},
    ]
    lease = WISH.lease(observed(UPLINK, routes=routes))
    assert lease is not None
    assert lease["ipv4"]["routes"] == [
        {"destination": "169.254.1.1/32", "gateway": None},
        {"destination": "0.0.0.0/0", "gateway": "169.254.1.1"},
    ]


def test_network_without_ipv4_has_no_lease_and_one_without_addresses_no_stand_in() -> None:
    bare = observed({**UPLINK, "addr_info": []})
    assert WISH.lease(bare) is None
    assert not [line for line in WISH.batch(bare) if "dev eth0 up" in line or "add name eth0 " in line]


def test_removal_of_what_was_never_made() -> None:
    assert WISH.removal(observed(UPLINK)) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [({"mac": "02:1A:2b:3c:4d:5e"}, "mac"), ({"uplink": "eth0 "}, "uplink"), ({"bridge": "x" * 16}, "bridge")],
)
def test_bridge_refuses(change: dict[str, Any], field: str) -> None:
    with pytest.raises(errors.InvalidObject) as caught:
        dataclasses.replace(WISH, **change)
    assert caught.value.field == field
