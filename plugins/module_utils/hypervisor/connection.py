"""Connections to a libvirtd: open, keep alive, learn that it is gone; and the thread that libvirt's events need.

In: a libvirt URI. Out: a libvirt connection (`Connection`), which the other files of this room take. Called by virt-launcher, which
keeps one open and listens to its events (`start_event_loop` first), and by modules that open one for a few calls and close it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import bindings

Connection = Any
"""A `libvirt.virConnect`; only this room looks inside."""

CLOSE_REASONS = ("error", "end of file", "keepalive", "client")
"""What a close callback is told, in the order of libvirt's VIR_CONNECT_CLOSE_REASON numbers."""

_loop_lock = threading.Lock()
_loop_thread: threading.Thread | None = None


def start_event_loop() -> None:
    """Start the one thread of this process that runs libvirt's event loop; a second call does nothing.

    To be called before `open_connection`: connections made earlier have neither events nor keepalive.
    """
    global _loop_thread
    libvirt = bindings.library()
    with _loop_lock:
        if _loop_thread is None:
            with bindings.translated("start of libvirt's event loop"):
                libvirt.virEventRegisterDefaultImpl()
            _loop_thread = threading.Thread(target=_run_event_loop, name="libvirt-events", daemon=True)
            _loop_thread.start()


def _run_event_loop() -> None:
    """Run libvirt's callbacks until the process ends."""
    libvirt = bindings.library()
    while True:
        libvirt.virEventRunDefaultImpl()


def open_connection(uri: str) -> Connection:
    """Open `uri`, such as `qemu+unix:///session?socket=/run/libvirt/libvirt-sock`. Blocks until libvirtd answers.

    Raises errors.HypervisorError.
    """
    libvirt = bindings.library()
    with bindings.translated(f"connection to {uri}"):
        return libvirt.open(uri)


@contextlib.contextmanager
def opened(uri: str) -> Iterator[Connection]:
    """A connection for the length of a `with` block."""
    connection = open_connection(uri)
    try:
        yield connection
    finally:
        close(connection)


def close(connection: Connection) -> None:
    """Give the connection back; one that libvirtd already ended is no error."""
    with contextlib.suppress(bindings.library().libvirtError):
        connection.close()


def set_keepalive(connection: Connection, *, interval_seconds: int, count: int) -> None:
    """Have libvirt end the connection when `count` probes, `interval_seconds` apart, were not answered. Needs the event loop."""
    with bindings.translated("keepalive of the connection to libvirtd"):
        connection.setKeepAlive(interval_seconds, count)


def on_close(connection: Connection, callback: Callable[[str], None]) -> None:
    """Call `callback` with one of CLOSE_REASONS, in the event loop's thread, when the connection ends by itself."""

    def closed(_connection: Any, reason: int, _opaque: Any) -> None:
        callback(CLOSE_REASONS[reason] if reason < len(CLOSE_REASONS) else f"reason {reason}")

    with bindings.translated("watch of the connection to libvirtd"):
        connection.registerCloseCallback(closed, None)


def capabilities(connection: Connection) -> str:
    """The host's capabilities, XML."""
    with bindings.translated("capabilities of the host"):
        return str(connection.getCapabilities())


def expanded_cpu(connection: Connection, cpu: str, *, arch: str, machine: str, virttype: str) -> str:
    """A CPU with every feature that its model brings listed by name, XML; `cpu` is a <cpu> element as text."""
    libvirt = bindings.library()
    with bindings.translated(f"features of the CPU of {virttype} {arch} {machine}"):
        flag = libvirt.VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES
        return str(connection.baselineHypervisorCPU(None, arch, machine, virttype, [cpu], flag))


def domain_capabilities(connection: Connection, *, arch: str, machine: str, virttype: str) -> str:
    """What domains of this architecture, machine type and virtualization type (`qemu`, `kvm`) can have, XML."""
    with bindings.translated(f"domain capabilities of {virttype} {arch} {machine}"):
        return str(connection.getDomainCapabilities(None, arch, machine, virttype, 0))
