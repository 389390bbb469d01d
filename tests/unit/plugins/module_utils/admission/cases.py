"""Cases for the tables of this folder: an object is the smallest good one with some fields set.

A case is (what is set, the field and message of the refusal, what is set in its near miss, which is accepted).
"""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import instance, request, settings

GONE = object()
Settings = settings.Settings

SPEC: Mapping[str, Any] = {
    "architecture": "amd64",
    "domain": {
        "cpu": {"sockets": 1, "cores": 1, "threads": 1},
        "memory": {"guest": "128Mi"},
        "machine": {"type": "q35"},
        "devices": {
            "disks": [{"name": "root", "disk": {"bus": "virtio"}}],
            "interfaces": [{"name": "default", "masquerade": {}}],
        },
    },
    "networks": [{"name": "default", "pod": {}}],
    "volumes": [{"name": "root", "containerDisk": {"image": "registry.example/disk:1"}}],
}

Fields = Mapping[str, Any]
Case = tuple[Fields, str, str, Fields]


def put(obj: Any, path: str, value: Any) -> None:
    """Set the field at a path like `domain.devices.disks[0].name`; `[+]` appends, GONE removes."""
    steps: list[Any] = [
        int(index) if index.isdigit() else index or key for key, index in re.findall(r"([^.\[\]]+)|\[(\d+|\+)\]", path)
    ]
    for step, following in itertools.pairwise(steps):
        empty: Any = [] if isinstance(following, int) or following == "+" else {}
        if step == "+":
            obj.append(empty)
            obj = obj[-1]
        elif isinstance(step, int):
            obj = obj[step]
        else:
            obj = obj.setdefault(step, empty)
    last = steps[-1]
    if last == "+":
        obj.append(copy.deepcopy(value))
    elif value is GONE:
        del obj[last]
    else:
        obj[last] = copy.deepcopy(value)


def changed(base: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """A copy of an object with fields set."""
    obj = copy.deepcopy(dict(base))
    for path, value in fields.items():
        put(obj, path, value)
    return obj


def vmi(fields: Fields | None = None, **metadata: Any) -> dict[str, Any]:
    """An instance; `fields` are below its spec."""
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": "guest", "namespace": "ns", **metadata},
        "spec": changed(SPEC, fields or {}),
    }


def vm(fields: Fields | None = None, **metadata: Any) -> dict[str, Any]:
    """A machine; `fields` are below its spec."""
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "machine", "namespace": "ns", **metadata},
        "spec": changed(
            {"runStrategy": "Always", "template": {"metadata": {"labels": {}}, "spec": copy.deepcopy(dict(SPEC))}},
            fields or {},
        ),
    }


def preset(name: str, domain: Mapping[str, Any], **selector: Any) -> dict[str, Any]:
    """A preset."""
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstancePreset",
        "metadata": {"name": name, "namespace": "ns"},
        "spec": {"selector": selector or {"matchLabels": {"size": "small"}}, "domain": domain},
    }


def told(fields: Fields, given: settings.Settings | None = None) -> list[tuple[str, str]]:
    """Field and message of everything that is wrong with an instance's spec with these fields set."""
    it = request.subject_of(vmi(fields), given or settings.Settings(), field="spec", meta_field="metadata")
    return [(cause.field, cause.message) for cause in instance.spec_causes(it)]
