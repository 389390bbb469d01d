"""ISO 9660 images out of files in memory, written whole or not at all.

In: a path, a label, the files (name -> bytes; a `/` in a name makes directories). Out: the image, and whether it was written. Called by cloud_init.py and
iso_images.py. Contents may hold passwords and keys: they are never logged, and the image is readable by this user alone.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.images.virt_launcher import arguments
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

ALIGNMENT = 1024 * 1024
"""QEMU reads files past the page cache only in whole blocks; a round size also leaves the guest's device size alone when data change."""

_DESCRIPTOR_OFFSET = 16 * 2048
_APPLICATION_FIELD = slice(_DESCRIPTOR_OFFSET + 574, _DESCRIPTOR_OFFSET + 702)
_MAX_LABEL = 32
#: characters; Joliet has no longer names
_MAX_NAME = 64
#: directories; ISO 9660 has no deeper tree
_MAX_DEPTH = 7


def write_image(path: str, label: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    """Write the image unless one of the same contents is there; returns `{"path", "bytes", "changed"}`. Blocks.

    Raises errors.PlayvirtError where the file cannot be written.
    """
    fingerprint = _fingerprint(label, files)
    if _written_fingerprint(path) == fingerprint:
        return {"path": path, "bytes": os.path.getsize(path), "changed": False}
    image = render_image(label, files, fingerprint)
    _replace(path, image)
    return {"path": path, "bytes": len(image), "changed": True}


def checked_label(given: arguments.Arguments) -> str:
    """The argument `label`. Raises errors.InvalidObject for one that an image cannot have."""
    label = given.text("label")
    if len(label) > _MAX_LABEL or not label.isascii():
        raise given.wrong("label", f"{label!r} is no ISO 9660 label of at most {_MAX_LABEL} characters")
    return label


def bad_name(name: str) -> str | None:
    """Why an image cannot have a file of that name; None where it can."""
    parts = name.split("/")
    if any(part in ("", ".", "..") or not part.isprintable() for part in parts):
        return f"{name!r} is no plain file name"
    if any(len(part) > _MAX_NAME for part in parts):
        return f"{name!r} has more than {_MAX_NAME} characters"
    return f"{name!r} is below more than {_MAX_DEPTH} directories" if len(parts) > _MAX_DEPTH + 1 else None


def render_image(label: str, files: Mapping[str, bytes], fingerprint: str) -> bytes:
    """The ISO 9660 image with Joliet and Rock Ridge names, padded to ALIGNMENT; `fingerprint` is its application identifier."""
    import pycdlib  # here, for it takes long to load and few pods need it

    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, vol_ident=label, app_ident_str=fingerprint, joliet=3, rock_ridge="1.09")
    directories = {"": ""}
    for name in sorted(files):
        for end in (index for index, letter in enumerate(name) if letter == "/"):
            above, _, own = name[:end].rpartition("/")
            if name[:end] not in directories:
                directories[name[:end]] = f"{directories[above]}/DIR{len(directories):04}"
                iso.add_directory(directories[name[:end]], rr_name=own, joliet_path=f"/{name[:end]}")
    for index, (name, content) in enumerate(sorted(files.items())):
        above, _, own = name.rpartition("/")
        iso.add_fp(
            io.BytesIO(content),
            len(content),
            iso_path=f"{directories[above]}/FILE{index:04}.;1",
            rr_name=own,
            joliet_path=f"/{name}",
        )
    output = io.BytesIO()
    iso.write_fp(output)
    iso.close()
    image = output.getvalue()
    return image + bytes(-len(image) % ALIGNMENT)


def _fingerprint(label: str, files: Mapping[str, bytes]) -> str:
    """A digest of the contents, in characters that ISO 9660 allows."""
    digest = hashlib.sha256()
    for part in (
        label.encode(),
        *(part for name, content in sorted(files.items()) for part in (name.encode(), content)),
    ):
        digest.update(f"{len(part)}:".encode() + part)
    return digest.hexdigest().upper()


def _written_fingerprint(path: str) -> str | None:
    """The fingerprint of the image at `path`, None if there is none."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return file.read(_APPLICATION_FIELD.stop)[_APPLICATION_FIELD].decode("ascii", "replace").strip()
    except OSError:
        return None


def _replace(path: str, content: bytes) -> None:
    """Put a file there whole or not at all."""
    unfinished = f"{path}.unfinished"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(content)
        os.rename(unfinished, path)
    except OSError as error:
        raise errors.PlayvirtError(f"image {path} cannot be written: {error.strerror}") from error
