"""DataVolumes that a VirtualMachine brings along: the part of CDI's type that its templates embed."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import meta

_URL = schema.string("Where it is.")
_SECRET = schema.string("A Secret with the credentials.")
_CERTIFICATES = schema.string("A ConfigMap with the certificates that are trusted.")

_CLAIM = {
    "accessModes": schema.strings(
        "Who may mount it, and how.",
        values=("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"),
    ),
    "resources": schema.obj(
        "The size that is asked for.",
        {
            "requests": schema.quantities("The least that it has to be."),
            "limits": schema.quantities("The most that it may be."),
        },
    ),
    "storageClassName": schema.string("The StorageClass."),
    "volumeMode": schema.enum("What is in it.", "Block", "Filesystem", "FromStorageProfile"),
    "volumeName": schema.string("The PersistentVolume to bind to."),
    "selector": schema.described(meta.LABEL_SELECTOR, "PersistentVolumes that may be bound, by their labels."),
    "dataSource": schema.described(meta.TYPED_LOCAL_REFERENCE, "A claim or snapshot to begin with."),
    "dataSourceRef": schema.described(meta.TYPED_REFERENCE, "Any object that fills the claim."),
}

PERSISTENT_VOLUME_CLAIM_SPEC = schema.obj(
    "The claim, as Kubernetes' own type.",
    {**_CLAIM, "volumeAttributesClassName": schema.string("The VolumeAttributesClass.")},
)

STORAGE = schema.obj("The claim; what is left out comes from the storage profile of its class.", _CLAIM)

_FROM_HTTP = schema.obj(
    "A web server.",
    {
        "url": _URL,
        "secretRef": _SECRET,
        "certConfigMap": _CERTIFICATES,
        "extraHeaders": schema.strings("Headers of the request."),
        "secretExtraHeaders": schema.strings("Secrets with headers of the request."),
    },
    required=("url",),
)

_FROM_REGISTRY = schema.obj(
    "An image registry.",
    {
        "url": schema.string("The image, beginning with docker:// or oci-archive://."),
        "imageStream": schema.string("An ImageStream, in place of the URL."),
        "pullMethod": schema.enum("Who pulls: the importing pod (unless said) or the node.", "pod", "node"),
        "platform": schema.obj(
            "What the image has to run on.", {"architecture": schema.string("Architecture of the processor.")}
        ),
        "secretRef": _SECRET,
        "certConfigMap": _CERTIFICATES,
    },
)

_FROM_VDDK = schema.obj(
    "A disk of VMware's.",
    {
        "url": schema.string("The vCenter or ESXi host."),
        "uuid": schema.string("Id of the machine that has the disk."),
        "backingFile": schema.string("Path of the disk."),
        "thumbprint": schema.string("Fingerprint of the host's certificate."),
        "secretRef": _SECRET,
        "initImageURL": schema.string("An image with VMware's library."),
        "extraArgs": schema.string("A ConfigMap with arguments for that library."),
    },
)


def _object(what: str) -> schema.Schema:
    return schema.obj(
        f"{what} in this cluster.",
        {"name": schema.string("What it is called."), "namespace": schema.string("Where it is.")},
        required=("name", "namespace"),
    )


SOURCE = schema.obj(
    "What the volume is filled from; exactly one source.",
    {
        "blank": schema.obj("Nothing: an empty disk."),
        "http": _FROM_HTTP,
        "registry": _FROM_REGISTRY,
        "pvc": _object("A claim"),
        "snapshot": _object("A VolumeSnapshot"),
        "upload": schema.obj("A client that uploads it."),
        "s3": schema.obj(
            "S3 storage.",
            {"url": _URL, "secretRef": _SECRET, "certConfigMap": _CERTIFICATES},
            required=("url",),
        ),
        "gcs": schema.obj("Google's storage.", {"url": _URL, "secretRef": _SECRET}, required=("url",)),
        "imageio": schema.obj(
            "A disk of oVirt's.",
            {
                "url": _URL,
                "diskId": schema.string("Id of the disk."),
                "secretRef": _SECRET,
                "certConfigMap": _CERTIFICATES,
                "insecureSkipVerify": schema.boolean("Whether the server's certificate is not looked at."),
            },
            required=("diskId", "url"),
        ),
        "vddk": _FROM_VDDK,
    },
)

DATA_VOLUME_TEMPLATE = schema.obj(
    "A DataVolume that is made for the machine and belongs to it.",
    {
        "apiVersion": schema.string("Group and version of DataVolume."),
        "kind": schema.string("DataVolume."),
        "metadata": schema.described(meta.OBJECT_META, "Metadata of the DataVolume; volumes refer to its name."),
        "spec": schema.obj(
            "The volume, and what it is filled from.",
            {
                "source": SOURCE,
                "sourceRef": schema.obj(
                    "An object that says what it is filled from, in place of source.",
                    {
                        "kind": schema.string("The object's kind: DataSource."),
                        "name": schema.string("What it is called."),
                        "namespace": schema.string("Where it is; the own namespace unless said."),
                    },
                    required=("kind", "name"),
                ),
                "storage": STORAGE,
                "pvc": PERSISTENT_VOLUME_CLAIM_SPEC,
                "contentType": schema.enum("A disk image, unless said, or an archive of files.", "kubevirt", "archive"),
                "preallocation": schema.boolean("Whether all of its space is allocated at once."),
                "priorityClassName": schema.string("PriorityClass of the pods that fill it."),
                "checkpoints": schema.array(
                    "Stages of an import that takes place in several steps.",
                    schema.obj(
                        "One stage.",
                        {
                            "current": schema.string("Snapshot that the stage ends with."),
                            "previous": schema.string("Snapshot that it begins with."),
                        },
                        required=("current", "previous"),
                    ),
                ),
                "finalCheckpoint": schema.boolean("Whether the last of the checkpoints ends the import."),
            },
        ),
        "status": {**schema.obj("Not used; allowed for old manifests."), "nullable": True},
    },
    required=("spec",),
)
