"""Disk images known by their first bytes."""

from __future__ import annotations

import struct

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import disk_image


def qcow2(
    *, version: int = 3, backing: bytes = b"", offset: int = 512, size: int = 1 << 20, features: int = 0
) -> bytes:
    """A header written by hand from QEMU's description of the format."""
    head = struct.pack(">4sIQIIQ", b"QFI\xfb", version, offset if backing else 0, len(backing), 16, size)
    head = head.ljust(72, b"\0") + struct.pack(">Q", features)
    return (head.ljust(512, b"\0") + backing).ljust(1024, b"\0")


def test_parse_header_qcow2() -> None:
    assert disk_image.parse_header(qcow2()) == disk_image.DiskImage(format="qcow2", bytes=1 << 20)


def test_parse_header_overlay() -> None:
    assert disk_image.parse_header(qcow2(backing=b"/base.qcow2")).backing == "/base.qcow2"


@pytest.mark.parametrize("content", [qcow2(backing=b"/base", offset=1022), qcow2(backing=b"x" * 2000)])
def test_parse_header_with_a_backing_name_outside(content: bytes) -> None:
    assert disk_image.parse_header(content).backing == "?"


def test_parse_header_external_data_file() -> None:
    assert disk_image.parse_header(qcow2(features=1 << 2)).external
    assert not disk_image.parse_header(qcow2(features=1 << 3)).external
    assert not disk_image.parse_header(qcow2(version=2, features=1 << 2)).external


@pytest.mark.parametrize("content", [b"", b"QFI\xfb", b"\0" * 4096, b"\xeb\x63" * 600])
def test_parse_header_raw(content: bytes) -> None:
    assert disk_image.parse_header(content) == disk_image.DiskImage(format="raw")
