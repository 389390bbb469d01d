"""The type VirtualMachine: a machine that lasts, and whose instance comes and goes.

`SPEC` is that of v1 and v1alpha3; virtualmachine_v1alpha1.py has the oldest form.
"""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema, virtualmachineinstance
from ansible_collections.playvirt.core.plugins.module_utils.api.types import data_volumes, disks, volume_status, volumes

_ON_FAILURE = schema.enum(
    "What happens where the volume does not say it: refuse the machine (unless said) or do without.",
    "Reject",
    "Ignore",
)


def _matcher(what: str, kinds: str) -> schema.Schema:
    return schema.obj(
        f"{what} whose values fill what the template leaves out.",
        {
            "name": schema.string(f"The {what.split()[-1]}."),
            "kind": schema.string(f"Its kind: {kinds}; the second unless said."),
            "revisionName": schema.string("The recorded copy of it in use; filled by the controller."),
            "inferFromVolume": schema.string("Volume whose claim or source names it, in place of name."),
            "inferFromVolumeFailurePolicy": _ON_FAILURE,
        },
    )


#: fields of spec beside the template
SPEC_FIELDS = {
    "runStrategy": schema.string(
        "When it runs. Always: again and again. Halted: not. Manual: as start and stop say. RerunOnFailure: until it has"
        " ended well. Once: one time. WaitAsReceiver: as the target of a migration."
    ),
    "running": schema.boolean("Deprecated: true is runStrategy Always, false is Halted."),
    "template": virtualmachineinstance.TEMPLATE,
    "instancetype": _matcher("An instancetype", "VirtualMachineInstancetype or VirtualMachineClusterInstancetype"),
    "preference": _matcher("A preference", "VirtualMachinePreference or VirtualMachineClusterPreference"),
    "dataVolumeTemplates": schema.array("DataVolumes made for the machine.", data_volumes.DATA_VOLUME_TEMPLATE),
    "updateVolumesStrategy": schema.enum(
        "How changed volumes reach a machine that runs: at its next start (Replacement, unless said) or by moving them.",
        "Replacement",
        "Migration",
    ),
}

SPEC = schema.obj("What the machine is and whether it should run.", SPEC_FIELDS, required=("template",))

_REFERENCE = {
    "kind": schema.string("The object's kind."),
    "name": schema.string("What it is called."),
    "controllerRevisionRef": schema.obj(
        "The recorded copy of it in use.", {"name": schema.string("Name of the ControllerRevision.")}
    ),
    "inferFromVolume": schema.string("Volume from which it was inferred."),
    "inferFromVolumeFailurePolicy": _ON_FAILURE,
}

_VOLUME_REQUEST = schema.obj(
    "A volume to add to the running guest, or to take away.",
    {
        "addVolumeOptions": schema.obj(
            "The volume to add.",
            {
                "name": schema.string("What volume and disk are called."),
                "disk": disks.DISK,
                "volumeSource": schema.obj(
                    "What is on it; exactly one source.",
                    {
                        "persistentVolumeClaim": volumes.PERSISTENT_VOLUME_CLAIM,
                        "dataVolume": volumes.DATA_VOLUME,
                    },
                ),
                "dryRun": schema.strings("All: only check."),
            },
            required=("disk", "name", "volumeSource"),
        ),
        "removeVolumeOptions": schema.obj(
            "The volume to take away.",
            {"name": schema.string("What it is called."), "dryRun": schema.strings("All: only check.")},
            required=("name",),
        ),
    },
)

STATUS = schema.obj(
    "What is known of the machine.",
    {
        "created": schema.boolean("Whether its instance exists."),
        "ready": schema.boolean("Whether its instance is ready."),
        "printableStatus": schema.string("Its state in one word for people.", default="Stopped"),
        "runStrategy": schema.string("The strategy last acted on."),
        "conditions": schema.condition_list(),
        "observedGeneration": schema.integer("The generation that the running instance was made from."),
        "desiredGeneration": schema.integer("The generation last seen."),
        "startFailure": schema.obj(
            "Starts that failed one after the other.",
            {
                "consecutiveFailCount": schema.int32("How many."),
                "lastFailedVMIUID": schema.string("The uid of the last."),
                "retryAfterTimestamp": schema.time("When the next is tried."),
            },
        ),
        "stateChangeRequests": schema.array(
            "Starts and stops that were asked for.",
            schema.obj(
                "One request.",
                {
                    "action": schema.string("Start or Stop."),
                    "uid": schema.string("The instance that is meant."),
                    "data": schema.strings_by_name("More about it, such as paused."),
                },
                required=("action",),
            ),
        ),
        "volumeRequests": schema.array("Volumes to add and to take away.", _VOLUME_REQUEST),
        "volumeSnapshotStatuses": schema.array(
            "Whether snapshots can be taken of its volumes.",
            schema.obj(
                "One volume.",
                {
                    "name": schema.string("The volume."),
                    "enabled": schema.boolean("Whether they can."),
                    "reason": schema.string("Why they cannot."),
                },
                required=("enabled", "name"),
            ),
        ),
        "volumeUpdateState": schema.obj(
            "Changed volumes on their way to the running machine.",
            {
                "volumeMigrationState": schema.obj(
                    "Volumes that move.",
                    {"migratedVolumes": schema.array("The volumes.", volume_status.MIGRATED_VOLUME)},
                ),
            },
        ),
        "memoryDumpRequest": volume_status.MEMORY_DUMP_REQUEST,
        "changedBlockTracking": volume_status.CHANGED_BLOCK_TRACKING,
        "instancetypeRef": schema.obj("The instancetype in use.", _REFERENCE),
        "preferenceRef": schema.obj("The preference in use.", _REFERENCE),
        "snapshotInProgress": schema.string("The VirtualMachineSnapshot that is being taken."),
        "restoreInProgress": schema.string("The VirtualMachineRestore that takes place."),
    },
)
