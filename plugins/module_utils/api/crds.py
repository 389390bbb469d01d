"""CustomResourceDefinitions from the types of this room; `crds/*.yaml` is this, written out.

In: nothing. Out: file name -> definition. Their sizes have to stay below what etcd takes (1.5 MiB an object); they are too large for
client-side apply, which keeps the whole object in an annotation (256 KiB): they are applied by server-side apply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import (
    kubevirt,
    migrationpolicy,
    names,
    schema,
    virtualmachine,
    virtualmachine_v1alpha1,
    virtualmachineinstance,
    virtualmachineinstancemigration,
    virtualmachineinstancepreset,
    virtualmachineinstancereplicaset,
)

GROUP = "kubevirt.io"
MIGRATIONS_GROUP = "migrations.kubevirt.io"

Column = tuple[str, str, str, int]


@dataclass(frozen=True)
class Version:
    """One version in which a kind is served."""

    name: str
    spec: schema.Schema
    stored: bool = False
    warning: str = ""  # deprecated, with this warning


@dataclass(frozen=True)
class Kind:
    """A kind: its names, its versions, and how it is shown and reached."""

    kind: str
    description: str  # what `kubectl explain` says of it
    plural: str
    versions: Sequence[Version]
    status: schema.Schema | None
    short_names: Sequence[str] = ()
    columns: Sequence[Column] = ()
    selectable: Sequence[str] = ()
    scale: bool = False
    spec_required: bool = True
    group: str = GROUP
    namespaced: bool = True
    labels: Sequence[str] = ()  # of the definition, beside those that all have
    webhook: bool = False  # versions are turned into one another by virt-api


def _condition(name: str, kind: str, priority: int = 0) -> Column:
    return (name, "string", f".status.conditions[?(@.type=='{kind}')].status", priority)


_AGE: Column = ("Age", "date", ".metadata.creationTimestamp", 0)
_PHASE: Column = ("Phase", "string", ".status.phase", 0)
_READY = _condition("Ready", "Ready")
_OLD = "kubevirt.io/v1alpha3 is now deprecated and will be removed in a future release."
_OLDEST = "kubevirt.io/v1alpha1 is the oldest form of VirtualMachine; use kubevirt.io/v1."
_NO_PRESETS = "kubevirt.io/{} VirtualMachineInstancePresets is now deprecated and will be removed in v2."


def _v1_and_v1alpha3(spec: schema.Schema) -> tuple[Version, ...]:
    return Version("v1", spec, stored=True), Version("v1alpha3", spec, warning=_OLD)


KINDS = (
    Kind(
        "VirtualMachine",
        "A virtual machine that is kept: started and stopped as its run strategy says, and the same machine in every run.",
        "virtualmachines",
        (
            *_v1_and_v1alpha3(virtualmachine.SPEC),
            Version("v1alpha1", virtualmachine_v1alpha1.SPEC, warning=_OLDEST),
        ),
        virtualmachine.STATUS,
        ("vm", "vms"),
        (_AGE, ("Status", "string", ".status.printableStatus", 0), _READY),
        webhook=True,
    ),
    Kind(
        "VirtualMachineInstance",
        "One run of a virtual machine, from its start to its end; what has ended is not started again.",
        "virtualmachineinstances",
        _v1_and_v1alpha3(virtualmachineinstance.SPEC),
        virtualmachineinstance.STATUS,
        ("vmi", "vmis"),
        (
            _AGE,
            _PHASE,
            ("IP", "string", ".status.interfaces[0].ipAddress", 0),
            ("NodeName", "string", ".status.nodeName", 0),
            _READY,
            _condition("Live-Migratable", "LiveMigratable", 1),
            _condition("Paused", "Paused", 1),
        ),
        selectable=(".status.nodeName",),
    ),
    Kind(
        "VirtualMachineInstanceReplicaSet",
        "A number of VirtualMachineInstances of one template; one that ends is replaced by another.",
        "virtualmachineinstancereplicasets",
        _v1_and_v1alpha3(virtualmachineinstancereplicaset.SPEC),
        virtualmachineinstancereplicaset.STATUS,
        ("vmirs", "vmirss"),
        (
            ("Desired", "integer", ".spec.replicas", 0),
            ("Current", "integer", ".status.replicas", 0),
            ("Ready", "integer", ".status.readyReplicas", 0),
            _AGE,
        ),
        scale=True,
    ),
    Kind(
        "VirtualMachineInstancePreset",
        "Values for the VirtualMachineInstances that it selects, where these say nothing themselves.",
        "virtualmachineinstancepresets",
        (
            Version("v1", virtualmachineinstancepreset.SPEC, stored=True, warning=_NO_PRESETS.format("v1")),
            Version("v1alpha3", virtualmachineinstancepreset.SPEC, warning=_NO_PRESETS.format("v1alpha3")),
        ),
        None,
        ("vmipreset", "vmipresets"),
        spec_required=False,
    ),
    Kind(
        "VirtualMachineInstanceMigration",
        "The wish that a running VirtualMachineInstance moves to another node.",
        "virtualmachineinstancemigrations",
        _v1_and_v1alpha3(virtualmachineinstancemigration.SPEC),
        virtualmachineinstancemigration.STATUS,
        ("vmim", "vmims"),
        (_PHASE, ("VMI", "string", ".spec.vmiName", 0)),
    ),
    Kind(
        "KubeVirt",
        "The installation of playvirt: what is deployed in the cluster, and how it works.",
        "kubevirts",
        _v1_and_v1alpha3(kubevirt.SPEC),
        kubevirt.STATUS,
        ("kv", "kvs"),
        (_AGE, _PHASE),
        labels=("operator.kubevirt.io",),
    ),
    Kind(
        "MigrationPolicy",
        "How the VirtualMachineInstances that it selects are moved to other nodes.",
        "migrationpolicies",
        (Version("v1alpha1", migrationpolicy.SPEC, stored=True),),
        migrationpolicy.STATUS,
        group=MIGRATIONS_GROUP,
        namespaced=False,
    ),
)


def object_schema(kind: Kind, version: Version) -> schema.Schema:
    """The schema of whole objects of a kind in one version."""
    properties: dict[str, schema.Schema] = {
        "apiVersion": schema.string("Group and version."),
        "kind": schema.string("What sort of object it is."),
        "metadata": {"type": "object"},
        "spec": version.spec,
    }
    if kind.status is not None:
        properties["status"] = kind.status
    required = ("spec",) if kind.spec_required else ()
    return schema.obj(kind.description, properties, required=required)


def _subresources(kind: Kind) -> dict[str, Any]:
    subresources: dict[str, Any] = {} if kind.status is None else {"status": {}}
    if kind.scale:
        subresources["scale"] = {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.labelSelector",
        }
    return subresources


def _version(kind: Kind, version: Version) -> dict[str, Any]:
    made: dict[str, Any] = {"name": version.name, "served": True, "storage": version.stored}
    if version.warning:
        made |= {"deprecated": True, "deprecationWarning": version.warning}
    if subresources := _subresources(kind):
        made["subresources"] = subresources
    if kind.columns:
        made["additionalPrinterColumns"] = [
            {"name": name, "type": column_type, "jsonPath": path, **({"priority": priority} if priority else {})}
            for name, column_type, path, priority in kind.columns
        ]
    made["schema"] = {"openAPIV3Schema": object_schema(kind, version)}
    if kind.selectable:
        made["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    return made


def _conversion(namespace: str) -> dict[str, Any]:
    """Ask virt-api; the installation adds its certificate authority."""
    service = {"namespace": namespace, "name": "virt-api", "path": "/convert", "port": 443}
    return {
        "strategy": "Webhook",
        "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {"service": service}},
    }


def _definition(kind: Kind, namespace: str) -> dict[str, Any]:
    kind_names: dict[str, Any] = {
        "kind": kind.kind,
        "listKind": f"{kind.kind}List",
        "plural": kind.plural,
        "singular": kind.kind.lower(),
    }
    if kind.short_names:
        kind_names["shortNames"] = list(kind.short_names)
    if kind.namespaced:
        kind_names["categories"] = ["all"]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{kind.group}",
            "labels": {names.APP: "", **dict.fromkeys(kind.labels, ""), names.MANAGED_BY: "playvirt"},
        },
        "spec": {
            "group": kind.group,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": kind_names,
            "conversion": _conversion(namespace) if kind.webhook else {"strategy": "None"},
            "versions": [_version(kind, version) for version in kind.versions],
        },
    }


def definitions(namespace: str = "kubevirt") -> dict[str, dict[str, Any]]:
    """Every definition under the name of its file: `kubevirt.io_virtualmachines.yaml` and so on.

    `namespace` is that of the installation, where virt-api's Service is.
    """
    return {f"{kind.group}_{kind.plural}.yaml": _definition(kind, namespace) for kind in KINDS}
