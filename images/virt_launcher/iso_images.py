"""Command make_iso_images: mounted ConfigMaps, Secrets, service accounts and downward API volumes as ISO 9660 images, made as the launcher's user.

In: {"images": [{"volume", "path", "label", "directory", "content", "optional"}]}. Out: {"images": [{"volume", "path", "bytes"}], "changed"}. Called by
commands.py. An image is made again when the volume's files have changed before the domain is started; a running guest keeps what it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.images.virt_launcher import arguments, iso_image, mounted_files, paths
from ansible_collections.playvirt.core.plugins.module_utils.api import errors


def make_iso_images(
    given: arguments.Arguments, *, contents: str = paths.CONTENTS, directory: str = paths.EPHEMERAL_DISKS
) -> Mapping[str, Any]:
    """Write each image unless one of the same contents is there. Blocks. Raises errors.PlayvirtError."""
    made, changed = [], False
    for image in given.objects("images"):
        volume, path, label = image.text("volume"), image.path_below("path", directory), iso_image.checked_label(image)
        files = mounted_files.read_files(image.path_below("directory", contents))
        if not files and not image.flag("optional"):
            raise errors.NotReady(
                f"volume {volume}: {image.text('content')} is not there, or has nothing in it; create it, and the kubelet brings it into the pod"
            )
        for name in files:
            if (problem := iso_image.bad_name(name)) is not None:
                raise errors.InvalidObject(f"volume {volume}: {image.text('content')}: file {problem}")
        result = iso_image.write_image(path, label, files)
        changed = changed or result["changed"]
        made.append({"volume": volume, "path": path, "bytes": result["bytes"]})
    return {"images": made, "changed": changed}
