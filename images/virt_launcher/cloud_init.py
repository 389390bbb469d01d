"""Command make_cloud_init: a guest's first-boot data as an ISO 9660 image, made as the launcher's user inside its namespaces.

In: {"volume", "path", "label", "files": {name: text}, "files_base64": {name: text}, "secrets": [{"file", "secret", "directory", "keys"}]}. Out:
{"path", "bytes", "changed"}. Called by commands.py. What comes from a Secret is read here, where the pod has it mounted. Contents may hold passwords
and keys: they are never logged, never on a command line.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.images.virt_launcher import arguments, iso_image, mounted_files, paths
from ansible_collections.playvirt.core.plugins.module_utils.api import errors


def make_cloud_init(
    given: arguments.Arguments, *, secrets: str = paths.CLOUD_INIT, directory: str = paths.EPHEMERAL_DISKS
) -> Mapping[str, Any]:
    """Write the image unless one of the same contents is there. Blocks. Raises errors.PlayvirtError."""
    path, label = given.path_below("path", directory), iso_image.checked_label(given)
    files = {name: text.encode() for name, text in given.texts_by_name("files").items()}
    files |= _decoded(given)
    for secret in given.objects("secrets"):
        files[secret.text("file")] = _from_secret(given.text("volume"), secret, secrets)
    for name in files:
        if (problem := iso_image.bad_name(name)) is not None:
            raise given.wrong("files", problem)
    return iso_image.write_image(path, label, files)


def _decoded(given: arguments.Arguments) -> dict[str, bytes]:
    """The files that were sent in base64."""
    try:
        return {
            name: base64.b64decode(text, validate=True) for name, text in given.texts_by_name("files_base64").items()
        }
    except (binascii.Error, ValueError) as error:
        raise given.wrong("files_base64", "expected base64") from error


def _from_secret(volume: str, secret: arguments.Arguments, below: str) -> bytes:
    """The first of the keys that the Secret has."""
    files = mounted_files.read_files(secret.path_below("directory", below))
    keys = secret.optional_texts("keys") or ()
    for key in keys:
        if key in files:
            return files[key]
    name = secret.text("secret")
    if not files:
        raise errors.NotReady(
            f"volume {volume}: Secret {name} is not there, or has nothing in it; create it, and the kubelet brings it into the pod"
        )
    raise errors.NotReady(f"volume {volume}: Secret {name} has none of the keys {', '.join(keys)}")
