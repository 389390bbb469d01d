"""What a guest learns and how it is reached with binding bridge, with IPv6 behind masquerade, and with its link down: real clients, real packets.

The launcher's servers run in the pod's network namespace as user 107 without capabilities, as in a launcher.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import launcher_process
from ansible_collections.playvirt.core.tests.integration import pod_namespaces
from ansible_collections.playvirt.core.tests.integration.pod_namespaces import (
    GUEST_ADDRESS6,
    PEER_ADDRESS,
    PEER_ADDRESS6,
    POD_ADDRESS,
    POD_ADDRESS6,
    Namespace,
    run,
)

BUSYBOX = "/bin/busybox"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not pod_namespaces.is_possible() or not shutil.which(BUSYBOX),
        reason=f"needs root, {BUSYBOX} and {', '.join(pod_namespaces.NEEDED)}",
    ),
]
GUEST_MAC = "02:1a:2b:3c:4d:5e"
TOLD: dict[str, Any] = {"mac": GUEST_MAC, "hostname": "edge", "subdomain": "shops"}
BRIDGE: dict[str, Any] = {"binding": "bridge", "mac": GUEST_MAC, "told": TOLD}
RESOLV_CONF = "search ns.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\nnameserver fd00:96::a\n"
#: what udhcpc does with a lease: print it and configure the device
DHCP_SCRIPT = """#!/bin/sh
[ "$1" = bound ] || exit 0
env | sort
ip address replace "$ip/$mask" dev "$interface"
for gateway in $router; do ip route replace default via "$gateway" dev "$interface" onlink; done
"""
#: a client that asks all servers and then the one that answered: prints address, name server and search list as they came
DHCPV6_CLIENT = """
import ipaddress, socket, struct, sys
sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); sock.settimeout(5); sock.bind(("::", 546))
index = socket.if_nametoindex("eth0")
option = lambda code, value: struct.pack(">HH", code, len(value)) + value
client = option(1, b"\\0\\3\\0\\1" + bytes.fromhex("021a2b3c4d5e"))
def ask(kind, body):
    sock.sendto(bytes([kind]) + b"abc" + client + body, ("ff02::1:2", 547, 0, index))
    reply, found, position = sock.recvfrom(1500)[0], {}, 4
    while position < len(reply):
        code, length = struct.unpack_from(">HH", reply, position)
        found[code] = reply[position + 4 : position + 4 + length]; position += 4 + length
    return reply[0], found
kind, advertised = ask(1, option(3, b"iaid" + bytes(8)))
kind, replied = ask(3, option(2, advertised[2]) + option(3, b"iaid" + bytes(8)))
address = str(ipaddress.IPv6Address(replied[3][16:32]))
print(kind, address, ipaddress.IPv6Address(replied[23][:16]), b"ns" in replied[24])
"""

#: a broadcast of the guest's, sent back by the network
REFLECTED = """
import socket, sys
frame = b"\\xff" * 6 + bytes.fromhex(sys.argv[1].replace(":", "")) + b"\\x88\\xb5" + bytes(46)
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
    sock.bind(("eth0", 0))
    sock.send(frame)
"""


@pytest.fixture(autouse=True)
def no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pod of these tests has the machine's own /dev, which is not to be changed."""
    monkeypatch.setattr(launcher_process, "claim_device", lambda *_, **__: False)


@pytest.fixture
def resolv_conf(tmp_path: pathlib.Path) -> Iterator[str]:
    """A file that user 107 can read."""
    path = pathlib.Path(f"/tmp/playvirt-resolv-{os.getpid()}.conf")
    path.write_text(RESOLV_CONF)
    path.chmod(0o644)
    yield str(path)
    path.unlink()


@pytest.fixture
def tun_for_everybody() -> Iterator[None]:
    """In a launcher the device belongs to user 107; the machine's own is opened to it for a moment."""
    before = os.stat("/dev/net/tun").st_mode
    os.chmod("/dev/net/tun", 0o666)
    yield
    os.chmod("/dev/net/tun", before)


def plug_in(pod: Namespace, guest: Namespace, bridge: str = "k6t-eth0") -> None:
    pod.run(f"ip link add port0 mtu 1400 type veth peer name eth0 mtu 1400 netns {guest.pid}")
    pod.run(f"ip link set port0 master {bridge} up")
    guest.run(f"ip link set eth0 address {GUEST_MAC}; ip link set eth0 up")


def ask_for_address(guest: Namespace, script: pathlib.Path) -> dict[str, str]:
    """What udhcpc was told, by the names of its variables; empty where nobody answers."""
    script.write_text(DHCP_SCRIPT)
    script.chmod(0o755)
    printed = guest.run(
        f"{BUSYBOX} udhcpc -f -n -q -t 3 -T 1 -A 0 -O search -O staticroutes -O bootfile -O 240 -i eth0 -s {script} || true"
    )
    return {name: value for name, _, value in (line.partition("=") for line in printed.splitlines()) if value}


def eventually(look: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)
    return found


def test_bridge_hands_the_pods_address_to_the_guest(tmp_path: pathlib.Path, resolv_conf: str) -> None:
    with pod_namespaces.three() as (pod, peer, guest):
        told = {**TOLD, "boot_file": "pxelinux.0", "private_options": {"240": "{{ text }}"}}
        result = run(pod, **{**BRIDGE, "told": told})
        assert result["addresses"] == {"default": [POD_ADDRESS]}
        (answer,) = pod.serve_addresses(result["leases"], resolv_conf=resolv_conf)
        assert answer == {"interfaces": ["k6t-eth0"], "changed": True}
        plug_in(pod, guest)

        lease = ask_for_address(guest, tmp_path / "script")
        assert (lease["ip"], lease["mask"], lease["router"], lease["mtu"]) == (POD_ADDRESS, "24", PEER_ADDRESS, "1400")
        assert (lease["dns"], lease["hostname"], lease["bootfile"]) == ("10.96.0.10", "edge", "pxelinux.0")
        assert lease["search"].split() == ["shops.ns.svc.cluster.local", "ns.svc.cluster.local", "svc.cluster.local"]
        assert bytes.fromhex(lease["opt240"]) == b"{{ text }}"

        guest.serve(8080)
        peer.serve(9090)
        assert peer.ask(POD_ADDRESS, 8080) == f"guest saw {PEER_ADDRESS}"
        assert guest.ask(PEER_ADDRESS, 9090) == f"peer saw {POD_ADDRESS}"
        assert GUEST_MAC in peer.run("ip neighbour show"), "the guest answers for the address, not the pod's kernel"
        peer.run(f"{sys.executable} -c '{REFLECTED}' {GUEST_MAC}")
        ports = [line.split()[2] for line in pod.run("bridge fdb show br k6t-eth0").splitlines() if GUEST_MAC in line]
        assert ports == ["port0"], "what the network reflects does not move the guest"
        assert f"{POD_ADDRESS}/24" in pod.run("ip address show dev eth0"), "the pod's address is still to be seen"
        for device in ("k6t-eth0", "eth0-nic"):
            assert "inet6" not in pod.run(f"ip address show dev {device}"), "the pod itself says nothing there"


def test_bridge_tells_routes_that_a_router_does_not(tmp_path: pathlib.Path, resolv_conf: str) -> None:
    """A gateway beyond the pod's prefix, as some CNI plugins have it, and a route beside the default one."""
    with pod_namespaces.three() as (pod, _, guest):
        pod.run("ip address flush dev eth0; ip address add 10.9.9.2/32 dev eth0; ip route add 169.254.1.1 dev eth0")
        pod.run("ip route add default via 169.254.1.1 dev eth0; ip route add 10.20.0.0/16 via 169.254.1.1 dev eth0")
        pod.serve_addresses(run(pod, **BRIDGE)["leases"], resolv_conf=resolv_conf)
        plug_in(pod, guest)
        lease = ask_for_address(guest, tmp_path / "script")
        assert lease["mask"] == "32"
        assert lease["staticroutes"] == ("169.254.1.1/32 0.0.0.0 0.0.0.0/0 169.254.1.1 10.20.0.0/16 169.254.1.1")


SHOW = """
ip -brief address | sed -E 's/@if[0-9]+//; s/ (UP|DOWN|UNKNOWN|LOWERLAYERDOWN) +/ /; s# fe80::[0-9a-f:]+/64##' | sort
ip route show; ip -details link show dev eth0-nic | grep -o 'alias.*'
"""


def test_bridge_again_changes_nothing(resolv_conf: str) -> None:
    with pod_namespaces.three(ipv6=True) as (pod, *_):
        first = run(pod, **BRIDGE)
        before = pod.run(SHOW)
        second = run(pod, **BRIDGE)
        assert (second["commands"], pod.run(SHOW)) == ([], before)
        assert second["leases"] == first["leases"]
        served, again = pod.serve_addresses(first["leases"], second["leases"], resolv_conf=resolv_conf)
        assert (served["changed"], again["changed"]) == (True, False)


@pytest.mark.parametrize("lines", range(1, 14))
def test_bridge_goes_on_where_an_interrupted_run_stopped(lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends after each of its `ip` lines in turn: addresses and routes are on no device then, and are not forgotten."""
    with pod_namespaces.three(ipv6=True) as (pod, *_):
        planned = run(pod, check_mode=True, **BRIDGE)["commands"]
        batch = [line.removeprefix("ip ") for line in planned if line.startswith("ip ")]
        assert len(batch) >= 14
        pod.run("ip -batch - <<'END'\n" + "\n".join(batch[:lines]) + "\nEND\n")
        (lease,) = run(pod, **BRIDGE)["leases"]
        assert (lease["ipv4"]["client"], lease["ipv4"]["router"]) == (POD_ADDRESS, PEER_ADDRESS)
        assert not run(pod, **BRIDGE)["changed"]
        assert f"{POD_ADDRESS}/24 {POD_ADDRESS6}/64" in pod.run(SHOW)


def test_bridge_absent_gives_the_pod_its_interface_back() -> None:
    with pod_namespaces.three() as (pod, peer, _):
        run(pod, **BRIDGE)
        assert run(pod, state="absent", **BRIDGE)["changed"]
        links = pod.run("ip -brief link")
        assert "k6t-eth0" not in links
        assert "eth0-nic" not in links
        assert f"default via {PEER_ADDRESS}" in pod.run("ip route show")
        pod.serve(8080)
        assert peer.ask(POD_ADDRESS, 8080) == f"pod saw {PEER_ADDRESS}"


def test_network_without_addresses_is_bridged_and_nobody_is_told_any(resolv_conf: str) -> None:
    secondary = {"uplink": "pod0123456789a", "fallback": "net1", "bridge": "k6t-0123456789a", "tap": "tap0123456789a"}
    with pod_namespaces.three() as (pod, peer, guest):
        pod.run(f"ip link add net1 mtu 1400 type veth peer name net1 mtu 1400 netns {peer.pid}; ip link set net1 up")
        peer.run("ip address add 192.168.7.1/24 dev net1; ip link set net1 up")
        result = run(pod, **BRIDGE, **secondary)
        assert (result["leases"], result["addresses"]) == ([], {"default": []})
        plug_in(pod, guest, "k6t-0123456789a")
        guest.run("ip address add 192.168.7.2/24 dev eth0")
        peer.serve(9090)
        assert guest.ask("192.168.7.1", 9090) == "peer saw 192.168.7.2"
        assert f"{POD_ADDRESS}/24" in pod.run("ip address show dev eth0"), "the pod's own network is left alone"


def test_network_that_the_pod_does_not_have() -> None:
    with pod_namespaces.three() as (pod, *_):
        before = pod.run("ip -brief link")
        with pytest.raises(errors.PermanentError, match="the pod has no interface pod0123456789a or net1: "):
            run(
                pod,
                uplink="pod0123456789a",
                fallback="net1",
                bridge="k6t-x",
                tap="tapx",
                binding="bridge",
                mac=GUEST_MAC,
            )
        with pytest.raises(errors.PermanentError, match="the pod has no interface pod0123456789a: "):
            run(pod, uplink="pod0123456789a", binding="passt")
        assert pod.run("ip -brief link") == before


def test_passt_makes_nothing() -> None:
    with pod_namespaces.three(ipv6=True) as (pod, *_):
        result = run(pod, binding="passt")
        assert (result["changed"], result["leases"]) == (False, [])
        assert result["addresses"] == {"default": [POD_ADDRESS, POD_ADDRESS6]}


@pytest.mark.usefixtures("tun_for_everybody")
def test_ipv6_behind_masquerade(resolv_conf: str) -> None:
    """The guest's kernel takes router and prefix from the advertisement that answers its question, a client the address from DHCPv6."""
    with pod_namespaces.three(ipv6=True) as (pod, peer, guest):
        (lease,) = run(pod, told=TOLD)["leases"]
        assert not run(pod, told=TOLD)["changed"]
        pod.serve_addresses([lease], resolv_conf=resolv_conf)
        plug_in(pod, guest)
        eventually(lambda: "default via fe80::ff:fe00:0" in guest.run("ip -6 route show"))
        assert "fd10:0:2::/120" in guest.run("ip -6 route show")
        asked = eventually(lambda: guest.run(f"{sys.executable} - <<'END' || true\n{DHCPV6_CLIENT}\nEND\n"))
        assert asked.split() == ["7", GUEST_ADDRESS6, "fd00:96::a", "True"]
        guest.run(f"ip address add {GUEST_ADDRESS6}/128 dev eth0 nodad")

        guest.serve(8080)
        peer.serve(9090)
        assert peer.ask(POD_ADDRESS6, 8080) == f"guest saw {PEER_ADDRESS6}"
        assert guest.ask(PEER_ADDRESS6, 9090) == f"peer saw {POD_ADDRESS6}"


def test_only_listed_ports_are_forwarded_with_ipv6() -> None:
    with pod_namespaces.three(ipv6=True) as (pod, peer, guest):
        run(pod, ports=[{"port": 8080}])
        plug_in(pod, guest)
        guest.run(f"ip address add {GUEST_ADDRESS6}/120 dev eth0 nodad; ip -6 route add default via fd10:0:2::1")
        guest.serve(8080)
        guest.serve(8081)
        assert peer.ask(POD_ADDRESS6, 8080) == f"guest saw {PEER_ADDRESS6}"
        assert peer.ask(POD_ADDRESS6, 8081) == "ConnectionRefusedError"


def test_new_devices_without_ipv6_get_it_where_the_pod_has_it() -> None:
    with pod_namespaces.three(ipv6=True) as (pod, *_):
        pod.run("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
        run(pod)
        assert "fd10:0:2::1/120" in pod.run("ip address show dev k6t-eth0")
        assert not run(pod)["changed"]


def test_pod_without_ipv6_gets_none() -> None:
    with pod_namespaces.three() as (pod, *_):
        pod.run("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
        (lease,) = run(pod)["leases"]
        assert "ipv6" not in lease
        assert "inet6" not in pod.run("ip address show dev k6t-eth0")
        assert "ip6" not in pod.run("nft list ruleset")


def test_pod_with_ipv6_alone() -> None:
    with pod_namespaces.three(ipv6=True) as (pod, *_):
        pod.run(f"ip address del {POD_ADDRESS}/24 dev eth0")
        (lease,) = run(pod)["leases"]
        assert "ipv4" not in lease
        assert "10.0.2.1" not in pod.run("ip address show dev k6t-eth0")
        assert not run(pod)["changed"]


def test_tap_with_several_queues_is_made_anew_for_one() -> None:
    with pod_namespaces.three() as (pod, *_):
        run(pod, queues=4)
        assert "multi_queue" in pod.run("ip -details link show dev tap0")
        assert not run(pod, queues=4)["changed"]
        assert "ip link delete dev tap0" in run(pod)["commands"]
        assert "multi_queue" not in pod.run("ip -details link show dev tap0")
