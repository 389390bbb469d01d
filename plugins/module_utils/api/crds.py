"""CustomResourceDefinitions from the types of this room; `crds/*.yaml` is this, written out.

In: nothing. Out: file name -> definition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import (
    kubevirt,
    names,
    schema,
    virtualmachine,
    virtualmachineinstance,
)

GROUP = "kubevirt.io"


@dataclass(frozen=True)
class _Kind:
    kind: str
    plural: str
    short_names: Sequence[str]
    spec: Callable[[], schema.Schema]
    status: Callable[[], schema.Schema]
    columns: Sequence[tuple[str, str, str, int]]
    selectable: Sequence[str] = ()


_READY = ".status.conditions[?(@.type=='Ready')].status"
_AGE = ("Age", "date", ".metadata.creationTimestamp", 0)

_KINDS = (
    _Kind(
        "VirtualMachine",
        "virtualmachines",
        ("vm", "vms"),
        virtualmachine.spec,
        virtualmachine.status,
        (_AGE, ("Status", "string", ".status.printableStatus", 0), ("Ready", "string", _READY, 0)),
    ),
    _Kind(
        "VirtualMachineInstance",
        "virtualmachineinstances",
        ("vmi", "vmis"),
        virtualmachineinstance.spec,
        virtualmachineinstance.status,
        (
            _AGE,
            ("Phase", "string", ".status.phase", 0),
            ("IP", "string", ".status.interfaces[0].ipAddress", 0),
            ("NodeName", "string", ".status.nodeName", 0),
            ("Ready", "string", _READY, 0),
        ),
        (".status.nodeName",),
    ),
    _Kind(
        "KubeVirt",
        "kubevirts",
        ("kv", "kvs"),
        kubevirt.spec,
        kubevirt.status,
        (_AGE, ("Phase", "string", ".status.phase", 0)),
    ),
)


def _definition(kind: _Kind) -> dict[str, Any]:
    version: dict[str, Any] = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": name, "type": column_type, "jsonPath": path, **({"priority": priority} if priority else {})}
            for name, column_type, path, priority in kind.columns
        ],
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "description": f"{kind.kind} of the API group {GROUP}.",
                "required": ["spec"],
                "properties": {
                    "apiVersion": {"type": "string", "description": "Group and version."},
                    "kind": {"type": "string", "description": "The kind."},
                    "metadata": {"type": "object"},
                    "spec": kind.spec(),
                    "status": kind.status(),
                },
            }
        },
    }
    if kind.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{GROUP}",
            "labels": {names.APP: "", names.MANAGED_BY: "playvirt"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "shortNames": list(kind.short_names),
                "categories": ["all"],
            },
            "versions": [version],
        },
    }


def definitions() -> dict[str, dict[str, Any]]:
    """Every definition under the name of its file: `kubevirt.io_virtualmachines.yaml` and so on."""
    return {f"{GROUP}_{kind.plural}.yaml": _definition(kind) for kind in _KINDS}
