"""The files of a ConfigMap, Secret, projected or downward API volume, as the kubelet mounts them.

In: the volume's directory. Out: names and contents. The kubelet puts all files of one version into a directory of their own and swaps the link
`..data` to it, so reading through the link once gives files that belong together. Blocks.
"""

from __future__ import annotations

import os

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

_LINK = "..data"
#: bytes; Kubernetes keeps no larger object than 1.5 MiB
_LARGEST = 4 * 1024 * 1024


def read_files(directory: str) -> dict[str, bytes]:
    """Every file by its path below the directory; none where the volume is empty or not there. Raises errors.PlayvirtError for what cannot be read."""
    link = f"{directory}/{_LINK}"
    root = os.path.realpath(link if os.path.lexists(link) else directory)
    found: dict[str, bytes] = {}
    for where, _directories, names in os.walk(root):
        for name in names:
            path = f"{where}/{name}"
            found[os.path.relpath(path, root)] = _content(path, directory)
    return found


def _content(path: str, directory: str) -> bytes:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        name = os.path.basename(path)
        raise errors.PlayvirtError(f"{name} in {directory} cannot be read: {error.strerror}") from error
    if len(content) > _LARGEST:
        raise errors.InvalidObject(f"{os.path.basename(path)} in {directory} has more than {_LARGEST} bytes")
    return content
