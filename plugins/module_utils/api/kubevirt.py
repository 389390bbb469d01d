"""The type KubeVirt: one object of it is one installation of playvirt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import (
    configuration,
    guest_access,
    meta,
    scheduling,
)

PHASES = ("Deploying", "Deployed", "Deleting", "Deleted")

_CERTIFICATE = schema.obj(
    "Life of a certificate.",
    {
        "duration": schema.duration("How long it is valid."),
        "renewBefore": schema.duration("How long before its end it is renewed."),
    },
)

_CERTIFICATE_ROTATION = schema.obj(
    "How certificates are renewed.",
    {
        "selfSigned": schema.obj(
            "By an authority of the installation's own.",
            {
                "ca": schema.described(_CERTIFICATE, "The authority's certificate."),
                "server": schema.described(_CERTIFICATE, "The components' certificates."),
                "caRotateInterval": schema.duration("Deprecated: use ca.duration."),
                "certRotateInterval": schema.duration("Deprecated: use server.duration."),
                "caOverlapInterval": schema.duration("Deprecated: use ca.renewBefore."),
            },
        ),
    },
)

_COMPONENTS = schema.obj(
    "Where components run, and how many.",
    {
        "nodePlacement": schema.obj(
            "The nodes.",
            {
                "nodeSelector": schema.strings_by_name("Labels that they must have."),
                "affinity": scheduling.AFFINITY,
                "tolerations": schema.array("Taints that are accepted.", scheduling.TOLERATION),
            },
        ),
        "replicas": schema.int32("How many of each; 2 unless said.", minimum=0, maximum=255),
    },
)

_CUSTOMIZATION = schema.obj(
    "Changes to the components' manifests.",
    {
        "patches": schema.array(
            "Patches of their objects.",
            schema.obj(
                "One patch.",
                {
                    "resourceType": schema.string("Kind of the object."),
                    "resourceName": schema.string("What it is called."),
                    "patch": schema.string("The change."),
                    "type": schema.enum("What sort of patch it is.", "strategic", "merge", "json"),
                },
                required=("patch", "resourceName", "resourceType", "type"),
            ),
        ),
        "flags": schema.obj(
            "Command line options, in place of the usual ones.",
            {
                "api": schema.strings_by_name("Those of virt-api."),
                "controller": schema.strings_by_name("Those of virt-controller."),
                "handler": schema.strings_by_name("Those of virt-handler."),
            },
        ),
    },
)

SPEC = schema.obj(
    "How playvirt is installed.",
    {
        "imageRegistry": schema.string("Where the images are; where virt-operator's own came from unless said."),
        "imageTag": schema.string("Their tag; virt-operator's own unless said."),
        "imagePullPolicy": schema.enum("When they are pulled.", *meta.PULL_POLICY_VALUES),
        "imagePullSecrets": schema.array("Secrets with the registry's credentials.", guest_access.LOCAL_SECRET),
        "configuration": configuration.CONFIGURATION,
        "certificateRotateStrategy": _CERTIFICATE_ROTATION,
        "infra": schema.described(_COMPONENTS, "virt-api, virt-controller and virt-operator's other Deployments."),
        "workloads": schema.described(_COMPONENTS, "virt-handler and the launchers."),
        "customizeComponents": _CUSTOMIZATION,
        "workloadUpdateStrategy": schema.obj(
            "How running instances get the launcher of a new version.",
            {
                "workloadUpdateMethods": schema.strings(
                    "What may be done to them; nothing unless said.", values=("LiveMigrate", "Evict")
                ),
                "batchEvictionSize": schema.int32("How many at a time; 10 unless said.", minimum=0),
                "batchEvictionInterval": schema.duration("How long from batch to batch; 1m unless said."),
            },
        ),
        "uninstallStrategy": schema.enum(
            "What happens to machines when the installation is deleted: they go, or they keep it from being deleted.",
            "RemoveWorkloads",
            "BlockUninstallIfWorkloadsExist",
        ),
        "monitorNamespace": schema.string("Namespace of Prometheus."),
        "monitorAccount": schema.string("Service account of Prometheus."),
        "serviceMonitorNamespace": schema.string("Namespace for the ServiceMonitor."),
        "productName": schema.string("Name of the product that playvirt is part of, for a label."),
        "productVersion": schema.string("Version of that product, for a label."),
        "productComponent": schema.string("Component of that product, for a label."),
        "synchronizationPort": schema.string("Port for migrations from cluster to cluster; 9185 unless said."),
    },
)

STATUS = schema.obj(
    "What is installed.",
    {
        "phase": schema.enum("How far the installation is.", *PHASES),
        "conditions": schema.condition_list(),
        "observedGeneration": schema.integer("The generation last acted on."),
        "operatorVersion": schema.string("virt-operator's version."),
        "observedKubeVirtRegistry": schema.string("Where the installed images are."),
        "observedKubeVirtVersion": schema.string("The installed images' tag."),
        "observedDeploymentConfig": schema.string("What was installed, in full."),
        "observedDeploymentID": schema.string("What was installed, as a check sum."),
        "targetKubeVirtRegistry": schema.string("Where the images should be."),
        "targetKubeVirtVersion": schema.string("The tag they should have."),
        "targetDeploymentConfig": schema.string("What should be installed, in full."),
        "targetDeploymentID": schema.string("What should be installed, as a check sum."),
        "outdatedVirtualMachineInstanceWorkloads": schema.int32("Instances that run with an older launcher."),
        "defaultArchitecture": schema.string("Architecture of guests that name none."),
        "generations": schema.array(
            "Generations of the installed objects.",
            schema.obj(
                "One object.",
                {
                    "group": schema.string("Group of its kind."),
                    "resource": schema.string("Its kind, in the plural."),
                    "namespace": schema.string("Where it is."),
                    "name": schema.string("What it is called."),
                    "lastGeneration": schema.integer("The generation that was installed."),
                    "hash": schema.string("Check sum of its content, where it has no generation."),
                },
                required=("group", "lastGeneration", "name", "resource"),
            ),
        ),
        "synchronizationAddresses": schema.strings("Where other clusters reach this one for migrations."),
    },
)


def maker(kubevirt: Mapping[str, Any] | None) -> dict[str, Any]:
    """What guests read of their maker (`spec.configuration.smbios`)."""
    spec = (kubevirt or {}).get("spec") or {}
    return dict((spec.get("configuration") or {}).get("smbios") or {})


def uses_emulation(kubevirt: Mapping[str, Any] | None) -> bool:
    """Whether guests run by software emulation (`spec.configuration.developerConfiguration.useEmulation`); not without a KubeVirt."""
    spec = (kubevirt or {}).get("spec") or {}
    developer = (spec.get("configuration") or {}).get("developerConfiguration") or {}
    return bool(developer.get("useEmulation", False))
