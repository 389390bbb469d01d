"""A launcher's process seen from its node: whose it is, and ways into its namespaces that it cannot bend.

In: a process id in the node's pid namespace, mostly from SO_PEERCRED, and the uid of the pod that it must belong to. Out: descriptors of its
network namespace and of entries below its root directory. A process id alone proves nothing, because the kernel gives it to somebody else once
the process is gone: so a descriptor is opened first, and then the process is asked again for its pod. Paths below a launcher's root are walked
one name at a time without following links, because everything there may be written by the launcher. Called by: modules pod_network and
libvirt_domain, and virt-handler's launcher server.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

#: the user that every launcher runs as
LAUNCHER_UID = 107
LAUNCHER_GID = 107

_POD = re.compile(
    r"/(?:[^/]*-)?pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})(?:\.slice)?(?=/|$)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same id: `start_time` in clock ticks since boot."""

    pid: int
    start_time: int
    pod_uid: str


def parse_pod_uid(cgroup: str) -> str | None:
    """Return the pod uid (with dashes) in the text of /proc/PID/cgroup, None where there is none or where hierarchies disagree.

    Both drivers are understood (`/kubepods/burstable/pod<uid>/...`, `.../kubepods-burstable-pod<uid with _>.slice/...`); of nested names only the
    outermost counts, since a pod could name the inner ones as it likes.
    """
    found = set()
    for line in cgroup.splitlines():
        match = _POD.search(line)
        if match:
            found.add(match.group(1).replace("_", "-"))
    return found.pop() if len(found) == 1 else None


def parse_start_time(stat_line: str) -> int:
    """Return field 22 (starttime) of the text of /proc/PID/stat; the command in field 2 may hold spaces and parentheses."""
    return int(stat_line.rpartition(")")[2].split()[19])


def identify(pid: int, *, proc: str = "/proc") -> Identity:
    """Return who a process is now. Raises NotReady when it is gone, PermanentError when it belongs to no pod."""
    try:
        with open(f"{proc}/{pid}/stat") as stat_file, open(f"{proc}/{pid}/cgroup") as cgroup_file:
            start_time, pod_uid = parse_start_time(stat_file.read()), parse_pod_uid(cgroup_file.read())
    except (FileNotFoundError, ProcessLookupError) as error:
        raise errors.NotReady(f"process {pid} of a launcher is gone") from error
    if pod_uid is None:
        raise errors.PermanentError(
            f"process {pid} does not run in a pod's cgroup; a launcher has to be a container of a pod"
        )
    return Identity(pid, start_time, pod_uid)


def _check_pod(pid: int, pod_uid: str | None) -> None:
    if pod_uid is None:
        return
    found = identify(pid).pod_uid
    if found != pod_uid:
        raise errors.NotReady(f"process {pid} belongs to pod {found} now, not to pod {pod_uid}: the launcher has ended")


@contextlib.contextmanager
def watched(pid: int, *, pod_uid: str | None = None) -> Iterator[int]:
    """Yield a descriptor of the launcher's process, for `ends_within`. Raises NotReady when it is gone already.

    The launcher is the first process of its container: when it has ended, the kernel has ended everything in it, its guest too.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError as error:
        raise errors.NotReady(f"process {pid} of a launcher is gone") from error
    try:
        _check_pod(pid, pod_uid)
        yield descriptor
    finally:
        os.close(descriptor)


def ends_within(launcher: int, seconds: float) -> bool:
    """Return whether a process that is `watched` has ended, waiting for it so long at most."""
    return bool(select.select([launcher], [], [], seconds)[0])


def _is_shared(descriptor: int) -> bool:
    """Return whether a network namespace is that of this process or, where it may be looked at, of the node's first process."""
    for other in ("self", "1"):
        with contextlib.suppress(PermissionError, FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(f"/proc/{other}/ns/net")):
                return True
    return False


@contextlib.contextmanager
def network_namespace(pid: int, *, pod_uid: str | None = None) -> Iterator[str]:
    """Yield a path by which other programs of this process' pid namespace reach the launcher's network namespace, for `nsenter --net=`.

    The path leads through a descriptor of this process, so it stays right when the launcher ends meanwhile. Raises NotReady when the launcher
    is gone and PermanentError when it shares the network of this process or of the node.
    """
    try:
        descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError) as error:
        raise errors.NotReady(f"process {pid} of a launcher is gone") from error
    try:
        _check_pod(pid, pod_uid)
        if _is_shared(descriptor):
            raise errors.PermanentError(
                f"process {pid} has no network namespace of its own; a launcher cannot use hostNetwork"
            )
        yield f"/proc/{os.getpid()}/fd/{descriptor}"
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def entry(pid: int, names: Sequence[str], *, pod_uid: str | None = None) -> Iterator[int]:
    """Yield an O_PATH descriptor of the file `names` (path components) below the launcher's root directory.

    Raises NotReady when the launcher or the file is not there (yet), PermanentError when a component is a link or not a directory.
    """
    flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
    shown = "/" + "/".join(names)
    with contextlib.ExitStack() as stack:
        try:
            # The last component of this path is the kernel's own link to a directory, so it has to be followed.
            descriptor = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            _check_pod(pid, pod_uid)
            for name in names:
                if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                    raise errors.PermanentError(
                        f"{shown} in the launcher (process {pid}): the part before '{name}' is not a directory"
                    )
                descriptor = os.open(name, flags, dir_fd=descriptor)
                stack.callback(os.close, descriptor)
        except (FileNotFoundError, ProcessLookupError) as error:
            raise errors.NotReady(f"{shown} is not there in the launcher (process {pid})") from error
        if stat.S_ISLNK(os.fstat(descriptor).st_mode):
            raise errors.PermanentError(f"{shown} in the launcher (process {pid}) is a link, which is never followed")
        yield descriptor


def claim_device(
    pid: int, names: Sequence[str], *, device: tuple[int, int], pod_uid: str | None = None, check_mode: bool = False
) -> bool:
    """Make a device node of the launcher's container usable for the launcher's user; return whether something had to change.

    `names` are the components of its path, `device` is its (major, minor) number. Raises PermanentError when something else is at that path, or the
    node's own device node, whose owner is not ours to change.
    """
    shown = f"/{'/'.join(names)} in the launcher (process {pid})"
    with entry(pid, names[:-1], pod_uid=pod_uid) as folder, _opened(names[-1], folder, shown) as descriptor:
        found = os.fstat(descriptor)
        if not stat.S_ISCHR(found.st_mode) or (os.major(found.st_rdev), os.minor(found.st_rdev)) != device:
            raise errors.PermanentError(f"{shown} is not the character device {device[0]}:{device[1]}")
        usable = stat.S_IRUSR | stat.S_IWUSR if found.st_uid == LAUNCHER_UID else stat.S_IROTH | stat.S_IWOTH
        if found.st_mode & usable == usable:
            return False
        if found.st_dev != os.fstat(folder).st_dev:
            raise errors.PermanentError(
                f"{shown} is the node's own device node, which user {LAUNCHER_UID} may not use; give it mode 0666 on the node"
            )
        if not check_mode:
            os.chown(f"/proc/self/fd/{descriptor}", LAUNCHER_UID, LAUNCHER_GID)
            os.chmod(f"/proc/self/fd/{descriptor}", 0o600)
        return True


@contextlib.contextmanager
def _opened(name: str, folder: int, shown: str) -> Iterator[int]:
    try:
        descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError as error:
        raise errors.NotReady(f"{shown} is not there") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)
