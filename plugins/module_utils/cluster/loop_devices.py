# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Loop devices over files of one directory, and what sits on top of them.

In: a directory. Out: loop devices attached to, or taken off, its files. A kubelet puts a loop device of its own on each block device that
a pod uses; when its mount namespace has gone, that device's file can no longer be told by name, only by the device number under it.
Called by: module block_volumes.
"""

from __future__ import annotations

import dataclasses
import fcntl
import os
import pathlib
import struct
from collections.abc import Iterable

from ansible_collections.playvirt.core.plugins.module_utils import process

_LOOP_GET_STATUS64 = 0x4C05
_STATUS_BYTES = 232
_LOSETUP_SECONDS = 30


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loop:
    """One attached loop device: its path, its number, its file as the kernel names it, and the number of the device that file is (or 0)."""

    path: str
    number: int
    file: str
    below: int


def attached(sys_block: pathlib.Path = pathlib.Path("/sys/block")) -> list[Loop]:
    """Return every attached loop device of the machine."""
    found: list[Loop] = []
    for backing in sorted(sys_block.glob("loop*/loop/backing_file")):
        name = backing.parent.parent.name
        try:
            file = backing.read_text(encoding="utf-8").strip()
            found.append(
                Loop(
                    path=f"/dev/{name}", number=os.stat(f"/dev/{name}").st_rdev, file=file, below=_below(f"/dev/{name}")
                )
            )
        except OSError:  # detached meanwhile
            continue
    return found


def over(directory: str, loops: Iterable[Loop]) -> list[Loop]:
    """Return the loop devices over files in `directory` and over such loop devices, the upper ones first."""
    known = list(loops)
    lower = [loop for loop in known if loop.file.startswith(f"{directory}/")]
    numbers = {loop.number for loop in lower}
    return [*(loop for loop in known if loop.below in numbers), *lower]


def attach(file: str) -> str:
    """Attach a free loop device to `file` and return its path; raises CommandFailed with losetup's words."""
    return process.run(["losetup", "--find", "--show", file], timeout_seconds=_LOSETUP_SECONDS).stdout.strip()


def detach(path: str) -> None:
    """Detach a loop device; one in use goes with its last user. Raises CommandFailed with losetup's words."""
    process.run(["losetup", "--detach", path], timeout_seconds=_LOSETUP_SECONDS)


def decode_device(encoded: int) -> int:
    """Return a device number as `os.stat` gives it, from the kernel's: 12 bits of major above the minor's low byte, the rest on top."""
    return os.makedev((encoded & 0xFFF00) >> 8, (encoded & 0xFF) | ((encoded >> 12) & 0xFFF00))


def _below(path: str) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        status = bytearray(_STATUS_BYTES)
        fcntl.ioctl(descriptor, _LOOP_GET_STATUS64, status)
    finally:
        os.close(descriptor)
    (encoded,) = struct.unpack_from("=Q", status, 16)  # lo_rdevice, the third of the structure's numbers
    return decode_device(encoded)
