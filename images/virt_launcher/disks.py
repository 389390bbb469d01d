"""Command make_disks: the disks behind a domain, made or checked as the launcher's user inside its namespaces.

In: the command's arguments (README of the line: handler_link.py). Out: for each disk its format and backing file, and whether
anything was made. Called by commands.py.

    {"disks": [{"volume", "kind": "containerDisk", "directory", "path", "overlay"},
               {"volume", "kind": "emptyDisk", "path", "bytes"},
               {"volume", "kind": "persistentVolumeClaim", "claim", "read_only", "path", "bytes"} or the same with "device" instead of the last two,
               {"volume", "kind": "ephemeral", "claim", "overlay", "path"} or the same with "device" instead of "path",
               {"volume", "kind": "hostDisk", "host_path", "path", "bytes"}]}
    -> {"disks": [{"volume", "path", "format", "backing", "backing_format"}], "changed"}

A container disk is a read-only file of an image, an ephemeral volume a claim that is only read: the domain writes to a copy-on-write overlay. A claim's or the
node's image is made where there is none and `bytes` says how large; one that is there stays as it is. Files are refused when they refer to others that are not
theirs: QEMU would open those with the launcher's rights.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.images.virt_launcher import arguments, children, disk_files, paths
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

_TIMEOUT_SECONDS = 60.0
_SECTOR = 512
_LARGEST_BYTES = 1 << 56

Made = tuple[Mapping[str, Any], bool]
"""What the answer says of a disk, and whether it was made now."""


class DiskMaker:
    """Makes disks below directories of the pod; they are arguments for the tests' sake."""

    def __init__(
        self,
        processes: children.Children,
        *,
        container_disks: str = paths.CONTAINER_DISKS,
        ephemeral_disks: str = paths.EPHEMERAL_DISKS,
        volumes: str = paths.VOLUMES,
        devices: str = paths.DEVICES,
    ) -> None:
        """Programs are started through `processes`."""
        self._processes = processes
        self._container_disks = container_disks
        self._ephemeral_disks = ephemeral_disks
        self._volumes = volumes
        self._devices = devices

    async def make_disks(self, given: arguments.Arguments) -> Mapping[str, Any]:
        """Make what is missing. Raises errors.PlayvirtError."""
        makers = {
            "containerDisk": self._container_disk,
            "emptyDisk": self._empty_disk,
            "persistentVolumeClaim": self._claim,
            "ephemeral": self._ephemeral,
            "hostDisk": self._host_disk,
        }
        made: list[Mapping[str, Any]] = []
        changed = False
        for disk in given.objects("disks"):
            kind = disk.text("kind")
            if kind not in makers:
                raise disk.wrong("kind", f"{kind!r} is none of {', '.join(makers)}")
            try:
                result, new = await makers[kind](disk)
            except errors.CommandFailed as error:
                raise errors.CommandFailed(
                    f"volume {disk.text('volume')}: {error}", returncode=error.returncode, stderr=error.stderr
                ) from error
            made.append(result)
            changed = changed or new
        return {"disks": made, "changed": changed}

    async def _container_disk(self, disk: arguments.Arguments) -> Made:
        """An overlay over the disk file of an image."""
        volume = disk.text("volume")
        directory = disk.path_below("directory", self._container_disks)
        inside = disk.optional_text("path")
        backing = (
            disk_files.named_file(volume, directory, inside) if inside else disk_files.only_file(volume, directory)
        )
        base = disk_files.read_header(backing)
        if base.backing is not None or base.external:
            raise errors.InvalidObject(
                f"volume {volume}: the disk file {os.path.basename(backing)} of the image refers to another file; "
                "flatten it (qemu-img convert) and build the image again"
            )
        return await self._overlay(disk, backing, base.format)

    async def _overlay(self, disk: arguments.Arguments, backing: str, backing_format: str) -> Made:
        """A copy-on-write file over `backing`."""
        volume = disk.text("volume")
        overlay = disk.path_below("overlay", self._ephemeral_disks)
        result = {
            "volume": volume,
            "path": overlay,
            "format": "qcow2",
            "backing": backing,
            "backing_format": backing_format,
        }
        if os.path.lexists(overlay):
            found = disk_files.read_header(overlay)
            if found.format != "qcow2" or found.backing != backing:
                raise errors.InvalidObject(f"volume {volume}: {overlay} is there and is no overlay of {backing}")
            return result, False
        os.makedirs(os.path.dirname(overlay), mode=0o700, exist_ok=True)
        await self._create(overlay, "qcow2", "-F", backing_format, "-b", backing)
        return result, True

    async def _empty_disk(self, disk: arguments.Arguments) -> Made:
        """A new, sparse disk."""
        volume = disk.text("volume")
        path = disk.path_below("path", self._ephemeral_disks)
        wanted = -(-disk.number("bytes", least=1, most=_LARGEST_BYTES) // _SECTOR) * _SECTOR
        result = {"volume": volume, "path": path, "format": "qcow2", "backing": None, "backing_format": None}
        if os.path.lexists(path):
            found = disk_files.read_header(path)
            if found.format != "qcow2" or found.backing is not None or found.bytes != wanted:
                raise errors.InvalidObject(f"volume {volume}: {path} is there and is no empty disk of {wanted} bytes")
            return result, False
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        await self._create(path, "qcow2", size=wanted)
        return result, True

    async def _claim(self, disk: arguments.Arguments) -> Made:
        """The image on a claim with a file system, or the claim's block device."""
        volume, read_only = disk.text("volume"), disk.flag("read_only")
        where = f"volume {volume}: claim {disk.text('claim')}"
        if disk.optional_text("device"):
            device = disk.path_below("device", self._devices)
            await asyncio.to_thread(disk_files.check_block_device, where, device, read_only=read_only)
            return _raw(volume, device), False
        missing = "it is only read, so none is made: copy one there, or do not set readOnly"
        return await self._image(disk, where, read_only=read_only, missing=missing)

    async def _ephemeral(self, disk: arguments.Arguments) -> Made:
        """An overlay over what is on a claim."""
        where = f"volume {disk.text('volume')}: claim {disk.text('claim')}"
        if disk.optional_text("device"):
            backing = disk.path_below("device", self._devices)
            await asyncio.to_thread(disk_files.check_block_device, where, backing, read_only=True)
        else:
            backing = disk.path_below("path", self._volumes)
            if not await asyncio.to_thread(disk_files.has_raw_image, where, backing, read_only=True):
                raise errors.InvalidObject(
                    f"{where} has no {os.path.basename(backing)}; an ephemeral volume needs one to start from: copy it there first"
                )
        return await self._overlay(disk, backing, "raw")

    async def _host_disk(self, disk: arguments.Arguments) -> Made:
        """An image in a directory of the node."""
        where = f"volume {disk.text('volume')}: host disk {disk.text('host_path')}"
        missing = "copy one there, or use type DiskOrCreate with a capacity"
        return await self._image(disk, where, read_only=False, missing=missing)

    async def _image(self, disk: arguments.Arguments, where: str, *, read_only: bool, missing: str) -> Made:
        """A raw image that outlives the pod: kept where it is there, made where it may be."""
        volume, path = disk.text("volume"), disk.path_below("path", self._volumes)
        if await asyncio.to_thread(disk_files.has_raw_image, where, path, read_only=read_only):
            return _raw(volume, path), False
        wanted = disk.optional_number("bytes", least=1, most=_LARGEST_BYTES)
        if wanted is None:
            raise errors.InvalidObject(f"{where}: there is no {os.path.basename(path)}; {missing}")
        size = await asyncio.to_thread(disk_files.room_for, where, os.path.dirname(path), wanted)
        await self._create(path, "raw", size=size)
        return _raw(volume, path), True

    async def _create(self, path: str, image_format: str, *options: str, size: int | None = None) -> None:
        """A sparse file at `path`, which is there whole or not at all."""
        unfinished = f"{path}.unfinished"
        argv = ["qemu-img", "create", "-q", "-f", image_format, *options, unfinished]
        if size is not None:
            argv.append(str(size))
        try:
            await self._processes.run(argv, timeout_seconds=_TIMEOUT_SECONDS)
            os.chmod(unfinished, 0o660 if image_format == "raw" else 0o600)  # a claim's file may be for its group too
            os.rename(unfinished, path)
        except BaseException:
            if os.path.lexists(unfinished):
                os.unlink(unfinished)
            raise


def _raw(volume: str, path: str) -> dict[str, Any]:
    """What the answer says of a raw image or device."""
    return {"volume": volume, "path": path, "format": "raw", "backing": None, "backing_format": None}
