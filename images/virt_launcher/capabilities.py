"""Subcommand probe-capabilities: what this image's QEMU can do, asked once per node for all launchers on it.

In: a directory, kept between runs. Out, in that directory and readable by all: `qemu/<hash>.xml` (libvirt's own cache of QEMU's
capabilities; a launcher that finds it saves seconds), `capabilities.xml` and `domcapabilities.xml` (libvirt's answers, from which the
node's labels come), `cpu.xml` (the host model with its features by name), `probed.json` (which binaries were asked). Called by
__main__.py, in an init container of virt-handler with the launcher's image, as root or as the launcher's user; libvirtd never runs as
root here, as its answers depend on the user.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping

from ansible_collections.playvirt.core.images.virt_launcher import libvirtd
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.domain import capabilities
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import connection

USER = "qemu"
_LIMIT_SECONDS = 120
_MACHINE, _VIRTTYPE = "q35", "qemu"
#: counts up when the probe writes other files than before
_REVISION = 2


def main(output: str) -> int:
    """Probe unless it was done for these binaries; returns the exit code."""
    wanted = identity()
    if _read(f"{output}/probed.json") == wanted:
        print(f"{output} holds the capabilities of this image already")
        return 0
    try:
        with _as_user(), tempfile.TemporaryDirectory(prefix="probe-") as directory:
            results = probe(directory)
    except (errors.PlayvirtError, OSError) as error:
        print(f"virt-launcher probe-capabilities: {error}", file=sys.stderr)
        return 1
    write(output, {**results, "probed.json": wanted})
    print(f"{output} holds the capabilities of this image now")
    return 0


def identity() -> str:
    """What the answers depend on, as JSON: the binaries as libvirt tells them apart, and the kernel."""
    binaries = {}
    for program in (libvirtd.PROGRAM, f"/usr/bin/qemu-system-{os.uname().machine}"):
        found = os.stat(program)
        binaries[program] = [int(found.st_ctime), found.st_size]
    return json.dumps(
        {"revision": _REVISION, "binaries": binaries, "kernel": os.uname().release, "version": os.uname().version},
        sort_keys=True,
    )


def probe(directory: str) -> dict[str, str]:
    """Run a libvirtd in `directory` and ask it; returns file names and contents. Raises errors.HypervisorError."""
    asked = {"arch": os.uname().machine, "machine": _MACHINE, "virttype": _VIRTTYPE}
    env = libvirtd.prepare(directory)
    with _running(directory, env), connection.opened(libvirtd.uri(directory)) as conn:
        results = {
            "capabilities.xml": connection.capabilities(conn),
            "domcapabilities.xml": connection.domain_capabilities(conn, **asked),
        }
        if cpu := capabilities.host_model(results["domcapabilities.xml"]):
            results["cpu.xml"] = connection.expanded_cpu(conn, cpu, **asked)
    for entry in os.scandir(f"{env['XDG_CACHE_HOME']}/{libvirtd.CAPABILITY_CACHE}"):
        results[f"qemu/{entry.name}"] = _read(entry.path) or ""
    return results


def write(output: str, files: dict[str, str]) -> None:
    """Put each file there whole, `probed.json` last; files of an earlier probe in `qemu` that are not among them go away."""
    for directory in (output, f"{output}/qemu"):
        if not os.path.isdir(directory):
            os.makedirs(directory)
            os.chmod(directory, 0o755)
    for name, content in files.items():
        unfinished = f"{output}/{name}.unfinished"
        with open(unfinished, "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(unfinished, 0o644)
        os.rename(unfinished, f"{output}/{name}")
    for entry in os.scandir(f"{output}/qemu"):
        if f"qemu/{entry.name}" not in files:
            os.unlink(entry.path)


@contextlib.contextmanager
def _as_user() -> Iterator[None]:
    """As root, be the launcher's user for a while, with its group alone; nothing to do for others."""
    if os.geteuid() != 0:
        yield
        return
    user = pwd.getpwnam(USER)
    groups = os.getgroups()
    os.setgroups([user.pw_gid])
    os.setresgid(user.pw_gid, user.pw_gid, 0)
    os.setresuid(user.pw_uid, user.pw_uid, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)


@contextlib.contextmanager
def _running(directory: str, env: Mapping[str, str]) -> Iterator[None]:
    """A libvirtd for the length of a `with` block, killed when that takes too long: what waits for its answer then fails.

    As PID 1 we are the parent of the QEMUs that libvirtd probes, and it waits for them to be gone: they are reaped all the while.
    """
    with libvirtd.listen(directory) as listener:
        pid = libvirtd.spawn(listener, env)
    reaper = threading.Thread(target=_reap_until, args=(pid,))
    limit = threading.Timer(_LIMIT_SECONDS, os.kill, (pid, signal.SIGKILL))
    reaper.start()
    limit.start()
    try:
        yield
    finally:
        limit.cancel()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        reaper.join()


def _reap_until(pid: int) -> None:
    """Wait for children until `pid` was among them."""
    while os.wait()[0] != pid:
        continue


def _read(path: str) -> str | None:
    """A file's text, None when there is none."""
    with contextlib.suppress(OSError):
        with open(path, encoding="utf-8") as file:
            return file.read()
    return None
