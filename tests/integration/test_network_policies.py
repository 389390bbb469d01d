"""kube-router as role embedded_cluster runs it: a real API server with pods and NetworkPolicies; a node and pods as network namespaces; real packets.

The pods exist in the API by what the agent reads of them (labels, address, node), and as namespaces on the node's bridge, as its CNI plugin makes them.
Needs root, ip, iptables, ipset, nsenter, unshare, and the programs of the embedded cluster, kube-router among them.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.playvirt.core.tests.integration import bare_api_server
from ansible_collections.playvirt.core.tests.integration.pod_namespaces import Namespace

NEEDED = ("ip", "iptables", "ipset", "nsenter", "unshare")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(shutil.which(name) for name in NEEDED),
        reason=f"needs root and {', '.join(NEEDED)}",
    ),
]
ROLE = pathlib.Path(__file__).parents[2] / "roles/embedded_cluster"
BUILDS = pathlib.Path.home() / ".cache/playvirt/bin"
NODE_ADDRESS, ADDRESSES = (
    "100.66.128.1",
    {"server": "100.66.128.2", "friend": "100.66.128.3", "stranger": "100.66.128.4"},
)
SECONDS = 30.0
MERGE = "application/merge-patch+json"
POLICIES = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"


def find_agent() -> pathlib.Path:
    found = sorted(BUILDS.glob("kube-router-*/kube-router"), key=lambda path: path.stat().st_mtime)
    if not found:
        pytest.skip("kube-router is not built: run `make cluster` once (cluster-down keeps it)")
    return found[-1]


def arguments(kubeconfig: pathlib.Path) -> list[str]:
    """The role's own arguments, for a node `node01`."""
    lines = yaml.safe_load((ROLE / "vars/main/policies.yml").read_text())["embedded_cluster_policy_agent_lines"]
    flags = [line.strip().removeprefix("- ") for line in lines.splitlines() if line.strip().startswith("- --")]
    values = {
        "{{ embedded_cluster_etc }}/kube-router.kubeconfig": str(kubeconfig),
        "{{ node.name }}": "node01",
        "{{ embedded_cluster_service_range }}": "100.66.64.0/20",
    }
    for name, value in values.items():
        flags = [flag.replace(name, value) for flag in flags]
    assert not [flag for flag in flags if "{{" in flag]
    return flags


@contextlib.contextmanager
def reachable(node: Namespace, port: int) -> Iterator[None]:
    """The API server's port of this machine's loopback at the node's: a socket belongs to the namespace in which it was made."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{node.pid}/ns/net", os.O_RDONLY)
    made: list[socket.socket] = []

    def listen() -> None:
        os.setns(there, os.CLONE_NEWNET)
        made.append(socket.create_server(("127.0.0.1", port)))
        os.setns(here, os.CLONE_NEWNET)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    (listener,) = made

    def copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                target.sendall(chunk)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def relay(client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            upward = threading.Thread(target=copy, args=(client, server))
            upward.start()
            copy(server, client)
            upward.join()

    relays: list[threading.Thread] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                relays.append(threading.Thread(target=relay, args=(listener.accept()[0],)))
                relays[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        for waited in (accepting, *relays):
            waited.join(timeout=10)
        listener.close()
        os.close(here)
        os.close(there)


class Node:
    """A node with a bridge and pods, and the agent in it."""

    def __init__(self, stack: contextlib.ExitStack, api: bare_api_server.BareAPIServer) -> None:
        self.api = api
        self.namespace = Namespace("node01")
        stack.callback(self.namespace.end)
        self.namespace.run(
            f"ip link add cni0 type bridge; ip address add {NODE_ADDRESS}/24 dev cni0; ip link set cni0 up"
        )
        self.namespace.run("echo 1 > /proc/sys/net/ipv4/ip_forward")
        self.pods: dict[str, Namespace] = {}
        for index, (name, address) in enumerate(ADDRESSES.items()):
            pod = self.pods[name] = Namespace(name)
            stack.callback(pod.end)
            self.namespace.run(f"ip link add veth{index} type veth peer name eth0 netns {pod.pid}")
            self.namespace.run(f"ip link set veth{index} master cni0 up")
            pod.run(
                f"ip address add {address}/24 dev eth0; ip link set eth0 up; ip route add default via {NODE_ADDRESS}"
            )
        stack.enter_context(reachable(self.namespace, int(api.url.rpartition(":")[2])))

    def start_agent(self, stack: contextlib.ExitStack, log: pathlib.Path) -> subprocess.Popen[bytes]:
        enter = ["nsenter", f"--target={self.namespace.pid}", "--net", "--uts", "--"]
        command = [*enter, str(find_agent()), *arguments(self._kubeconfig())]
        with log.open("ab") as file:
            agent = subprocess.Popen(command, stdout=file, stderr=file)
        stack.callback(agent.wait)
        stack.callback(agent.kill)
        return agent

    def _kubeconfig(self) -> pathlib.Path:
        """That of a user who has the rights that the role gives, and no other."""
        content = yaml.safe_load(self.api.kubeconfig().read_text())
        content["users"][0]["user"]["as"] = "system:kube-router"
        path = self.api.folder / "kube-router.kubeconfig"
        path.write_text(yaml.safe_dump(content))
        return path

    def is_healthy(self) -> bool:
        """What the role waits for, at the node's address as from the machine."""
        program = f"import urllib.request; print(urllib.request.urlopen('http://{NODE_ADDRESS}:20244/healthz', timeout=2).status)"
        return self.namespace.run(f'{sys.executable} -c "{program}" 2>/dev/null || true').strip() == "200"

    def rules(self) -> str:
        return self.namespace.run("iptables-save; ipset list -name")


def make_objects(api: bare_api_server.BareAPIServer) -> None:
    api.kubectl("apply", "-f", str(ROLE / "templates/kube-router.yaml.j2"))
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node01"}}
    api.request("POST", "/api/v1/nodes", node)
    status = {"status": {"addresses": [{"type": "InternalIP", "address": NODE_ADDRESS}]}}
    api.request("PATCH", "/api/v1/nodes/node01/status", status, content_type=MERGE)
    api.request(
        "POST",
        "/api/v1/namespaces/default/serviceaccounts",
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}},
    )
    for name, address in ADDRESSES.items():
        spec = {
            "nodeName": "node01",
            "containers": [{"name": "c", "image": "i"}],
            "automountServiceAccountToken": False,
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}
        api.request("POST", "/api/v1/namespaces/default/pods", pod)
        status = {"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "hostIP": NODE_ADDRESS}}
        api.request("PATCH", f"/api/v1/namespaces/default/pods/{name}/status", status, content_type=MERGE)


def policy(ingress: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "guard"},
        "spec": {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"], "ingress": ingress},
    }


def eventually(look: Callable[[], bool], what: str, log: pathlib.Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not look():
        assert time.monotonic() < deadline, f"not within {SECONDS:g} s: {what}\n{log.read_text()[-3000:]}"
        time.sleep(0.2)


def test_policies_block_and_allow_and_the_rules_end_with_the_node(tmp_path: pathlib.Path) -> None:
    find_agent()
    log = tmp_path / "kube-router.log"
    with contextlib.ExitStack() as stack:
        try:
            api = stack.enter_context(bare_api_server.running())
        except bare_api_server.APIServerError as error:
            pytest.skip(str(error))
        make_objects(api)
        node = Node(stack, api)
        server, friend, stranger = (node.pods[name] for name in ADDRESSES)
        server.serve(80)
        server.serve(81)

        def reaches(pod: Namespace, port: int = 80) -> bool:
            return pod.ask(ADDRESSES["server"], port, seconds=1).startswith("server saw")

        agent = node.start_agent(stack, log)
        eventually(lambda: "KUBE-ROUTER-FORWARD" in node.rules(), "the agent's chains", log)
        eventually(node.is_healthy, "the agent says that it works", log)
        assert reaches(friend), "without a policy everything is allowed"
        assert reaches(stranger)

        api.request("POST", POLICIES, policy([]))
        eventually(lambda: not reaches(friend), "a policy without rules lets nobody in", log)

        peer = {"podSelector": {"matchLabels": {"app": "friend"}}}
        allowed = policy([{"from": [peer], "ports": [{"port": 80, "protocol": "TCP"}]}])
        api.request("PUT", f"{POLICIES}/guard", allowed)
        eventually(lambda: reaches(friend), "the friend is let in", log)
        assert not reaches(stranger)
        assert not reaches(friend, 81), "the policy speaks of port 80"

        agent.kill()
        agent.wait()
        assert not reaches(stranger), "what is in force stays while the agent is away"
        api.request("DELETE", f"{POLICIES}/guard")
        node.start_agent(stack, log)
        eventually(lambda: reaches(stranger), "an agent that comes back forgets what is gone", log)
    assert "KUBE-ROUTER" not in subprocess.check_output(["iptables-save"], text=True), (
        "the machine has none of the rules"
    )
    assert not subprocess.check_output(["ipset", "list", "-name"])
