"""The oldest form of VirtualMachine, kubevirt.io/v1alpha1.

It differs from v1 in three ways; everything else has the same place and name:

- `spec` may be that of an instance, with `domain` directly in it: such a machine runs once.
- `registryDisk` is what v1 calls containerDisk.
- `disks[].volumeName` names the disk's volume, and the disk may be called otherwise; without it the disk's own name does.

conversion/virtualmachine.py turns one into the other.
"""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema, virtualmachine, virtualmachineinstance


def _with_volume_name(disk: schema.Schema) -> schema.Schema:
    name = schema.described(disk["properties"]["name"], "What the disk is called.")
    volume_name = schema.string("The volume on it; the one of the disk's name unless said.")
    return {
        **disk,
        "description": "A disk of the guest.",
        "properties": {**disk["properties"], "name": name, "volumeName": volume_name},
    }


def _with_registry_disk(volume: schema.Schema) -> schema.Schema:
    properties = {
        "registryDisk" if name == "containerDisk" else name: field for name, field in volume["properties"].items()
    }
    return {**volume, "properties": properties}


INSTANCE_SPEC = schema.changed(
    schema.changed(virtualmachineinstance.SPEC, "domain.devices.disks[]", _with_volume_name),
    "volumes[]",
    _with_registry_disk,
)

TEMPLATE = {
    **virtualmachineinstance.TEMPLATE,
    "properties": {**virtualmachineinstance.TEMPLATE["properties"], "spec": INSTANCE_SPEC},
}

SPEC = {
    **schema.obj(
        "What the machine is: either an instance that runs once, or a template and whether it should run.",
        {**INSTANCE_SPEC["properties"], **virtualmachine.SPEC_FIELDS, "template": TEMPLATE},
    ),
    "x-kubernetes-validations": [
        {
            "rule": "has(self.domain) != has(self.template)",
            "message": "exactly one of domain and template must be set: domain for a machine that runs once",
        },
        {
            "rule": "has(self.template) || !(has(self.running) || has(self.runStrategy))",
            "message": "running and runStrategy need a template; a machine with spec.domain runs once",
        },
    ],
}
