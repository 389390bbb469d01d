# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Module block_volumes: block devices where there is no storage for them.

In: a directory, a count and a size. Out: loop devices over sparse files, each behind a link with a lasting name. Called by: role
embedded_cluster; the work is in module_utils/cluster/loop_devices.py.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: block_volumes
short_description: Keep loop devices over sparse files
description:
  - Makes DIRECTORY/block01.img and a loop device over it behind the link DIRECTORY/block01, and so on.
  - The link keeps its name when the device gets another number, as after a reboot.
version_added: 0.1.0
author: The playvirt developers (@playvirt)
options:
  directory:
    description: Directory of the files and links.
    type: path
    required: true
  count:
    description: How many there are at least.
    type: int
    default: 0
  size:
    description: Size of a new file, such as C(1Gi).
    type: str
    default: 1Gi
  state:
    description: With V(absent) every loop device over a file of the directory is detached; the files stay.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Keep two block devices
  playvirt.core.block_volumes:
    directory: /var/lib/cluster/block
    count: 2
    size: 512Mi
"""

RETURN = r"""
devices:
  description: The loop devices that were attached or detached.
  type: list
  elements: str
  returned: always
"""

import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.cluster import loop_devices

ARGUMENT_SPEC: Mapping[str, Any] = {
    "directory": {"type": "path", "required": True},
    "count": {"type": "int", "default": 0},
    "size": {"type": "str", "default": "1Gi"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}

_UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def size_bytes(size: str) -> int:
    """Return a size such as `512Mi` in bytes; raises InvalidObject for anything else."""
    found = re.fullmatch(r"(\d+)(|Ki|Mi|Gi|Ti)", size)
    if found is None:
        raise errors.InvalidObject(
            f"size {size!r} is not a number with Ki, Mi, Gi or Ti: write it like 512Mi", field="size"
        )
    return int(found[1]) * _UNITS[found[2]]


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Attach what is missing, or detach all."""
    directory = params["directory"]
    loops = loop_devices.attached()
    if params["state"] == "absent":
        doomed = [loop.path for loop in loop_devices.over(directory, loops)]
        if not check_mode:
            for path in doomed:
                loop_devices.detach(path)
        return {"changed": bool(doomed), "devices": doomed}
    devices = {loop.file: loop.path for loop in loops}
    made: list[str] = []
    for index in range(1, params["count"] + 1):
        link = pathlib.Path(directory) / f"block{index:02d}"
        file = link.with_suffix(".img")
        device = devices.get(str(file))
        if device is not None and link.is_symlink() and os.readlink(link) == device:
            continue
        if check_mode:
            made.append(str(link))
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            with open(file, "wb") as image:
                image.truncate(size_bytes(params["size"]))
        device = device or loop_devices.attach(str(file))
        link.unlink(missing_ok=True)
        link.symlink_to(device)
        made.append(device)
    return {"changed": bool(made), "devices": made}


def main() -> None:
    """Run as Ansible's own process."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
