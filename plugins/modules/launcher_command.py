#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Module launcher_command: has a launcher do a piece of work with its own, unprivileged rights.

In: the launcher's pod, a command and its arguments. Out: the launcher's answer. The request goes to virt-handler through the runner's socket, and from
there to the launcher. Called by: role domain on the node.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: launcher_command
short_description: Have a virtual machine's launcher prepare something
version_added: 0.1.0
author:
  - playvirt developers (@playvirt)
description:
  - Sends a command to the launcher of a pod on this node, and returns its answer.
  - The launcher makes a virtual machine's files itself, as an unprivileged user inside its own pod, so that nothing outside has to open paths that
    a launcher can write.
  - Every command can be repeated; what is there already stays.
requirements:
  - a virt-handler of the node that listens on the runner's socket (environment variable E(PLAYVIRT_RUNNER_SOCKET))
attributes:
  check_mode:
    description: Sends nothing, and says that something would change unless the command only answers questions.
    support: partial
    details: Only the launcher knows what is there, so a change is always foreseen.
  diff_mode:
    description: Nothing is shown.
    support: none
options:
  pod_uid:
    description: The uid of the launcher's pod.
    type: str
    required: true
  command:
    description:
      - What the launcher should do.
      - V(make_disks) makes the disks of the virtual machine that are missing (overlays over container disks and over claims, empty disks, images on
        claims and on the node), and checks those that are there.
      - V(make_cloud_init) makes the image with the cloud-init files.
      - V(make_iso_images) makes images of directories in the pod, such as of a mounted ConfigMap or Secret.
      - V(serve_dhcp) answers the DHCP requests of the guest.
    type: str
    choices: [make_disks, make_cloud_init, make_iso_images, serve_dhcp]
    required: true
  arguments:
    description: The arguments of the command, as the launcher takes them.
    type: dict
    default: {}
  secret_arguments:
    description:
      - More arguments, joined with O(arguments), which Ansible must not show, such as the contents of cloud-init files.
      - They win over arguments of the same name.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Make the disk of the guest over the container disk
  playvirt.core.launcher_command:
    pod_uid: 5a0b5b4e-6a5c-4f6b-9d53-0a7f0c1d2e3f
    command: make_disks
    arguments:
      disks:
        - volume: containerdisk
          kind: containerDisk
          directory: /var/run/kubevirt/container-disks/disk_0
          path:
          overlay: /var/run/kubevirt-ephemeral-disks/disk-data/containerdisk/disk.qcow2

- name: Make the cloud-init image
  playvirt.core.launcher_command:
    pod_uid: 5a0b5b4e-6a5c-4f6b-9d53-0a7f0c1d2e3f
    command: make_cloud_init
    arguments:
      path: /var/run/kubevirt-ephemeral-disks/cloud-init-data/default/vm/noCloud.iso
      label: cidata
    secret_arguments:
      files:
        meta-data: "instance-id: vm.default"
        user-data: "{{ user_data }}"
"""

RETURN = r"""
result:
  description: The launcher's answer; what it holds depends on the command.
  returned: success, not in check mode
  type: dict
  sample:
    changed: true
    disks:
      - backing: /var/run/kubevirt/container-disks/disk_0/disk/disk.qcow2
        format: qcow2
        volume: containerdisk
"""

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.k8s import gateway

ARGUMENT_SPEC: dict[str, Any] = {
    "pod_uid": {"type": "str", "required": True},
    "command": {
        "type": "str",
        "choices": ["make_disks", "make_cloud_init", "make_iso_images", "serve_dhcp"],
        "required": True,
    },
    "arguments": {"type": "dict", "default": {}, "no_log": False},
    "secret_arguments": {"type": "dict", "default": {}, "no_log": True},
}
_UID = re.compile(r"[0-9a-fA-F-]{1,64}")


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Send the command; returns `changed` and `result`.

    Raises NotReady when no launcher of that pod is connected, TransientError when the launcher or virt-handler does not answer, PermanentError with
    the launcher's own words when the launcher could not do it.
    """
    pod_uid, command = params["pod_uid"], params["command"]
    if not _UID.fullmatch(pod_uid):
        raise errors.InvalidObject(f"pod_uid '{pod_uid}' is not the uid of a pod.", field="pod_uid")
    if check_mode:
        return {"changed": True}
    status, answer = gateway.request(
        "POST", f"/launchers/{pod_uid}/{command}", {**params["arguments"], **params["secret_arguments"]}
    )
    if status == 200:
        return {"changed": bool(answer.get("changed", False)), "result": answer}
    message = str(answer.get("message") or f"virt-handler answered with status {status}")
    if status == 404:
        raise errors.NotReady(message)
    if status >= 500:
        raise errors.TransientError(message)
    raise errors.PermanentError(message)


def main() -> None:
    """Run as a process of Ansible's."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
