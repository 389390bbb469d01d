"""Command make_cloud_init: a guest's first-boot data as an ISO 9660 image, made as the launcher's user inside its namespaces.

In: {"path", "label", "files": {name: content}}. Out: {"path", "bytes", "changed"}. Called by commands.py. Contents may hold passwords
and keys: they are never logged, never on a command line, and the file is readable by this user alone.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.images.virt_launcher import arguments, paths
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

ALIGNMENT = 1024 * 1024
"""QEMU reads files past the page cache only in whole blocks; a round size also leaves the guest's device size alone when data change."""

_DESCRIPTOR_OFFSET = 16 * 2048
_APPLICATION_FIELD = slice(_DESCRIPTOR_OFFSET + 574, _DESCRIPTOR_OFFSET + 702)
_MAX_LABEL = 32


def make_cloud_init(given: arguments.Arguments, *, directory: str = paths.EPHEMERAL_DISKS) -> Mapping[str, Any]:
    """Write the image unless one of the same contents is there. Blocks. Raises errors.PlayvirtError."""
    path = given.path_below("path", directory)
    label = given.text("label")
    files = given.texts_by_name("files")
    if len(label) > _MAX_LABEL or not label.isascii():
        raise given.wrong("label", f"{label!r} is no ISO 9660 label of at most {_MAX_LABEL} characters")
    for name in files:
        if not name or "/" in name or len(name) > 64 or not name.isprintable():
            raise given.wrong("files", f"{name!r} is no plain file name")
    fingerprint = _fingerprint(label, files)
    if _written_fingerprint(path) == fingerprint:
        return {"path": path, "bytes": os.path.getsize(path), "changed": False}
    image = render_image(label, files, fingerprint)
    _replace(path, image)
    return {"path": path, "bytes": len(image), "changed": True}


def render_image(label: str, files: Mapping[str, str], fingerprint: str) -> bytes:
    """The ISO 9660 image with Joliet and Rock Ridge names, padded to ALIGNMENT; `fingerprint` is its application identifier."""
    import pycdlib  # here, for it takes long to load and few pods need it

    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, vol_ident=label, app_ident_str=fingerprint, joliet=3, rock_ridge="1.09")
    for index, (name, text) in enumerate(sorted(files.items())):
        content = text.encode()
        iso.add_fp(
            io.BytesIO(content),
            len(content),
            iso_path=f"/FILE{index:04}.;1",
            rr_name=name,
            joliet_path=f"/{name}",
        )
    output = io.BytesIO()
    iso.write_fp(output)
    iso.close()
    image = output.getvalue()
    return image + bytes(-len(image) % ALIGNMENT)


def _fingerprint(label: str, files: Mapping[str, str]) -> str:
    """A digest of the contents, in characters that ISO 9660 allows."""
    digest = hashlib.sha256()
    for part in (label, *(text for item in sorted(files.items()) for text in item)):
        content = part.encode()
        digest.update(f"{len(content)}:".encode() + content)
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
        raise errors.PlayvirtError(f"cloud-init image {path} cannot be written: {error.strerror}") from error
