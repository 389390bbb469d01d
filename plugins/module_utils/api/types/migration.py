"""Live migration: its options, and the state of one migration as an instance and a migration carry it."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema

EXPERIMENTAL = schema.obj(
    "Options on trial; they may change or vanish.",
    {
        "compression": schema.string("How the stream is compressed; not, unless said, or with none."),
        "downtimeTuning": schema.obj(
            "Raise the allowed downtime step by step while a migration does not come to its end.",
            {
                "initialMs": schema.integer("Downtime allowed at first, in milliseconds; 150 unless said."),
                "steps": schema.int32("Steps from there to maxDowntimeMs; 7 unless said."),
                "startAfterIteration": schema.integer("Rounds of copying before the first step; 3 unless said."),
                "cooldownSeconds": schema.int32("Seconds between steps; 10 unless said."),
            },
        ),
        "stallDetector": schema.obj(
            "When a migration counts as stuck, and what is done then.",
            {
                "stallMargin": schema.integer("Percent by which the remaining bytes have to fall; 4 unless said."),
                "stallProgressTimeout": schema.integer("Seconds over which that is looked at; 40 unless said."),
                "searchLocalMinima": schema.boolean("Whether to act only when few bytes remain."),
                "switchoverTimeout": schema.integer("Seconds that the switch to the target may take."),
                "ewmaAlpha": schema.resource_quantity(
                    "Weight of the latest bandwidth, above 0 and up to 1; 0.4 unless said."
                ),
                "patienceWindowDecayFactor": schema.resource_quantity(
                    "By what the patience is multiplied after each relaxation; 0.5 unless said."
                ),
                "precopyPossibleFactor": schema.resource_quantity(
                    "How far the expected downtime may be above the allowed one for a soft switch; 1.5 unless said."
                ),
                "completionTimeoutFactor": schema.resource_quantity(
                    "Multiplies the time that a migration may take when it is forced to its end; 2 unless said."
                ),
            },
        ),
    },
)

#: options that a MigrationPolicy, too, can set
POLICY_OPTIONS = {
    "allowAutoConverge": schema.boolean(
        "Whether the guest may be slowed down so that it can be moved; false unless said."
    ),
    "allowPostCopy": schema.boolean("Whether the guest may run on the target before all its memory is there."),
    "allowWorkloadDisruption": schema.boolean(
        "Whether, after the time allowed, the guest is paused or moved by post-copy in place of giving up."
    ),
    "bandwidthPerMigration": schema.resource_quantity("Bytes per second that one migration may use; 0 is no limit."),
    "completionTimeoutPerGiB": schema.integer("Seconds that each GiB may take; 150 unless said."),
    "maxDowntimeMs": schema.integer("Milliseconds that the guest may stand still at the switch; 900 unless said."),
}

OPTIONS = {
    **POLICY_OPTIONS,
    "progressTimeout": schema.integer("Seconds without progress after which a migration is given up; 150 unless said."),
    "parallelMigrationsPerCluster": schema.integer("Migrations at a time in the cluster; 5 unless said."),
    "parallelOutboundMigrationsPerNode": schema.integer("Migrations at a time away from a node; 2 unless said."),
    "unsafeMigrationOverride": schema.boolean("Whether to migrate where it is known to be unsafe; false unless said."),
    "disableTLS": schema.boolean("Whether the stream is not encrypted; false unless said."),
    "network": schema.string("A NetworkAttachmentDefinition to migrate over; the pods' network unless said."),
    "matchSELinuxLevelOnMigration": schema.boolean("Whether the container runtime chooses the target's SELinux level."),
    "nodeDrainTaintKey": schema.string("Taint of nodes that are drained; kubevirt.io/drain unless said."),
    "utilityVolumesTimeout": schema.integer("Seconds to wait for utility volumes to be detached."),
}

_PORTS = schema.mapping("Ports that the target listens on.", {"type": "integer", "format": "int32"})
_CPUS = schema.array("CPUs of the target node, for a machine that has its own.", {"type": "integer", "format": "int32"})
_TOPOLOGY = schema.string("NUMA nodes of the target, for a machine that has its own CPUs.")

_SIDE = {
    "node": schema.string("The node on this side."),
    "pod": schema.string("The launcher pod on this side."),
    "domainName": schema.string("The domain as libvirt calls it there."),
    "domainNamespace": schema.string("Namespace in the domain's name there."),
    "migrationUID": schema.string("The migration's object on this side."),
    "virtualMachineInstanceUID": schema.string("The instance's object on this side."),
    "persistentStatePVCName": schema.string("Claim with state that outlives the instance."),
    "selinuxContext": schema.string("SELinux context of the pod."),
    "syncAddress": schema.string("Where this side exchanges state with the other."),
}

SOURCE_STATE = schema.obj(
    "What the node that is left says.",
    {**_SIDE, "nodeSelectors": schema.strings_by_name("Node labels that the receiving pod needs.")},
)

TARGET_STATE = schema.obj(
    "What the node that it goes to says.",
    {
        **_SIDE,
        "attachmentPodUID": schema.string("Pod through which added volumes are attached."),
        "cpuSet": _CPUS,
        "directMigrationNodePorts": _PORTS,
        "domainDetected": schema.boolean("Whether the domain was seen."),
        "domainReadyTimestamp": schema.time("When the domain ran."),
        "nodeAddress": schema.string("Address to migrate to."),
        "nodeTopology": _TOPOLOGY,
    },
)

STATE = schema.obj(
    "How far the migration is.",
    {
        "migrationUid": schema.string("The migration's object."),
        "mode": schema.string("How memory is moved, such as PreCopy or PostCopy."),
        "startTimestamp": schema.time("When it began."),
        "endTimestamp": schema.time("When it ended."),
        "completed": schema.boolean("Whether it has ended."),
        "failed": schema.boolean("Whether it failed."),
        "failureReason": schema.string("Why it failed."),
        "abortRequested": schema.boolean("Whether it is to be given up."),
        "abortStatus": schema.string("How giving up went."),
        "sourceNode": schema.string("The node that it leaves."),
        "sourcePod": schema.string("The launcher pod that it leaves."),
        "sourcePersistentStatePVCName": schema.string("Claim with persistent state on the source."),
        "sourceState": SOURCE_STATE,
        "targetNode": schema.string("The node that it goes to."),
        "targetPod": schema.string("The launcher pod that it goes to."),
        "targetNodeAddress": schema.string("Address to migrate to."),
        "targetDirectMigrationNodePorts": _PORTS,
        "targetNodeDomainDetected": schema.boolean("Whether the target has seen the domain."),
        "targetNodeDomainReadyTimestamp": schema.time("When the domain ran on the target."),
        "targetAttachmentPodUID": schema.string("Pod through which added volumes are attached on the target."),
        "targetCPUSet": _CPUS,
        "targetNodeTopology": _TOPOLOGY,
        "targetMemoryOverhead": schema.resource_quantity("Memory that the target's launcher needs beside the guest's."),
        "targetPersistentStatePVCName": schema.string("Claim with persistent state on the target."),
        "targetState": TARGET_STATE,
        "migrationConfiguration": schema.obj("Options in force.", {**OPTIONS, "experimental": EXPERIMENTAL}),
        "migrationPolicyName": schema.string("The MigrationPolicy that applies, if any."),
        "migrationNetworkType": schema.string("Network that it uses: pod or migration."),
    },
)
