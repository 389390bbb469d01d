"""Volumes: what is on the disks and file systems of the guest."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import guest_access, meta

_HOTPLUGGABLE = schema.boolean("Whether the volume can be added and removed while the guest runs.")
_READ_ONLY = schema.boolean("Whether it is mounted read-only; false unless said.")
_LABEL = schema.string("Label of the file system that the guest sees, such as cidata or config-2.")

_CLOUD_INIT = {
    "userData": schema.string("User data as text."),
    "userDataBase64": schema.string("User data in base64."),
    "secretRef": schema.described(guest_access.LOCAL_SECRET, "A Secret with the user data, in its key userdata."),
    "networkData": schema.string("Network configuration as text."),
    "networkDataBase64": schema.string("Network configuration in base64."),
    "networkDataSecretRef": schema.described(
        guest_access.LOCAL_SECRET, "A Secret with the network configuration, in its key networkdata."
    ),
}

PERSISTENT_VOLUME_CLAIM = schema.obj(
    "A PersistentVolumeClaim in the same namespace.",
    {
        "claimName": schema.string("The claim."),
        "readOnly": _READ_ONLY,
        "hotpluggable": _HOTPLUGGABLE,
    },
    required=("claimName",),
)

DATA_VOLUME = schema.obj(
    "A DataVolume in the same namespace; its claim has the same name.",
    {"name": schema.string("The DataVolume."), "hotpluggable": _HOTPLUGGABLE},
    required=("name",),
)

CONTAINER_DISK = schema.obj(
    "A disk out of a container image; what the guest writes is lost when it stops.",
    {
        "image": schema.string("The image, with one disk file in /disk."),
        "path": schema.string("The disk file, where it is elsewhere in the image."),
        "imagePullPolicy": schema.enum(
            "When the image is pulled; Always for the tag latest, else IfNotPresent.", *meta.PULL_POLICY_VALUES
        ),
        "imagePullSecret": schema.string("A Secret with the registry's credentials."),
    },
    required=("image",),
)

HOST_DISK = schema.obj(
    "A disk file on the node.",
    {
        "path": schema.string("The file."),
        "type": schema.string("Disk: it exists. DiskOrCreate: it is made where it does not."),
        "capacity": schema.resource_quantity("Size of a file that is made."),
        "shared": schema.boolean("Whether the path is the same storage on every node."),
    },
    required=("path", "type"),
)

DOWNWARD_API = schema.obj(
    "A disk with files that say something of the launcher pod.",
    {
        "fields": schema.array(
            "The files.",
            schema.obj(
                "One file.",
                {
                    "path": schema.string("Its path on the disk."),
                    "fieldRef": schema.obj(
                        "A field of the pod.",
                        {
                            "apiVersion": schema.string("Version in which the field is named; v1 unless said."),
                            "fieldPath": schema.string("The field, such as metadata.labels."),
                        },
                        required=("fieldPath",),
                    ),
                    "resourceFieldRef": schema.obj(
                        "A request or limit of a container.",
                        {
                            "containerName": schema.string("The container."),
                            "resource": schema.string("What to say, such as limits.memory."),
                            "divisor": schema.resource_quantity("Unit in which it is said; 1 unless said."),
                        },
                        required=("resource",),
                    ),
                    "mode": schema.int32("The file's permissions.", minimum=0, maximum=511),
                },
                required=("path",),
            ),
        ),
        "volumeLabel": _LABEL,
    },
)

VOLUME = schema.obj(
    "The content of the disk or file system of the same name; exactly one source.",
    {
        "name": schema.string("Name by which the disk or file system refers to it."),
        "persistentVolumeClaim": PERSISTENT_VOLUME_CLAIM,
        "dataVolume": DATA_VOLUME,
        "containerDisk": CONTAINER_DISK,
        "ephemeral": schema.obj(
            "A claim that is only read; what the guest writes goes elsewhere and is lost when it stops.",
            {
                "persistentVolumeClaim": schema.obj(
                    "The claim underneath.",
                    {"claimName": schema.string("The claim."), "readOnly": _READ_ONLY},
                    required=("claimName",),
                ),
            },
        ),
        "emptyDisk": schema.obj(
            "An empty disk that lives as long as the instance.",
            {"capacity": schema.resource_quantity("The disk's size.")},
            required=("capacity",),
        ),
        "hostDisk": HOST_DISK,
        "cloudInitNoCloud": schema.obj("Configuration for cloud-init, as its NoCloud disk.", _CLOUD_INIT),
        "cloudInitConfigDrive": schema.obj("Configuration for cloud-init, as its ConfigDrive.", _CLOUD_INIT),
        "sysprep": schema.obj(
            "An answer file for the set-up of Windows, as a CD-ROM; exactly one source.",
            {
                "configMap": schema.described(meta.LOCAL_REFERENCE, "A ConfigMap with the file."),
                "secret": schema.described(meta.LOCAL_REFERENCE, "A Secret with the file."),
            },
        ),
        "configMap": schema.obj(
            "A ConfigMap, its keys as files.",
            {
                "name": schema.string("The ConfigMap."),
                "optional": schema.boolean("Whether the instance starts without it."),
                "volumeLabel": _LABEL,
            },
        ),
        "secret": schema.obj(
            "A Secret, its keys as files.",
            {
                "secretName": schema.string("The Secret."),
                "optional": schema.boolean("Whether the instance starts without it."),
                "volumeLabel": _LABEL,
            },
        ),
        "serviceAccount": schema.obj(
            "A service account's token, as a file.",
            {"serviceAccountName": schema.string("The service account.")},
        ),
        "downwardAPI": DOWNWARD_API,
        "downwardMetrics": schema.obj("A small disk on which the guest can read metrics of its host."),
        "containerPath": schema.obj(
            "A path of the launcher's container, shared by virtiofs.",
            {
                "path": schema.string("The path; something has to be mounted there."),
                "readOnly": schema.boolean("Whether the guest is kept from writing; true unless said, and always."),
            },
            required=("path",),
        ),
        "memoryDump": schema.obj(
            "A claim that receives a dump of the guest's memory.",
            {
                "claimName": schema.string("The claim."),
                "readOnly": _READ_ONLY,
                "hotpluggable": _HOTPLUGGABLE,
            },
            required=("claimName",),
        ),
    },
    required=("name",),
)

UTILITY_VOLUME = schema.obj(
    "A claim that is mounted into the launcher pod and not shown to the guest.",
    {
        "name": schema.string(
            "Name of the volume; none of spec.volumes has it.", pattern=schema.DNS_LABEL, maxLength=63
        ),
        "claimName": schema.string("The claim."),
        "readOnly": _READ_ONLY,
        "type": schema.string("What it is for."),
    },
    required=("claimName", "name"),
)
