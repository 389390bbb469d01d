"""What is made in a pod's network namespace, as text. That ip and nft take it is shown in tests/integration."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.network import devices, masquerade

WISH = masquerade.Masquerade()
UPLINK: dict[str, Any] = {
    "ifname": "eth0",
    "mtu": 1450,
    "flags": ["BROADCAST", "UP"],
    "addr_info": [
        {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link"},
        {"family": "inet", "local": "10.244.1.7", "prefixlen": 24, "scope": "global"},
    ],
}
ADDRESS6 = {"family": "inet6", "local": "fd00::7", "prefixlen": 64, "scope": "global"}
DUAL: dict[str, Any] = {**UPLINK, "addr_info": [*UPLINK["addr_info"], ADDRESS6]}
BRIDGE: dict[str, Any] = {
    "ifname": "k6t-eth0",
    "mtu": 1450,
    "flags": ["NO-CARRIER", "UP"],
    "linkinfo": {"info_kind": "bridge"},
    "addr_info": [{"family": "inet", "local": "10.0.2.1", "prefixlen": 24, "scope": "global"}],
}
TAP: dict[str, Any] = {
    "ifname": "tap0",
    "mtu": 1450,
    "flags": ["UP"],
    "master": "k6t-eth0",
    "linkinfo": {"info_kind": "tun", "info_data": {"type": "tap", "user": "107", "group": "107"}},
}
SYSCTLS = {"net/ipv4/ip_forward": "1", "net/ipv4/conf/k6t-eth0/route_localnet": "1"}


def observed(*seen: dict[str, Any], ruleset: str = "", sysctls: dict[str, str] | None = None) -> devices.Observed:
    found = {device["ifname"]: device for device in seen}
    return devices.Observed(devices=found, ruleset=ruleset, sysctls=sysctls or {})


def test_batch_in_new_namespace() -> None:
    assert WISH.batch(observed(UPLINK)) == [
        "link add name k6t-eth0 address 02:00:00:00:00:00 mtu 1450 type bridge stp_state 0 forward_delay 0",
        "address add 10.0.2.1/24 dev k6t-eth0",
        "link set dev k6t-eth0 up",
        "tuntap add dev tap0 mode tap user 107 group 107 vnet_hdr",
        "link set dev tap0 mtu 1450",
        "link set dev tap0 master k6t-eth0",
        "link set dev tap0 up",
    ]


def test_batch_when_all_is_there() -> None:
    assert WISH.batch(observed(UPLINK, BRIDGE, TAP)) == []


@pytest.mark.parametrize(
    ("bridge", "tap", "lines"),
    [
        ({}, None, ["tuntap add", "link set dev tap0 mtu", "link set dev tap0 master", "link set dev tap0 up"]),
        ({"addr_info": []}, {}, ["address add 10.0.2.1/24 dev k6t-eth0"]),
        ({"mtu": 1500}, {}, ["link set dev k6t-eth0 mtu 1450"]),
        ({"flags": []}, {}, ["link set dev k6t-eth0 up"]),
        ({}, {"mtu": 1500}, ["link set dev tap0 mtu 1450"]),
        ({}, {"master": None}, ["link set dev tap0 master k6t-eth0"]),
        ({}, {"flags": ["NO-CARRIER"]}, ["link set dev tap0 up"]),
    ],
)
def test_batch_after_interrupted_run(bridge: dict[str, Any], tap: dict[str, Any] | None, lines: list[str]) -> None:
    devices = [UPLINK, {**BRIDGE, **bridge}] + ([] if tap is None else [{**TAP, **tap}])
    found = WISH.batch(observed(*devices))
    assert len(found) == len(lines)
    assert all(line.startswith(start) for line, start in zip(found, lines, strict=True))


def test_batch_puts_tap_into_bridge_that_had_to_be_made_again() -> None:
    found = WISH.batch(observed(UPLINK, TAP))
    assert found[0].startswith("link add name k6t-eth0")
    assert found[-1] == "link set dev tap0 master k6t-eth0"


@pytest.mark.parametrize(
    "wrong",
    [
        {"info_kind": "tun", "info_data": {"type": "tap", "user": "0", "group": "107"}},
        {"info_kind": "tun", "info_data": {"type": "tun", "user": "107", "group": "107"}},
        {"info_kind": "veth"},
    ],
)
def test_batch_makes_tap_of_another_owner_anew(wrong: dict[str, Any]) -> None:
    found = WISH.batch(observed(UPLINK, BRIDGE, {**TAP, "linkinfo": wrong}))
    assert found[:2] == [
        "link delete dev tap0",
        "tuntap add dev tap0 mode tap user 107 group 107 vnet_hdr",
    ]


def test_batch_before_cni_has_made_the_uplink() -> None:
    with pytest.raises(errors.PermanentError, match="no interface eth0: "):
        WISH.batch(observed())


RULESET_OF_ALL_PORTS = """\
add table ip playvirt
delete table ip playvirt
table ip playvirt {
	chain prerouting {
		type nat hook prerouting priority -100; policy accept;
		iifname "eth0" dnat to 10.0.2.2
	}
	chain output {
		type nat hook output priority -100; policy accept;
		ip daddr 127.0.0.1 dnat to 10.0.2.2
	}
	chain postrouting {
		type nat hook postrouting priority 100; policy accept;
		oifname "eth0" ip saddr 10.0.2.2 masquerade
		oifname "k6t-eth0" ip saddr 127.0.0.0/8 snat to 10.0.2.1
	}
"""


def test_ruleset_without_ports_forwards_everything() -> None:
    text = WISH.ruleset(observed(UPLINK))
    assert text.startswith(RULESET_OF_ALL_PORTS)
    assert text.count("{") == text.count("}")
    assert "ip6" not in text


def test_ruleset_with_ports_forwards_only_these() -> None:
    ports = masquerade.parse_ports([{"port": 80}, {"port": 53, "protocol": "UDP"}, {"port": 22, "protocol": "TCP"}])
    text = dataclasses.replace(WISH, ports=ports).ruleset(observed(DUAL))
    assert [line.strip() for line in text.splitlines() if "dnat" in line] == [
        'iifname "eth0" tcp dport { 22, 80 } dnat to 10.0.2.2',
        'iifname "eth0" udp dport { 53 } dnat to 10.0.2.2',
        "ip daddr 127.0.0.1 tcp dport { 22, 80 } dnat to 10.0.2.2",
        "ip daddr 127.0.0.1 udp dport { 53 } dnat to 10.0.2.2",
        'iifname "eth0" tcp dport { 22, 80 } dnat to fd10:0:2::2',
        'iifname "eth0" udp dport { 53 } dnat to fd10:0:2::2',
    ]


def test_ruleset_of_ipv6_leaves_the_pod_its_neighbours() -> None:
    text = WISH.ruleset(observed(DUAL)).partition("table ip6 playvirt {")[2]
    assert 'iifname "eth0" meta l4proto { tcp, udp } dnat to fd10:0:2::2' in text
    assert 'oifname "eth0" ip6 saddr fd10:0:2::2 masquerade' in text


def test_ruleset_knows_its_own_and_no_other() -> None:
    other = dataclasses.replace(WISH, ports=(masquerade.Port("tcp", 80),))
    text = WISH.ruleset(observed(DUAL))
    assert WISH.ruleset(observed(DUAL, ruleset=text)) == ""
    assert other.ruleset(observed(DUAL, ruleset=text)) != ""
    assert WISH.ruleset(observed(DUAL, ruleset=WISH.ruleset(observed(UPLINK)))) != "", "IPv6 has come"


def test_sysctls() -> None:
    assert WISH.sysctls(observed(UPLINK)) == SYSCTLS
    both = WISH.sysctls(observed(DUAL))
    assert both == {
        **SYSCTLS,
        "net/ipv6/conf/all/forwarding": "1",
        "net/ipv6/conf/k6t-eth0/disable_ipv6": "0",
    }
    assert set(both) == set(WISH.watched())


def test_ipv6_needs_an_address_after_the_settings_and_a_device_for_advertisements() -> None:
    found = observed(DUAL, BRIDGE, TAP)
    assert WISH.late_batch(found) == ["address add fd10:0:2::1/120 dev k6t-eth0 nodad"]
    assert "tuntap add dev tap0-ra mode tap user 107 group 107 vnet_hdr" in WISH.batch(found)
    address = {"family": "inet6", "local": "fd10:0:2::1", "prefixlen": 120, "scope": "global"}
    bridge = {**BRIDGE, "addr_info": [*BRIDGE["addr_info"], address]}
    ready = observed(DUAL, bridge, TAP, {**TAP, "ifname": "tap0-ra"})
    assert (WISH.batch(ready), WISH.late_batch(ready)) == ([], [])


@pytest.mark.parametrize(
    ("addresses", "versions"),
    [([], {"ipv4"}), (["inet"], {"ipv4"}), (["inet6"], {"ipv6"}), (["inet", "inet6"], {"ipv4", "ipv6"})],
)
def test_lease_has_the_versions_of_ip_that_the_pod_has(addresses: list[str], versions: set[str]) -> None:
    infos = [info for info in DUAL["addr_info"] if info["family"] in addresses and info["scope"] == "global"]
    lease = WISH.lease(observed({**DUAL, "addr_info": infos}))
    assert lease is not None
    assert {key for key in lease if key.startswith("ip")} == versions
    assert lease["mtu"] == 1450


def test_uplink_under_the_name_that_multus_gives() -> None:
    wish = dataclasses.replace(WISH, uplink="pod0", fallback="net1")
    assert 'iifname "net1" dnat' in wish.ruleset(observed({**UPLINK, "ifname": "net1"}))
    with pytest.raises(errors.PermanentError, match="no interface pod0 or net1: "):
        wish.batch(observed(UPLINK))


def test_uplink_addresses_are_global_and_ipv4_first() -> None:
    assert WISH.addresses(observed(DUAL)) == ["10.244.1.7", "fd00::7"]


def test_removal_batch_names_what_is_there() -> None:
    assert WISH.removal(observed(UPLINK, BRIDGE)) == ["link delete dev k6t-eth0"]


@pytest.mark.parametrize(
    ("ports", "field"),
    [([{"port": 80, "protocol": "SCTP"}], "ports[0].protocol"), ([{"port": 80}, {"port": 65536}], "ports[1].port")],
)
def test_parse_ports_refuses(ports: list[dict[str, Any]], field: str) -> None:
    with pytest.raises(errors.InvalidObject) as caught:
        masquerade.parse_ports(ports)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tap": devices.Tap(name="tap0\nlink delete eth0", bridge="k6t-eth0")}, "tap"),
        ({"bridge": "a-name-that-is-too-long"}, "bridge"),
        ({"uplink": ""}, "uplink"),
        ({"uplink": "../../kernel/x"}, "uplink"),
        ({"guest": ipaddress.IPv4Address("10.0.3.2")}, "guest"),
        ({"guest": ipaddress.IPv4Address("10.0.2.1")}, "guest"),
        ({"guest6": ipaddress.IPv6Address("fd10:0:3::2")}, "guest6"),
    ],
)
def test_masquerade_refuses(change: dict[str, Any], field: str) -> None:
    with pytest.raises(errors.InvalidObject) as caught:
        dataclasses.replace(WISH, **change)
    assert caught.value.field == field
