"""Settings of the components themselves: how much they log, how often they ask the API server, switches for development."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema

_LEVEL = schema.int32("Higher is more.")

DEVELOPER = schema.obj(
    "Switches for development and trials.",
    {
        "useEmulation": schema.boolean("Run guests by software emulation, where nodes have no KVM."),
        "featureGates": schema.strings("Features to switch on."),
        "disabledFeatureGates": schema.strings("Features to switch off; none of featureGates."),
        "clusterProfiler": schema.boolean("Whether profiles of the components can be taken."),
        "cpuAllocationRatio": schema.int32("Virtual CPUs per CPU that is requested; 10 unless said."),
        "memoryOvercommit": schema.int32("Memory of the guest in percent of what its pod requests; 100 unless said."),
        "diskVerification": schema.obj(
            "Limits of the check of container disks.",
            {"memoryLimit": schema.resource_quantity("Memory that the check may use.")},
            required=("memoryLimit",),
        ),
        "logVerbosity": schema.obj(
            "How much the components log.",
            {
                "virtAPI": schema.described(_LEVEL, "virt-api; higher is more."),
                "virtController": schema.described(_LEVEL, "virt-controller; higher is more."),
                "virtHandler": schema.described(_LEVEL, "virt-handler; higher is more."),
                "virtLauncher": schema.described(_LEVEL, "virt-launcher; higher is more."),
                "virtOperator": schema.described(_LEVEL, "virt-operator; higher is more."),
                "virtSynchronizationController": schema.described(
                    _LEVEL, "The synchronization controller; higher is more."
                ),
                "nodeVerbosity": schema.mapping(
                    "virt-handler on single nodes.", {"type": "integer", "format": "int32"}
                ),
            },
        ),
        "minimumClusterTSCFrequency": schema.integer(
            "Lowest frequency of time stamp counters, in Hz, in place of the one found."
        ),
        "minimumReservePVCBytes": schema.integer("Bytes left unused on a file system; 131072 unless said."),
        "pvcTolerateLessSpaceUpToPercent": schema.int32("Percent by which a claim may be smaller than asked for."),
        "nodeSelectors": schema.strings_by_name("Labels of the nodes on which instances may run."),
    },
)

COMPONENT = schema.obj(
    "Settings of a component that take effect while it runs.",
    {
        "restClient": schema.obj(
            "Its client for the Kubernetes API.",
            {
                "rateLimiter": schema.obj(
                    "How many requests it makes.",
                    {
                        "tokenBucketRateLimiter": schema.obj(
                            "So many on average, and so many at once.",
                            {
                                "qps": schema.number(
                                    "Requests a second; 0 for the component's default.", format="float"
                                ),
                                "burst": schema.int32("Requests at once; 0 for the component's default."),
                            },
                            required=("burst", "qps"),
                        ),
                    },
                ),
            },
        ),
    },
)
