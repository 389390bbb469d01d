"""What is there already behind a disk: files of an image, of a claim or of the node, and block devices. Nothing is made here.

In: a volume's name and paths. Out: a path to use, or errors.PlayvirtError with what a person has to do. A link is never followed where the file may
have been put there by somebody else, and a format is read from the first bytes, never guessed. Called by disks.py; may block, as storage may.
"""

from __future__ import annotations

import os
import stat

from ansible_collections.playvirt.core.images.virt_launcher import disk_image
from ansible_collections.playvirt.core.plugins.module_utils.api import errors, names

_MIB = 1024 * 1024
#: a new image may be so much smaller than it should be, for what a file system keeps to itself
SHORTAGE = 0.1


def read_header(path: str) -> disk_image.DiskImage:
    """What the file at `path` is; a link there is not followed."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return disk_image.parse_header(file.read(disk_image.HEADER_SIZE))
    except OSError as error:
        raise errors.PlayvirtError(f"disk file {path} cannot be read: {error.strerror}") from error


def only_file(volume: str, directory: str) -> str:
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


def named_file(volume: str, directory: str, inside: str) -> str:
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


def has_raw_image(where: str, path: str, *, read_only: bool) -> bool:
    """Whether the image at `path` is there; `where` names the volume and its storage in messages.

    Raises InvalidObject for what cannot be the guest's disk: no regular file, another format, no permission.
    """
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return False
    except OSError as error:
        raise errors.PlayvirtError(f"{where}: {path} cannot be looked at: {error.strerror}") from error
    name = os.path.basename(path)
    if not stat.S_ISREG(mode):
        raise errors.InvalidObject(f"{where}: {name} is no regular file")
    if not os.access(path, os.R_OK if read_only else os.R_OK | os.W_OK):
        raise errors.InvalidObject(
            f"{where}: user {names.LAUNCHER_UID} may not {'read' if read_only else 'read and write'} {name}; "
            f"give the file to that user, or to group {names.LAUNCHER_UID} with mode 0660"
        )
    if (found := read_header(path).format) != "raw":
        raise errors.InvalidObject(
            f"{where}: {name} is a {found} image, and the guest would see it as it is; turn it into a raw one (qemu-img convert -O raw)"
        )
    return True


def room_for(where: str, directory: str, wanted: int) -> int:
    """The size of a new image in `directory`, in bytes: as wanted, or a little less where the file system has a little less.

    Raises InvalidObject when it has much less, or cannot be written.
    """
    try:
        found = os.statvfs(directory)
    except OSError as error:
        raise errors.PlayvirtError(f"{where}: {directory} cannot be looked at: {error.strerror}") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise errors.InvalidObject(
            f"{where}: user {names.LAUNCHER_UID} may not make a file there; give the directory to that user, "
            f"or to group {names.LAUNCHER_UID} with mode 0770"
        )
    free = found.f_bavail * found.f_frsize
    if free >= wanted:
        return wanted
    if free < wanted * (1 - SHORTAGE):
        raise errors.InvalidObject(
            f"{where}: the disk image needs {wanted // _MIB} MiB and only {free // _MIB} MiB are free; "
            "make room there, or ask for less"
        )
    return free // _MIB * _MIB


def check_block_device(where: str, path: str, *, read_only: bool) -> None:
    """Raises InvalidObject when there is no block device at `path`, or this user may not use it."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise errors.InvalidObject(f"{where}: there is no device {path}: {error.strerror}") from error
    if not stat.S_ISBLK(mode):
        raise errors.InvalidObject(f"{where}: {path} is no block device")
    if not os.access(path, os.R_OK if read_only else os.R_OK | os.W_OK):
        raise errors.InvalidObject(
            f"{where}: user {names.LAUNCHER_UID} may not use {path}; the node's container runtime has to give devices to a "
            "pod's user (containerd: device_ownership_from_security_context = true)"
        )
