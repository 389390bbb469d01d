"""Module block_volumes, on a machine whose loop devices are a list."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.cluster import loop_devices
from ansible_collections.playvirt.core.plugins.modules import block_volumes


class Machine:
    """Its loop devices; attaching takes the next number."""

    def __init__(self) -> None:
        self.loops: list[loop_devices.Loop] = []
        self.next = 0

    def attached(self) -> list[loop_devices.Loop]:
        return list(self.loops)

    def attach(self, file: str) -> str:
        path = f"/dev/loop{self.next}"
        self.loops.append(loop_devices.Loop(path=path, number=0x700 + self.next, file=file, below=0))
        self.next += 1
        return path

    def detach(self, path: str) -> None:
        self.loops = [loop for loop in self.loops if loop.path != path]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    for name in ("attached", "attach", "detach"):
        monkeypatch.setattr(loop_devices, name, getattr(made, name))
    return made


def run(directory: pathlib.Path, count: int = 0, *, state: str = "present", check_mode: bool = False) -> dict[str, Any]:
    params = {"directory": str(directory), "count": count, "size": "1Mi", "state": state}
    return block_volumes.run(params, check_mode=check_mode)


def test_makes_files_devices_and_links_once(machine: Machine, tmp_path: pathlib.Path) -> None:
    assert run(tmp_path, 2)["devices"] == ["/dev/loop0", "/dev/loop1"]
    assert (tmp_path / "block01.img").stat().st_size == 2**20
    assert os.readlink(tmp_path / "block02") == "/dev/loop1"
    assert not run(tmp_path, 2)["changed"]


def test_after_a_reboot_the_link_follows_the_device(machine: Machine, tmp_path: pathlib.Path) -> None:
    run(tmp_path, 1)
    (tmp_path / "block01.img").write_bytes(b"data")
    machine.loops.clear()
    assert run(tmp_path, 1)["devices"] == ["/dev/loop1"]
    assert os.readlink(tmp_path / "block01") == "/dev/loop1"
    assert (tmp_path / "block01.img").read_bytes() == b"data"


def test_absent_detaches_ours_only(machine: Machine, tmp_path: pathlib.Path) -> None:
    run(tmp_path, 1)
    machine.attach("/somewhere/else.img")
    assert run(tmp_path, state="absent")["devices"] == ["/dev/loop0"]
    assert [loop.file for loop in machine.loops] == ["/somewhere/else.img"]
    assert not run(tmp_path, state="absent")["changed"]


def test_check_mode_changes_nothing(machine: Machine, tmp_path: pathlib.Path) -> None:
    assert run(tmp_path, 1, check_mode=True)["changed"]
    assert machine.loops == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("size", "expected"), [("512", 512), ("4Ki", 4096), ("1Gi", 2**30)])
def test_sizes(size: str, expected: int) -> None:
    assert block_volumes.size_bytes(size) == expected


@pytest.mark.parametrize("size", ["", "1G", "-1Mi", "1.5Gi"])
def test_odd_sizes_are_refused(size: str) -> None:
    with pytest.raises(errors.InvalidObject, match="write it like 512Mi"):
        block_volumes.size_bytes(size)
