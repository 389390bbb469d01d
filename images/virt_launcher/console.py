"""Subcommand console: the guest's serial console on the terminal of whoever runs it.

In: standard input, raw where it is a terminal. Out: what the guest writes. Ends with Ctrl-], at the end of input, or when the guest is gone. For
`kubectl exec -it POD -c compute -- virt-launcher console`; the console takes one at a time.
"""

from __future__ import annotations

import contextlib
import glob
import os
import select
import socket
import sys
import termios
import tty
from collections.abc import Iterator

from ansible_collections.playvirt.core.images.virt_launcher import paths

ESCAPE = b"\x1d"
_CHUNK = 4096


def find_socket() -> str | None:
    """The socket of this pod's guest, or None before it has one."""
    return next(iter(glob.glob(f"{paths.PRIVATE}/*/virt-serial0")), None)


@contextlib.contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    """The terminal in raw mode for the block; nothing where it is none."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def relay(console: socket.socket, source: int, sink: int) -> None:
    """Carry bytes both ways until Ctrl-], the end of the source, or the end of the console."""
    while True:
        ready, _, _ = select.select([console.fileno(), source], [], [])
        if console.fileno() in ready:
            received = console.recv(_CHUNK)
            if not received:
                return
            os.write(sink, received)
        if source in ready:
            typed = os.read(source, _CHUNK)
            before, escape, _ = typed.partition(ESCAPE)
            console.sendall(before)
            if escape or not typed:
                return


def main() -> int:
    """Connect and relay; 1 where there is no console to connect to."""
    path = find_socket()
    if path is None:
        print("no guest with a serial console runs in this pod", file=sys.stderr)
        return 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as console:
        try:
            console.connect(path)
        except OSError as error:
            print(f"the serial console does not answer: {error.strerror}", file=sys.stderr)
            return 1
        print("connected to the serial console; leave with Ctrl-]\r", file=sys.stderr)
        with _raw(0):
            relay(console, 0, 1)
    return 0
