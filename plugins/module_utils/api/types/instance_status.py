"""Status of a VirtualMachineInstance."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import names, schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import migration, processor, volume_status

INTERFACE = schema.obj(
    "A network interface of the guest.",
    {
        "name": schema.string("The network's name in spec."),
        "interfaceName": schema.string("What the guest calls it."),
        "podInterfaceName": schema.string("The pod's interface behind it."),
        "mac": schema.string("Its hardware address."),
        "ipAddress": schema.string("The address under which it is reached; the first of all."),
        "ipAddresses": schema.strings("All addresses."),
        "infoSource": schema.string("Who told: domain, guest-agent, multus-status."),
        "queueCount": schema.int32("How many queues it has."),
        "linkState": schema.string("up or down."),
    },
)

GUEST_OS = schema.obj(
    "The guest's operating system, as its agent says.",
    {
        "id": schema.string("One word for it."),
        "name": schema.string("What it is called."),
        "prettyName": schema.string("What it is called, with its version."),
        "version": schema.string("The version, in words."),
        "versionId": schema.string("The version's number."),
        "kernelRelease": schema.string("Release of the kernel."),
        "kernelVersion": schema.string("Build of the kernel."),
        "machine": schema.string("Architecture of the kernel."),
    },
)

_CHECKSUM = {"checksum": schema.integer("Deprecated: its check sum.")}

STATUS = schema.obj(
    "What is known of the running instance.",
    {
        "phase": schema.enum(
            "Where the instance is in its life.",
            names.PENDING,
            names.SCHEDULING,
            names.SCHEDULED,
            names.RUNNING,
            names.SUCCEEDED,
            names.FAILED,
            "WaitingForSync",
            "Unknown",
        ),
        "phaseTransitionTimestamps": schema.array(
            "When each phase began.",
            schema.obj(
                "One phase.",
                {
                    "phase": schema.string("Which one."),
                    "phaseTransitionTimestamp": schema.time("When it began."),
                },
            ),
        ),
        "reason": schema.string("Why the instance is in its phase, in one word."),
        "conditions": schema.condition_list(),
        "nodeName": schema.string("The node that runs it."),
        "activePods": schema.strings_by_name("Nodes of its launcher pods, by the pods' uids."),
        "evacuationNodeName": schema.string("The node that it has to leave."),
        "interfaces": schema.array("The guest's network interfaces.", INTERFACE),
        "guestOSInfo": GUEST_OS,
        "volumeStatus": schema.array("Its volumes.", volume_status.VOLUME_STATUS),
        "machine": schema.described(processor.MACHINE, "The chipset that it got."),
        "memory": schema.obj(
            "The guest's memory.",
            {
                "guestAtBoot": schema.resource_quantity("What it started with."),
                "guestCurrent": schema.resource_quantity("What it has."),
                "guestRequested": schema.resource_quantity("What it is to have."),
                "memoryOverhead": schema.resource_quantity("What the launcher needs beside it."),
            },
        ),
        "currentCPUTopology": schema.obj("The virtual CPUs that it has.", processor.CPU_TOPOLOGY),
        "launcherContainerImageVersion": schema.string("The launcher's image."),
        "qosClass": schema.enum("The pod's quality of service class.", "Guaranteed", "Burstable", "BestEffort"),
        "runtimeUser": schema.integer("The launcher's user id."),
        "selinuxContext": schema.string("The launcher pod's SELinux context."),
        "virtualMachineRevisionName": schema.string(
            "The recorded revision of the VirtualMachine that it was made from."
        ),
        "migrationMethod": schema.string("How it can be moved: LiveMigration or BlockMigration."),
        "migrationTransport": schema.string("What the stream of a migration runs over."),
        "migrationState": migration.STATE,
        "migratedVolumes": schema.array("Volumes that move to other claims.", volume_status.MIGRATED_VOLUME),
        "kernelBootStatus": schema.obj(
            "The kernel and RAM disk from outside its disks.",
            {
                "kernelInfo": schema.obj("The kernel.", _CHECKSUM),
                "initrdInfo": schema.obj("The initial RAM disk.", _CHECKSUM),
            },
        ),
        "topologyHints": schema.obj(
            "What the choice of a node has to heed.",
            {"tscFrequency": schema.integer("Frequency of the time stamp counter, in Hz.")},
        ),
        "changedBlockTracking": volume_status.CHANGED_BLOCK_TRACKING,
        "fsFreezeStatus": schema.string("frozen while the guest's file systems are."),
        "VSOCKCID": schema.integer("Number of the socket between host and guest."),
    },
)
