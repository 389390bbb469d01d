"""Disks of the guest: how a volume is shown to it. What is on them is in volumes.py.

Rules that admission checks with a message of its own (buses, cache and IO modes, serial numbers, boot orders) are not repeated as patterns here.
"""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema

FEATURE_STATE = schema.obj(
    "A switch; on where it is given without a value.",
    {"enabled": schema.boolean("Whether it is on; true unless said.")},
)

_BUS = "Bus on which the guest sees the device: virtio, sata, scsi"

DISK_TARGET = schema.obj(
    "Show the volume as a hard disk; this is the default.",
    {
        "bus": schema.string(f"{_BUS} or usb."),
        "readonly": schema.boolean("Whether the guest is kept from writing; false unless said."),
        "pciAddress": schema.string("Address on the guest's PCI bus, such as 0000:81:01.0."),
    },
)

CDROM_TARGET = schema.obj(
    "Show the volume as a CD-ROM.",
    {
        "bus": schema.string("Bus on which the guest sees the drive: sata or scsi."),
        "readonly": schema.boolean("Whether the guest is kept from writing; true unless said."),
        "tray": schema.enum("How the drive's tray stands at the start; closed unless said.", "open", "closed"),
    },
)

LUN_TARGET = schema.obj(
    "Show the volume as a SCSI device whose commands are passed through.",
    {
        "bus": schema.string(f"{_BUS}."),
        "readonly": schema.boolean("Whether the guest is kept from writing; false unless said."),
        "reservation": schema.boolean("Whether SCSI persistent reservations are passed on."),
    },
)

BLOCK_SIZE = schema.obj(
    "Block sizes that the guest sees; exactly one way of saying them.",
    {
        "custom": schema.obj(
            "These sizes, in bytes.",
            {
                "logical": schema.int32("Smallest unit that the guest can address; a power of 2 from 512 to 2097152."),
                "physical": schema.int32("Unit in which the device works; not smaller than the logical one."),
                "discardGranularity": schema.int32("Smallest unit that the guest can discard.", minimum=0),
            },
        ),
        "matchVolume": schema.described(FEATURE_STATE, "The sizes of the volume underneath."),
    },
)

DISK = schema.obj(
    "A disk of the guest; its content is the volume of the same name.",
    {
        "name": schema.string("The volume's name."),
        "disk": DISK_TARGET,
        "cdrom": CDROM_TARGET,
        "lun": LUN_TARGET,
        "bootOrder": schema.int32("The device with the lowest number boots first; from 1, each number once."),
        "serial": schema.string("Serial number that the guest sees."),
        "cache": schema.string("How the host caches: none, writethrough or writeback."),
        "io": schema.string("How QEMU does its input and output: native or threads."),
        "errorPolicy": schema.string(
            "What happens on an error of the storage: stop (unless said), ignore, report or enospace."
        ),
        "blockSize": BLOCK_SIZE,
        "dedicatedIOThread": schema.boolean("Whether the disk has an IO thread to itself."),
        "shareable": schema.boolean("Whether several machines may write to it at the same time."),
        "changedBlockTracking": schema.boolean("Whether changed blocks are recorded, for incremental backups."),
        "tag": schema.string("Tag that cloud-init in the guest finds beside the device's address."),
    },
    required=("name",),
)

FILESYSTEM = schema.obj(
    "A volume that the guest sees as a file system and not as a disk.",
    {
        "name": schema.string("The volume's name; the guest mounts it under this tag."),
        "virtiofs": schema.obj("Share it by virtiofs."),
    },
    required=("name", "virtiofs"),
)
