"""Guests on the cluster's network: each binding, Services with TCP and UDP, NodePorts, NetworkPolicies, name resolution, a link that is down.

In scope: what a guest sees of its network, and who reaches it. Not in scope: networks that Multus attaches, which the embedded cluster does not have; the
network namespace of the pod, which tests/integration looks at.
"""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from typing import Any

import pytest
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import guest as guests
from ansible_collections.playvirt.core.tests.e2e import machines
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

PAGE = "tiny is a playvirt guest"
USER_DATA = "#cloud-config\nhostname: tiny\n"
#: the guest's web page behind a Service, asked for by name; only nslookup of a static busybox knows the guest's name servers
FETCH = (
    "address=$(nslookup {name} | awk '/^Name/ {{found = 1}} found && /^Address/ {{print $2; exit}}');"
    " wget -q -O - http://$address/"
)
#: answers every datagram with its text and the guest's name
ECHO = """#cloud-config
hostname: echo
write_files:
  - path: /usr/local/bin/echo-server
    permissions: "0755"
    content: |
      #!/usr/bin/python3
      import socket
      server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      server.bind(("", 5353))
      while True:
          text, peer = server.recvfrom(1500)
          server.sendto(text + b" to " + socket.gethostname().encode(), peer)
runcmd:
  - [sh, -c, "/usr/local/bin/echo-server > /dev/null 2>&1 &"]
"""


def instance(name: str, interface: dict[str, Any], **more: Any) -> machines.Object:
    """A VirtualMachineInstance with the label `app: NAME`, this interface on the pod's network, and more fields of its spec."""
    made = machines.instance(name, user_data=USER_DATA)
    made["metadata"]["labels"] = {"app": name}
    made["spec"]["domain"]["devices"]["interfaces"] = [{"name": "default", **interface}]
    made["spec"] |= more
    return made


def client(namespace: namespaces.Namespace, name: str) -> None:
    """A pod with a shell and the label `app: NAME`, once it runs."""
    pod = machines.client_pod(name)
    pod["metadata"]["labels"] = {"app": name}
    namespace.apply(pod)
    namespace.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=180s")


def pod_address(namespace: namespaces.Namespace, name: str) -> str:
    """The address of a guest's pod, which the kubelet may tell only after the guest runs."""

    def look() -> str:
        return str(((namespace.launcher(name) or {}).get("status") or {}).get("podIP", ""))

    return str(namespace.wait_for(f"the address of {name}'s pod", 60, look))


def get(address: str) -> str:
    """The web page at an address, asked for by this machine; empty where there is no answer."""
    try:
        with urllib.request.urlopen(f"http://{address}/", timeout=5) as answer:
            return str(answer.read().decode().strip())
    except (OSError, urllib.error.URLError):
        return ""


def wait_page(namespace: namespaces.Namespace, address: str) -> None:
    namespace.wait_for(f"{PAGE} at {address}", namespaces.BOOT_SECONDS, lambda: get(address) == PAGE)


def guest_addresses(console: guests.Guest) -> list[str]:
    """The IPv4 addresses of the guest's first interface."""
    shown = console.run("ip -o -4 addr show dev eth0 | awk '{print $4}'")
    return [line.partition("/")[0] for line in shown.split()]


@pytest.mark.parametrize(
    "interface",
    [{"bridge": {}}, {"passtBinding": {}, "ports": [{"port": 80}]}],
    ids=["bridge", "passt"],
)
def test_guest_with_the_pods_own_address(namespace: namespaces.Namespace, interface: dict[str, Any]) -> None:
    """The guest has the address that the status tells; its page is there for this machine and, behind a Service, for a pod."""
    namespace.apply(instance("own", interface))
    namespace.apply(machines.service("web", app="own", port=80))
    client(namespace, "asker")
    namespace.wait_running("own")
    address = pod_address(namespace, "own")
    namespace.wait_for(
        "the address in the status",
        60,
        lambda: namespace.instance("own")["status"]["interfaces"][0].get("ipAddress") == address,
    )

    wait_page(namespace, address)
    namespace.wait_for(PAGE, 60, lambda: namespace.fetch("asker", "web") == PAGE)
    with namespace.console("own") as console:
        console.log_in("root", "playvirt")
        assert guest_addresses(console) == [address]
        mac = console.run("cat /sys/class/net/eth0/address")
        assert mac == namespace.instance("own")["status"]["interfaces"][0]["mac"]
        assert f"search {namespace.name}.svc.cluster.local" in console.run("cat /etc/resolv.conf")


def test_two_guests_talk_over_a_service(namespace: namespaces.Namespace) -> None:
    """One guest asks the other's Service by its name; behind masquerade on one side, bridged on the other."""
    namespace.apply(instance("server", {"masquerade": {}, "ports": [{"name": "http", "port": 80}]}))
    namespace.apply(instance("asker", {"bridge": {}}))
    namespace.apply(machines.service("web", app="server", port=80))
    for name in ("server", "asker"):
        namespace.wait_running(name)
    wait_page(namespace, pod_address(namespace, "server"))
    with namespace.console("asker") as console:
        console.log_in("root", "playvirt")
        fetch = FETCH.format(name=f"web.{namespace.name}.svc.cluster.local")
        namespace.wait_for("the other guest's page", 120, lambda: console.run(fetch, check=False) == PAGE)


def test_node_port(namespace: namespaces.Namespace) -> None:
    """A Service of type NodePort leads from every node's address to the guest."""
    namespace.apply(instance("web", {"masquerade": {}}))
    service = machines.service("web", app="web", port=80)
    service["spec"]["type"] = "NodePort"
    namespace.apply(service)
    namespace.wait_running("web")
    found = namespace.find("Service", "web")
    assert found is not None
    port = found["spec"]["ports"][0]["nodePort"]
    for node in namespace.cluster.find_all("Node"):
        (address,) = [entry["address"] for entry in node["status"]["addresses"] if entry["type"] == "InternalIP"]
        wait_page(namespace, f"{address}:{port}")


def ask_datagram(address: str, port: int) -> str:
    """What a datagram server answers to `hello`; empty where it does not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(3)
        try:
            sock.sendto(b"hello", (address, port))
            return sock.recv(1500).decode()
        except OSError:
            return ""


def test_udp_service(namespace: namespaces.Namespace) -> None:
    """A Service with UDP, at its own address and at a node's; the tiny guest has no datagram server, Debian has Python."""
    made = machines.instance("echo", image=machines.DEBIAN_IMAGE, memory="512Mi", user_data=ECHO)
    made["metadata"]["labels"] = {"app": "echo"}
    namespace.apply(made)
    service = machines.service("echo", app="echo", port=5353)
    service["spec"] |= {"type": "NodePort", "ports": [{"port": 5353, "protocol": "UDP"}]}
    namespace.apply(service)
    namespace.wait_running("echo")
    found = namespace.find("Service", "echo")
    assert found is not None
    node = namespace.cluster.find_all("Node")[0]
    (address,) = [entry["address"] for entry in node["status"]["addresses"] if entry["type"] == "InternalIP"]
    seconds = 3 * namespaces.BOOT_SECONDS
    for target in ((found["spec"]["clusterIP"], 5353), (address, found["spec"]["ports"][0]["nodePort"])):
        namespace.wait_for(
            f"an answer of {target}", seconds, lambda target=target: ask_datagram(*target) == "hello to echo"
        )


def policy(ingress: list[machines.Object]) -> machines.Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "guard"},
        "spec": {"podSelector": {"matchLabels": {"app": "guarded"}}, "policyTypes": ["Ingress"], "ingress": ingress},
    }


def test_network_policy(namespace: namespaces.Namespace) -> None:
    """A NetworkPolicy selects the guest by the VirtualMachineInstance's labels: nobody gets in, then one pod does and another does not."""
    namespace.apply(instance("guarded", {"masquerade": {}}))
    namespace.apply(machines.service("web", app="guarded", port=80))
    for name in ("friend", "stranger"):
        client(namespace, name)
    namespace.wait_running("guarded")
    for name in ("friend", "stranger"):
        namespace.wait_for(
            f"{name} gets the page without a policy",
            namespaces.BOOT_SECONDS,
            lambda name=name: namespace.fetch(name, "web") == PAGE,
        )

    namespace.apply(policy([]))
    namespace.wait_for("nobody gets in", 60, lambda: not namespace.fetch("friend", "web"))
    assert not namespace.fetch("stranger", "web")

    namespace.apply(policy([{"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}]}]))
    namespace.wait_for("the friend gets in", 60, lambda: namespace.fetch("friend", "web") == PAGE)
    assert not namespace.fetch("stranger", "web")

    namespace.kubectl("delete", "networkpolicy", "guard")
    namespace.wait_for("everybody gets in again", 60, lambda: namespace.fetch("stranger", "web") == PAGE)


def test_names_and_link(namespace: namespaces.Namespace) -> None:
    """The guest is told the VMI's name servers and search list, and its subdomain's where there is a cluster domain; a link that is down is down inside too."""
    search = f"{namespace.name}.svc.cluster.local"
    config = {"nameservers": ["192.0.2.53"], "searches": [search, "example.org"]}
    namespace.apply(instance("named", {"masquerade": {}}, dnsPolicy="None", dnsConfig=config, subdomain="shops"))
    namespace.apply(instance("cut", {"bridge": {}, "state": "down"}))
    for name in ("named", "cut"):
        namespace.wait_running(name)
    with namespace.console("named") as console:
        console.log_in("root", "playvirt")
        lines = console.run("cat /etc/resolv.conf").split("\n")
        assert [line.strip() for line in lines] == [
            f"search shops.{search} {search} example.org",
            "nameserver 192.0.2.53",
        ]
    assert namespace.instance("cut")["status"]["interfaces"][0]["linkState"] == "down"
    with namespace.console("cut") as console:
        console.log_in("root", "playvirt")
        assert console.run("cat /sys/class/net/eth0/carrier") == "0"
        assert guest_addresses(console) == []


def test_interface_that_cannot_be(cluster: clusters.Cluster, namespace: namespaces.Namespace) -> None:
    """A network that the pod does not get: the VMI says which interface is missing; made again without it, it runs."""
    made = instance("lost", {"masquerade": {}})
    made["spec"]["domain"]["devices"]["interfaces"].append({"name": "lab", "bridge": {}})
    made["spec"]["networks"].append({"name": "lab", "multus": {"networkName": "lab"}})
    namespace.apply(made)

    def message() -> str:
        found = clusters.condition(namespace.instance("lost"), "Synchronized")
        return str(found.get("message", "")) if found.get("status") == "False" else ""

    told = namespace.wait_for("the condition", namespaces.START_SECONDS, message)
    assert "the pod has no interface pod" in told
    assert "or net1: " in told
    pod = namespace.launcher("lost")
    assert pod is not None
    (asked,) = json.loads(pod["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"])
    assert (asked["name"], asked["namespace"]) == ("lab", namespace.name)

    namespace.kubectl("delete", "virtualmachineinstance", "lost", "--wait=true", seconds=namespaces.END_SECONDS)
    namespace.apply(instance("lost", {"masquerade": {}}))
    namespace.wait_running("lost")
