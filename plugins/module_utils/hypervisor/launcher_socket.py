"""Unix sockets between a node and its launchers: who is at the other end, and the way to the libvirtd inside a launcher.

In: a connected socket, or a launcher's process id and pod uid. Out: an identity, or a libvirt URI. Root opens nothing here that the launcher
chose: the path is walked without following links, the entry has to be a socket of the launcher's user, and the process that listens on it has to
run in the same pod as that user. The URI goes through this process' own descriptor, because the path from the node may be longer than a socket
address. Called by: module libvirt_domain, and virt-handler's launcher server.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import stat
import struct
from collections.abc import Iterator

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import launcher_process

#: where a launcher's libvirtd listens, as components below the launcher's root directory
LIBVIRT_SOCKET = ("run", "libvirt", "libvirt-sock")
_CONNECT_TIMEOUT_SECONDS = 5.0
_UCRED = struct.Struct("3i")
#: a descriptor of the process at the other end (Linux 6.5); Python has no name for it yet
_SO_PEERPIDFD = 77


def peer(connection: socket.socket) -> tuple[int, int, int]:
    """Return (pid, uid, gid) of the process at the other end, as the kernel recorded it at connect or listen; pid 0 when it is not visible here."""
    pid, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return pid, uid, gid


def identify_peer(connection: socket.socket) -> launcher_process.Identity:
    """Return which launcher has connected.

    Raises PermanentError when it is not a launcher's process, NotReady when that process is gone. The kernel tells the process that has
    connected, and it may have ended since and its id be in use by another pod: so it has to live still when its pod has been read.
    """
    pid, uid, _ = peer(connection)
    if uid != launcher_process.LAUNCHER_UID:
        raise errors.PermanentError(
            f"process {pid} runs as user {uid}, a launcher as user {launcher_process.LAUNCHER_UID}"
        )
    try:
        descriptor = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    except OSError as error:
        if error.errno == errno.ENOPROTOOPT:
            return launcher_process.identify(pid)
        raise errors.NotReady(f"process {pid} of a launcher is gone") from error
    try:
        identity = launcher_process.identify(pid)
        if select.select([descriptor], [], [], 0)[0]:
            raise errors.NotReady(f"process {pid} of a launcher is gone")
        return identity
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def libvirt_uri(pid: int, *, pod_uid: str | None = None) -> Iterator[str]:
    """Yield the URI of the libvirtd in the launcher's pod; valid in this process until the block ends.

    Without `pod_uid` the pod is the one that the process belongs to now. Raises NotReady while there is no socket or nobody listens, PermanentError
    when what is there is not a libvirtd of this launcher.
    """
    pod_uid = pod_uid or launcher_process.identify(pid).pod_uid
    with launcher_process.entry(pid, LIBVIRT_SOCKET, pod_uid=pod_uid) as descriptor:
        path = f"/proc/self/fd/{descriptor}"
        _check_socket(descriptor, pid)
        _check_listener(path, pid, pod_uid)
        yield f"qemu+unix:///session?socket={path}"


def _check_socket(descriptor: int, pid: int) -> None:
    found = os.fstat(descriptor)
    if not stat.S_ISSOCK(found.st_mode):
        raise errors.PermanentError(f"/{'/'.join(LIBVIRT_SOCKET)} in the launcher (process {pid}) is not a socket")
    if found.st_uid != launcher_process.LAUNCHER_UID:
        raise errors.PermanentError(
            f"/{'/'.join(LIBVIRT_SOCKET)} in the launcher (process {pid}) belongs to user {found.st_uid},"
            f" not to {launcher_process.LAUNCHER_UID}"
        )


def _check_listener(path: str, pid: int, pod_uid: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_CONNECT_TIMEOUT_SECONDS)
        try:
            connection.connect(path)
        except OSError as error:
            raise errors.NotReady(
                f"libvirtd in the launcher (process {pid}) does not answer: {error.strerror or error}"
            ) from error
        listener_pid, listener_uid, _ = peer(connection)
    if listener_uid != launcher_process.LAUNCHER_UID or launcher_process.identify(listener_pid).pod_uid != pod_uid:
        raise errors.PermanentError(
            f"process {listener_pid} of user {listener_uid} listens on the libvirt socket of pod {pod_uid}, and is not of that pod's launcher"
        )
