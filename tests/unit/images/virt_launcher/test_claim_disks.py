"""Command make_disks for what outlives the pod: claims, ephemeral volumes over them, host disks.

In scope: what is made, kept and refused. qemu-img is the stand-in of test_disks.py; a file system's room and permissions are the machine's own, or what a
test says of them, since tests may run as root.
"""

from __future__ import annotations

import os
import pathlib
import stat
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.tests.unit.images.virt_launcher import test_disks

MIB = 1 << 20


class Claims(test_disks.Bench):
    """A pod with a claim's file system mounted."""

    def __init__(self, root: pathlib.Path) -> None:
        super().__init__(root)
        self.mounted = self.volumes / "data"
        self.mounted.mkdir(parents=True)
        self.file = self.mounted / "disk.img"
        self.overlay = self.ephemeral / "disk-data/data/disk.qcow2"
        self.device = self.devices / "data"

    def claim(self, **changes: Any) -> dict[str, Any]:
        given = {"volume": "data", "kind": "persistentVolumeClaim", "claim": "shop-data", "read_only": False}
        return given | {"path": str(self.file), "bytes": 8 * MIB} | changes

    def block(self, **changes: Any) -> dict[str, Any]:
        given = {"volume": "data", "kind": "persistentVolumeClaim", "claim": "shop-data", "read_only": False}
        return given | {"device": str(self.device)} | changes

    def ephemeral_volume(self, **changes: Any) -> dict[str, Any]:
        given = {"volume": "data", "kind": "ephemeral", "claim": "shop-data", "read_only": True}
        return given | {"overlay": str(self.overlay), "path": str(self.file), "bytes": None} | changes

    def host_disk(self, **changes: Any) -> dict[str, Any]:
        given = {"volume": "data", "kind": "hostDisk", "host_path": "/srv/vm/disk.img", "path": str(self.file)}
        return given | {"bytes": 8 * MIB} | changes

    async def refusal(self, disk: dict[str, Any]) -> str:
        """Why a disk is refused; nothing is made then."""
        before = sorted(self.mounted.iterdir())
        with pytest.raises(errors.InvalidObject) as caught:
            await self.make(disk)
        assert sorted(self.mounted.iterdir()) == before
        assert self.qemu_img.calls == []
        return str(caught.value)


@pytest.fixture
def claims(tmp_path: pathlib.Path) -> Claims:
    return Claims(tmp_path)


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says no to whatever this user asks for."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)


def free_space(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """The file system has so many bytes left."""
    real = os.statvfs

    def told(path: str) -> os.statvfs_result:
        values = list(real(path))
        values[0] = values[1] = 1024  # f_bsize, f_frsize
        values[4] = free // 1024  # f_bavail
        return os.statvfs_result(values)

    monkeypatch.setattr(os, "statvfs", told)


async def test_empty_claim_gets_an_image(claims: Claims) -> None:
    assert await claims.make(claims.claim()) == {
        "disks": [
            {"volume": "data", "path": str(claims.file), "format": "raw", "backing": None, "backing_format": None}
        ],
        "changed": True,
    }
    assert claims.file.stat().st_size == 8 * MIB
    assert claims.file.stat().st_mode & 0o777 == 0o660
    assert sorted(claims.mounted.iterdir()) == [claims.file]


async def test_image_on_a_claim_is_kept_whatever_its_size(claims: Claims) -> None:
    claims.file.write_bytes(b"the guest's own data" + bytes(1000))
    result = await claims.make(claims.claim())
    assert result["changed"] is False
    assert claims.file.read_bytes().startswith(b"the guest's own data")
    assert claims.qemu_img.calls == []


async def test_what_an_ended_attempt_left_is_replaced(claims: Claims) -> None:
    """A launcher that was killed midway leaves an unfinished file, never an image."""
    (claims.mounted / "disk.img.unfinished").write_bytes(b"half")
    assert (await claims.make(claims.claim()))["changed"] is True
    assert sorted(claims.mounted.iterdir()) == [claims.file]


async def test_failure_of_qemu_img_leaves_the_claim_empty(claims: Claims) -> None:
    claims.qemu_img.failing = True
    with pytest.raises(errors.CommandFailed, match="No space left"):
        await claims.make(claims.claim())
    assert list(claims.mounted.iterdir()) == []


async def test_image_is_a_little_smaller_where_there_is_a_little_less(
    claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_space(monkeypatch, int(7.5 * MIB))
    await claims.make(claims.claim(bytes=8 * MIB))
    assert claims.file.stat().st_size == 7 * MIB


async def test_full_claim(claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    free_space(monkeypatch, 2 * MIB)
    assert await claims.refusal(claims.claim()) == (
        "volume data: claim shop-data: the disk image needs 8 MiB and only 2 MiB are free; make room there, or ask for less"
    )
    free_space(monkeypatch, 8 * MIB)
    assert (await claims.make(claims.claim()))["changed"] is True


async def test_claim_that_cannot_be_written(claims: Claims, forbidden: None) -> None:
    assert (await claims.refusal(claims.claim())).startswith(
        "volume data: claim shop-data: user 107 may not make a file there; "
    )


async def test_image_that_cannot_be_written(claims: Claims, forbidden: None) -> None:
    claims.file.write_bytes(b"x")
    refused = await claims.refusal(claims.claim())
    assert refused.startswith("volume data: claim shop-data: user 107 may not read and write disk.img; give the file")
    assert "may not read disk.img" in await claims.refusal(claims.claim(read_only=True))


@pytest.mark.parametrize("kind", ["claim", "ephemeral_volume", "host_disk"])
async def test_qcow2_in_the_place_of_a_raw_image(claims: Claims, kind: str) -> None:
    claims.file.write_bytes(test_disks.header(backing="/etc/passwd"))
    refused = await claims.refusal(getattr(claims, kind)())
    assert refused.endswith(
        ": disk.img is a qcow2 image, and the guest would see it as it is; turn it into a raw one (qemu-img convert -O raw)"
    )


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.symlink_to("/etc/passwd")])
async def test_what_is_no_file(claims: Claims, make: Any) -> None:
    make(claims.file)
    assert await claims.refusal(claims.claim()) == "volume data: claim shop-data: disk.img is no regular file"


async def test_claim_that_is_only_read_has_to_have_an_image(claims: Claims) -> None:
    only_read = claims.claim(read_only=True, bytes=None)
    assert (await claims.refusal(only_read)).startswith("volume data: claim shop-data: there is no disk.img; ")
    claims.file.write_bytes(b"x")
    assert (await claims.make(only_read))["changed"] is False


async def test_claim_that_is_not_mounted(claims: Claims) -> None:
    claims.mounted.rmdir()
    with pytest.raises(
        errors.PlayvirtError, match=r"claim shop-data: .*/vmi-disks/data cannot be looked at: No such file"
    ):
        await claims.make(claims.claim())


async def test_ephemeral_volume_is_an_overlay(claims: Claims) -> None:
    claims.file.write_bytes(b"base")
    result = await claims.make(claims.ephemeral_volume())
    assert result["disks"] == [
        {
            "volume": "data",
            "path": str(claims.overlay),
            "format": "qcow2",
            "backing": str(claims.file),
            "backing_format": "raw",
        }
    ]
    assert (await claims.make(claims.ephemeral_volume()))["changed"] is False
    assert claims.file.read_bytes() == b"base"


async def test_ephemeral_volume_needs_an_image(claims: Claims) -> None:
    assert await claims.refusal(claims.ephemeral_volume()) == (
        "volume data: claim shop-data has no disk.img; an ephemeral volume needs one to start from: copy it there first"
    )


async def test_host_disk(claims: Claims) -> None:
    there = claims.host_disk(bytes=None)
    assert await claims.refusal(there) == (
        "volume data: host disk /srv/vm/disk.img: there is no disk.img; copy one there, or use type DiskOrCreate with a capacity"
    )
    assert (await claims.make(claims.host_disk()))["changed"] is True
    assert (await claims.make(there))["changed"] is False


class BlockDevice:
    """A block device for those who look at it; making a real one needs rights that tests do not have."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: pathlib.Path, *, usable: int) -> None:
        self.asked: list[int] = []
        path.parent.mkdir()
        path.write_bytes(b"")
        real = os.stat

        def told(name: Any, *arguments: Any, **options: Any) -> Any:
            found = real(name, *arguments, **options)
            if str(name) != str(path):
                return found
            return os.stat_result([stat.S_IFBLK | 0o660, *found[1:]])

        def allowed(name: Any, mode: int) -> bool:
            self.asked.append(mode)
            return mode & usable == mode

        monkeypatch.setattr(os, "stat", told)
        monkeypatch.setattr(os, "access", allowed)


async def test_block_device(claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    device = BlockDevice(monkeypatch, claims.device, usable=os.R_OK | os.W_OK)
    result = await claims.make(claims.block())
    assert result["disks"][0] | {"path": str(claims.device), "format": "raw"} == result["disks"][0]
    assert result["changed"] is False
    assert device.asked == [os.R_OK | os.W_OK]


async def test_block_device_of_another_user(claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    BlockDevice(monkeypatch, claims.device, usable=os.R_OK)
    assert await claims.refusal(claims.block()) == (
        f"volume data: claim shop-data: user 107 may not use {claims.device}; the node's container runtime has to give devices to a "
        "pod's user (containerd: device_ownership_from_security_context = true)"
    )
    assert (await claims.make(claims.block(read_only=True)))["changed"] is False


async def test_block_device_that_is_none(claims: Claims) -> None:
    missing = f"volume data: claim shop-data: there is no device {claims.device}: No such file or directory"
    assert await claims.refusal(claims.block()) == missing
    claims.devices.mkdir()
    claims.device.write_bytes(b"")
    assert await claims.refusal(claims.block()) == f"volume data: claim shop-data: {claims.device} is no block device"


async def test_ephemeral_volume_over_a_block_device(claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    device = BlockDevice(monkeypatch, claims.device, usable=os.R_OK)
    disk = claims.ephemeral_volume(device=str(claims.device))
    del disk["path"]
    assert (await claims.make(disk))["disks"][0]["backing"] == str(claims.device)
    assert device.asked == [os.R_OK]


@pytest.mark.parametrize(
    ("disk", "field"),
    [
        ("claim", {"path": "/etc/disk.img"}),
        ("claim", {"bytes": 0}),
        ("claim", {"read_only": "no"}),
        ("claim", {"claim": ""}),
        ("block", {"device": "/dev/../etc/passwd"}),
        ("ephemeral_volume", {"overlay": "/etc/disk"}),
        ("host_disk", {"path": "/etc/shadow"}),
    ],
)
async def test_wrong_arguments(claims: Claims, disk: str, field: dict[str, Any]) -> None:
    if "overlay" in field:
        claims.file.write_bytes(b"x")
    with pytest.raises(errors.InvalidObject) as caught:
        await claims.make(getattr(claims, disk)(**field))
    assert caught.value.field == f"make_disks.disks[0].{next(iter(field))}"
