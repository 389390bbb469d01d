"""The first words to the node's virt-handler, said before the launcher has loaded what the rest of the conversation needs.

In: the handler's socket and whose launcher this is. Out: a connected socket on which hello and the domain's first state were said, for handler_link.py to
go on with. The handler begins with the guest's network and disks meanwhile. Called by __main__.py; imports stay few.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping

VERSION = 1
_PATIENCE_SECONDS = 0.2


def line(message: Mapping[str, object]) -> bytes:
    """A message as the line that it is sent as."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def hello(identity: Mapping[str, str]) -> dict[str, object]:
    """The message that every conversation begins with; `identity` has namespace, name and uid of the VMI."""
    return {"hello": {"version": VERSION, **identity}}


def state(name: str, reason: str) -> dict[str, object]:
    """The message that tells the domain's state, in libvirt's words."""
    return {"domain": {"state": name, "reason": reason}}


def greet(path: str, identity: Mapping[str, str]) -> socket.socket | None:
    """Say hello to the handler at `path`, and that there is no domain yet; None where nobody answers at once."""
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened.settimeout(_PATIENCE_SECONDS)
    try:
        opened.connect(path)
        opened.sendall(line(hello(identity)) + line(state("absent", "")))
    except OSError:
        opened.close()
        return None
    return opened
