"""Statuses of volumes and of what is done with them: claims, hotplug, memory dumps, migrated volumes, backups."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema

CLAIM_INFO = schema.obj(
    "What is known of a claim.",
    {
        "claimName": schema.string("The claim."),
        "accessModes": schema.strings("Who may mount it, and how."),
        "volumeMode": schema.enum("What is in it.", "Block", "Filesystem", "FromStorageProfile"),
        "capacity": schema.quantities("Its size."),
        "requests": schema.quantities("The size that was asked for."),
        "preallocated": schema.boolean("Whether all of its space is allocated."),
        "filesystemOverhead": schema.string("Share of it that its file system needs."),
    },
)

MIGRATED_VOLUME = schema.obj(
    "A volume that moves to another claim.",
    {
        "volumeName": schema.string("The volume."),
        "sourcePVCInfo": schema.described(CLAIM_INFO, "The claim that it leaves."),
        "destinationPVCInfo": schema.described(CLAIM_INFO, "The claim that it goes to."),
    },
    required=("volumeName",),
)

VOLUME_STATUS = schema.obj(
    "A volume of the instance.",
    {
        "name": schema.string("The volume."),
        "target": schema.string("The device in the domain, such as vda."),
        "phase": schema.string("How far it is."),
        "reason": schema.string("Why it is there, in one word."),
        "message": schema.string("Why it is there, in a sentence."),
        "size": schema.integer("Its size in bytes."),
        "persistentVolumeClaimInfo": schema.described(CLAIM_INFO, "The claim behind it."),
        "containerDiskVolume": schema.obj(
            "The container disk behind it.", {"checksum": schema.integer("Deprecated: its check sum.")}
        ),
        "hotplugVolume": schema.obj(
            "The pod through which it was added to the running guest.",
            {
                "attachPodName": schema.string("What the pod is called."),
                "attachPodUID": schema.string("Its unique id."),
            },
        ),
        "memoryDumpVolume": schema.obj(
            "The memory dump on it.",
            {
                "claimName": schema.string("The claim."),
                "targetFileName": schema.string("The file."),
                "startTimestamp": schema.time("When it began."),
                "endTimestamp": schema.time("When it was complete."),
            },
        ),
    },
    required=("name", "target"),
)

CHANGED_BLOCK_TRACKING = schema.obj(
    "Recording of changed blocks.",
    {
        "state": schema.string("How far it is switched on."),
        "backupStatus": schema.obj(
            "The last backup.",
            {
                "backupName": schema.string("The backup."),
                "checkpointName": schema.string("The checkpoint that it left."),
                "startTimestamp": schema.time("When it began."),
                "endTimestamp": schema.time("When it ended."),
                "completed": schema.boolean("Whether it has ended."),
                "failed": schema.boolean("Whether it failed."),
                "backupMsg": schema.string("What there is to say about it."),
                "quiesceStatus": schema.string("Whether the guest's file systems were frozen for it."),
                "volumes": schema.array(
                    "Volumes in it.",
                    schema.obj("One volume.", {"volumeName": schema.string("The volume.")}, required=("volumeName",)),
                ),
            },
        ),
    },
    required=("state",),
)

MEMORY_DUMP_REQUEST = schema.obj(
    "A dump of the guest's memory that was asked for.",
    {
        "claimName": schema.string("The claim that it goes to."),
        "phase": schema.string("How far it is."),
        "fileName": schema.string("The file."),
        "message": schema.string("Why it failed."),
        "remove": schema.boolean("Whether the claim is to be given up."),
        "startTimestamp": schema.time("When it began."),
        "endTimestamp": schema.time("When it was complete."),
    },
    required=("claimName", "phase"),
)
