"""A launcher that has been taken over, for test_security.py: `python3 -c` inside a container of the launcher's image.

    ... PLANT TARGET NAMESPACE NAME UID STATE

It plants something in place of libvirt's socket and links where the disks belong, then takes the launcher's place at virt-handler: it says hello in the
name of the instance given, reports that state of the domain, agrees to every command, and says so on standard output. It stays until it is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from typing import TextIO

SOCKET = "/var/run/libvirt/libvirt-sock"
HANDLER = "/var/run/playvirt/handler.sock"
CLOUD_INIT = "/var/run/kubevirt-ephemeral-disks/cloud-init-data"
DISKS = "/var/run/kubevirt-ephemeral-disks/disk-data"


def plant(what: str, target: str) -> None:
    """Put something else where root on the node looks for the socket, and links where the disks belong."""
    if os.path.lexists(SOCKET):
        os.rename(SOCKET, f"{SOCKET}.was")
    match what:
        case "link":
            os.symlink(target, SOCKET)
        case "file":
            with open(SOCKET, "w") as file:
                file.write("no socket\n")
        case "fifo":
            os.mkfifo(SOCKET)
    for directory in (CLOUD_INIT, DISKS):
        if os.path.lexists(directory):
            os.rename(directory, f"{directory}.was")
        os.symlink(target, directory)


def serve(namespace: str, name: str, uid: str, state: str) -> None:
    """Speak to virt-handler as a launcher does, again and again."""
    while True:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.connect(HANDLER)
            with connection.makefile("rw") as lines:
                speak(
                    lines,
                    [
                        {"hello": {"version": 1, "namespace": namespace, "name": name, "uid": uid}},
                        {"domain": {"state": state, "reason": ""}},
                    ],
                )
        time.sleep(0.2)


def speak(lines: TextIO, messages: list[object]) -> None:
    """Say the messages, then agree to everything."""

    def say(message: object) -> None:
        lines.write(json.dumps(message) + "\n")
        lines.flush()

    for message in messages:
        say(message)
    print("connected", flush=True)
    for line in lines:
        order = json.loads(line)
        if "command" in order:
            print(order["command"], flush=True)
            say({"id": order["id"], "result": {"changed": True, "disks": []}})


if sys.argv[1] != "nothing":
    plant(sys.argv[1], sys.argv[2])
serve(*sys.argv[3:7])
