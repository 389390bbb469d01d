"""A handler that does what it is told, for test_launcher_pod.py: it runs in the pod of manifests/launcher-node.yaml.

    launcher_node.py serve DIRECTORY   listen for launchers at DIRECTORY/handler.sock, make DIRECTORY/tun
    launcher_node.py ask JSON          have the serving process do one thing; prints its answer as JSON

It has none of virt-handler's care: it trusts the launcher, as the test has made it.
"""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import signal
import socket
import stat
import struct
import subprocess
import sys
from typing import Any

import libvirt

CONTROL = "/tmp/control.sock"
MAX_LINE = 1 << 20


class Launcher:
    """One launcher: its process, its line, what it said."""

    def __init__(self, name: str, writer: asyncio.StreamWriter, fence_seconds: float) -> None:
        self.name = name
        self.writer = writer
        credentials = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        self.pid, self.uid, self.gid = struct.unpack("iii", credentials)
        self.states: list[dict[str, str]] = []
        self.answers: dict[int, asyncio.Future[Any]] = {}
        self.renewing = True
        self.fence_seconds = fence_seconds

    def send(self, message: object) -> None:
        self.writer.write(json.dumps(message).encode() + b"\n")

    async def renew(self) -> None:
        while self.renewing:
            self.send({"renew": {"seconds": self.fence_seconds}})
            await asyncio.sleep(1)

    async def command(self, command: str, arguments: object) -> Any:
        number = len(self.answers) + 1
        self.answers[number] = asyncio.get_running_loop().create_future()
        self.send({"id": number, "command": command, "arguments": arguments})
        return await asyncio.wait_for(self.answers[number], 60)

    def processes(self) -> dict[str, int]:
        """Processes of the launcher's pid namespace by their short name."""
        namespace = os.readlink(f"/proc/{self.pid}/ns/pid")
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "ns/pid") == namespace:
                    found[(entry / "comm").read_text().strip()] = int(entry.name)
            except OSError:
                continue
        return found


class Node:
    """All launchers, by the name of their VMI."""

    def __init__(self) -> None:
        self.launchers: dict[str, Launcher] = {}

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = json.loads(await reader.readline())["hello"]
        launcher = Launcher(hello["name"], writer, 60)
        before = self.launchers.get(launcher.name)
        if before is not None:
            launcher.states = before.states
        self.launchers[launcher.name] = launcher
        renewing = asyncio.create_task(launcher.renew())
        while line := await reader.readline():
            message = json.loads(line)
            if "domain" in message:
                launcher.states.append(message["domain"])
            else:
                launcher.answers[message["id"]].set_result(message)
        renewing.cancel()
        writer.close()

    async def control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        order = json.loads(await reader.readline())
        try:
            answer = {"answer": await self.obey(order.pop("do"), self.launchers.get(order.pop("name")), order)}
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {error} {getattr(error, 'stderr', '')}"}
        writer.write(json.dumps(answer).encode())
        writer.close()

    async def obey(self, what: str, launcher: Launcher | None, order: dict[str, Any]) -> Any:
        if launcher is None:
            return None
        connection = f"qemu+unix:///session?socket=/proc/{launcher.pid}/root/run/libvirt/libvirt-sock"
        match what:
            case "states":
                return launcher.states
            case "command":
                return await launcher.command(order["command"], order["arguments"])
            case "network":
                return await asyncio.to_thread(make_network, launcher.pid)
            case "start":
                return await asyncio.to_thread(start, connection, order["xml"])
            case "processes":
                return launcher.processes()
            case "kill":
                os.kill(launcher.processes()[order["program"]], getattr(signal, order["signal"]))
                return True
            case "stop_renewing":
                launcher.renewing = False
                return True
            case "fetch":
                return await asyncio.to_thread(fetch, launcher.pid, order["url"])
            case "status":
                return pathlib.Path(f"/proc/{launcher.pid}/status").read_text()
        raise ValueError(what)


def inside(pid: int, *argv: str) -> str:
    """Run a program in a launcher's network namespace."""
    return subprocess.run(
        ["nsenter", f"--net=/proc/{pid}/ns/net", *argv], check=True, capture_output=True, text=True
    ).stdout


def fetch(pid: int, url: str) -> str:
    """The page at a URL, asked for in a launcher's network namespace; empty where nobody answers."""
    program = f"import urllib.request as u; print(u.urlopen({url!r}, timeout=5).read())"
    try:
        return inside(pid, "python3", "-c", program)
    except subprocess.CalledProcessError:
        return ""


def make_network(pid: int) -> bool:
    """The bridge and the tap that virt-handler would make."""
    for line in (
        "ip link add k6t-eth0 type bridge",
        "ip address add 10.0.2.1/24 dev k6t-eth0",
        "ip tuntap add dev tap0 mode tap user 107 group 107",
        "ip link set tap0 master k6t-eth0 up",
        "ip link set k6t-eth0 up",
    ):
        inside(pid, *line.split())
    return True


def start(uri: str, xml: str) -> bool:
    """Define and start a domain through the launcher's libvirtd."""
    connection = libvirt.open(uri)
    connection.defineXML(xml).create()
    connection.close()
    return True


async def serve(directory: str) -> None:
    """Listen until killed."""
    tun = f"{directory}/tun"
    if not os.path.exists(tun):
        os.mknod(tun, stat.S_IFCHR | 0o666, os.makedev(10, 200))
    os.chmod(tun, 0o666)
    node = Node()
    for path, serve_client in ((CONTROL, node.control), (f"{directory}/handler.sock", node.accept)):
        pathlib.Path(path).unlink(missing_ok=True)
        await asyncio.start_unix_server(serve_client, path, limit=MAX_LINE)
        os.chmod(path, 0o666)
    await asyncio.Event().wait()


def ask(order: str) -> str:
    """Have the serving process do something."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(CONTROL)
        connection.sendall(order.encode() + b"\n")
        with connection.makefile() as answer:
            return answer.read()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve(sys.argv[2]))
    else:
        print(ask(sys.argv[2]))
