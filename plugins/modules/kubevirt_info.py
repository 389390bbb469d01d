#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""What a cluster has of KubeVirt's API: whose definitions, which installation, which machines and instances.

In: how many names to list. Out: names. Called by role operator before it installs or removes, and by role kubevirt before it removes.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubevirt_info
short_description: Say what a cluster has of KubeVirt's API
version_added: "0.1.0"
description:
  - Lists the CustomResourceDefinitions of KubeVirt's API groups that are not playvirt's, the KubeVirt objects, the VirtualMachines and the
    VirtualMachineInstances of all namespaces.
options:
  limit:
    description: At most so many machines and instances are listed; V(0) lists all.
    type: int
    default: 0
  definitions:
    description: Whether to look at CustomResourceDefinitions.
    type: bool
    default: false
extends_documentation_fragment: [playvirt.core.kubernetes]
attributes:
  check_mode:
    description: Reads only.
    support: full
author: The playvirt developers (@playvirt)
"""

EXAMPLES = r"""
- name: Look for virtual machines
  playvirt.core.kubevirt_info:
  register: found
"""

RETURN = r"""
foreign_definitions:
  description: CustomResourceDefinitions of KubeVirt's groups that somebody else installed.
  returned: success
  type: list
  elements: str
  sample: [virtualmachines.kubevirt.io]
kubevirts:
  description: The KubeVirt objects, as C(NAMESPACE/NAME).
  returned: success
  type: list
  elements: str
machines:
  description: The VirtualMachines, as C(NAMESPACE/NAME).
  returned: success
  type: list
  elements: str
instances:
  description: The VirtualMachineInstances, as C(NAMESPACE/NAME).
  returned: success
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors, kinds, metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.k8s import client, options

GROUP = "kubevirt.io"

ARGUMENT_SPEC: dict[str, Any] = {
    "limit": {"type": "int", "default": 0},
    "definitions": {"type": "bool", "default": False},
    **options.ARGUMENT_SPEC,
}


def _listed(connection: client.Client, kind: str, *, limit: int = 0) -> list[str]:
    """The objects of a kind as NAMESPACE/NAME; none where the kind is not installed."""
    try:
        found = connection.list(kinds.KUBEVIRT, kind, query={"limit": str(limit)} if limit else None)
    except errors.NotFound:
        return []
    return [f"{metadata.meta(obj)['namespace']}/{metadata.meta(obj)['name']}" for obj in found]


def _foreign(connection: client.Client) -> list[str]:
    """The definitions of KubeVirt's groups without playvirt's label."""
    definitions = connection.list("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    return sorted(
        metadata.meta(definition)["name"]
        for definition in definitions
        if (definition["spec"]["group"] == GROUP or definition["spec"]["group"].endswith(f".{GROUP}"))
        and (metadata.meta(definition).get("labels") or {}).get(names.MANAGED_BY) != "playvirt"
    )


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Read; the same in check mode."""
    connection = client.connect(options.auth(params))
    return {
        "changed": False,
        "foreign_definitions": _foreign(connection) if params["definitions"] else [],
        "kubevirts": _listed(connection, "KubeVirt"),
        "machines": _listed(connection, "VirtualMachine", limit=params["limit"]),
        "instances": _listed(connection, "VirtualMachineInstance", limit=params["limit"]),
    }


def main() -> None:
    """Run as a module."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
