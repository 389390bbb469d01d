"""libvirtd without privileges: its configuration, its environment, its listening socket, and how it is started.

In: a writable directory. Out: files in it, a listening socket, a process id. Called by run.py and capabilities.py; supervisor.py
keeps the process alive. The socket is made here and handed to libvirtd (systemd's socket activation): clients may connect before
libvirtd is ready and wait in the queue, nobody polls, and the socket's file stays the same when libvirtd is started again.

Imports stay few: this runs before anything else, so that libvirtd starts while Python loads the rest.
"""

from __future__ import annotations

import glob
import os
import signal
import socket
from collections.abc import Mapping

SOCKET_NAME = "libvirt-sock"
CAPABILITY_CACHE = "libvirt/qemu/cache/capabilities"
"""Where libvirt keeps what it knows of each QEMU, below XDG_CACHE_HOME."""

PROGRAM = "/usr/sbin/libvirtd"
_QEMU_DRIVER = "/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so"
_FIRST_PASSED_FD = 3

# Set LISTEN_PID to libvirtd's own process id, which is known only once the process exists.
_EXEC_WITH_PID = 'LISTEN_PID=$$ exec "$0" "$@"'

#: how libvirt says that this QEMU tells of each CPU feature by name
_FEATURES_BY_NAME = "<flag name='cpu-unavailable-features'/>"

QEMU_CONF = """\
# Written by virt-launcher at each start.
# No security driver, cgroups, namespaces or extended attributes: the pod confines QEMU, and nothing here has a capability.
security_driver = "none"
cgroup_controllers = []
namespaces = []
remember_owner = 0
dynamic_ownership = 0
# QEMU writes serial logs itself: there is no virtlogd.
stdio_handler = "file"
# QEMU's own system call filter works without privileges.
seccomp_sandbox = 1
"""

#: where the pod mounts huge pages, if its guest has them; the first field is the mount's place, the second its kind
_HUGEPAGES = "/dev/hugepages hugetlbfs"


def qemu_conf(mounts: str) -> str:
    """qemu.conf; `mounts` is the content of /proc/mounts. In session mode libvirt looks for no huge pages by itself."""
    huge = any(_HUGEPAGES in line for line in mounts.splitlines())
    return QEMU_CONF + f'hugetlbfs_mount = "{_HUGEPAGES.split()[0]}"\n' if huge else QEMU_CONF


def libvirtd_conf(directory: str, host_uuid: str) -> str:
    """libvirtd.conf: a socket in `directory`, no authentication beyond the file's mode, no TLS, warnings on stderr.

    `host_uuid` differs from pod to pod: libvirt refuses to migrate between hosts of the same uuid.
    """
    return f"""\
# Written by virt-launcher at each start.
unix_sock_dir = "{directory}"
auth_unix_rw = "none"
listen_tls = 0
listen_tcp = 0
host_uuid = "{host_uuid}"
log_outputs = "3:stderr"
# The handler and the launcher each hold few connections.
max_clients = 64
"""


def environment(directory: str, base: Mapping[str, str]) -> dict[str, str]:
    """The environment of a session-mode libvirtd that keeps everything under `directory`."""
    return {
        "PATH": base.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        "LANG": "C.UTF-8",
        "HOME": f"{directory}/home",
        "XDG_CONFIG_HOME": f"{directory}/config",
        "XDG_DATA_HOME": f"{directory}/data",
        "XDG_CACHE_HOME": f"{directory}/cache",
        "XDG_RUNTIME_DIR": f"{directory}/runtime",
        "LIBVIRT_DRIVER_DIR": base.get("LIBVIRT_DRIVER_DIR") or f"{directory}/drivers",
    }


def prepare(directory: str, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Make the directories and configuration files under `directory`; returns libvirtd's environment."""
    env = environment(directory, os.environ if base is None else base)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        os.makedirs(env[name] + "/libvirt", mode=0o700, exist_ok=True)
    with open("/proc/sys/kernel/random/uuid", encoding="ascii") as random:
        host_uuid = random.read().strip()
    _write(f"{env['XDG_CONFIG_HOME']}/libvirt/libvirtd.conf", libvirtd_conf(directory, host_uuid))
    with open("/proc/mounts", encoding="utf-8", errors="surrogateescape") as mounts:
        _write(f"{env['XDG_CONFIG_HOME']}/libvirt/qemu.conf", qemu_conf(mounts.read()))
    drivers = f"{directory}/drivers"
    if env["LIBVIRT_DRIVER_DIR"] == drivers:
        os.makedirs(drivers, mode=0o700, exist_ok=True)
        for driver in glob.glob(_QEMU_DRIVER):
            link = f"{drivers}/{os.path.basename(driver)}"
            if not os.path.lexists(link):
                os.symlink(driver, link)
    return env


def copy_capability_cache(source: str, directory: str, *, emulation: bool) -> int:
    """Copy libvirt's QEMU capability cache from `source` (see capabilities.py) to where libvirtd looks; returns how many files.

    With `emulation`, without the flag that has libvirt ask an emulated CPU for each of its features by name, 464 questions for each start
    (docs/decisions/0012). libvirtd itself checks that the files fit its QEMU. A cache that is missing or cannot be read costs time, nothing else.
    """
    target = f"{directory}/cache/{CAPABILITY_CACHE}"
    copied = 0
    try:
        files = [
            entry
            for entry in os.scandir(source)
            if entry.name.endswith(".xml") and entry.is_file(follow_symlinks=False)
        ]
        os.makedirs(target, mode=0o700, exist_ok=True)
        for entry in files:
            with open(entry.path, encoding="utf-8") as known, open(f"{target}/{entry.name}", "w") as copy:
                copy.writelines(line for line in known if not (emulation and _FEATURES_BY_NAME in line))
            copied += 1
    except (OSError, UnicodeDecodeError):
        return copied
    return copied


def listen(directory: str) -> socket.socket:
    """The socket that libvirtd will accept from, `<directory>/libvirt-sock`, for this user alone."""
    path = f"{directory}/{SOCKET_NAME}"
    if os.path.lexists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    os.chmod(path, 0o700)
    listener.listen(64)
    return listener


def spawn(listener: socket.socket, env: Mapping[str, str]) -> int:
    """Start libvirtd on the socket; returns its process id. The caller reaps it."""
    configuration = f"{env['XDG_CONFIG_HOME']}/libvirt/libvirtd.conf"
    return os.posix_spawn(
        "/bin/sh",
        ["sh", "-c", _EXEC_WITH_PID, PROGRAM, "-f", configuration],
        {**env, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "libvirtd.socket"},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, listener.fileno(), _FIRST_PASSED_FD),
        ],
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
        setsigmask=[],
    )


def uri(directory: str) -> str:
    """libvirt's URI for the libvirtd of `directory`."""
    return f"qemu+unix:///session?socket={directory}/{SOCKET_NAME}"


def _write(path: str, text: str) -> None:
    """Write a file that only this user reads."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text)
