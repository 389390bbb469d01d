# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Which cgroup layout a machine has, and what the kubelet and containerd have to be told about it.

In: the texts of /proc/mounts, /proc/cgroups, /proc/1/comm and, for cgroup v2, /sys/fs/cgroup/cgroup.controllers. Out: a frozen `Layout`.
Pure: whoever calls it (cluster/cgroup_tree.py) reads the files. Called by: modules cgroup_tree and detached_process.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Literal

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

REQUIRED_CONTROLLERS = ("cpu", "cpuset", "memory", "pids")

_V2_NAMES = {"blkio": "io"}
_V1_ONLY = frozenset({"cpuacct", "devices", "freezer", "net_cls", "net_prio", "perf_event"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """What a machine's cgroup mounts look like.

    `version`: `v1`; `hybrid` (v1 controllers beside an empty cgroup2); `v2` (one hierarchy for all).
    `driver`: the kubelet's `cgroupDriver`, and `SystemdCgroup` of containerd when it is `systemd`.
    `roots`: the mount points in which a node's cgroup has to exist, sorted: one for each v1 hierarchy, or the single one of v2.
    `controllers`: usable controllers under their kernel names of that version, sorted (`io` in v2 is `blkio` in v1).
    `v2_root`: the mount point of cgroup2, or None; in a hybrid layout container runtimes leave directories there that hold nothing.
    `cpuset_root`: the v1 hierarchy in which a new cgroup is unusable until its CPUs and memory nodes are filled in; None for v2.
    """

    version: Literal["v1", "hybrid", "v2"]
    driver: Literal["cgroupfs", "systemd"]
    roots: tuple[str, ...]
    controllers: tuple[str, ...]
    v2_root: str | None
    cpuset_root: str | None

    def missing_controllers(self) -> tuple[str, ...]:
        """Return the controllers that the kubelet needs and this machine does not offer, in REQUIRED_CONTROLLERS' order."""
        return tuple(name for name in REQUIRED_CONTROLLERS if name not in self.controllers)

    def directories(self, path: str) -> tuple[str, ...]:
        """Return the directories of cgroup `path` (such as `/playvirt/a1b2c3/node01`), one for each root."""
        return tuple(f"{root}/{self._relative(path)}" for root in self.roots)

    def all_directories(self, path: str) -> tuple[str, ...]:
        """Return `directories(path)` and, in a hybrid layout, the one of cgroup2."""
        others = (
            () if self.v2_root is None or self.v2_root in self.roots else (f"{self.v2_root}/{self._relative(path)}",)
        )
        return (*self.directories(path), *others)

    def _relative(self, path: str) -> str:
        return slice_path(path) if self.driver == "systemd" else path.strip("/")


def slice_name(path: str) -> str:
    """Return the systemd slice that the kubelet's systemd driver means by cgroup `path`: `/a/b-c` is `a-b_c.slice`."""
    return "-".join(_components(path)) + ".slice"


def slice_path(path: str) -> str:
    """Return where systemd keeps that slice below a hierarchy's root: `/a/b` is `a.slice/a-b.slice`."""
    components = _components(path)
    return "/".join("-".join(components[: index + 1]) + ".slice" for index in range(len(components)))


def detect(*, mounts: str, cgroups: str, init: str, v2_controllers: str = "") -> Layout:
    """Return the layout that these texts describe.

    `mounts` is /proc/mounts, `cgroups` /proc/cgroups, `init` /proc/1/comm; `v2_controllers` is cgroup.controllers of the cgroup2 mount, and
    when it is empty the enabled names of /proc/cgroups stand in. Raises PermanentError when no controller is mounted at all.
    """
    enabled = _enabled_controllers(cgroups)
    v1: dict[str, str] = {}  # options that tell one hierarchy from another -> its first mount point
    v1_controllers: dict[str, str] = {}
    v2_root: str | None = None
    for mount_point, kind, options in _cgroup_mounts(mounts):
        if kind == "cgroup2":
            v2_root = v2_root or mount_point
            continue
        names = [option for option in options if option in enabled]
        hierarchy = ",".join(names) or next((option for option in options if option.startswith("name=")), "")
        if hierarchy and hierarchy not in v1:
            v1[hierarchy] = mount_point
            v1_controllers.update(dict.fromkeys(names, mount_point))
    driver: Literal["cgroupfs", "systemd"] = "systemd" if init.strip() == "systemd" else "cgroupfs"
    if v1_controllers:
        return Layout(
            version="hybrid" if v2_root else "v1",
            driver=driver,
            roots=tuple(sorted(v1.values())),
            controllers=tuple(sorted(v1_controllers)),
            v2_root=v2_root,
            cpuset_root=v1_controllers.get("cpuset"),
        )
    if v2_root is None:
        raise errors.PermanentError(
            "/proc/mounts shows no cgroup hierarchy: mount cgroup2 at /sys/fs/cgroup, then try again"
        )
    named = v2_controllers.split() or [_V2_NAMES.get(name, name) for name in enabled - _V1_ONLY]
    return Layout(
        version="v2",
        driver=driver,
        roots=(v2_root,),
        controllers=tuple(sorted(named)),
        v2_root=v2_root,
        cpuset_root=None,
    )


def _components(path: str) -> list[str]:
    return [component.replace("-", "_") for component in path.strip("/").split("/")]


def _enabled_controllers(cgroups: str) -> frozenset[str]:
    rows = (line.split() for line in cgroups.splitlines() if line and not line.startswith("#"))
    return frozenset(row[0] for row in rows if len(row) == 4 and row[3] == "1")


def _cgroup_mounts(mounts: str) -> Iterator[tuple[str, str, list[str]]]:
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) >= 4 and fields[2] in ("cgroup", "cgroup2"):
            mount_point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[1])
            yield mount_point, fields[2], fields[3].split(",")
