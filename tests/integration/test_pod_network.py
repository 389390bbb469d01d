"""Module pod_network with masquerade in network namespaces that the test makes: a pod between a peer and a guest, with real packets between the three."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import launcher_process
from ansible_collections.playvirt.core.tests.integration import pod_namespaces
from ansible_collections.playvirt.core.tests.integration.pod_namespaces import (
    GUEST_ADDRESS,
    PEER_ADDRESS,
    POD_ADDRESS,
    Namespace,
    run,
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not pod_namespaces.is_possible(), reason=f"needs root and {', '.join(pod_namespaces.NEEDED)}"),
]

#: links and rules; not whether the other end of a link is up, of which the kernel tells a little later
SHOW = """
ip -brief link | sed -E 's/ (UP|DOWN|UNKNOWN|LOWERLAYERDOWN) +/ /; s/NO-CARRIER,|,LOWER_UP//g'
nft list ruleset
"""


@pytest.fixture
def namespaces() -> Iterator[tuple[Namespace, Namespace, Namespace]]:
    with pod_namespaces.three() as made:
        yield made


@pytest.fixture(autouse=True)
def no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pod of these tests has the machine's own /dev, which is not to be changed."""
    monkeypatch.setattr(launcher_process, "claim_device", lambda *_, **__: False)


def connect_guest(pod: Namespace, guest: Namespace) -> None:
    pod.run(f"ip link add port0 mtu 1400 type veth peer name eth0 mtu 1400 netns {guest.pid}")
    pod.run("ip link set port0 master k6t-eth0 up")
    guest.run(f"ip address add {GUEST_ADDRESS}/24 dev eth0; ip link set eth0 up; ip route add default via 10.0.2.1")


Three = tuple[Namespace, Namespace, Namespace]


def test_guest_is_reached_at_the_pods_address_and_reaches_out_with_it(namespaces: Three) -> None:
    pod, peer, guest = namespaces
    result = run(pod)
    (lease,) = result["leases"]
    assert (lease["mtu"], lease["ipv4"]["client"], result["addresses"]) == (
        1400,
        GUEST_ADDRESS,
        {"default": [POD_ADDRESS]},
    )
    connect_guest(pod, guest)
    guest.serve(8080)
    peer.serve(9090)
    assert peer.ask(POD_ADDRESS, 8080) == f"guest saw {PEER_ADDRESS}"
    assert pod.ask("127.0.0.1", 8080) == "guest saw 10.0.2.1"
    assert guest.ask(PEER_ADDRESS, 9090) == f"peer saw {POD_ADDRESS}"


def test_only_listed_ports_are_forwarded(namespaces: Three) -> None:
    pod, peer, guest = namespaces
    run(pod, ports=[{"port": 8080}, {"port": 53, "protocol": "UDP"}])
    connect_guest(pod, guest)
    guest.serve(8080)
    guest.serve(8081)
    assert peer.ask(POD_ADDRESS, 8080) == f"guest saw {PEER_ADDRESS}"
    assert peer.ask(POD_ADDRESS, 8081) == "ConnectionRefusedError"
    assert run(pod)["changed"]
    assert peer.ask(POD_ADDRESS, 8081) == f"guest saw {PEER_ADDRESS}"


def test_second_run_changes_nothing(namespaces: Three) -> None:
    pod, *_ = namespaces
    ports = [{"port": 80}, {"port": 443}, {"port": 53, "protocol": "UDP"}]
    assert run(pod, ports=ports)["changed"]
    before = pod.run(SHOW)
    assert run(pod, ports=ports)["commands"] == []
    assert pod.run(SHOW) == before


@pytest.mark.parametrize(
    "damage",
    [
        "ip link delete tap0",
        "ip link delete k6t-eth0",
        "ip link delete tap0; ip link delete k6t-eth0; nft delete table ip playvirt",
        "ip link set tap0 nomaster; ip link set k6t-eth0 down",
        "nft flush table ip playvirt; nft delete chain ip playvirt version",
        "echo 0 > /proc/sys/net/ipv4/ip_forward",
        "ip link delete tap0; ip tuntap add dev tap0 mode tap user 1000",
    ],
)
def test_run_repairs_what_an_interrupted_run_has_left(namespaces: Three, damage: str) -> None:
    pod, *_ = namespaces
    run(pod)
    wanted = pod.run(
        "ip -brief address show dev k6t-eth0; nft list ruleset; ip -details link show dev tap0 | grep -c 'user 107 group 107'"
    )
    pod.run(damage)
    assert run(pod)["changed"]
    assert not run(pod)["changed"]
    found = pod.run(
        "ip -brief address show dev k6t-eth0; nft list ruleset; ip -details link show dev tap0 | grep -c 'user 107 group 107'"
    )
    assert [line for line in found.splitlines() if "k6t-eth0" not in line] == [
        line for line in wanted.splitlines() if "k6t-eth0" not in line
    ]
    assert "10.0.2.1/24" in found


def test_check_mode_and_absent_leave_a_clean_namespace(namespaces: Three) -> None:
    pod, *_ = namespaces
    before = pod.run(SHOW)
    assert run(pod, check_mode=True)["changed"]
    assert pod.run(SHOW) == before
    run(pod)
    assert run(pod, state="absent")["changed"]
    assert pod.run(SHOW) == before


def test_tap_can_be_opened_by_its_owner_without_any_capability(namespaces: Three) -> None:
    pod, *_ = namespaces
    run(pod)
    program = (
        "import fcntl, os, struct; fd = os.open('/dev/net/tun', os.O_RDWR); os.setgroups([]); os.setgid(107); os.setuid(107);"
        "fcntl.ioctl(fd, 0x400454CA, struct.pack('16sH', b'tap0', 0x5002)); print('opened')"
    )
    assert pod.run(f'{sys.executable} -c "{program}"') == "opened\n"


def test_launcher_that_is_gone(namespaces: Three) -> None:
    pod, *_ = namespaces
    os.kill(pod.pid, signal.SIGKILL)
    pod.holder.wait()
    with pytest.raises(errors.NotReady, match="is gone"):
        run(pod)
