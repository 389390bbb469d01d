"""TCP throughput of a server on the pod network, asked by a client in the network namespace of a pod on the same node.

In: the process id of a pod's process, the server's address. Out: MiB per second, each way. The servers are two loops of busybox's nc and dd, the same in a
guest and in a pod (SERVER); the client is a Python program for both, so that its cost is the same too.

It counts what was delivered: on the way out the client says that it is done and waits until the server, which has read everything, hangs up.
"""

from __future__ import annotations

import subprocess
import sys
import time

SOURCE_PORT, SINK_PORT = 5001, 5002
#: a shell's two loops in the background: one sends zeros to whoever comes, the other takes what comes
SERVER = (
    f"(while :; do nc -l -p {SOURCE_PORT} -e dd if=/dev/zero bs=64k || sleep 0.1; done) > /dev/null 2>&1 & "
    f"(while :; do nc -l -p {SINK_PORT} -e dd of=/dev/null bs=64k || sleep 0.1; done) > /dev/null 2>&1 &"
)
_CONNECT_SECONDS = 120.0
#: prints bytes and seconds; it only connects where the time is 0
_CLIENT = """
import socket, sys, time
way, address, port, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
connection = socket.create_connection((address, port), timeout=10)
buffer, count, started = bytearray(1 << 18), 0, time.monotonic()
while time.monotonic() - started < seconds:
    done = connection.recv_into(buffer) if way == "in" else connection.send(buffer)
    if not done:
        sys.exit("the server hung up")
    count += done
if way == "out":
    connection.settimeout(60)
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(1):
        pass
print(count, time.monotonic() - started)
"""


def _ask(client_pid: int, way: str, address: str, seconds: float) -> subprocess.CompletedProcess[str]:
    port = SOURCE_PORT if way == "in" else SINK_PORT
    program = [sys.executable, "-c", _CLIENT, way, address, str(port), str(seconds)]
    return subprocess.run(
        ["nsenter", f"--net=/proc/{client_pid}/ns/net", "--", *program],
        capture_output=True,
        text=True,
        timeout=seconds + 90,
        check=False,
    )


def measure(client_pid: int, way: str, address: str, seconds: float) -> float:
    """MiB per second `in` to the client or `out` of it. Raises TimeoutError where no server answers: one that has just served someone comes again soon."""
    deadline = time.monotonic() + _CONNECT_SECONDS
    while (done := _ask(client_pid, way, address, seconds)).returncode:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{address} does not serve '{way}': {done.stderr.strip()}")
        time.sleep(0.3)
    count, taken = map(float, done.stdout.split())
    return count / taken / (1 << 20)
