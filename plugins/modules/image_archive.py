# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Module image_archive: a container image from a few files, without an engine or a registry.

In: files of this machine and how the image starts. Out: an archive that `ctr images import` and `docker load` take, and its digest.
Called by: role embedded_cluster, for the images that a cluster needs before it can run anything else.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_archive
short_description: Build a container image of one layer from files
description:
  - Writes a docker archive. The same files give the same archive, byte for byte.
version_added: 0.1.0
author: The playvirt developers (@playvirt)
options:
  path:
    description: The archive.
    type: path
    required: true
  name:
    description: Name of the image, with its tag.
    type: str
    required: true
  files:
    description: Absolute paths in the image, and the files of this machine that go there.
    type: dict
    default: {}
  links:
    description: Absolute paths in the image that are symbolic links, and where they point.
    type: dict
    default: {}
  config:
    description: The C(config) part of the image's configuration, such as C(Entrypoint) and C(User).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Build the image that holds a pod's namespaces
  playvirt.core.image_archive:
    path: /var/cache/cluster/pause.tar
    name: playvirt.io/cluster/pause:1
    files:
      /pause: /usr/local/lib/cluster/pause
    config:
      Entrypoint: [/pause]
"""

RETURN = r"""
digest:
  description: SHA-256 of the archive.
  type: str
  returned: always
"""

import hashlib
import pathlib
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.cluster import archive

ARGUMENT_SPEC: Mapping[str, Any] = {
    "path": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "files": {"type": "dict", "default": {}},
    "links": {"type": "dict", "default": {}},
    "config": {"type": "dict", "default": {}},
}


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Build the archive; raises InvalidObject for a source file that does not exist."""
    files: list[archive.File] = []
    for path, source in params["files"].items():
        try:
            files.append(archive.File(path=path, content=pathlib.Path(source).read_bytes()))
        except OSError as error:
            raise errors.InvalidObject(
                f"files: {path} of image {params['name']} comes from {source}: {error.strerror}", field="files"
            ) from error
    files.extend(archive.File(path=path, link=target) for path, target in params["links"].items())
    built = archive.build(archive.Image(name=params["name"], files=files, config=params["config"]))
    target = pathlib.Path(params["path"])
    changed = not target.exists() or target.read_bytes() != built
    if changed and not check_mode:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.new")
        temporary.write_bytes(built)
        temporary.replace(target)
    return {"changed": changed, "digest": hashlib.sha256(built).hexdigest()}


def main() -> None:
    """Run as Ansible's own process."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
