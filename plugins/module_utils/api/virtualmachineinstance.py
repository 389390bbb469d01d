"""The type VirtualMachineInstance: one run of a virtual machine. Its parts are in types/, names are those of KubeVirt's API."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import (
    domain,
    guest_access,
    instance_status,
    interfaces,
    meta,
    scheduling,
    volumes,
)

SPEC = schema.obj(
    "The virtual machine to run.",
    {
        "domain": domain.DOMAIN,
        "networks": schema.array("What the interfaces connect to.", interfaces.NETWORK, maxItems=256),
        "volumes": schema.array("What is on the disks.", volumes.VOLUME, maxItems=256),
        "utilityVolumes": schema.array(
            "Claims for the launcher pod that the guest does not see.", volumes.UTILITY_VOLUME, key="name"
        ),
        "accessCredentials": schema.array("Credentials for the guest.", guest_access.ACCESS_CREDENTIAL),
        "architecture": schema.string("Architecture of the guest's processor: amd64, arm64 or s390x."),
        "hostname": schema.string("The guest's host name; the object's name unless said."),
        "subdomain": schema.string("The guest's domain below the namespace's."),
        "dnsPolicy": schema.string(
            "Where names are resolved: ClusterFirst (unless said), ClusterFirstWithHostNet, Default or None."
        ),
        "dnsConfig": guest_access.DNS_CONFIG,
        "livenessProbe": schema.described(guest_access.PROBE, "A check after whose failure the instance is stopped."),
        "readinessProbe": schema.described(
            guest_access.PROBE, "A check after whose failure Services send nothing to the guest."
        ),
        "startStrategy": schema.string("Paused: the guest is paused at its start."),
        "terminationGracePeriodSeconds": schema.integer(
            "Seconds that the guest has to shut down before it is powered off; 30 unless said.", minimum=0
        ),
        "evictionStrategy": schema.string(
            "What happens when its node is drained: None, LiveMigrate, LiveMigrateIfPossible or External."
        ),
        "nodeSelector": schema.strings_by_name("Labels that the node must have."),
        "affinity": scheduling.AFFINITY,
        "tolerations": schema.array("Taints that are accepted.", scheduling.TOLERATION),
        "topologySpreadConstraints": schema.array(
            "How instances are spread over places.",
            scheduling.TOPOLOGY_SPREAD_CONSTRAINT,
            key=("topologyKey", "whenUnsatisfiable"),
        ),
        "schedulerName": schema.string("The scheduler that chooses the node; the cluster's own unless said."),
        "priorityClassName": schema.string("The pod's PriorityClass."),
        "serviceAccountName": schema.string("The launcher pod's service account; its token is not shown to the guest."),
        "resourceClaims": schema.array(
            "Claims of dynamic resource allocation that devices and networks refer to.",
            guest_access.RESOURCE_CLAIM,
            key="name",
        ),
    },
    required=("domain",),
)

#: the template of an instance, in a VirtualMachine and a VirtualMachineInstanceReplicaSet
TEMPLATE = schema.obj(
    "The instance to run.",
    {"metadata": schema.described(meta.OBJECT_META, "Metadata of the instance and its pod."), "spec": SPEC},
    required=("spec",),
)

STATUS = instance_status.STATUS
