"""Making and ending cgroup trees, over directories that behave like the kernel's."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import signal

import pytest
from ansible_collections.playvirt.core.plugins.module_utils import cgroup
from ansible_collections.playvirt.core.plugins.module_utils.cluster import cgroup_tree


class Kernel:
    """A v1 machine with two hierarchies below a directory; processes are numbers in cgroup.procs files."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.cpuset, self.pids = directory / "cpuset", directory / "pids"
        for root in (self.cpuset, self.pids):
            root.mkdir()
        (self.cpuset / "cpuset.cpus").write_text("0-3\n")
        (self.cpuset / "cpuset.mems").write_text("0\n")
        self.layout = cgroup.Layout(
            version="v1",
            driver="cgroupfs",
            roots=(str(self.cpuset), str(self.pids)),
            controllers=("cpuset", "pids"),
            v2_root=None,
            cpuset_root=str(self.cpuset),
        )
        self.killed: list[tuple[int, int]] = []

    def place(self, path: str, *pids: int) -> None:
        directory = self.pids / path
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))

    def kill(self, pid: int, number: int) -> None:
        self.killed.append((pid, number))
        for procs in self.pids.rglob("cgroup.procs"):
            left = [word for word in procs.read_text().split() if word != str(pid)]
            procs.write_text("\n".join(left))

    def remove_directory(self, directory: pathlib.Path) -> None:
        """As in cgroupfs: the kernel's own files do not keep a directory, child cgroups do."""
        if [child for child in directory.iterdir() if child.is_dir()]:
            raise OSError(39, "Directory not empty")
        shutil.rmtree(directory)


@pytest.fixture
def kernel(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel(tmp_path)
    plain_mkdir = pathlib.Path.mkdir

    def mkdir(self: pathlib.Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """As in cgroupfs: a new cpuset comes with empty files."""
        existed = self.exists()
        plain_mkdir(self, mode, parents, exist_ok)
        if not existed and made.cpuset in self.parents:
            (self / "cpuset.cpus").write_text("\n")
            (self / "cpuset.mems").write_text("\n")

    monkeypatch.setattr(pathlib.Path, "mkdir", mkdir)
    return made


def remove(kernel: Kernel, path: str) -> bool:
    return cgroup_tree.remove(kernel.layout, path, kill=kernel.kill, remove_directory=kernel.remove_directory)


def test_create_makes_every_hierarchy_and_fills_cpusets_on_the_way(kernel: Kernel) -> None:
    assert cgroup_tree.create(kernel.layout, "/playvirt/a1/node01")
    assert (kernel.pids / "playvirt/a1/node01").is_dir()
    for path in ("playvirt", "playvirt/a1", "playvirt/a1/node01"):
        assert (kernel.cpuset / path / "cpuset.cpus").read_text() == "0-3\n"
        assert (kernel.cpuset / path / "cpuset.mems").read_text() == "0\n"


def test_create_again_changes_nothing(kernel: Kernel) -> None:
    cgroup_tree.create(kernel.layout, "/playvirt/a1")
    assert not cgroup_tree.create(kernel.layout, "/playvirt/a1")
    assert cgroup_tree.is_complete(kernel.layout, "/playvirt/a1")


def test_create_repairs_a_tree_that_is_half_there(kernel: Kernel) -> None:
    (kernel.pids / "playvirt").mkdir()
    assert cgroup_tree.exists(kernel.layout, "/playvirt")
    assert not cgroup_tree.is_complete(kernel.layout, "/playvirt")
    assert cgroup_tree.create(kernel.layout, "/playvirt")
    assert cgroup_tree.is_complete(kernel.layout, "/playvirt")


def test_v2_hands_controllers_down(tmp_path: pathlib.Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu cpuset io memory misc pids\n")
    (tmp_path / "playvirt").mkdir()
    (tmp_path / "playvirt" / "cgroup.controllers").write_text("cpu memory\n")
    layout = cgroup.Layout(
        version="v2", driver="cgroupfs", roots=(str(tmp_path),), controllers=(), v2_root=None, cpuset_root=None
    )
    assert cgroup_tree.create(layout, "/playvirt/a1")
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +cpuset +io +memory +pids"
    assert (tmp_path / "playvirt" / "cgroup.subtree_control").read_text() == "+cpu +memory"


def test_remove_kills_every_process_below_and_nothing_else(kernel: Kernel) -> None:
    kernel.place("playvirt/a1/node01/daemons", 10, 11)
    kernel.place("playvirt/a1/node01/kubepods/pod1", 12)
    kernel.place("playvirt/b2", 20)
    kernel.place("", 1)
    assert remove(kernel, "/playvirt/a1")
    assert sorted(kernel.killed) == [(10, signal.SIGKILL), (11, signal.SIGKILL), (12, signal.SIGKILL)]
    assert not (kernel.pids / "playvirt/a1").exists()
    assert (kernel.pids / "playvirt/b2").exists()


def test_remove_takes_empty_parents_with_it(kernel: Kernel) -> None:
    cgroup_tree.create(kernel.layout, "/playvirt/a1/node01")
    assert remove(kernel, "/playvirt/a1")
    assert not (kernel.pids / "playvirt").exists()
    assert not (kernel.cpuset / "playvirt").exists()
    assert kernel.pids.exists()


def test_remove_of_one_node_leaves_the_others(kernel: Kernel) -> None:
    kernel.place("playvirt/a1/node01", 10)
    kernel.place("playvirt/a1/node02", 20)
    assert remove(kernel, "/playvirt/a1/node02")
    assert cgroup_tree.processes(kernel.layout, "/playvirt/a1") == {10}


def test_remove_takes_what_a_runtime_left_in_the_v2_half(kernel: Kernel, tmp_path: pathlib.Path) -> None:
    unified = tmp_path / "unified"
    (unified / "playvirt/a1/node01/kubepods").mkdir(parents=True)
    hybrid = dataclasses.replace(kernel.layout, version="hybrid", v2_root=str(unified))
    assert cgroup_tree.remove(hybrid, "/playvirt/a1", kill=kernel.kill, remove_directory=kernel.remove_directory)
    assert list(unified.iterdir()) == []


def test_remove_when_nothing_is_there(kernel: Kernel) -> None:
    assert not remove(kernel, "/playvirt/a1")


def test_a_process_that_ended_by_itself_is_no_error(kernel: Kernel) -> None:
    kernel.place("playvirt/a1", 10)

    def vanished(pid: int, number: int) -> None:
        kernel.kill(pid, number)
        raise ProcessLookupError

    assert cgroup_tree.remove(kernel.layout, "/playvirt/a1", kill=vanished, remove_directory=kernel.remove_directory)


def test_this_machine_has_a_layout() -> None:
    layout = cgroup_tree.read_layout()
    assert layout.roots
    assert all(os.path.isdir(root) for root in layout.roots)
