"""What a disk image is, read from its first bytes. Pure.

In: the beginning of a file. Out: its format, size and what it refers to. Called by disks.py, which so knows what it hands to QEMU
without asking a program to guess.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER_SIZE = 65536
_MAGIC = b"QFI\xfb"
_HEADER = struct.Struct(">4sIQIIQ")
_INCOMPATIBLE_FEATURES_OFFSET = 72
_EXTERNAL_DATA_FILE = 1 << 2
_MAX_BACKING = 1023


@dataclass(frozen=True, kw_only=True)
class DiskImage:
    """`format` is qcow2 or raw, `bytes` the size of the disk in it (None for raw: the file's own), `backing` the file below it.

    `external` is true when its data are in another file.
    """

    format: str
    bytes: int | None = None
    backing: str | None = None
    external: bool = False


def parse_header(content: bytes) -> DiskImage:
    """The image that begins with `content` (HEADER_SIZE bytes, fewer if the file is shorter).

    A backing name that lies further inside is given as `?`; qemu-img puts it into the first cluster.
    """
    if len(content) < _HEADER.size or not content.startswith(_MAGIC):
        return DiskImage(format="raw")
    _, version, backing_offset, backing_size, _, size = _HEADER.unpack_from(content)
    backing = None
    if backing_offset:
        name = content[backing_offset : backing_offset + min(backing_size, _MAX_BACKING)]
        backing = name.decode(errors="replace") if len(name) == backing_size else "?"
    features = 0
    if version >= 3 and len(content) >= _INCOMPATIBLE_FEATURES_OFFSET + 8:
        (features,) = struct.unpack_from(">Q", content, _INCOMPATIBLE_FEATURES_OFFSET)
    return DiskImage(format="qcow2", bytes=size, backing=backing, external=bool(features & _EXTERNAL_DATA_FILE))
