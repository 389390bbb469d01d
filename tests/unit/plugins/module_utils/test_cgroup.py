"""Detection of cgroup layouts over layouts on disk (one recorded, the others written by hand), and the names of cgroups in each."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.playvirt.core.plugins.module_utils import cgroup
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

LAYOUTS = pathlib.Path(__file__).parents[2] / "fixtures" / "cgroup"


def layout_of(name: str) -> cgroup.Layout:
    directory = LAYOUTS / name
    controllers = directory / "cgroup.controllers"
    return cgroup.detect(
        mounts=(directory / "mounts").read_text(),
        cgroups=(directory / "cgroups").read_text(),
        init=(directory / "comm").read_text(),
        v2_controllers=controllers.read_text() if controllers.exists() else "",
    )


@pytest.mark.parametrize(
    ("name", "version", "driver"),
    [
        ("hybrid", "hybrid", "cgroupfs"),
        ("v1", "v1", "cgroupfs"),
        ("v1-systemd", "hybrid", "systemd"),
        ("v2-systemd", "v2", "systemd"),
        ("v2", "v2", "cgroupfs"),
    ],
)
def test_version_and_driver(name: str, version: str, driver: str) -> None:
    layout = layout_of(name)
    assert (layout.version, layout.driver) == (version, driver)


def test_hybrid_uses_every_v1_hierarchy_and_not_the_empty_v2() -> None:
    layout = layout_of("hybrid")
    names = ("blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids", "systemd")
    assert layout.roots == tuple(f"/sys/fs/cgroup/{name}" for name in names)
    assert layout.controllers == names[:-1]
    assert layout.cpuset_root == "/sys/fs/cgroup/cpuset"
    assert layout.missing_controllers() == ()
    assert layout.v2_root == "/sys/fs/cgroup/unified"
    assert layout.all_directories("/a") == (*layout.directories("/a"), "/sys/fs/cgroup/unified/a")


def test_v1_includes_named_hierarchies() -> None:
    assert "/sys/fs/cgroup/openrc" in layout_of("v1").roots


def test_joined_controllers_are_one_root_and_a_second_mount_is_ignored() -> None:
    layout = layout_of("v1-systemd")
    assert "/sys/fs/cgroup/cpu,cpuacct" in layout.roots
    assert {"cpu", "cpuacct", "net_cls", "net_prio"} <= set(layout.controllers)
    assert not [root for root in layout.roots if "build" in root]


def test_mount_points_with_spaces_are_decoded() -> None:
    layout = cgroup.detect(
        mounts="cgroup2 /my\\040cgroup cgroup2 rw 0 0\n", cgroups="", init="init\n", v2_controllers="cpu\n"
    )
    assert layout.roots == ("/my cgroup",)


def test_v2_has_one_root_and_no_cpuset_to_fill_in() -> None:
    layout = layout_of("v2-systemd")
    assert layout.roots == ("/sys/fs/cgroup",)
    assert layout.controllers == ("cpu", "cpuset", "hugetlb", "io", "memory", "misc", "pids", "rdma")
    assert layout.cpuset_root is None
    assert layout.all_directories("/a") == layout.directories("/a")


def test_v2_without_its_list_takes_the_enabled_names_under_their_v2_names() -> None:
    layout = layout_of("v2")
    assert layout.controllers == ("cpu", "cpuset", "hugetlb", "io", "misc", "pids", "rdma")
    assert layout.missing_controllers() == ("memory",)


def test_no_cgroup_mount_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(errors.PermanentError, match="mount cgroup2 at /sys/fs/cgroup"):
        cgroup.detect(mounts="proc /proc proc rw 0 0\n", cgroups="", init="init\n")


def test_directories_of_a_cgroup() -> None:
    assert layout_of("v2").directories("/playvirt/a1/node01") == ("/sys/fs/cgroup/playvirt/a1/node01",)
    assert layout_of("v1").directories("/playvirt")[0] == "/sys/fs/cgroup/blkio/playvirt"
    assert layout_of("v2-systemd").directories("/playvirt/a1/node01") == (
        "/sys/fs/cgroup/playvirt.slice/playvirt-a1.slice/playvirt-a1-node01.slice",
    )


def test_slice_names_escape_dashes_as_the_kubelet_does() -> None:
    assert cgroup.slice_name("/playvirt/control-plane") == "playvirt-control_plane.slice"
    assert cgroup.slice_path("/playvirt/control-plane") == "playvirt.slice/playvirt-control_plane.slice"
