"""Disks that the golden cases do not have: those that cannot be shown, and an empty drive."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.domain import disks, io_threads


def _vmi(*listed: dict[str, Any]) -> dict[str, Any]:
    volumes = [{"name": "root", "emptyDisk": {"capacity": "1Mi"}}]
    return {"spec": {"domain": {"devices": {"disks": list(listed)}}, "volumes": volumes}}


def _converted(*listed: dict[str, Any]) -> list[Any]:
    return disks.convert_disks(_vmi(*listed), io_threads.Threads())


def test_a_disk_without_its_volume_is_named() -> None:
    with pytest.raises(errors.InvalidObject, match=r"spec.domain.devices.disks\[0\].Name 'lost' not found."):
        _converted({"name": "lost", "disk": {}})


def test_a_drive_may_be_empty() -> None:
    drive, _root = _converted({"name": "tray", "cdrom": {"bus": "sata"}})
    assert drive.get("device") == "cdrom"
    assert drive.find("source") is None
    assert drive.find("readonly") is not None


def test_a_lun_over_a_file_is_refused() -> None:
    with pytest.raises(errors.InvalidObject, match=r"disks\[0\].lun passes SCSI commands to a block device") as caught:
        _converted({"name": "root", "lun": {}})
    assert caught.value.field == "spec.domain.devices.disks[0].lun"


@pytest.mark.parametrize(
    ("given", "cache"),
    [
        ({}, "writeback"),
        ({"io": "native"}, "none"),
        ({"shareable": True}, "none"),
        ({"cache": "writethrough"}, "writethrough"),
    ],
)
def test_the_cache_follows_from_what_the_disk_needs(given: dict[str, Any], cache: str) -> None:
    (disk,) = _converted({"name": "root", "disk": {"bus": "virtio"}, **given})
    driver = disk.find("driver")
    assert driver is not None
    assert driver.get("cache") == cache
