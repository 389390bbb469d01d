"""Command make_disks on files of a temporary directory; qemu-img is a stand-in that writes the header it was asked for."""

from __future__ import annotations

import os
import pathlib
import struct
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import arguments, children, disks
from ansible_collections.playvirt.core.plugins.module_utils.api import errors


def header(*, backing: str = "", size: int = 1 << 20, features: int = 0) -> bytes:
    name = backing.encode()
    head = struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 512 if name else 0, len(name), 16, size).ljust(72, b"\0")
    return (head + struct.pack(">Q", features)).ljust(512, b"\0") + name


class QemuImg(children.Children):
    """Does `qemu-img create`, or fails."""

    def __init__(self) -> None:
        super().__init__(on_orphan=lambda pid, name, code: None)
        self.calls: list[list[str]] = []
        self.failing = False

    async def run(self, argv: Sequence[str], *, timeout_seconds: float, env: Any = None) -> str:
        self.calls.append(list(argv))
        target = pathlib.Path(next(word for word in argv if word.endswith(".unfinished")))
        backing = argv[argv.index("-b") + 1] if "-b" in argv else ""
        if "raw" in argv[argv.index("-f") + 1]:
            target.touch()
            os.truncate(target, int(argv[-1]))
        else:
            target.write_bytes(header(backing=backing, size=int(argv[-1]) if not backing else 0))
        if self.failing:
            raise errors.CommandFailed("`qemu-img create` ended with code 1: No space left", returncode=1)
        return ""


class Bench:
    """One pod's directories."""

    def __init__(self, root: pathlib.Path) -> None:
        self.images = root / "container-disks"
        self.ephemeral = root / "ephemeral"
        self.qemu_img = QemuImg()
        self.volumes, self.devices = root / "vmi-disks", root / "dev"
        self.maker = disks.DiskMaker(
            self.qemu_img,
            container_disks=str(self.images),
            ephemeral_disks=str(self.ephemeral),
            volumes=str(self.volumes),
            devices=str(self.devices),
        )
        self.overlay = self.ephemeral / "disk-data/cd/disk.qcow2"
        self.empty = self.ephemeral / "empty/disk.qcow2"

    def image(self, **files: bytes) -> None:
        (self.images / "disk_0/disk").mkdir(parents=True)
        for name, content in files.items():
            (self.images / "disk_0/disk" / name).write_bytes(content)

    async def make(self, *wanted: dict[str, Any]) -> Any:
        return await self.maker.make_disks(arguments.Arguments("make_disks", {"disks": list(wanted)}))

    def container_disk(self, **changes: Any) -> dict[str, Any]:
        given = {"volume": "cd", "kind": "containerDisk", "directory": f"{self.images}/disk_0", "path": None}
        return given | {"overlay": str(self.overlay)} | changes

    def empty_disk(self, **changes: Any) -> dict[str, Any]:
        return {"volume": "empty", "kind": "emptyDisk", "path": str(self.empty), "bytes": 1_000_000} | changes


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Bench:
    return Bench(tmp_path)


async def test_container_disk_gets_an_overlay(bench: Bench) -> None:
    bench.image(root=header())
    backing = f"{bench.images}/disk_0/disk/root"
    result = await bench.make(bench.container_disk())
    assert result == {
        "disks": [
            {
                "volume": "cd",
                "path": str(bench.overlay),
                "format": "qcow2",
                "backing": backing,
                "backing_format": "qcow2",
            }
        ],
        "changed": True,
    }
    unfinished = f"{bench.overlay}.unfinished"
    assert bench.qemu_img.calls == [
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", backing, unfinished]
    ]
    assert bench.overlay.stat().st_mode & 0o777 == 0o600
    assert not os.path.lexists(unfinished)


async def test_raw_container_disk_is_told_to_be_raw(bench: Bench) -> None:
    bench.image(root=b"\0" * 1024)
    await bench.make(bench.container_disk())
    assert "-F raw" in " ".join(bench.qemu_img.calls[0])


async def test_make_disks_again_changes_nothing(bench: Bench) -> None:
    bench.image(root=header())
    first = await bench.make(bench.container_disk(), bench.empty_disk())
    again = await bench.make(bench.container_disk(), bench.empty_disk())
    assert again == first | {"changed": False}
    assert len(bench.qemu_img.calls) == 2


async def test_empty_disk_is_rounded_up_to_sectors(bench: Bench) -> None:
    result = await bench.make(bench.empty_disk())
    assert result["disks"] == [
        {"volume": "empty", "path": str(bench.empty), "format": "qcow2", "backing": None, "backing_format": None}
    ]
    assert bench.qemu_img.calls[0][-1] == "1000448"


@pytest.mark.parametrize(
    ("files", "seen"),
    [({}, "no disk file"), ({"a": b"", "b": b""}, "2 files (a, b)")],
)
async def test_image_without_exactly_one_disk(bench: Bench, files: dict[str, bytes], seen: str) -> None:
    bench.image(**files)
    with pytest.raises(errors.InvalidObject) as caught:
        await bench.make(bench.container_disk())
    assert (
        str(caught.value) == f"volume cd: {seen} in /disk of the image; a container disk needs exactly one file there"
    )


async def test_image_without_disk_directory(bench: Bench) -> None:
    with pytest.raises(errors.InvalidObject, match="volume cd: no disk file in /disk of the image"):
        await bench.make(bench.container_disk())


async def test_link_in_the_image_is_no_disk_file(bench: Bench, tmp_path: pathlib.Path) -> None:
    bench.image()
    (tmp_path / "secret").write_text("x")
    (bench.images / "disk_0/disk/disk.qcow2").symlink_to(tmp_path / "secret")
    with pytest.raises(errors.InvalidObject, match="no disk file"):
        await bench.make(bench.container_disk())


@pytest.mark.parametrize("content", [header(backing="/etc/passwd"), header(features=1 << 2)])
async def test_container_disk_that_refers_to_another_file(bench: Bench, content: bytes) -> None:
    bench.image(root=content)
    with pytest.raises(errors.InvalidObject, match="refers to another file"):
        await bench.make(bench.container_disk())
    assert bench.qemu_img.calls == []


async def test_named_path_in_the_image(bench: Bench) -> None:
    bench.image(one=header(), two=header())
    result = await bench.make(bench.container_disk(path="/disk/two"))
    assert result["disks"][0]["backing"] == f"{bench.images}/disk_0/disk/two"


@pytest.mark.parametrize("path", ["/disk/three", "/disk", "../disk_1/x"])
async def test_named_path_that_is_no_file(bench: Bench, path: str) -> None:
    bench.image(one=header())
    with pytest.raises(errors.InvalidObject, match="volume cd: "):
        await bench.make(bench.container_disk(path=path))


async def test_named_path_through_a_link(bench: Bench, tmp_path: pathlib.Path) -> None:
    bench.image()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").write_bytes(header())
    (bench.images / "disk_0/link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(errors.InvalidObject, match="leads through a link"):
        await bench.make(bench.container_disk(path="/link/file"))


async def test_overlay_of_something_else_is_kept(bench: Bench) -> None:
    bench.image(root=header())
    bench.overlay.parent.mkdir(parents=True)
    bench.overlay.write_bytes(header(backing="/other"))
    with pytest.raises(errors.InvalidObject, match="is there and is no overlay of"):
        await bench.make(bench.container_disk())
    assert bench.overlay.read_bytes() == header(backing="/other")


async def test_empty_disk_of_another_size_is_kept(bench: Bench) -> None:
    await bench.make(bench.empty_disk())
    with pytest.raises(errors.InvalidObject, match="is there and is no empty disk of 2000384 bytes"):
        await bench.make(bench.empty_disk(bytes=2_000_000))


async def test_failure_leaves_nothing_behind(bench: Bench) -> None:
    bench.qemu_img.failing = True
    expected = "^volume [a-z]+: `qemu-img create` ended with code 1: No space left$"
    with pytest.raises(errors.CommandFailed, match=expected) as failed:
        await bench.make(bench.empty_disk())
    assert failed.value.returncode == 1
    assert list(bench.empty.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"overlay": "/etc/disk"}, "disks[0].overlay"),
        ({"directory": "/etc"}, "disks[0].directory"),
        ({"kind": "floppy"}, "disks[0].kind"),
        ({"volume": 5}, "disks[0].volume"),
    ],
)
async def test_make_disks_refuses(bench: Bench, change: dict[str, Any], field: str) -> None:
    bench.image(root=header())
    with pytest.raises(errors.InvalidObject) as caught:
        await bench.make(bench.container_disk(**change))
    assert caught.value.field == f"make_disks.{field}"
