"""Configuration of an installation: how its parts work, and what they allow. Devices and networks of
nodes are in configuration_hosts.py, settings of the components themselves in component_settings.py.
"""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import (
    additions,
    component_settings,
    configuration_hosts,
    meta,
    migration,
    processor,
)

_ARCHITECTURE = schema.obj(
    "Defaults for guests of an architecture.",
    {
        "machineType": schema.string("The chipset, where a machine names none."),
        "emulatedMachines": schema.strings("Chipsets that are allowed, as patterns."),
        "ovmfPath": schema.string("Directory with the firmware."),
    },
)

_DEFAULTS = {
    "machineType": schema.string("Deprecated: use architectureConfiguration."),
    "emulatedMachines": schema.strings("Deprecated: use architectureConfiguration."),
    "ovmfPath": schema.string("Deprecated: use architectureConfiguration."),
    "architectureConfiguration": schema.obj(
        "Defaults by architecture.",
        {
            "amd64": _ARCHITECTURE,
            "arm64": _ARCHITECTURE,
            "s390x": _ARCHITECTURE,
            "ppc64le": schema.described(_ARCHITECTURE, "Deprecated: no longer supported."),
            "defaultArchitecture": schema.string("The architecture, where a machine names none."),
        },
    ),
    "cpuModel": schema.string("The CPU model, where a machine names none."),
    "cpuRequest": schema.resource_quantity("The CPU request, where a machine makes none."),
    "defaultRuntimeClass": schema.string("RuntimeClass of the launcher pods."),
    "evictionStrategy": schema.enum(
        "What happens when a node is drained, where a machine does not say.",
        "None",
        "LiveMigrate",
        "LiveMigrateIfPossible",
        "External",
    ),
    "imagePullPolicy": schema.enum("When images of instances' pods are pulled.", *meta.PULL_POLICY_VALUES),
    "vmStateStorageClass": schema.string("StorageClass of claims for state that outlives an instance."),
    "selinuxLauncherType": schema.string("SELinux type of the launcher."),
    "smbios": schema.obj(
        "What guests read about their maker.",
        {
            "family": schema.string("Family of the product."),
            "manufacturer": schema.string("Who made it."),
            "product": schema.string("What the product is called."),
            "sku": schema.string("The order number."),
            "version": schema.string("Version of the product."),
        },
    ),
    "virtualMachineOptions": schema.obj(
        "Options of all machines.",
        {
            "disableFreePageReporting": schema.obj("Memory that guests do not use is not given back."),
            "disableSerialConsoleLog": schema.obj("What serial consoles print is not kept as a log."),
        },
    ),
}

_RESOURCES = {
    "additionalGuestMemoryOverheadRatio": schema.string(
        "Factor for the memory that launchers need; 1 unless said.", pattern=r"^[0-9]+(\.[0-9]+)?$"
    ),
    "autoCPULimitNamespaceLabelSelector": schema.described(
        meta.LABEL_SELECTOR, "Namespaces in which launchers get a CPU limit, as many CPUs as virtual ones."
    ),
    "supportContainerResources": schema.array(
        "Resources of the containers beside the launcher.",
        schema.obj(
            "One sort of container.",
            {
                "type": schema.string("Which sort, such as container-disk or virtiofs."),
                "resources": processor.CONTAINER_RESOURCES,
            },
            required=("resources", "type"),
        ),
        key="type",
    ),
    "memBalloonStatsPeriod": schema.integer("Seconds between statistics of the memory balloon; 0 for none."),
    "virtualMachineInstancesPerNode": schema.int32("Instances at a time on a node."),
    "ksmConfiguration": schema.obj(
        "Nodes that merge equal pages of memory.",
        {
            "nodeLabelSelector": schema.described(
                meta.LABEL_SELECTOR, "The nodes, by their labels; all where it is empty."
            )
        },
    ),
    "liveUpdateConfiguration": schema.obj(
        "How much can be added to a guest while it runs.",
        {
            "maxHotplugRatio": schema.integer("Times what it starts with; 4 unless said."),
            "maxCpuSockets": schema.integer("Sockets at most."),
            "maxGuest": schema.resource_quantity("Memory at most."),
        },
    ),
}

_SWITCHES = {
    "vmRolloutStrategy": schema.enum(
        "How changes of a VirtualMachine reach its instance: at once (LiveUpdate) or at its next start (Stage).",
        "Stage",
        "LiveUpdate",
    ),
    "instancetype": schema.obj(
        "Instancetypes and preferences.",
        {
            "referencePolicy": schema.enum(
                "Whether machines keep the reference (unless said) or get the values written out.",
                "reference",
                "expand",
                "expandAll",
            ),
        },
    ),
    "commonInstancetypesDeployment": schema.obj(
        "The common instancetypes.", {"enabled": schema.boolean("Whether they are installed; true unless said.")}
    ),
    "virtTemplateDeployment": schema.obj(
        "The components for templates.", {"enabled": schema.boolean("Whether they are installed.")}
    ),
    "persistentReservationConfiguration": schema.obj(
        "SCSI persistent reservations.", {"enabled": schema.boolean("Whether they can be used; false unless said.")}
    ),
    "roleAggregationStrategy": schema.enum(
        "Whether the cluster's roles admin, edit and view get the rights (unless said) or nobody does.",
        "AggregateToDefault",
        "Manual",
    ),
    "changedBlockTrackingLabelSelectors": schema.obj(
        "Machines whose changed blocks are recorded.",
        {
            "namespaceLabelSelector": schema.described(meta.LABEL_SELECTOR, "By labels of their namespaces."),
            "virtualMachineLabelSelector": schema.described(meta.LABEL_SELECTOR, "By their own labels."),
        },
    ),
    "confidentialCompute": schema.obj(
        "Guests whose memory is protected from their host.",
        {
            "tdx": schema.obj(
                "Intel TDX.",
                {
                    "attestation": schema.obj(
                        "Attestation of guests.",
                        {
                            "enforced": schema.boolean("Whether only nodes with the quoting service are taken."),
                            "qgsSocketPath": schema.string("Socket of the quoting service."),
                        },
                    ),
                },
            ),
        },
    ),
    "seccompConfiguration": schema.obj(
        "System calls that launchers may make.",
        {
            "virtualMachineInstanceProfile": schema.obj(
                "The launchers' profile.",
                {
                    "customProfile": schema.obj(
                        "Which one; exactly one kind.",
                        {
                            "localhostProfile": schema.string("A file on the node."),
                            "runtimeDefaultProfile": schema.boolean("The container runtime's own."),
                        },
                    ),
                },
            ),
        },
    ),
    "tlsConfiguration": schema.obj(
        "TLS between the components.",
        {
            "minTLSVersion": schema.enum(
                "Oldest version that is accepted.", "VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13"
            ),
            "ciphers": schema.strings("Cipher suites for TLS 1.2 and older.", unique=True),
        },
    ),
    "minCPUModel": schema.string("Deprecated: no effect."),
    "obsoleteCPUModels": schema.mapping("CPU models that nodes do not offer.", {"type": "boolean"}),
    "supportedGuestAgentVersions": schema.strings("Deprecated: no effect."),
}

CONFIGURATION = schema.obj(
    "How playvirt works.",
    {
        "developerConfiguration": component_settings.DEVELOPER,
        "apiConfiguration": schema.described(component_settings.COMPONENT, "Settings of virt-api."),
        "controllerConfiguration": schema.described(component_settings.COMPONENT, "Settings of virt-controller."),
        "handlerConfiguration": schema.described(component_settings.COMPONENT, "Settings of virt-handler."),
        "webhookConfiguration": schema.described(component_settings.COMPONENT, "Settings of the webhooks."),
        "migrations": schema.obj("Options of live migration.", migration.OPTIONS),
        "admission": schema.obj(
            "What playvirt is asked before an object is stored, beside KubeVirt's own rules.",
            {
                "siteRules": schema.strings(
                    "Site rules to ask: NAME for one of playvirt's own, NAMESPACE.COLLECTION.NAME for another's.",
                    unique=True,
                )
            },
        ),
        "additions": additions.ADDITIONS,
        **configuration_hosts.HOSTS,
        **_DEFAULTS,
        **_RESOURCES,
        **_SWITCHES,
    },
)
