"""Which loop devices belong to a directory."""

from __future__ import annotations

import pathlib

from ansible_collections.playvirt.core.plugins.module_utils.cluster import loop_devices


def loop(number: int, file: str, below: int = 0) -> loop_devices.Loop:
    return loop_devices.Loop(path=f"/dev/loop{number}", number=0x700 + number, file=file, below=below)


def test_devices_over_files_of_the_directory_come_after_those_on_top_of_them() -> None:
    ours, gone = loop(0, "/c/block/block01.img"), loop(1, "/c/block/block02.img (deleted)")
    kubelet = loop(2, "/", below=ours.number)
    other, on_other = loop(3, "/c/blocks/a.img"), loop(4, "/", below=0x703)
    plain = loop(5, "/var/lib/snapd/a.snap")
    found = loop_devices.over("/c/block", [ours, gone, kubelet, other, on_other, plain])
    assert found == [kubelet, ours, gone]


def test_no_devices() -> None:
    assert loop_devices.over("/c/block", []) == []


def test_a_machine_without_attached_devices(tmp_path: pathlib.Path) -> None:
    (tmp_path / "loop0").mkdir()
    assert loop_devices.attached(tmp_path) == []


def test_a_device_that_goes_away_meanwhile_is_left_out(tmp_path: pathlib.Path) -> None:
    (tmp_path / "loop9999" / "loop").mkdir(parents=True)
    (tmp_path / "loop9999" / "loop" / "backing_file").write_text("/c/block/block01.img\n")
    assert loop_devices.attached(tmp_path) == []


def test_device_numbers_of_the_kernel_are_decoded() -> None:
    assert loop_devices.decode_device(0) == 0
    assert loop_devices.decode_device(0x701) == 0x701
    assert loop_devices.decode_device((7 << 8) | 0x10 | (0x100 << 12)) == (7 << 8) | 0x10 | (0x100 << 12)
