#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""The manifests that an installation of playvirt begins with, as data.

In: namespace, images, settings. Out: the objects in the order in which they are applied, the KubeVirt, and what would be left without virt-operator.
Called by role operator; the work is in module_utils/installation.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: operator_manifests
short_description: Render the manifests of an installation
version_added: "0.1.0"
description:
  - Renders namespace, priority class, permissions and Deployment of virt-operator, and the KubeVirt object that asks it for the rest.
  - Names what virt-operator then deploys outside of the namespace.
  - Reads and changes nothing.
options:
  namespace:
    description: Namespace of the installation.
    type: str
    default: kubevirt
  registry:
    description: Where the images are. Their names are C(REGISTRY/playvirt:TAG) and C(REGISTRY/virt-launcher:TAG).
    type: str
    required: true
  tag:
    description: Tag of the images.
    type: str
    required: true
  pull_policy:
    description: When nodes pull the images.
    type: str
    choices: [Always, IfNotPresent, Never]
    default: IfNotPresent
  kubelet_root:
    description: The kubelet's directory on the nodes.
    type: str
    default: /var/lib/kubelet
  use_emulation:
    description: Run guests by software emulation.
    type: bool
    default: false
attributes:
  check_mode:
    description: Changes nothing.
    support: full
author: The playvirt developers (@playvirt)
"""

EXAMPLES = r"""
- name: Render the installation
  playvirt.core.operator_manifests:
    registry: registry.example.com/playvirt
    tag: "1.0"
  register: manifests
"""

RETURN = r"""
operator:
  description: Everything up to virt-operator, in the order in which it is applied.
  returned: success
  type: list
  elements: dict
kubevirt:
  description: The KubeVirt object.
  returned: success
  type: dict
cluster_wide:
  description:
    - What virt-operator deploys outside of the namespace, in the order in which it is to be removed.
    - Without virt-operator it does not go with the KubeVirt.
  returned: success
  type: list
  elements: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.installation import rbac, settings, virt_operator, webhooks

ARGUMENT_SPEC: dict[str, Any] = {
    "namespace": {"type": "str", "default": "kubevirt"},
    "registry": {"type": "str", "required": True},
    "tag": {"type": "str", "required": True},
    "pull_policy": {"type": "str", "choices": ["Always", "IfNotPresent", "Never"], "default": "IfNotPresent"},
    "kubelet_root": {"type": "str", "default": "/var/lib/kubelet"},
    "use_emulation": {"type": "bool", "default": False},
}


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Render; the same in check mode."""
    wanted = settings.Settings(
        registry=params["registry"],
        tag=params["tag"],
        namespace=params["namespace"],
        pull_policy=params["pull_policy"],
        kubelet_root=params["kubelet_root"],
        use_emulation=params["use_emulation"],
    )
    deployed = [*webhooks.render_configurations(wanted, bundle=""), *rbac.render_component_rbac(wanted.namespace)]
    return {
        "changed": False,
        "operator": virt_operator.render_operator(wanted),
        "kubevirt": virt_operator.render_kubevirt(wanted),
        "cluster_wide": [obj for obj in deployed if not obj["metadata"].get("namespace")],
    }


def main() -> None:
    """Run as a module."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
