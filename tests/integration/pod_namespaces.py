"""A pod between a peer and a guest: three network namespaces, with real packets between them, and the launcher's part served by a process without rights.

The guest is a namespace on a port of the pod's bridge, where a virtual machine would be behind the tap. In: nothing. Out: `Namespace`s. Called by the tests
of what module pod_network makes; they need root, ip, nft, unshare and nsenter.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.common import arg_spec
from ansible_collections.playvirt.core.plugins.modules import pod_network

COLLECTIONS = str(pathlib.Path(pod_network.__file__).parents[5])
NEEDED = ("ip", "nft", "unshare", "nsenter")
POD_ADDRESS, PEER_ADDRESS, GUEST_ADDRESS = "10.9.9.2", "10.9.9.1", "10.0.2.2"
POD_ADDRESS6, PEER_ADDRESS6, GUEST_ADDRESS6 = "fd00:9::2", "fd00:9::1", "fd10:0:2::2"
ASK = "import socket, sys; s = socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3])); print(s.makefile().readline())"
ANSWER = """
import socket
server = socket.create_server(("::", int(__import__("sys").argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
while True:
    connection, peer = server.accept()
    connection.sendall(f"{socket.gethostname()} saw {peer[0].removeprefix('::ffff:')}\\n".encode())
    connection.close()
"""


#: what the launcher runs on the handler's command, as user 107 without capabilities
SERVE = """
import asyncio, json, os, sys
from ansible_collections.playvirt.core.images.virt_launcher import address_service, arguments
os.setgroups([]); os.setgid(107); os.setuid(107)
async def serve():
    service = address_service.AddressService(resolv_conf=sys.argv[2])
    for leases in json.loads(sys.argv[1]):
        print(json.dumps(await service.serve_dhcp(arguments.Arguments("serve_dhcp", {"leases": leases}))), flush=True)
    await asyncio.Event().wait()
asyncio.run(serve())
"""


def is_possible() -> bool:
    """Whether this machine can do it."""
    return os.geteuid() == 0 and all(shutil.which(name) for name in NEEDED)


class Namespace:
    """A network namespace, held by a process that waits for its stdin to close."""

    def __init__(self, name: str) -> None:
        command = [
            "unshare",
            "--net",
            "--uts",
            "--kill-child",
            "--",
            "sh",
            "-c",
            f"hostname {name}; echo ready; exec cat",
        ]
        self.holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        assert self.holder.stdout is not None
        assert self.holder.stdout.readline() == b"ready\n"
        self.pid = self.holder.pid
        self.servers: list[subprocess.Popen[bytes]] = []
        self.run("ip link set lo up")

    @property
    def _enter(self) -> list[str]:
        return ["nsenter", f"--target={self.pid}", "--net", "--uts", "--"]

    def run(self, script: str) -> str:
        ended = subprocess.run(
            [*self._enter, "sh", "-euc", script], capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def serve(self, port: int) -> None:
        """Answer on a TCP port with this namespace's name and the address that the caller has."""
        server = subprocess.Popen([*self._enter, sys.executable, "-c", ANSWER, str(port)], stdout=subprocess.PIPE)
        assert server.stdout is not None
        self.servers.append(server)
        assert server.stdout.readline() == b"ready\n"

    def ask(self, address: str, port: int, *, seconds: float = 15) -> str:
        """What the server at an address answers, or the name of the error."""
        command = [*self._enter, sys.executable, "-c", ASK, address, str(port), str(seconds)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return ended.stdout.strip() or ended.stderr.splitlines()[-1].partition(":")[0]

    def serve_addresses(self, *commands: list[dict[str, Any]], resolv_conf: str) -> list[dict[str, Any]]:
        """Serve what each command's leases say, the last one from then on; returns the answers."""
        self.run("echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start")  # as every launcher pod has it
        argv = [*self._enter, sys.executable, "-c", SERVE, json.dumps(commands), resolv_conf]
        server = subprocess.Popen(argv, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": COLLECTIONS})
        assert server.stdout is not None
        self.servers.append(server)
        return [json.loads(server.stdout.readline()) for _ in commands]

    def end(self) -> None:
        for process in (*self.servers, self.holder):
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()


@contextlib.contextmanager
def three(*, ipv6: bool = False) -> Iterator[tuple[Namespace, Namespace, Namespace]]:
    """Pod, peer and guest; pod and peer are connected."""
    with contextlib.ExitStack() as stack:
        made = []
        for name in ("pod", "peer", "guest"):
            made.append(Namespace(name))
            stack.callback(made[-1].end)
        pod, peer, guest = made
        pod.run(f"ip link add eth0 mtu 1400 type veth peer name eth0 mtu 1400 netns {peer.pid}")
        pod.run(
            f"ip address add {POD_ADDRESS}/24 dev eth0; ip link set eth0 up; ip route add default via {PEER_ADDRESS}"
        )
        peer.run(f"ip address add {PEER_ADDRESS}/24 dev eth0; ip link set eth0 up")
        if ipv6:
            pod.run(f"ip address add {POD_ADDRESS6}/64 dev eth0 nodad; ip -6 route add default via {PEER_ADDRESS6}")
            peer.run(f"ip address add {PEER_ADDRESS6}/64 dev eth0 nodad")
        yield pod, peer, guest


def run(pod: Namespace, *, check_mode: bool = False, state: str = "present", **interface: Any) -> dict[str, Any]:
    """One interface of the guest, with these options."""
    params = {"pid": pod.pid, "state": state, "interfaces": [interface]}
    validated = arg_spec.ArgumentSpecValidator(pod_network.ARGUMENT_SPEC).validate(params)
    assert not validated.error_messages
    return pod_network.run(validated.validated_parameters, check_mode=check_mode)
