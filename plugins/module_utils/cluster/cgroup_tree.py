# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""The embedded cluster's part of the cgroup file system: made before its processes, and how all of them are found and ended.

In: a `cgroup.Layout` and a cgroup path such as `/playvirt/a1b2c3/node01`. Out: directories, or their end together with every process in
them. Everything the cluster starts (daemons, shims, pods) lives below one path, so ending that tree can neither miss one of them nor
hit a stranger, whatever became of process-id files. Called by: modules cgroup_tree and detached_process.
"""

from __future__ import annotations

import os
import pathlib
import signal
import time
from collections.abc import Callable, Iterator

from ansible_collections.playvirt.core.plugins.module_utils import cgroup, process
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

DELEGATED = ("cpu", "cpuset", "hugetlb", "io", "memory", "pids")
_KILL_SECONDS = 30.0
_SYSTEMCTL_SECONDS = 60.0


def read_layout() -> cgroup.Layout:
    """Return this machine's layout; raises PermanentError when a controller that the kubelet needs is missing."""
    mounts = pathlib.Path("/proc/mounts").read_text(encoding="utf-8")
    controllers = pathlib.Path("/sys/fs/cgroup/cgroup.controllers")
    layout = cgroup.detect(
        mounts=mounts,
        cgroups=pathlib.Path("/proc/cgroups").read_text(encoding="utf-8"),
        init=pathlib.Path("/proc/1/comm").read_text(encoding="utf-8"),
        v2_controllers=controllers.read_text(encoding="utf-8") if controllers.exists() else "",
    )
    if missing := layout.missing_controllers():
        raise errors.PermanentError(
            f"cgroup controllers {', '.join(missing)} are not available; the kubelet needs them: enable them in the kernel's command line"
        )
    return layout


def exists(layout: cgroup.Layout, path: str) -> bool:
    """Return whether cgroup `path` exists in any hierarchy."""
    return any(os.path.isdir(directory) for directory in layout.all_directories(path))


def is_complete(layout: cgroup.Layout, path: str) -> bool:
    """Return whether cgroup `path` exists in every hierarchy."""
    return all(os.path.isdir(directory) for directory in layout.directories(path))


def create(layout: cgroup.Layout, path: str) -> bool:
    """Make cgroup `path` in every hierarchy, ready for processes; returns whether anything was missing."""
    if is_complete(layout, path):
        return False
    if layout.driver == "systemd":
        process.run(["systemctl", "start", cgroup.slice_name(path)], timeout_seconds=_SYSTEMCTL_SECONDS)
        return True
    for root in layout.roots:
        directory = pathlib.Path(root)
        for name in path.strip("/").split("/"):
            if layout.version == "v2":
                _delegate(directory)
            directory = directory / name
            directory.mkdir(exist_ok=True)
            if root == layout.cpuset_root:
                _inherit_cpuset(directory)
    return True


def processes(layout: cgroup.Layout, path: str) -> set[int]:
    """Return the ids of all processes in cgroup `path` and below, in any hierarchy."""
    found: set[int] = set()
    for directory in _tree(layout, path):
        try:
            text = (directory / "cgroup.procs").read_text(encoding="ascii")
        except OSError:  # the cgroup ended between the walk and the read
            continue
        found.update(int(word) for word in text.split() if word != "0")
    return found


def remove(
    layout: cgroup.Layout,
    path: str,
    *,
    kill: Callable[[int, int], None] = os.kill,
    remove_directory: Callable[[pathlib.Path], None] = os.rmdir,
) -> bool:
    """Kill every process in cgroup `path` and remove the tree; returns whether there was one.

    Raises TransientError when processes outlive SIGKILL for half a minute (they hang in the kernel).
    """
    directories = _tree(layout, path)
    if not directories:
        return False
    deadline = time.monotonic() + _KILL_SECONDS
    while left := processes(layout, path):
        if time.monotonic() > deadline:
            raise errors.TransientError(
                f"processes {sorted(left)} of cgroup {path} do not end after SIGKILL; try again when they have"
            )
        for pid in left:
            try:
                kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)
    if layout.driver == "systemd":
        process.run(["systemctl", "stop", cgroup.slice_name(path)], timeout_seconds=_SYSTEMCTL_SECONDS)
    for directory in _tree(layout, path):
        try:
            remove_directory(directory)
        except FileNotFoundError:
            continue
    _remove_empty_parents(layout, path, remove_directory)
    return True


def _remove_empty_parents(layout: cgroup.Layout, path: str, remove_directory: Callable[[pathlib.Path], None]) -> None:
    for directory in map(pathlib.Path, layout.all_directories(path)):
        for _component in path.strip("/").split("/")[1:]:
            directory = directory.parent
            try:
                remove_directory(directory)
            except OSError:  # somebody else's cgroups are in it
                break


def _tree(layout: cgroup.Layout, path: str) -> list[pathlib.Path]:
    return [
        pathlib.Path(found)
        for root in layout.all_directories(path)
        for found, _names, _files in os.walk(root, topdown=False)
    ]


def _delegate(directory: pathlib.Path) -> None:
    available = (directory / "cgroup.controllers").read_text(encoding="ascii").split()
    wanted = " ".join(f"+{name}" for name in available if name in DELEGATED)
    (directory / "cgroup.subtree_control").write_text(wanted, encoding="ascii")


def _inherit_cpuset(directory: pathlib.Path) -> None:
    for name in _cpuset_files():
        if not (directory / name).read_text(encoding="ascii").strip():
            (directory / name).write_text((directory.parent / name).read_text(encoding="ascii"), encoding="ascii")


def _cpuset_files() -> Iterator[str]:
    yield "cpuset.cpus"
    yield "cpuset.mems"
