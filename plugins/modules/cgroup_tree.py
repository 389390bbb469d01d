# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Module cgroup_tree: a cgroup that holds a whole group of programs, in whatever cgroup layout the machine has.

In: a path and a state. Out: the machine's layout, which the kubelet's and containerd's configurations need. Called by: role
embedded_cluster; the work is in module_utils/cluster/cgroup_tree.py.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: cgroup_tree
short_description: Make or end a tree of cgroups
description:
  - Makes a cgroup in every cgroup v1 hierarchy, in cgroup v2, or as a slice of systemd, whichever the machine uses.
  - With O(state=absent) every process in the tree is killed before the tree is removed.
version_added: 0.1.0
author: The playvirt developers (@playvirt)
options:
  path:
    description: Path of the cgroup, with at least one component.
    type: str
    required: true
  state:
    description: Whether the tree exists.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Make the cgroup of a node
  playvirt.core.cgroup_tree:
    path: /cluster/node01
"""

RETURN = r"""
version:
  description: Layout of the machine, V(v1), V(hybrid) or V(v2).
  type: str
  returned: always
driver:
  description: The driver that the kubelet and containerd have to use, V(cgroupfs) or V(systemd).
  type: str
  returned: always
controllers:
  description: The controllers of the machine.
  type: list
  elements: str
  returned: always
directories:
  description: The directories of the cgroup, one for each hierarchy.
  type: list
  elements: str
  returned: always
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.cluster import cgroup_tree

ARGUMENT_SPEC: Mapping[str, Any] = {
    "path": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Make or end the tree; raises InvalidObject for the root cgroup, PermanentError for an unusable machine."""
    path = params["path"]
    if not path.strip("/"):
        raise errors.InvalidObject(f"path {path!r} is the root cgroup: name a cgroup below it", field="path")
    layout = cgroup_tree.read_layout()
    if params["state"] == "absent":
        changed = cgroup_tree.exists(layout, path) if check_mode else cgroup_tree.remove(layout, path)
    else:
        changed = not cgroup_tree.is_complete(layout, path) if check_mode else cgroup_tree.create(layout, path)
    return {
        "changed": changed,
        "version": layout.version,
        "driver": layout.driver,
        "controllers": list(layout.controllers),
        "directories": list(layout.directories(path)),
    }


def main() -> None:
    """Run as Ansible's own process."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
