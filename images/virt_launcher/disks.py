"""Command make_disks: the files behind a domain's disks, made as the launcher's user inside its namespaces.

In: the command's arguments (README of the line: handler_link.py). Out: for each disk its format and backing file, and whether
anything was made. Called by commands.py.

    {"disks": [{"volume", "kind": "containerDisk", "directory", "path", "overlay"}, {"volume", "kind": "emptyDisk", "path", "bytes"}]}
    -> {"disks": [{"volume", "path", "format", "backing", "backing_format"}], "changed"}

A container disk is a read-only file of an image; the domain writes to a copy-on-write overlay beside it. Both are refused when they
refer to files that are not theirs: QEMU would open those with the launcher's rights.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.images.virt_launcher import arguments, children, disk_image, paths
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

_TIMEOUT_SECONDS = 60.0
_SECTOR = 512
_LARGEST_BYTES = 1 << 56


class DiskMaker:
    """Makes disks below two directories of the pod; they are arguments for the tests' sake."""

    def __init__(
        self,
        processes: children.Children,
        *,
        container_disks: str = paths.CONTAINER_DISKS,
        ephemeral_disks: str = paths.EPHEMERAL_DISKS,
    ) -> None:
        """Programs are started through `processes`."""
        self._processes = processes
        self._container_disks = container_disks
        self._ephemeral_disks = ephemeral_disks

    async def make_disks(self, given: arguments.Arguments) -> Mapping[str, Any]:
        """Make what is missing. Raises errors.PlayvirtError."""
        made: list[Mapping[str, Any]] = []
        changed = False
        for disk in given.objects("disks"):
            match disk.text("kind"):
                case "containerDisk":
                    result, new = await self._container_disk(disk)
                case "emptyDisk":
                    result, new = await self._empty_disk(disk)
                case kind:
                    raise disk.wrong("kind", f"{kind!r} is neither containerDisk nor emptyDisk")
            made.append(result)
            changed = changed or new
        return {"disks": made, "changed": changed}

    async def _container_disk(self, disk: arguments.Arguments) -> tuple[Mapping[str, Any], bool]:
        """An overlay over the disk file of an image."""
        volume = disk.text("volume")
        directory = disk.path_below("directory", self._container_disks)
        overlay = disk.path_below("overlay", self._ephemeral_disks)
        inside = disk.optional_text("path")
        backing = _named_file(volume, directory, inside) if inside else _only_file(volume, directory)
        base = _read_header(backing)
        if base.backing is not None or base.external:
            raise errors.InvalidObject(
                f"volume {volume}: the disk file {os.path.basename(backing)} of the image refers to another file; "
                "flatten it (qemu-img convert) and build the image again"
            )
        result = {
            "volume": volume,
            "path": overlay,
            "format": "qcow2",
            "backing": backing,
            "backing_format": base.format,
        }
        if os.path.lexists(overlay):
            found = _read_header(overlay)
            if found.format != "qcow2" or found.backing != backing:
                raise errors.InvalidObject(f"volume {volume}: {overlay} is there and is no overlay of {backing}")
            return result, False
        await self._create(overlay, "-F", base.format, "-b", backing)
        return result, True

    async def _empty_disk(self, disk: arguments.Arguments) -> tuple[Mapping[str, Any], bool]:
        """A new, sparse disk."""
        volume = disk.text("volume")
        path = disk.path_below("path", self._ephemeral_disks)
        wanted = -(-disk.number("bytes", least=1, most=_LARGEST_BYTES) // _SECTOR) * _SECTOR
        result = {"volume": volume, "path": path, "format": "qcow2", "backing": None, "backing_format": None}
        if os.path.lexists(path):
            found = _read_header(path)
            if found.format != "qcow2" or found.backing is not None or found.bytes != wanted:
                raise errors.InvalidObject(f"volume {volume}: {path} is there and is no empty disk of {wanted} bytes")
            return result, False
        await self._create(path, size=wanted)
        return result, True

    async def _create(self, path: str, *options: str, size: int | None = None) -> None:
        """A qcow2 file at `path`, which is there whole or not at all."""
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        unfinished = f"{path}.unfinished"
        argv = ["qemu-img", "create", "-q", "-f", "qcow2", *options, unfinished]
        if size is not None:
            argv.append(str(size))
        try:
            await self._processes.run(argv, timeout_seconds=_TIMEOUT_SECONDS)
            os.chmod(unfinished, 0o600)
            os.rename(unfinished, path)
        except BaseException:
            if os.path.lexists(unfinished):
                os.unlink(unfinished)
            raise


def _only_file(volume: str, directory: str) -> str:
    """The one regular file in `disk/` of an image."""
    where = f"{directory}/disk"
    try:
        found = sorted(entry.name for entry in os.scandir(where) if entry.is_file(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        found = []
    except OSError as error:
        raise errors.PlayvirtError(f"volume {volume}: {where} cannot be read: {error.strerror}") from error
    if len(found) != 1:
        seen = "no disk file" if not found else f"{len(found)} files ({', '.join(found[:5])})"
        raise errors.InvalidObject(
            f"volume {volume}: {seen} in /disk of the image; a container disk needs exactly one file there"
        )
    return f"{where}/{found[0]}"


def _named_file(volume: str, directory: str, inside: str) -> str:
    """The file of an image that the volume's `path` names; it must not lead out of the image."""
    path = os.path.normpath(f"{directory}/{inside.lstrip('/')}")
    if os.path.realpath(path) != os.path.realpath(directory) + path[len(directory) :]:
        raise errors.InvalidObject(f"volume {volume}: path {inside} leads through a link; name the file itself")
    try:
        regular = stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        regular = False
    if not regular:
        raise errors.InvalidObject(f"volume {volume}: the image has no file {inside}")
    return path


def _read_header(path: str) -> disk_image.DiskImage:
    """What the file at `path` is; a link there is not followed."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return disk_image.parse_header(file.read(disk_image.HEADER_SIZE))
    except OSError as error:
        raise errors.PlayvirtError(f"disk file {path} cannot be read: {error.strerror}") from error
